/* ranks, private: the order of reproducible sums. The shards of a batch are the leaves of a binary tree: leaves 2i and
 * 2i+1 are added to node i above them, and so on; a node without a right neighbour goes up as it is. The sum is the
 * tree's alone, whoever holds the leaves and whoever adds. */
#ifndef RANKS_TREE_H
#define RANKS_TREE_H

/* A node of the tree, and the slot that its value is in; what slots are is the user's business. */
typedef struct ranks_node {
    int level, index; /* shards index << level … */
    int slot;
} ranks_node;

typedef struct ranks_add {
    int to, from; /* slots */
} ranks_add;

/* Adds neighbours in nodes [*count], which it puts in the order of shards, until none is left; what remains is in the
 * first *count of them. adds [at least *count − 1]: in the order in which to make them. Returns how many. */
int ranks_tree_reduce(int shards, ranks_node *nodes, int *count, ranks_add *adds);

/* What a rank does with the shards first … first+count−1 one after the other: the leaf comes in slot 0 and is added to
 * what is there, or moves to a slot of its own, but for the last. */
typedef struct ranks_leaf {
    ranks_add *adds; /* [add_count] */
    int add_count;
    int moves_to; /* a slot; 0: it stays, or has been added */
} ranks_leaf;

typedef struct ranks_leaves {
    ranks_leaf *leaves; /* [count] */
    int count;
    ranks_node *left; /* [left_count], what remains after the last */
    int left_count;
    int slots; /* that are in use, with slot 0 */
} ranks_leaves;

ranks_leaves *ranks_leaves_new(int shards, int first, int count);
void ranks_leaves_destroy(ranks_leaves *leaves); /* NULL is allowed */

#endif
