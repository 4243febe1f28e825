/* ranks: which partial sums of shards are added to which. */
#include "tree.h"
#include "dstn/core.h"

#include <stdlib.h>

static int first_shard(const ranks_node *node) {
    return node->index << node->level;
}

static int compare_nodes(const void *a, const void *b) {
    return first_shard(a) - first_shard(b);
}

/* A node with nothing to its right goes up; the root has nothing to its left either. */
static void go_up(int shards, ranks_node *node) {
    while (node->index > 0 && node->index % 2 == 0 && ((node->index + 1) << node->level) >= shards) {
        node->level++;
        node->index /= 2;
    }
}

static bool are_neighbours(const ranks_node *left, const ranks_node *right) {
    return left->level == right->level && left->index % 2 == 0 && right->index == left->index + 1;
}

/* The first pair of neighbours; −1: there is none. */
static int find_pair(int shards, ranks_node *nodes, int count) {
    for (int i = 0; i < count; i++) {
        go_up(shards, &nodes[i]);
    }
    for (int i = 0; i + 1 < count; i++) {
        if (are_neighbours(&nodes[i], &nodes[i + 1])) {
            return i;
        }
    }
    return -1;
}

int ranks_tree_reduce(int shards, ranks_node *nodes, int *count, ranks_add *adds) {
    int made = 0, pair;
    qsort(nodes, (size_t)*count, sizeof *nodes, compare_nodes);
    while ((pair = find_pair(shards, nodes, *count)) >= 0) {
        adds[made++] = (ranks_add){nodes[pair].slot, nodes[pair + 1].slot};
        nodes[pair].level++;
        nodes[pair].index /= 2;
        for (int i = pair + 1; i + 1 < *count; i++) {
            nodes[i] = nodes[i + 1];
        }
        --*count;
    }
    return made;
}

static int free_slot(const ranks_node *nodes, int count) {
    int slot = 1;
    for (int i = 0; i < count; i++) {
        if (nodes[i].slot == slot) {
            slot++;
            i = -1;
        }
    }
    return slot;
}

/* A leaf that is added to nothing leaves slot 0 to the next one. */
static void place_leaf(ranks_leaves *leaves, int i) {
    ranks_leaf *leaf = &leaves->leaves[i];
    for (int n = 0; n < leaves->left_count && i < leaves->count - 1; n++) {
        if (leaves->left[n].slot == 0) {
            leaf->moves_to = leaves->left[n].slot = free_slot(leaves->left, leaves->left_count);
        }
    }
    leaves->slots = leaf->moves_to >= leaves->slots ? leaf->moves_to + 1 : leaves->slots;
}

ranks_leaves *ranks_leaves_new(int shards, int first, int count) {
    ranks_leaves *leaves = dstn_alloc(1, sizeof *leaves);
    leaves->count = count;
    leaves->slots = 1;
    leaves->leaves = dstn_alloc((size_t)count, sizeof *leaves->leaves);
    leaves->left = dstn_alloc((size_t)count + 1, sizeof *leaves->left);
    for (int i = 0; i < count; i++) {
        ranks_leaf *leaf = &leaves->leaves[i];
        leaf->adds = dstn_alloc((size_t)leaves->left_count + 1, sizeof *leaf->adds);
        leaves->left[leaves->left_count++] = (ranks_node){0, first + i, 0};
        leaf->add_count = ranks_tree_reduce(shards, leaves->left, &leaves->left_count, leaf->adds);
        place_leaf(leaves, i);
    }
    return leaves;
}

void ranks_leaves_destroy(ranks_leaves *leaves) {
    if (!leaves) {
        return;
    }
    for (int i = 0; i < leaves->count; i++) {
        free(leaves->leaves[i].adds);
    }
    free(leaves->leaves);
    free(leaves->left);
    free(leaves);
}
