/* ranks, private: memory that the ranks of a node share, and the flags by which they wait for each other in it.
 *
 * Flags are C11 atomics, one writer each, that only ever grow: a store with release order says that all that its rank
 * did before is done, and who loads it with acquire order sees all of that. Nothing else orders what ranks do in shared
 * memory. Waits give the processor away, since there may be more ranks than processors, and let MPI progress, since
 * another rank may be waiting for a message that only this one's calls of MPI carry on. */
#ifndef RANKS_SHARED_H
#define RANKS_SHARED_H

#include "mapping.h"

#include <stdatomic.h>

/* Alone in its cache line, so that a rank that looks at one flag doesn't delay the writers of others. */
typedef struct ranks_flag {
    _Alignas(64) atomic_ullong value;
} ranks_flag;

enum { RANKS_FLAGS = 64 }; /* of each rank */

struct dstn_shared {
    const dstn_group *group;
    ranks_nodes *kept;     /* the group's, where it keeps these communicators; NULL: they are of this object */
    MPI_Comm node;         /* ranks that share memory; rank 0 leads */
    int rank, size;        /* in it */
    MPI_Comm peers;        /* the ranks with this number in all nodes that have so many, in the order of nodes */
    int node_index, nodes; /* rank 0 of the group is in node 0 */
    int fewest;            /* ranks of the smallest node */
    char *why;             /* NULL, or why ranks of one host share no memory */

    ranks_mapping mapping;
    dstn_arena *arena; /* where nothing is mapped */
    char **segments;   /* [size], of each rank: flags, its own memory, and at the leader's what is in common */
    size_t own_bytes, own_used, common_bytes, common_used;
    bool flag_is_used[RANKS_FLAGS];
    dstn_shared *next; /* of those that this process has */
};

/* Flag `which` of rank `rank` of the node. */
ranks_flag *ranks_shared_flag(const dstn_shared *shared, int rank, int which);
/* A flag of every rank, for one purpose; the same on all ranks. It stands where its last user left it. −1: none left.
 */
int ranks_shared_take_flag(dstn_shared *shared);

/* Whether an array is in common memory, and the ranks of a node write one and the same. */
bool ranks_shared_has_common(const dstn_shared *shared, const void *address);
/* Where rank `rank` of the node has what this rank has at `address` in memory of its own; NULL: it is in none. */
void *ranks_shared_of_rank(const dstn_shared *shared, const void *address, int rank);

/* From the leader of node 0 to those of all others; called by them alone. */
void ranks_shared_broadcast(const dstn_shared *shared, void *bytes, size_t size);

/* A loop that waits: `rounds` starts at 0; each call waits a little longer, up to some tens of microseconds. The second
 * is for what this rank has sent or is to receive, and looks often for much longer. */
void ranks_back_off(int *rounds);
void ranks_await_message(int *rounds);

#endif
