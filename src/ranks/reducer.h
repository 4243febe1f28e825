/* ranks, private: a range of gradients that is summed over a group, and who has which part of it. */
#ifndef RANKS_REDUCER_H
#define RANKS_REDUCER_H

#include "plan.h"

struct dstn_reducer {
    dstn_shared *shared;
    const dstn_kernel *kernel;
    ranks_plan *plan; /* NULL where there is nothing to sum */
    char *gradient;   /* [count], of this rank */
    char **arrays;    /* [ranks of the node * plan->slots], gradients and partial sums of shards */
    char *sum;        /* of arrays, the one that takes the sum over the group */
    int64_t count;
    int64_t bucket;  /* elements of a bucket; the last one of the range may have less */
    int64_t buckets; /* 0 where there is nothing to sum */
    int64_t grain;   /* elements, of which slices and buckets have whole numbers */
    double *squares; /* [grains of the range] */
    int flag;
    unsigned long long before; /* buckets that each rank has filled in earlier passes */
    int64_t filled, summed, finished;
    int shard;             /* of this rank's own */
    int64_t added;         /* its gradient has been added from here on */
    int messages;          /* of a bucket */
    MPI_Request *requests; /* [buckets, messages] */
    char *parts;           /* [buckets, kept by all nodes, largest part]: what came from other nodes */
    char **terms;          /* [kept by all nodes], of one bucket */
    int64_t largest_part;
    dstn_arena *arena;
};

typedef struct ranks_span {
    int64_t first, count;
} ranks_span;

/* What of a bucket the rank of this number adds for this node, of which it is then the owner. */
ranks_span ranks_reducer_part(const dstn_reducer *reducer, int64_t bucket, int rank, int node);
int ranks_reducer_bytes(const dstn_reducer *reducer, ranks_span part);
bool ranks_reducer_adds(const dstn_reducer *reducer); /* this rank has slices */
int64_t ranks_reducer_grains(const dstn_reducer *reducer);
char *ranks_reducer_element(const dstn_reducer *reducer, char *array, int64_t i);

/* Of a bucket's messages [reducer->messages]; where there are no other nodes, all have come. */
MPI_Request *ranks_reducer_requests(const dstn_reducer *reducer, int64_t bucket);
bool ranks_reducer_is_exchanged(const dstn_reducer *reducer, int64_t bucket);

#endif
