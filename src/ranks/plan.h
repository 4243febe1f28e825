/* ranks, private: who adds what to make a sum over a group: first in a node, of the arrays that its ranks have, then at
 * an element's owner, of what the nodes have left. */
#ifndef RANKS_PLAN_H
#define RANKS_PLAN_H

#include "shared.h"
#include "tree.h"

typedef struct ranks_plan {
    ranks_leaves *leaves; /* of this rank's shards; NULL: not in shards, the gradient is as it is */
    int slots;            /* arrays of every rank that take part: the gradient, and partial sums */

    ranks_add *node_adds; /* [node_add_count]; slot = rank in the node * slots + array of that rank */
    int node_add_count;
    int *kept;   /* [kept_count[own node]], slots of this node that are left; the first one takes the whole sum */
    int *before; /* [nodes + 1]: what all nodes keep is counted through; node n has before[n] … before[n+1]−1 */

    ranks_add *group_adds; /* [group_add_count]; slot = number of what is kept */
    int group_add_count;
    int root; /* of what is kept: where the sum is then */
} ranks_plan;

/* shards 0: each rank's gradient is a term, in the order of ranks in a node, then of nodes; else the tree of shards,
 * which are shared out over the ranks of the group. Collective over the group. */
ranks_plan *ranks_plan_new(const dstn_shared *shared, int shards);
void ranks_plan_destroy(ranks_plan *plan); /* NULL is allowed */

#endif
