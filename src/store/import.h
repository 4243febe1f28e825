/* store, private: makes a tree of an HDF5 file. */
#ifndef STORE_IMPORT_H
#define STORE_IMPORT_H

#include "load.h"

/* Where a file is: on the disk, or (with bytes) in memory. */
typedef struct store_source {
    const char *path;
    const unsigned char *bytes; /* [size]; NULL: on the disk */
    size_t size;
} store_source;

/* In this process, for bytes that a seal has proven to be what we wrote. DSTN_ERROR_DATA: HDF5 can't open it, or it
 * holds what a file of ours doesn't; DSTN_ERROR_RUN: there is no memory for it. Messages don't name the file. */
dstn_status store_import(const store_source *source, const store_load_request *request, store_tree *tree,
                         dstn_error *err);

/* In a child process, for files that anybody may have written or damaged: HDF5 doesn't survive them all. The child
 * sends what it finds through a pipe; if it crashes, or computes for seconds without getting any further, or asks for
 * far more memory than the file can need, that is DSTN_ERROR_DATA. */
dstn_status store_import_apart(const store_source *source, const store_load_request *request, store_tree *tree,
                               dstn_error *err);

/* ---- a tree that is being filled ---- */

typedef struct store_growth {
    store_tree *tree;
    size_t filled; /* bytes of the last node's data */
    bool broken;   /* it was not what its description said */
} store_growth;

/* The three functions of a sink over a growth; take_node also ends the node before it. */
bool store_growth_node(void *self, const store_node *node);
bool store_growth_bytes(void *self, const void *bytes, size_t size);
bool store_growth_fail(void *self, const char *why);
/* After the last node. False: something of it is broken. */
bool store_growth_end(store_growth *growth);

#endif
