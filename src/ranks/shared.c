/* ranks: memory that ranks of a node share. */
#include "shared.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags work between processes only where they need no lock");

enum { LINE = 64, PAGE = 4096, MEETINGS = 0 /* the flag of dstn_shared_arrive */ };

/* Windows are found by the addresses of arrays that lie in them. */
static dstn_shared *all_of_process;

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void find_node(dstn_shared *shared, int most_ranks) {
    MPI_Comm host;
    MPI_Comm_split_type(shared->group->comm, MPI_COMM_TYPE_SHARED, shared->group->rank, MPI_INFO_NULL, &host);
    int rank, color = 0;
    MPI_Comm_rank(host, &rank);
    if (most_ranks > 0) {
        color = rank / most_ranks;
    }
    MPI_Comm_split(host, color, rank, &shared->node);
    MPI_Comm_free(&host);
    MPI_Comm_rank(shared->node, &shared->rank);
    MPI_Comm_size(shared->node, &shared->size);
    MPI_Comm_set_errhandler(shared->node, MPI_ERRORS_RETURN); /* where no window can be made */
}

/* Nodes are numbered by their leaders' ranks, and all ranks with one number in their nodes see them in that order. */
static void find_peers(dstn_shared *shared) {
    const dstn_group *group = shared->group;
    MPI_Comm leaders;
    MPI_Comm_split(group->comm, shared->rank == 0 ? 0 : MPI_UNDEFINED, group->rank, &leaders);
    int numbers[2] = {0, 0};
    if (shared->rank == 0) {
        MPI_Comm_rank(leaders, &numbers[0]);
        MPI_Comm_size(leaders, &numbers[1]);
        MPI_Comm_free(&leaders);
    }
    MPI_Bcast(numbers, 2, MPI_INT, 0, shared->node);
    shared->node_index = numbers[0];
    shared->nodes = numbers[1];
    MPI_Comm_split(group->comm, shared->rank, shared->node_index, &shared->peers);
    MPI_Allreduce(&shared->size, &shared->fewest, 1, MPI_INT, MPI_MIN, group->comm);
}

static void leave_node(dstn_shared *shared) {
    MPI_Comm_free(&shared->peers);
    MPI_Comm_free(&shared->node);
}

/* ---- windows ----------------------------------------------------------------------------------------------------- */

static size_t segment_bytes(const dstn_shared *shared, int rank) {
    size_t bytes = RANKS_FLAGS * sizeof(ranks_flag) + shared->own_bytes;
    return round_up(rank == 0 ? bytes + shared->common_bytes : bytes, PAGE);
}

/* Where Open MPI keeps what ranks of a host share. */
static const char *backing_directory(void) {
    const char *directory = getenv("OMPI_MCA_osc_sm_backing_directory");
    return directory ? directory : "/dev/shm";
}

/* Free bytes there, of which one must leave some to others; SIZE_MAX: the system doesn't say. */
static size_t free_bytes(void) {
    struct statvfs about;
    if (statvfs(backing_directory(), &about) != 0) {
        return SIZE_MAX;
    }
    double bytes = 0.95 * (double)about.f_bavail * (double)about.f_frsize;
    return bytes < (double)(SIZE_MAX / 2) ? (size_t)bytes : SIZE_MAX;
}

static bool all_can(const dstn_group *group, bool can) {
    int mine = can, all = mine;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, group->comm);
    return all;
}

static const double megabyte = 1e6;

/* Asked for before a window is: Open MPI would find out with a page of text, or the first use of a page with SIGBUS. */
static bool has_room(dstn_shared *shared) {
    size_t needed = segment_bytes(shared, 0) + (size_t)(shared->size - 1) * segment_bytes(shared, 1);
    size_t there = free_bytes();
    double lacks[2] = {0, 0}, most[2] = {0, 0}; /* what the node that lacks most needs and has */
    if (shared->size > 1 && there < needed) {
        lacks[0] = (double)needed;
        lacks[1] = (double)there;
    }
    MPI_Allreduce(lacks, most, 2, MPI_DOUBLE, MPI_MAX, shared->group->comm);
    if (most[0] > 0) {
        shared->why = dstn_format("%s has %.3g MB for the %.3g MB that they would share", backing_directory(),
                                  most[1] / megabyte, most[0] / megabyte);
    }
    return most[0] == 0;
}

/* A failure that shows on one rank alone leaves the others with a window that can't be freed without it. */
static bool make_window(dstn_shared *shared) {
    void *segment = NULL;
    size_t bytes = segment_bytes(shared, shared->rank);
    bool is_made = shared->size == 1 || MPI_Win_allocate_shared((MPI_Aint)bytes, 1, MPI_INFO_NULL, shared->node,
                                                                &segment, &shared->window) == MPI_SUCCESS;
    if (!all_can(shared->group, is_made)) {
        shared->why = dstn_strdup("this MPI makes no shared window");
        return false;
    }
    shared->has_window = shared->size > 1;
    if (!shared->has_window) {
        return true;
    }
    MPI_Win_lock_all(MPI_MODE_NOCHECK, shared->window);
    for (int r = 0; r < shared->size; r++) {
        MPI_Aint size;
        int unit;
        MPI_Win_shared_query(shared->window, r, &size, &unit, &shared->segments[r]);
    }
    memset(segment, 0, bytes);
    MPI_Barrier(shared->node);
    return true;
}

static bool take_private(dstn_shared *shared) {
    if (shared->has_window) {
        return true;
    }
    shared->arena = dstn_arena_new();
    shared->segments[0] = dstn_arena_take(shared->arena, segment_bytes(shared, 0));
    return shared->segments[0] != NULL;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

dstn_status dstn_shared_new(const dstn_group *group, const dstn_shared_request *request, dstn_shared **out,
                            dstn_error *err) {
    dstn_shared *shared = dstn_alloc(1, sizeof *shared);
    shared->group = group;
    shared->own_bytes = round_up(request->own_bytes, LINE);
    shared->common_bytes = round_up(request->common_bytes, LINE);
    shared->flag_is_used[MEETINGS] = true;
    find_node(shared, request->most_ranks);
    find_peers(shared);
    shared->segments = dstn_alloc((size_t)shared->size, sizeof *shared->segments);
    bool has_company = !all_can(group, shared->size == 1);
    if (has_company && !(has_room(shared) && make_window(shared))) {
        leave_node(shared);
        find_node(shared, 1);
        find_peers(shared);
    }
    shared->next = all_of_process;
    all_of_process = shared;
    if (!all_can(group, take_private(shared))) {
        dstn_shared_destroy(shared);
        return dstn_fail(err, DSTN_ERROR_RUN, "not enough memory for %.0f MB of weights and gradients",
                         (double)(request->own_bytes + request->common_bytes) / megabyte);
    }
    *out = shared;
    return DSTN_OK;
}

void dstn_shared_destroy(dstn_shared *shared) {
    if (!shared) {
        return;
    }
    dstn_shared **link = &all_of_process;
    while (*link != shared) {
        link = &(*link)->next;
    }
    *link = shared->next;
    if (shared->has_window) {
        MPI_Win_unlock_all(shared->window);
        MPI_Win_free(&shared->window);
    }
    leave_node(shared);
    dstn_arena_destroy(shared->arena);
    free(shared->segments);
    free(shared->why);
    free(shared);
}

static char *own_memory(const dstn_shared *shared, int rank) {
    return shared->segments[rank] + RANKS_FLAGS * sizeof(ranks_flag);
}

static char *common_memory(const dstn_shared *shared) {
    return own_memory(shared, 0) + shared->own_bytes;
}

static void *take(char *memory, size_t *used, size_t most, size_t bytes) {
    size_t at = *used, wanted = round_up(bytes, LINE);
    if (wanted > most - at) {
        return NULL;
    }
    *used += wanted;
    return memory + at;
}

void *dstn_shared_take_own(dstn_shared *shared, size_t bytes) {
    return take(own_memory(shared, shared->rank), &shared->own_used, shared->own_bytes, bytes);
}

void *dstn_shared_take_common(dstn_shared *shared, size_t bytes) {
    return take(common_memory(shared), &shared->common_used, shared->common_bytes, bytes);
}

size_t dstn_shared_bytes(size_t bytes) {
    return round_up(bytes, LINE);
}

bool dstn_shared_leads(const dstn_shared *shared) {
    return !shared || shared->rank == 0;
}

const char *dstn_shared_lack(const dstn_shared *shared) {
    return shared ? shared->why : NULL;
}

size_t dstn_shared_memory_used(const dstn_shared *shared) {
    if (!shared) {
        return 0;
    }
    return shared->own_bytes + shared->common_bytes / (size_t)shared->size;
}

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static bool lies_in(const void *address, const char *memory, size_t bytes) {
    const char *at = address;
    return at >= memory && at < memory + bytes;
}

bool ranks_shared_has_common(const dstn_shared *shared, const void *address) {
    return lies_in(address, common_memory(shared), shared->common_bytes);
}

void *ranks_shared_of_rank(const dstn_shared *shared, const void *address, int rank) {
    const char *own = own_memory(shared, shared->rank);
    return lies_in(address, own, shared->own_bytes) ? own_memory(shared, rank) + ((const char *)address - own) : NULL;
}

dstn_shared *dstn_shared_holding(const void *address) {
    dstn_shared *shared = all_of_process;
    while (shared && !ranks_shared_has_common(shared, address) &&
           !ranks_shared_of_rank(shared, address, shared->rank)) {
        shared = shared->next;
    }
    return shared;
}

/* ---- flags ------------------------------------------------------------------------------------------------------- */

ranks_flag *ranks_shared_flag(const dstn_shared *shared, int rank, int which) {
    return (ranks_flag *)(void *)shared->segments[rank] + which;
}

int ranks_shared_take_flag(dstn_shared *shared) {
    for (int which = 0; which < RANKS_FLAGS; which++) {
        if (!shared->flag_is_used[which]) {
            shared->flag_is_used[which] = true;
            return which;
        }
    }
    return -1;
}

/* A short wait is for a rank that runs and is about to be there. A longer one gives the processor to any rank that has
 * none, and then sleeps, since a yield returns at once where all others are asleep or of another's share of time. */
void ranks_back_off(int *rounds) {
    enum { LOOKS = 200, YIELDS = 2000 };
    const struct timespec nap = {0, 20000}; /* 20 microseconds, and what the system adds */
    ++*rounds;
    if (*rounds < LOOKS) {
        return;
    }
    if (*rounds < YIELDS) {
        sched_yield();
        return;
    }
    *rounds = YIELDS;
    dstn_ranks_poll();
    nanosleep(&nap, NULL);
}

void dstn_shared_arrive(dstn_shared *shared) {
    if (!shared) {
        return;
    }
    ranks_flag *own = ranks_shared_flag(shared, shared->rank, MEETINGS);
    unsigned long long done = atomic_load_explicit(&own->value, memory_order_relaxed);
    atomic_store_explicit(&own->value, done + 1, memory_order_release);
}

void dstn_shared_await(const dstn_shared *shared) {
    if (!shared) {
        return;
    }
    ranks_flag *own = ranks_shared_flag(shared, shared->rank, MEETINGS);
    unsigned long long wanted = atomic_load_explicit(&own->value, memory_order_relaxed);
    for (int r = 0; r < shared->size; r++) {
        ranks_flag *other = ranks_shared_flag(shared, r, MEETINGS);
        for (int rounds = 0; atomic_load_explicit(&other->value, memory_order_acquire) < wanted;) {
            ranks_back_off(&rounds);
        }
    }
}
