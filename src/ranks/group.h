/* ranks, private: what a group is. */
#ifndef RANKS_GROUP_H
#define RANKS_GROUP_H

#include "dstn/ranks.h"

#include <mpi.h>

/* How the ranks of a group are on nodes: communicators that take a while to make, and which a sweep's many members
 * would each make again. */
typedef struct ranks_nodes {
    bool is_made, is_taken;
    int most_ranks;       /* as in dstn_shared_request */
    MPI_Comm node, peers; /* as in dstn_shared */
    int node_index, nodes, fewest;
} ranks_nodes;

enum { RANKS_NODES = 2 }; /* that are kept: with shared memory, and without */

struct dstn_group {
    MPI_Comm comm; /* a communicator of its own: no other group's messages or collectives meet these */
    int rank, size;
    int hosts;         /* distinct ones */
    int host_ranks;    /* on this rank's host */
    char *first_host;  /* of rank 0 */
    ranks_nodes *kept; /* [RANKS_NODES] made when they are asked for */
};

#endif
