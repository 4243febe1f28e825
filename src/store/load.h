/* store, private: loads an HDF5 file: walks it with bounds, and hands what it finds to a sink, node by node.
 *
 * A file is material to judge: depth, number of objects, sizes of types, products of shapes and the storage that is
 * really there are looked at before memory is asked for, nothing is followed out of the file unless the request says
 * so, and no object is walked twice. */
#ifndef STORE_LOAD_H
#define STORE_LOAD_H

#include "archive.h"
#include "tree.h"

typedef struct store_load_request {
    bool ours;                 /* groups, our own types and hard links alone: the first other thing is a failure */
    bool fixed_texts;          /* a text of variable length is a failure too: it would need HDF5's global heap */
    bool external;             /* follow links, external storage and virtual data sets to other files */
    bool deep;                 /* groups are walked also where nothing in them is wanted */
    const char *const *wanted; /* data sets whose values are read, NULL at the end; NULL: all, and attributes too */
    const char *path;          /* the file's: the sources of virtual data sets are found from there */
    int64_t file_size;         /* bytes */
} store_load_request;

/* Takes what is found. False: it can't, and loading ends. */
typedef struct store_sink {
    void *self;
    bool (*take_node)(void *self, const store_node *node);
    /* The next bytes of the last node's data, node->size in all; unless `fail_node` says that they can't be read. */
    bool (*take_bytes)(void *self, const void *bytes, size_t size);
    bool (*fail_node)(void *self, const char *why);
    /* Something has been done, and so many bytes are read next: whoever waits for an end may go on waiting. */
    void (*progress)(void *self, int64_t ahead);
} store_sink;

/* DSTN_ERROR_DATA: the file, or something that it must not have, can't be loaded; messages don't name the file. */
dstn_status store_load(hid_t file, const store_load_request *request, const store_sink *sink, dstn_error *err);

/* ---- between the files of the loader ---- */

/* How a type of a file is kept in memory. */
typedef struct store_type {
    store_kind kind;
    dstn_scalar scalar;
    bool exact, variable; /* variable: texts of variable length */
    size_t size;          /* bytes of an element in the file */
    hid_t memory;         /* what numbers are read as; not to be closed */
    char what[160];       /* in words */
} store_type;

store_type store_type_of(hid_t type);

/* What a data set claims, and what is there. */
typedef struct store_claim {
    bool is_virtual, is_external; /* its values lie elsewhere */
    int64_t stored;               /* bytes in the file */
    int64_t pieces, missing;      /* chunks, and those that were never written; of a virtual one: elements */
    hsize_t chunk_rows;           /* 0: no chunks */
    int depth;                    /* virtual data sets that led here */
    char filter[256];             /* "", or the filter that HDF5 lacks, should values turn out to be packed by it */
    char why[512];                /* "", or why it isn't to be read */
} store_claim;

/* Whether a data set's values may be followed to where they lie, and unpacked; to be asked before its shape, for which
 * HDF5 opens the sources of virtual ones. properties: of its creation. */
bool store_claim_follow(hid_t properties, const store_load_request *request, store_claim *claim);
/* Compares shape and type with what is stored: more is not asked of memory than the storage can hold. */
void store_claim_judge(hid_t set, hid_t properties, const store_node *node, const store_type *type,
                       const store_load_request *request, store_claim *claim);
/* The most bytes of values that `stored` bytes justify: deflate packs at most 1032 to 1. */
int64_t store_justified_bytes(int64_t stored);
/* The same for texts that no filter can have packed: attributes, and those of variable length. */
int64_t store_justified_texts(int64_t file_size);

/* A data set that is open. False: the sink wants no more, or (with a message in err) it is no data set of ours. */
bool store_load_set(hid_t set, const char *path, const store_load_request *request, const store_sink *sink,
                    dstn_error *err);
/* Texts of a data set or an attribute, one after another with a zero each; NULL with a reason in `why`. */
char *store_load_texts(hid_t object, bool is_attribute, const store_type *type, int64_t count, int64_t limit,
                       size_t *size, char why[256]);

#endif
