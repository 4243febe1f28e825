/* ranks: memory that ranks of a node share. */
#include "shared.h"
#include "calls.h"

#include <sched.h>
#include <stdlib.h>
#include <time.h>

_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "flags work between processes only where they need no lock");

enum { LINE = 64, PAGE = 4096, MEETINGS = 0 /* the flag of dstn_shared_arrive */ };

/* Objects are found by the addresses of arrays that lie in them. */
static dstn_shared *all_of_process;

static size_t round_up(size_t bytes, size_t unit) {
    return (bytes + unit - 1) / unit * unit;
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static void find_node(const dstn_group *group, ranks_nodes *nodes) {
    MPI_Comm host;
    MPI_Comm_split_type(group->comm, MPI_COMM_TYPE_SHARED, group->rank, MPI_INFO_NULL, &host);
    int rank, color = 0;
    MPI_Comm_rank(host, &rank);
    if (nodes->most_ranks > 0) {
        color = rank / nodes->most_ranks;
    }
    MPI_Comm_split(host, color, rank, &nodes->node);
    MPI_Comm_free(&host);
}

/* Nodes are numbered by their leaders' ranks, and all ranks with one number in their nodes see them in that order. */
static void find_peers(const dstn_group *group, ranks_nodes *nodes) {
    MPI_Comm leaders;
    int rank, size, numbers[2] = {0, 0};
    MPI_Comm_rank(nodes->node, &rank);
    MPI_Comm_size(nodes->node, &size);
    MPI_Comm_split(group->comm, rank == 0 ? 0 : MPI_UNDEFINED, group->rank, &leaders);
    if (rank == 0) {
        MPI_Comm_rank(leaders, &numbers[0]);
        MPI_Comm_size(leaders, &numbers[1]);
        MPI_Comm_free(&leaders);
    }
    MPI_Bcast(numbers, 2, MPI_INT, 0, nodes->node);
    nodes->node_index = numbers[0];
    nodes->nodes = numbers[1];
    MPI_Comm_split(group->comm, rank, nodes->node_index, &nodes->peers);
    MPI_Allreduce(&size, &nodes->fewest, 1, MPI_INT, MPI_MIN, group->comm);
}

/* Where the group keeps what is asked for, or may from now on; NULL: that is taken, since two objects would meet each
 * other's messages, or there is no place. The same on all ranks, which make and destroy objects together. */
static ranks_nodes *find_kept(const dstn_group *group, int most_ranks) {
    for (int i = 0; i < RANKS_NODES; i++) {
        ranks_nodes *kept = &group->kept[i];
        if (!kept->is_made || kept->most_ranks == most_ranks) {
            return kept->is_taken ? NULL : kept;
        }
    }
    return NULL;
}

static void enter_node(dstn_shared *shared, int most_ranks) {
    ranks_nodes own = {.most_ranks = most_ranks}, *nodes = find_kept(shared->group, most_ranks);
    shared->kept = nodes;
    nodes = nodes ? nodes : &own;
    if (!nodes->is_made) {
        nodes->most_ranks = most_ranks;
        find_node(shared->group, nodes);
        find_peers(shared->group, nodes);
        nodes->is_made = true;
    }
    nodes->is_taken = true;
    shared->node = nodes->node;
    shared->peers = nodes->peers;
    shared->node_index = nodes->node_index;
    shared->nodes = nodes->nodes;
    shared->fewest = nodes->fewest;
    MPI_Comm_rank(shared->node, &shared->rank);
    MPI_Comm_size(shared->node, &shared->size);
}

static void leave_node(dstn_shared *shared) {
    if (shared->kept) {
        shared->kept->is_taken = false;
        return;
    }
    MPI_Comm_free(&shared->peers);
    MPI_Comm_free(&shared->node);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static size_t segment_bytes(const dstn_shared *shared, int rank) {
    size_t bytes = RANKS_FLAGS * sizeof(ranks_flag) + shared->own_bytes;
    return round_up(rank == 0 ? bytes + shared->common_bytes : bytes, PAGE);
}

/* The leader's comes first, and is the only one of another size. */
static size_t segment_start(const dstn_shared *shared, int rank) {
    return rank == 0 ? 0 : segment_bytes(shared, 0) + (size_t)(rank - 1) * segment_bytes(shared, 1);
}

static bool all_can(const dstn_group *group, bool can) {
    int mine = can, all = mine;
    MPI_Allreduce(&mine, &all, 1, MPI_INT, MPI_MIN, group->comm);
    return all;
}

static const double megabyte = 1e6;

static bool share_pages(dstn_shared *shared) {
    int rank = shared->rank;
    dstn_error err;
    if (ranks_map(shared->group, shared->node, segment_start(shared, rank), segment_bytes(shared, rank),
                  segment_start(shared, shared->size), &shared->mapping, &err) != DSTN_OK) {
        shared->why = dstn_strdup(err.message);
        return false;
    }
    for (int r = 0; r < shared->size && shared->mapping.bytes; r++) {
        shared->segments[r] = shared->mapping.bytes + segment_start(shared, r);
    }
    return true;
}

static bool take_private(dstn_shared *shared) {
    if (shared->mapping.bytes) {
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
    enter_node(shared, request->most_ranks);
    shared->segments = dstn_alloc((size_t)shared->size, sizeof *shared->segments);
    bool has_company = !all_can(group, shared->size == 1);
    if (has_company && !share_pages(shared)) {
        leave_node(shared);
        enter_node(shared, 1);
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
    ranks_unmap(&shared->mapping);
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

enum { LOOKS = 200, YIELDS = 2000, MESSAGE_YIELDS = 20 * YIELDS };

/* A short wait is for a rank that runs and is about to be there. A longer one gives the processor to any rank that has
 * none, and then sleeps, since a yield returns at once where all others are asleep or of another's share of time. */
static void wait_longer(int *rounds, int most_yields) {
    const struct timespec nap = {0, 20000}; /* 20 microseconds, and what the system adds */
    ++*rounds;
    if (*rounds % YIELDS == 0) {
        dstn_ranks_poll();
    }
    if (*rounds >= most_yields) {
        *rounds = most_yields - 1;
        nanosleep(&nap, NULL);
    } else if (*rounds >= LOOKS) {
        sched_yield();
    }
}

void ranks_back_off(int *rounds) {
    wait_longer(rounds, YIELDS);
}

/* A long message goes on only when MPI is called: naps would be its bandwidth. */
void ranks_await_message(int *rounds) {
    wait_longer(rounds, MESSAGE_YIELDS);
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
    double start = ranks_profile_clock();
    ranks_flag *own = ranks_shared_flag(shared, shared->rank, MEETINGS);
    unsigned long long wanted = atomic_load_explicit(&own->value, memory_order_relaxed);
    for (int r = 0; r < shared->size; r++) {
        ranks_flag *other = ranks_shared_flag(shared, r, MEETINGS);
        for (int rounds = 0; atomic_load_explicit(&other->value, memory_order_acquire) < wanted;) {
            ranks_back_off(&rounds);
        }
    }
    ranks_profile_add(RANKS_MEETING, 1, 0, start);
}
