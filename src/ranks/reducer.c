/* ranks: sums a gradient over a group while the backward pass still fills it.
 *
 * The range is cut into buckets, these into slices, one for each rank of a node and then one for each node. As soon as
 * all ranks of a node have filled a bucket, each adds its slice of it over them, in the order of ranks, into the
 * gradient of the node's leader; with other nodes it exchanges the slice's parts, and adds those of its own part in the
 * order of nodes. Every element so has one owner in the group, which updates it, and what is updated is in place in its
 * node and sent to the others. Where slices begin and the order of sums depend on numbers of ranks alone, not on time.
 *
 * A rank's flag counts the buckets that it has ever filled. */
#include "reducer.h"
#include "calls.h"

#include <stdlib.h>

enum { DEFAULT_BUCKET = 1 << 20, LARGEST_BUCKET = 1 << 30, LARGEST_GRAIN = 1 << 14 }; /* bytes */
enum { GRAINS = 64 }; /* that a bucket has at least, if it has so many elements */

/* ---- who has what ------------------------------------------------------------------------------------------------ */

/* Buckets are counted from the end of the range, which is filled first. */
static ranks_span bucket_span(const dstn_reducer *reducer, int64_t bucket) {
    int64_t first = (reducer->buckets - 1 - bucket) * reducer->bucket, rest = reducer->count - first;
    return (ranks_span){first, rest < reducer->bucket ? rest : reducer->bucket};
}

ranks_span ranks_reducer_part(const dstn_reducer *reducer, int64_t bucket, int rank, int node) {
    const dstn_shared *shared = reducer->shared;
    ranks_span whole = bucket_span(reducer, bucket);
    int64_t grains = (whole.count + reducer->grain - 1) / reducer->grain;
    int64_t parts = (int64_t)shared->fewest * shared->nodes, part = (int64_t)rank * shared->nodes + node;
    int64_t first = grains * part / parts * reducer->grain, end = grains * (part + 1) / parts * reducer->grain;
    end = end < whole.count ? end : whole.count;
    first = first < end ? first : end;
    return (ranks_span){whole.first + first, end - first};
}

/* A slice is the parts of all nodes. */
static ranks_span slice_span(const dstn_reducer *reducer, int64_t bucket) {
    const dstn_shared *shared = reducer->shared;
    ranks_span first = ranks_reducer_part(reducer, bucket, shared->rank, 0);
    ranks_span last = ranks_reducer_part(reducer, bucket, shared->rank, shared->nodes - 1);
    return (ranks_span){first.first, last.first + last.count - first.first};
}

bool ranks_reducer_adds(const dstn_reducer *reducer) {
    return reducer->shared->rank < reducer->shared->fewest;
}

int64_t ranks_reducer_grains(const dstn_reducer *reducer) {
    return (reducer->count + reducer->grain - 1) / reducer->grain;
}

char *ranks_reducer_element(const dstn_reducer *reducer, char *array, int64_t i) {
    return array + (size_t)i * reducer->kernel->size;
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

static void choose_buckets(dstn_reducer *reducer, size_t bucket_bytes, int nodes) {
    if (bucket_bytes == 0) {
        bucket_bytes = (size_t)DEFAULT_BUCKET * (size_t)nodes;
    }
    if (bucket_bytes > LARGEST_BUCKET) {
        bucket_bytes = LARGEST_BUCKET;
    }
    reducer->bucket = (int64_t)(bucket_bytes / reducer->kernel->size);
    if (reducer->bucket == 0) {
        reducer->bucket = 1;
    }
    int64_t largest = LARGEST_GRAIN / (int64_t)reducer->kernel->size;
    reducer->grain = (reducer->bucket + GRAINS - 1) / GRAINS;
    reducer->grain = reducer->grain < largest ? reducer->grain : largest;
    reducer->bucket = (reducer->bucket + reducer->grain - 1) / reducer->grain * reducer->grain;
    reducer->buckets = (reducer->count + reducer->bucket - 1) / reducer->bucket;
}

/* Arrays of all ranks of the node, this rank's being `own`. */
static bool find_arrays(dstn_reducer *reducer, void *const *own) {
    const dstn_shared *shared = reducer->shared;
    int slots = reducer->plan->slots;
    reducer->arrays = dstn_alloc((size_t)(shared->size * slots), sizeof *reducer->arrays);
    for (int i = 0; i < shared->size * slots; i++) {
        void *array = own[i % slots];
        bool is_own = i / slots == shared->rank;
        reducer->arrays[i] = is_own ? array : ranks_shared_of_rank(shared, array, i / slots);
        if (!reducer->arrays[i]) {
            return false;
        }
    }
    return true;
}

static int kept_by(const dstn_reducer *reducer, int node) {
    return reducer->plan->before[node + 1] - reducer->plan->before[node];
}

static bool take_parts(dstn_reducer *reducer) {
    const dstn_shared *shared = reducer->shared;
    const ranks_plan *plan = reducer->plan;
    if (shared->nodes == 1) {
        return true;
    }
    int total = plan->before[shared->nodes], own = kept_by(reducer, shared->node_index);
    for (int64_t b = 0; b < reducer->buckets && ranks_reducer_adds(reducer); b++) {
        int64_t count = ranks_reducer_part(reducer, b, shared->rank, shared->node_index).count;
        reducer->largest_part = count > reducer->largest_part ? count : reducer->largest_part;
    }
    reducer->messages = total - own + own * (shared->nodes - 1);
    size_t messages = (size_t)reducer->buckets * (size_t)reducer->messages;
    size_t parts = (size_t)reducer->buckets * (size_t)total * (size_t)reducer->largest_part;
    reducer->requests = dstn_arena_take(reducer->arena, messages * sizeof(MPI_Request));
    reducer->parts = dstn_arena_take(reducer->arena, parts * reducer->kernel->size);
    reducer->terms = dstn_arena_take(reducer->arena, (size_t)total * sizeof *reducer->terms);
    return reducer->requests && reducer->parts && reducer->terms;
}

static bool bind(dstn_reducer *reducer, void *const *own) {
    reducer->squares =
        dstn_arena_take(reducer->arena, (size_t)ranks_reducer_grains(reducer) * sizeof *reducer->squares);
    if (!reducer->squares || !find_arrays(reducer, own) || !take_parts(reducer)) {
        return false;
    }
    reducer->flag = ranks_shared_take_flag(reducer->shared);
    if (reducer->flag < 0) {
        return false;
    }
    ranks_flag *flag = ranks_shared_flag(reducer->shared, reducer->shared->rank, reducer->flag);
    reducer->before = atomic_load_explicit(&flag->value, memory_order_relaxed);
    reducer->sum = reducer->arrays[reducer->plan->kept[0]];
    reducer->added = reducer->count;
    return true;
}

dstn_reducer *dstn_reducer_new(dstn_shared *shared, const dstn_kernel *kernel, int64_t count, void *const *arrays,
                               int shards, size_t bucket_bytes) {
    dstn_reducer *reducer = dstn_alloc(1, sizeof *reducer);
    reducer->shared = shared;
    reducer->kernel = kernel;
    reducer->gradient = arrays[0];
    reducer->count = count;
    reducer->flag = -1;
    if (!shared || count == 0 || (dstn_group_size(shared->group) == 1 && shards == 0)) {
        return reducer;
    }
    choose_buckets(reducer, bucket_bytes, shared->nodes);
    reducer->plan = ranks_plan_new(shared, shards);
    reducer->arena = dstn_arena_new();
    if (!bind(reducer, arrays)) {
        dstn_reducer_destroy(reducer);
        return NULL;
    }
    return reducer;
}

void dstn_reducer_destroy(dstn_reducer *reducer) {
    if (!reducer) {
        return;
    }
    if (reducer->flag >= 0) {
        reducer->shared->flag_is_used[reducer->flag] = false;
    }
    ranks_plan_destroy(reducer->plan);
    dstn_arena_destroy(reducer->arena);
    free(reducer->arrays);
    free(reducer);
}

int dstn_reducer_arrays(const dstn_group *group, int shards) {
    int most = 1;
    for (int r = 0; r < group->size && shards > 0; r++) {
        int64_t first, count;
        dstn_share_of(shards, group->size, r, &first, &count);
        ranks_leaves *leaves = ranks_leaves_new(shards, (int)first, (int)count);
        most = leaves->slots > most ? leaves->slots : most;
        ranks_leaves_destroy(leaves);
    }
    return most;
}

size_t dstn_reducer_memory_used(const dstn_reducer *reducer) {
    return reducer->arena ? dstn_arena_memory_used(reducer->arena) : 0;
}

/* ---- sums -------------------------------------------------------------------------------------------------------- */

static bool all_have_filled(const dstn_reducer *reducer, int64_t bucket) {
    unsigned long long wanted = reducer->before + (unsigned long long)bucket + 1;
    for (int r = 0; r < reducer->shared->size; r++) {
        ranks_flag *flag = ranks_shared_flag(reducer->shared, r, reducer->flag);
        if (atomic_load_explicit(&flag->value, memory_order_acquire) < wanted) {
            return false;
        }
    }
    return true;
}

static void tell_filled(dstn_reducer *reducer) {
    ranks_flag *flag = ranks_shared_flag(reducer->shared, reducer->shared->rank, reducer->flag);
    atomic_store_explicit(&flag->value, reducer->before + (unsigned long long)reducer->filled, memory_order_release);
}

/* Every array that takes part is read once, and every sum written once, if a piece stays in the caches. */
static void count_bytes(const dstn_reducer *reducer, int64_t elements, const ranks_add *adds, int count) {
    int64_t arrays = count > 0 ? count + 1 : 0; /* read */
    for (int i = 0; i < count; i++) {
        int first = 0;
        while (adds[first].to != adds[i].to) {
            first++;
        }
        arrays += first == i;
    }
    int64_t bytes = arrays * elements * (int64_t)reducer->kernel->size;
    ranks_profile_add(RANKS_SUM, 0, bytes, ranks_profile_clock());
}

/* A piece at a time, which stays in the caches while others are added to it. */
static void add_in_pieces(const dstn_reducer *reducer, ranks_span slice, char *const *arrays, const ranks_add *adds,
                          int count) {
    const int64_t piece = 1 << 15;
    const dstn_kernel *kernel = reducer->kernel;
    if (ranks_profile_on) {
        count_bytes(reducer, slice.count, adds, count);
    }
    for (int64_t at = slice.first; at < slice.first + slice.count && count > 0; at += piece) {
        int64_t rest = slice.first + slice.count - at, length = rest < piece ? rest : piece;
        for (int i = 0; i < count; i++) {
            kernel->axpy(kernel, length, 1, ranks_reducer_element(reducer, arrays[adds[i].from], at),
                         ranks_reducer_element(reducer, arrays[adds[i].to], at));
        }
    }
}

MPI_Request *ranks_reducer_requests(const dstn_reducer *reducer, int64_t bucket) {
    return reducer->requests + bucket * reducer->messages;
}

static char *received_part(const dstn_reducer *reducer, int64_t bucket, int term) {
    int64_t number = bucket * reducer->plan->before[reducer->shared->nodes] + term;
    return ranks_reducer_element(reducer, reducer->parts, number * reducer->largest_part);
}

int ranks_reducer_bytes(const dstn_reducer *reducer, ranks_span part) {
    return (int)((size_t)part.count * reducer->kernel->size);
}

/* This node's terms of their parts to all other nodes, and theirs of what this rank owns. */
static void start_exchange(const dstn_reducer *reducer, int64_t bucket) {
    const dstn_shared *shared = reducer->shared;
    const ranks_plan *plan = reducer->plan;
    MPI_Request *request = ranks_reducer_requests(reducer, bucket);
    ranks_span own = ranks_reducer_part(reducer, bucket, shared->rank, shared->node_index);
    for (int n = 0; n < shared->nodes; n++) {
        ranks_span theirs = ranks_reducer_part(reducer, bucket, shared->rank, n);
        for (int t = plan->before[n]; t < plan->before[n + 1] && n != shared->node_index; t++) {
            MPI_Irecv(received_part(reducer, bucket, t), ranks_reducer_bytes(reducer, own), MPI_BYTE, n, reducer->flag,
                      shared->peers, request++);
        }
        for (int k = 0; k < kept_by(reducer, shared->node_index) && n != shared->node_index; k++) {
            MPI_Isend(ranks_reducer_element(reducer, reducer->arrays[plan->kept[k]], theirs.first),
                      ranks_reducer_bytes(reducer, theirs), MPI_BYTE, n, reducer->flag, shared->peers, request++);
        }
    }
}

bool ranks_reducer_is_exchanged(const dstn_reducer *reducer, int64_t bucket) {
    int done = 1;
    if (reducer->shared->nodes > 1) {
        MPI_Testall(reducer->messages, ranks_reducer_requests(reducer, bucket), &done, MPI_STATUSES_IGNORE);
    }
    return done;
}

static void add_nodes(const dstn_reducer *reducer, int64_t bucket) {
    const dstn_shared *shared = reducer->shared;
    const ranks_plan *plan = reducer->plan;
    if (shared->nodes == 1) {
        return;
    }
    ranks_span own = ranks_reducer_part(reducer, bucket, shared->rank, shared->node_index);
    for (int t = 0; t < plan->before[shared->nodes]; t++) {
        int mine = t - plan->before[shared->node_index];
        bool is_own = mine >= 0 && mine < kept_by(reducer, shared->node_index);
        reducer->terms[t] = is_own ? ranks_reducer_element(reducer, reducer->arrays[plan->kept[mine]], own.first)
                                   : received_part(reducer, bucket, t);
    }
    add_in_pieces(reducer, (ranks_span){0, own.count}, reducer->terms, plan->group_adds, plan->group_add_count);
    char *sum = ranks_reducer_element(reducer, reducer->sum, own.first);
    if (reducer->terms[plan->root] != sum) {
        reducer->kernel->copy(reducer->kernel, own.count, reducer->terms[plan->root], sum);
    }
}

/* Whatever can be done without waiting. */
static void advance(dstn_reducer *reducer) {
    while (reducer->summed < reducer->buckets && all_have_filled(reducer, reducer->summed)) {
        add_in_pieces(reducer, slice_span(reducer, reducer->summed), reducer->arrays, reducer->plan->node_adds,
                      reducer->plan->node_add_count);
        if (reducer->shared->nodes > 1) {
            start_exchange(reducer, reducer->summed);
        }
        reducer->summed++;
    }
    while (reducer->finished < reducer->summed && ranks_reducer_is_exchanged(reducer, reducer->finished)) {
        add_nodes(reducer, reducer->finished++);
    }
}

static bool is_last_shard(const dstn_reducer *reducer) {
    return !reducer->plan->leaves || reducer->shard == reducer->plan->leaves->count - 1;
}

/* What is new of a shard's gradient goes to its partial sum. */
static void add_leaf(dstn_reducer *reducer, int64_t offset) {
    if (!reducer->plan->leaves || offset >= reducer->added) {
        return;
    }
    const ranks_leaf *leaf = &reducer->plan->leaves->leaves[reducer->shard];
    char *const *own = reducer->arrays + reducer->shared->rank * reducer->plan->slots;
    ranks_span fresh = {offset, reducer->added - offset};
    add_in_pieces(reducer, fresh, own, leaf->adds, leaf->add_count);
    if (leaf->moves_to > 0) {
        reducer->kernel->copy(reducer->kernel, fresh.count, ranks_reducer_element(reducer, own[0], fresh.first),
                              ranks_reducer_element(reducer, own[leaf->moves_to], fresh.first));
    }
    reducer->added = offset;
}

void dstn_reducer_next_shard(dstn_reducer *reducer) {
    if (reducer->buckets > 0 && reducer->plan->leaves && !is_last_shard(reducer)) {
        add_leaf(reducer, 0);
        reducer->shard++;
        reducer->added = reducer->count;
    }
}

void dstn_reducer_ready(dstn_reducer *reducer, int64_t offset) {
    if (reducer->buckets == 0) {
        return;
    }
    add_leaf(reducer, offset);
    if (!is_last_shard(reducer)) {
        return;
    }
    int64_t filled = reducer->filled;
    while (filled < reducer->buckets && bucket_span(reducer, filled).first >= offset) {
        filled++;
    }
    if (filled > reducer->filled) {
        reducer->filled = filled;
        tell_filled(reducer);
    }
    if (ranks_reducer_adds(reducer)) {
        advance(reducer);
    }
}

void dstn_reducer_advance(dstn_reducer *reducer) {
    if (reducer->filled > 0 && ranks_reducer_adds(reducer)) {
        advance(reducer);
    }
}

void dstn_reducer_finish(dstn_reducer *reducer) {
    if (reducer->buckets == 0) {
        return;
    }
    dstn_reducer_ready(reducer, 0);
    ranks_profile_add(RANKS_SUM, 1, 0, ranks_profile_clock());
    for (int rounds = 0; ranks_reducer_adds(reducer) && reducer->finished < reducer->buckets;) {
        int64_t before = reducer->finished;
        advance(reducer);
        rounds = reducer->finished > before ? 0 : rounds;
        double start = ranks_profile_clock();
        (reducer->finished < reducer->summed ? ranks_await_message : ranks_back_off)(&rounds);
        ranks_profile_add(RANKS_SUM, 0, 0, start);
    }
    reducer->before += (unsigned long long)reducer->buckets;
    reducer->filled = reducer->summed = reducer->finished = 0;
    reducer->shard = 0;
    reducer->added = reducer->count;
}
