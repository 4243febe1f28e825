/* store: makes a tree of an HDF5 file in this process. */
#include "import.h"

#include <stdlib.h>
#include <string.h>

/* ---- a tree that is being filled --------------------------------------------------------------------------------- */

static store_node *last_of(const store_growth *growth) {
    return growth->tree->count ? &growth->tree->nodes[growth->tree->count - 1] : NULL;
}

/* The data of the last node must be whole, and count texts must be there where it says so. */
static bool is_complete(const store_growth *growth) {
    const store_node *node = last_of(growth);
    if (!node || node->size == 0) {
        return true;
    }
    if (growth->filled != node->size) {
        return false;
    }
    int64_t ends = 0;
    const char *text = node->data;
    for (size_t i = 0; node->kind == STORE_TEXTS && i < node->size; i++) {
        ends += text[i] == 0;
    }
    return node->kind != STORE_TEXTS || (ends == node->count && text[node->size - 1] == 0);
}

/* What was described is what readers rely on: it is checked once more, since the describer may have been a process that
 * HDF5 had gone astray in. */
static bool is_sound(const store_node *node) {
    if ((unsigned)node->kind > STORE_OTHER || (unsigned)node->scalar > DSTN_U8 || node->rank < 0 ||
        node->rank > DSTN_MAX_RANK || node->count < 0) {
        return false;
    }
    int64_t count = 1;
    bool empty = false;
    for (int d = 0; d < node->rank; d++) {
        empty = empty || node->shape[d] == 0;
        if (node->shape[d] < 0 || (node->shape[d] > 0 && count > INT64_MAX / 16 / node->shape[d])) {
            return false;
        }
        count *= node->shape[d] ? node->shape[d] : 1;
    }
    bool readable = node->kind == STORE_NUMBERS || node->kind == STORE_TEXTS;
    if (readable && node->count != (empty ? 0 : count)) {
        return false;
    }
    bool fits = node->kind != STORE_NUMBERS || node->size == (size_t)node->count * dstn_scalar_size(node->scalar);
    return node->size == 0 || (readable && fits && node->size < PTRDIFF_MAX);
}

bool store_growth_node(void *self, const store_node *node) {
    store_growth *growth = self;
    if (!is_complete(growth) || !is_sound(node)) {
        growth->broken = true;
        return false;
    }
    store_node *added = store_tree_add(growth->tree, node);
    growth->filled = 0;
    if (node->size > 0) {
        added->data = calloc(1, node->size);
    }
    return node->size == 0 || added->data;
}

bool store_growth_bytes(void *self, const void *bytes, size_t size) {
    store_growth *growth = self;
    store_node *node = last_of(growth);
    if (!node || !node->data || size > node->size - growth->filled) {
        growth->broken = true;
        return false;
    }
    memcpy((char *)node->data + growth->filled, bytes, size);
    growth->filled += size;
    return true;
}

bool store_growth_fail(void *self, const char *why) {
    store_node *node = last_of(self);
    if (node) {
        free(node->data);
        free(node->why);
        node->data = NULL;
        node->size = 0;
        node->kind = STORE_OTHER;
        node->why = dstn_strdup(why);
    }
    return node != NULL;
}

bool store_growth_end(store_growth *growth) {
    growth->broken = growth->broken || !is_complete(growth);
    store_tree_sort(growth->tree);
    return !growth->broken;
}

/* ---- in this process --------------------------------------------------------------------------------------------- */

static void hurry_nobody(void *self, int64_t ahead) {
    (void)self;
    (void)ahead;
}

dstn_status store_import(const store_source *source, const store_load_request *request, store_tree *tree,
                         dstn_error *err) {
    store_hdf5_quiet();
    store_hdf5_reason why;
    hid_t file = source->bytes ? store_hdf5_open_bytes(source->bytes, source->size, &why)
                               : store_hdf5_open_path(source->path, &why);
    if (file < 0) {
        return dstn_fail(err, DSTN_ERROR_DATA, "it is no HDF5 file, or damaged or cut off (HDF5: %s)", why.text);
    }
    store_growth growth = {tree, 0, false};
    const store_sink sink = {&growth, store_growth_node, store_growth_bytes, store_growth_fail, hurry_nobody};
    dstn_status status = store_load(file, request, &sink, err);
    H5Fclose(file);
    if (!store_growth_end(&growth) && status == DSTN_OK) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "it says of itself what is not so");
    }
    if (status != DSTN_OK) {
        store_tree_clear(tree);
    }
    return status;
}
