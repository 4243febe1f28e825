/* Threads that have to take turns on a core, which nothing else shows: the peak that a run is compared with is measured
 * on the same core. Open MPI binds each of one or two ranks to a single core unless it is told otherwise. */
#include "crowding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dstn/kernel.h"
#include "quota.h"

enum { SET_SIZE = 128, BYTE_BITS = 8 };

/* A rank, as the leader sees it. */
typedef struct place {
    char host[DSTN_HOST_SIZE];
    int rank, threads;
    int64_t host_cores;              /* all that its host has */
    double quota;                    /* cores that its control group grants */
    unsigned char allowed[SET_SIZE]; /* those that it may run on, as bits; none: not known */
} place;

/* The ranks of one host together. */
typedef struct crowd {
    const char *host;
    int ranks, threads, cores; /* cores that any of them may run on */
    int64_t host_cores;
    double quota;       /* the least of its ranks, which share it as a rule */
    const place *worst; /* the first rank with more threads than cores of its own; NULL: none */
} crowd;

static int count_bits(const unsigned char *bits) {
    int count = 0;
    for (int p = 0; p < BYTE_BITS * SET_SIZE; p++) {
        count += bits[p / BYTE_BITS] >> p % BYTE_BITS & 1;
    }
    return count;
}

static int compare_places(const void *a, const void *b) {
    const place *one = a, *other = b;
    int order = strcmp(one->host, other->host);
    return order ? order : one->rank - other->rank;
}

/* Places [count] of one host, the first of all that are left; *count [out]: how many they are. */
static crowd gather_host(const place *places, int left, int *count) {
    crowd c = {.host = places[0].host, .host_cores = places[0].host_cores, .quota = INFINITY};
    unsigned char all[SET_SIZE] = {0};
    while (c.ranks < left && strcmp(places[c.ranks].host, c.host) == 0) {
        const place *p = &places[c.ranks++];
        c.threads += p->threads;
        c.quota = fmin(c.quota, p->quota);
        for (int i = 0; i < SET_SIZE; i++) {
            all[i] |= p->allowed[i];
        }
        int own = count_bits(p->allowed);
        c.worst = !c.worst && own > 0 && p->threads > own ? p : c.worst;
    }
    c.cores = count_bits(all);
    *count = c.ranks;
    return c;
}

static const char *plural(int64_t count) {
    return count == 1 ? "" : "s";
}

static bool warn_of_host(const dstn_log *log, const crowd *c) {
    bool is_crowded = c->worst || (c->cores > 0 && c->threads > c->cores);
    if (!is_crowded && c->threads > ceil(c->quota)) {
        dstn_log_warn(log,
                      "%d rank%s on host %s with %d threads, and a control group leaves them the time of %.3g cores: "
                      "they take turns; raise its limit, or set OMP_NUM_THREADS to less",
                      c->ranks, plural(c->ranks), c->host, c->threads, c->quota);
        return true;
    }
    if (!is_crowded) {
        return false;
    }
    if (c->threads > c->host_cores) {
        dstn_log_warn(log,
                      "%d rank%s on host %s with %d threads, and it has %lld core%s: they take turns; start "
                      "fewer ranks, or set OMP_NUM_THREADS to less: ranks x threads = cores",
                      c->ranks, plural(c->ranks), c->host, c->threads, (long long)c->host_cores, plural(c->host_cores));
        return true;
    }
    int threads = c->worst ? c->worst->threads : c->threads / c->ranks;
    int cores = c->worst ? count_bits(c->worst->allowed) : c->cores;
    char *who = c->worst ? dstn_format("rank %d on host %s has %d threads", c->worst->rank, c->host, threads)
                         : dstn_format("the %d ranks on host %s have %d threads", c->ranks, c->host, c->threads);
    dstn_log_warn(log,
                  "%s and may run on %d core%s: they take turns; mpirun binds a rank to one core unless it is told "
                  "otherwise: --map-by slot:PE=%d, or --bind-to none (srun: --cpus-per-task=%d)",
                  who, cores, plural(cores), threads, threads);
    free(who);
    return true;
}

void run_warn_of_crowding(const dstn_group *world, const dstn_log *log, int threads) {
    place own = {.rank = dstn_group_rank(world),
                 .threads = threads,
                 .host_cores = sysconf(_SC_NPROCESSORS_ONLN),
                 .quota = run_cpu_quota()};
    dstn_host_name(own.host);
    dstn_kernel_processors(own.allowed, SET_SIZE);
    int size = dstn_group_size(world);
    place *places = dstn_alloc(dstn_group_leads(world) ? (size_t)size : 1, sizeof(place));
    dstn_group_gather(world, &own, sizeof(own), places);
    bool warned = !dstn_group_leads(world);
    if (!warned) {
        qsort(places, (size_t)size, sizeof(place), compare_places);
    }
    for (int first = 0, count; first < size && !warned; first += count) {
        crowd c = gather_host(places + first, size - first, &count);
        warned = warn_of_host(log, &c);
    }
    free(places);
}
