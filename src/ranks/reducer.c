/* ranks: sums a gradient over a group in buckets, from the end of the range, while the backward pass still fills its
 * beginning. Buckets start in the same order on every rank and end at the same places, however `ready` is called: the
 * sums therefore don't depend on timing. */
#include "group.h"

#include <stdlib.h>

enum { DEFAULT_BUCKET = 1 << 20, LARGEST_BUCKET = 1 << 30 }; /* bytes */

struct dstn_reducer {
    MPI_Comm comm;
    MPI_Datatype type;
    size_t element; /* bytes */
    char *gradient; /* [count] elements */
    int64_t count;
    int64_t bucket;  /* elements of a bucket; the last one, at the beginning of the range, may have less */
    int64_t buckets; /* 0 where there is nothing to sum */
    int64_t started, finished;
    MPI_Request *requests; /* [buckets] */
};

static MPI_Datatype type_of(dstn_scalar scalar) {
    switch (scalar) {
    case DSTN_F32:
        return MPI_FLOAT;
    case DSTN_F64:
        return MPI_DOUBLE;
    case DSTN_I64:
        return MPI_INT64_T;
    case DSTN_U8:
        break;
    }
    return MPI_UINT8_T;
}

dstn_reducer *dstn_reducer_new(const dstn_group *group, dstn_scalar scalar, int64_t count, void *gradient,
                               size_t bucket_bytes) {
    dstn_reducer *reducer = dstn_alloc(1, sizeof *reducer);
    reducer->comm = group->comm;
    reducer->type = type_of(scalar);
    reducer->element = dstn_scalar_size(scalar);
    reducer->gradient = gradient;
    reducer->count = count;
    if (bucket_bytes == 0) {
        bucket_bytes = DEFAULT_BUCKET;
    }
    if (bucket_bytes > LARGEST_BUCKET) {
        bucket_bytes = LARGEST_BUCKET;
    }
    reducer->bucket = (int64_t)(bucket_bytes / reducer->element);
    if (reducer->bucket == 0) {
        reducer->bucket = 1;
    }
    if (group->size > 1) {
        reducer->buckets = (count + reducer->bucket - 1) / reducer->bucket;
    }
    reducer->requests = dstn_alloc((size_t)reducer->buckets, sizeof *reducer->requests);
    return reducer;
}

void dstn_reducer_destroy(dstn_reducer *reducer) {
    if (!reducer) {
        return;
    }
    free(reducer->requests);
    free(reducer);
}

static int64_t beginning(const dstn_reducer *reducer, int64_t bucket) {
    int64_t first = reducer->count - (bucket + 1) * reducer->bucket;
    return first > 0 ? first : 0;
}

static void start_bucket(dstn_reducer *reducer) {
    int64_t bucket = reducer->started++;
    int64_t first = beginning(reducer, bucket), end = reducer->count - bucket * reducer->bucket;
    MPI_Iallreduce(MPI_IN_PLACE, reducer->gradient + (size_t)first * reducer->element, (int)(end - first),
                   reducer->type, MPI_SUM, reducer->comm, &reducer->requests[bucket]);
}

void dstn_reducer_ready(dstn_reducer *reducer, int64_t offset) {
    while (reducer->started < reducer->buckets && beginning(reducer, reducer->started) >= offset) {
        start_bucket(reducer);
    }
    /* Open MPI has no thread of its own that would carry the sums on: a test between layers does. */
    int done = 1;
    while (done && reducer->finished < reducer->started) {
        MPI_Test(&reducer->requests[reducer->finished], &done, MPI_STATUS_IGNORE);
        reducer->finished += done;
    }
}

void dstn_reducer_finish(dstn_reducer *reducer) {
    while (reducer->started < reducer->buckets) {
        start_bucket(reducer);
    }
    for (; reducer->finished < reducer->started; reducer->finished++) {
        MPI_Wait(&reducer->requests[reducer->finished], MPI_STATUS_IGNORE);
    }
    reducer->started = reducer->finished = 0;
}
