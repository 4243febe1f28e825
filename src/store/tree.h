/* store, private: what an HDF5 file holds, as a list of nodes in memory. Readers answer from it and never touch HDF5,
 * so that what a file can do to that library is over once it is loaded. */
#ifndef STORE_TREE_H
#define STORE_TREE_H

#include "dstn/core.h"

typedef enum store_kind {
    STORE_GROUP,
    STORE_NUMBERS, /* a data set, or an attribute of one number */
    STORE_TEXTS,   /* a data set, or an attribute of one text */
    STORE_OTHER    /* there, but nothing that can be read; `why` says it */
} store_kind;

/* A group, a data set, or (with a name for `attribute`) an attribute of either. */
typedef struct store_node {
    char *path;      /* "" is the root, "series/loss" a data set */
    char *attribute; /* "" but for attributes */
    char *what;      /* its type in words: "an enumeration" */
    char *why;       /* "", or why its values can't be read: "is compressed by lzf, …" */
    store_kind kind;
    dstn_scalar scalar; /* of numbers, as they are kept here */
    bool exact;         /* the file's type is that scalar type, and not one that was converted to it */
    int rank;
    int64_t shape[DSTN_MAX_RANK], count; /* count: elements, the product of shape */
    int64_t pieces, missing;             /* chunks, and those of them that were never written */
    size_t size;                         /* bytes of data */
    void *data;                          /* numbers [count], or count texts, each with a zero at its end; may be NULL */
} store_node;

typedef struct store_tree {
    store_node *nodes; /* [count], in the order of path and attribute once sorted */
    size_t count, capacity;
} store_tree;

/* Adds a copy of a node's description, without data. */
store_node *store_tree_add(store_tree *tree, const store_node *node);
void store_tree_sort(store_tree *tree);
/* NULL: not there. attribute "": the group or data set itself. */
const store_node *store_tree_find(const store_tree *tree, const char *path, const char *attribute);
/* Nodes [*first, *end) are all that lies below a group, attributes of the group itself not among them. */
void store_tree_below(const store_tree *tree, const char *group, size_t *first, size_t *end);
void store_tree_clear(store_tree *tree);

#endif
