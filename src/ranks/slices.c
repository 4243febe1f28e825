/* ranks: slices of a sum, which their owners update and send on. */
#include "reducer.h"

#include "calls.h"

const void *dstn_reducer_sum(const dstn_reducer *reducer) {
    return reducer->buckets > 0 ? reducer->sum : reducer->gradient;
}

bool dstn_reducer_slice(const dstn_reducer *reducer, int64_t i, int64_t *first, int64_t *count) {
    ranks_span part = {0, reducer->count};
    int64_t parts = 1;
    if (reducer->buckets > 0) {
        parts = ranks_reducer_adds(reducer) ? reducer->buckets : 0;
        part = i < parts ? ranks_reducer_part(reducer, i, reducer->shared->rank, reducer->shared->node_index) : part;
    }
    *first = part.first;
    *count = part.count;
    return i < parts;
}

/* Grains are the same on any number of ranks and nodes, and so is the order in which their squares are added. */
double dstn_reducer_squares(const dstn_reducer *reducer) {
    const dstn_kernel *kernel = reducer->kernel;
    if (reducer->buckets == 0) {
        return kernel->dot(kernel, reducer->count, reducer->gradient, reducer->gradient);
    }
    int64_t grains = ranks_reducer_grains(reducer), first, count;
    double sum = 0;
    for (int64_t g = 0; g < grains; g++) {
        reducer->squares[g] = 0;
    }
    for (int64_t i = 0; dstn_reducer_slice(reducer, i, &first, &count); i++) {
        for (int64_t at = first; at < first + count; at += reducer->grain) {
            int64_t rest = first + count - at;
            const char *grain = ranks_reducer_element(reducer, reducer->sum, at);
            reducer->squares[at / reducer->grain] =
                kernel->dot(kernel, rest < reducer->grain ? rest : reducer->grain, grain, grain);
        }
    }
    dstn_group_sum(reducer->shared->group, reducer->squares, grains);
    for (int64_t g = 0; g < grains; g++) {
        sum += reducer->squares[g];
    }
    return sum;
}

/* The exchange's requests are free by now, and serve again. */
static void start_spread(const dstn_reducer *reducer, int64_t bucket, char *array) {
    const dstn_shared *shared = reducer->shared;
    MPI_Request *request = ranks_reducer_requests(reducer, bucket);
    ranks_span own = ranks_reducer_part(reducer, bucket, shared->rank, shared->node_index);
    for (int n = 0; n < shared->nodes; n++) {
        ranks_span theirs = ranks_reducer_part(reducer, bucket, shared->rank, n);
        if (n != shared->node_index) {
            MPI_Irecv(ranks_reducer_element(reducer, array, theirs.first), ranks_reducer_bytes(reducer, theirs),
                      MPI_BYTE, n, reducer->flag, shared->peers, request++);
            MPI_Isend(ranks_reducer_element(reducer, array, own.first), ranks_reducer_bytes(reducer, own), MPI_BYTE, n,
                      reducer->flag, shared->peers, request++);
        }
    }
    while (request < ranks_reducer_requests(reducer, bucket + 1)) {
        *request++ = MPI_REQUEST_NULL;
    }
}

static bool sends(const dstn_reducer *reducer) {
    return reducer->buckets > 0 && reducer->shared->nodes > 1 && ranks_reducer_adds(reducer);
}

void dstn_reducer_spread_slice(const dstn_reducer *reducer, int64_t i, void *array) {
    if (sends(reducer)) {
        start_spread(reducer, i, array);
    }
}

void dstn_reducer_await_spread(const dstn_reducer *reducer) {
    if (!sends(reducer)) {
        return;
    }
    double start = ranks_profile_clock();
    for (int64_t b = 0; b < reducer->buckets; b++) {
        for (int rounds = 0; !ranks_reducer_is_exchanged(reducer, b);) {
            ranks_await_message(&rounds);
        }
    }
    ranks_profile_add(RANKS_SPREAD, 1, 0, start);
}

void dstn_reducer_spread(const dstn_reducer *reducer, void *array) {
    for (int64_t b = 0; sends(reducer) && b < reducer->buckets; b++) {
        start_spread(reducer, b, array);
    }
    dstn_reducer_await_spread(reducer);
}
