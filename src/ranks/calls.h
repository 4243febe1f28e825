/* ranks, private: what is counted of calls of MPI, and of waits that are none. */
#ifndef RANKS_CALLS_H
#define RANKS_CALLS_H

#include "dstn/ranks.h"

/* Rows of the table, in the order of their names in profile.c. The last ones are of shared memory. */
typedef enum ranks_call {
    RANKS_BARRIER,
    RANKS_IBARRIER,
    RANKS_ALLREDUCE,
    RANKS_REDUCE,
    RANKS_IREDUCE,
    RANKS_BCAST,
    RANKS_GATHER,
    RANKS_GATHERV,
    RANKS_SCATTERV,
    RANKS_ALLGATHER,
    RANKS_ALLGATHERV,
    RANKS_SEND,
    RANKS_ISEND,
    RANKS_RECV,
    RANKS_IRECV,
    RANKS_WAIT,
    RANKS_TEST,
    RANKS_TESTALL,
    RANKS_IPROBE,
    RANKS_PUT,
    RANKS_GET,
    RANKS_FETCH_AND_OP,
    RANKS_WIN_LOCK,
    RANKS_WIN_UNLOCK,
    RANKS_WIN_ALLOCATE,
    RANKS_COMM_SPLIT,
    RANKS_COMM_DUP,
    RANKS_MEETING, /* of what asks MPI for nothing, the first */
    RANKS_SUM,
    RANKS_SPREAD,
    RANKS_CALLS
} ranks_call;

extern bool ranks_profile_on;

/* Seconds, where calls are counted; else 0. */
double ranks_profile_clock(void);
/* Where calls are counted: so many calls more, of so many bytes, that have waited since `start`, a ranks_profile_clock.
 */
void ranks_profile_add(ranks_call call, int64_t calls, int64_t bytes, double start);

#endif
