/* store: what an HDF5 file holds, as a sorted list in memory. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

store_node *store_tree_add(store_tree *tree, const store_node *node) {
    if (tree->count == tree->capacity) {
        tree->capacity = tree->capacity ? 2 * tree->capacity : 64;
        store_node *larger = dstn_alloc(tree->capacity, sizeof *larger);
        if (tree->count) {
            memcpy(larger, tree->nodes, tree->count * sizeof *larger);
        }
        free(tree->nodes);
        tree->nodes = larger;
    }
    store_node *added = &tree->nodes[tree->count++];
    *added = *node;
    added->path = dstn_strdup(node->path);
    added->attribute = dstn_strdup(node->attribute);
    added->what = dstn_strdup(node->what);
    added->why = dstn_strdup(node->why);
    added->data = NULL;
    return added;
}

static int compare(const char *path, const char *attribute, const store_node *node) {
    int by_path = strcmp(path, node->path);
    return by_path ? by_path : strcmp(attribute, node->attribute);
}

static int compare_nodes(const void *a, const void *b) {
    const store_node *left = a;
    return compare(left->path, left->attribute, b);
}

void store_tree_sort(store_tree *tree) {
    if (tree->count) {
        qsort(tree->nodes, tree->count, sizeof *tree->nodes, compare_nodes);
    }
}

/* The first node that doesn't come before (path, attribute). */
static size_t lower_bound(const store_tree *tree, const char *path, const char *attribute) {
    size_t low = 0, high = tree->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(path, attribute, &tree->nodes[middle]) > 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const store_node *store_tree_find(const store_tree *tree, const char *path, const char *attribute) {
    size_t at = lower_bound(tree, path, attribute);
    bool there = at < tree->count && compare(path, attribute, &tree->nodes[at]) == 0;
    return there ? &tree->nodes[at] : NULL;
}

void store_tree_below(const store_tree *tree, const char *group, size_t *first, size_t *end) {
    if (!group[0]) { /* the root's own nodes have the path "", which is before all others */
        *first = lower_bound(tree, "\x01", "");
        *end = tree->count;
        return;
    }
    char *prefix = dstn_format("%s/", group);
    *first = lower_bound(tree, prefix, "");
    prefix[strlen(prefix) - 1] = '/' + 1; /* what follows all that begins with "group/" */
    *end = lower_bound(tree, prefix, "");
    free(prefix);
}

void store_tree_clear(store_tree *tree) {
    for (size_t i = 0; i < tree->count; i++) {
        store_node *node = &tree->nodes[i];
        free(node->path);
        free(node->attribute);
        free(node->what);
        free(node->why);
        free(node->data);
    }
    free(tree->nodes);
    *tree = (store_tree){0};
}
