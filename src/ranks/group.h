/* ranks, private: what a group is. */
#ifndef RANKS_GROUP_H
#define RANKS_GROUP_H

#include "dstn/ranks.h"

#include <mpi.h>

struct dstn_group {
    MPI_Comm comm; /* a communicator of its own: no other group's messages or collectives meet these */
    int rank, size;
    int hosts;        /* distinct ones */
    int host_ranks;   /* on this rank's host */
    char *first_host; /* of rank 0 */
};

#endif
