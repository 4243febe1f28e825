/* ranks: the plan of a sum. Every rank makes the whole of it, from where all ranks are. */
#include "plan.h"

#include <stdlib.h>

/* ---- in the order of ranks --------------------------------------------------------------------------------------- */

static void plan_ranks(ranks_plan *plan, const dstn_shared *shared) {
    plan->slots = 1;
    for (int r = 1; r < shared->size; r++) {
        plan->node_adds[plan->node_add_count++] = (ranks_add){0, r};
    }
    for (int n = 0; n < shared->nodes; n++) {
        plan->before[n + 1] = n + 1;
        if (n > 0) {
            plan->group_adds[plan->group_add_count++] = (ranks_add){0, n};
        }
    }
}

/* ---- in the order of shards -------------------------------------------------------------------------------------- */

static ranks_leaves *leaves_of(const dstn_shared *shared, int shards, int rank) {
    int64_t first, count;
    dstn_share_of(shards, shared->group->size, rank, &first, &count);
    return ranks_leaves_new(shards, (int)first, (int)count);
}

typedef struct places {
    int *node, *rank; /* [ranks of the group]: where each is */
} places;

static places find_places(const dstn_shared *shared) {
    size_t size = (size_t)shared->group->size;
    places where = {dstn_alloc(size, sizeof(int)), dstn_alloc(size, sizeof(int))};
    MPI_Allgather(&shared->node_index, 1, MPI_INT, where.node, 1, MPI_INT, shared->group->comm);
    MPI_Allgather(&shared->rank, 1, MPI_INT, where.rank, 1, MPI_INT, shared->group->comm);
    return where;
}

/* What the ranks of a node have left, in slots of the node, and what the node then does with it. */
static int reduce_node(const dstn_shared *shared, int shards, const places *where, int node, int slots,
                       ranks_node *nodes, ranks_add *adds, int *add_count) {
    int count = 0;
    for (int r = 0; r < shared->group->size; r++) {
        if (where->node[r] != node) {
            continue;
        }
        ranks_leaves *leaves = leaves_of(shared, shards, r);
        for (int i = 0; i < leaves->left_count; i++) {
            nodes[count] = leaves->left[i];
            nodes[count++].slot += where->rank[r] * slots;
        }
        ranks_leaves_destroy(leaves);
    }
    *add_count = ranks_tree_reduce(shards, nodes, &count, adds);
    return count;
}

static void plan_shards(ranks_plan *plan, const dstn_shared *shared, int shards) {
    places where = find_places(shared);
    ranks_node *nodes = dstn_alloc((size_t)shards, sizeof *nodes), *all = dstn_alloc((size_t)shards, sizeof *all);
    ranks_add *adds = dstn_alloc((size_t)shards, sizeof *adds);
    int total = 0;
    plan->leaves = leaves_of(shared, shards, shared->group->rank);
    plan->slots = dstn_reducer_arrays(shared->group, shards);
    for (int n = 0; n < shared->nodes; n++) {
        bool is_own = n == shared->node_index;
        int add_count, count = reduce_node(shared, shards, &where, n, plan->slots, nodes,
                                           is_own ? plan->node_adds : adds, &add_count);
        plan->before[n] = total;
        plan->node_add_count = is_own ? add_count : plan->node_add_count;
        for (int i = 0; i < count; i++) {
            if (is_own) {
                plan->kept[i] = nodes[i].slot;
            }
            all[total] = nodes[i];
            all[total].slot = total;
            total++;
        }
    }
    plan->before[shared->nodes] = total;
    plan->group_add_count = ranks_tree_reduce(shards, all, &total, plan->group_adds);
    plan->root = all[0].slot;
    free(where.node);
    free(where.rank);
    free(nodes);
    free(all);
    free(adds);
}

ranks_plan *ranks_plan_new(const dstn_shared *shared, int shards) {
    ranks_plan *plan = dstn_alloc(1, sizeof *plan);
    size_t most = (size_t)(shards > shared->group->size ? shards : shared->group->size);
    plan->node_adds = dstn_alloc(most, sizeof *plan->node_adds);
    plan->group_adds = dstn_alloc(most, sizeof *plan->group_adds);
    plan->kept = dstn_alloc(most, sizeof *plan->kept);
    plan->before = dstn_alloc((size_t)shared->nodes + 1, sizeof *plan->before);
    if (shards > 0) {
        plan_shards(plan, shared, shards);
    } else {
        plan_ranks(plan, shared);
    }
    return plan;
}

void ranks_plan_destroy(ranks_plan *plan) {
    if (!plan) {
        return;
    }
    ranks_leaves_destroy(plan->leaves);
    free(plan->node_adds);
    free(plan->group_adds);
    free(plan->kept);
    free(plan->before);
    free(plan);
}
