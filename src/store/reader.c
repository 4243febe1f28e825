/* store: reads HDF5 files, ours and other people's: what they hold is loaded into a tree, and all answers come from it.
 */
#include "reader.h"
#include "import.h"

#include <stdlib.h>
#include <string.h>

struct dstn_reader {
    store_tree tree;
    char *path;
    dstn_status status; /* of everything that is wrong with the file */
};

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static dstn_reader *new_reader(const char *path, dstn_status status, const store_tree *tree) {
    dstn_reader *reader = dstn_alloc(1, sizeof *reader);
    *reader = (dstn_reader){*tree, dstn_strdup(path), status};
    return reader;
}

/* What went wrong in loading, with the file's name and the caller's status. */
static dstn_status fail_to_load(const char *path, dstn_status status, const dstn_error *why, dstn_error *err) {
    return dstn_fail(err, status, "%s: %s", path, why->message);
}

/* A file of ours. Texts of our earlier versions have variable lengths and are in HDF5's heap, which it reads without
 * looking: a child does that. */
static dstn_status load_ours(const char *path, const store_proven *proven, dstn_status status, dstn_reader **out,
                             dstn_error *err) {
    store_source source = {path, proven->bytes, proven->size};
    store_load_request request = {.ours = true, .fixed_texts = true, .path = path, .file_size = proven->file_size};
    store_tree tree = {0};
    dstn_error why = {DSTN_OK, ""};
    if (store_import(&source, &request, &tree, &why) == DSTN_ERROR_DATA) {
        request.fixed_texts = false;
        store_import_apart(&source, &request, &tree, &why);
    }
    if (why.status != DSTN_OK) {
        return fail_to_load(path, status, &why, err);
    }
    *out = new_reader(path, status, &tree);
    return DSTN_OK;
}

dstn_status store_reader_open(const char *path, dstn_status status, dstn_reader **out, store_verdict *verdict,
                              dstn_error *err) {
    *out = NULL;
    store_proven proven;
    *verdict = store_seal_read(path, status, &proven, err);
    if (*verdict == STORE_WHOLE) {
        load_ours(path, &proven, status, out, err);
    }
    free(proven.bytes);
    return *out ? DSTN_OK : err->status;
}

dstn_status dstn_reader_open(const char *path, dstn_status status, dstn_reader **out, dstn_error *err) {
    store_verdict verdict;
    return store_reader_open(path, status, out, &verdict, err);
}

/* A file that anybody may have written: `proven` where it has a seal, else from the disk. */
static dstn_status load_foreign(const char *path, const store_proven *proven, const dstn_foreign *how,
                                dstn_status status, dstn_reader **out, dstn_error *err) {
    store_source source = {path, proven->bytes, proven->size};
    store_load_request request = {.path = path, .file_size = proven->file_size};
    if (how) {
        request.external = how->external;
        request.wanted = how->wanted;
        request.deep = how->deep;
    }
    store_tree tree = {0};
    dstn_error why = {DSTN_OK, ""};
    if (store_import_apart(&source, &request, &tree, &why) != DSTN_OK) {
        return fail_to_load(path, status, &why, err);
    }
    *out = new_reader(path, status, &tree);
    return DSTN_OK;
}

/* Whether HDF5 may look at a file without a seal: what is known to be damaged it gets not to see. */
static bool may_be_foreign(store_verdict verdict, const store_proven *about) {
    return verdict == STORE_UNSEALED || (verdict == STORE_DAMAGED && about->no_signature);
}

dstn_status dstn_reader_open_foreign(const char *path, const dstn_foreign *how, dstn_status status, dstn_reader **out,
                                     dstn_error *err) {
    *out = NULL;
    store_proven proven;
    store_verdict verdict = store_seal_read(path, status, &proven, err);
    if (verdict == STORE_WHOLE || may_be_foreign(verdict, &proven)) {
        load_foreign(path, &proven, how, status, out, err);
    }
    free(proven.bytes);
    return *out ? DSTN_OK : err->status;
}

dstn_status dstn_reader_open_any(const char *path, dstn_status status, dstn_reader **out, dstn_error *err) {
    *out = NULL;
    store_proven proven;
    store_verdict verdict = store_seal_read(path, status, &proven, err);
    if (verdict == STORE_WHOLE) {
        load_ours(path, &proven, status, out, err);
    } else if (may_be_foreign(verdict, &proven)) {
        load_foreign(path, &proven, NULL, status, out, err);
    } else if (verdict == STORE_DAMAGED && proven.marked) {
        err->status = DSTN_ERROR_CHECKPOINT;
    }
    free(proven.bytes);
    return *out ? DSTN_OK : err->status;
}

void dstn_reader_close(dstn_reader *reader) {
    if (!reader) {
        return;
    }
    store_tree_clear(&reader->tree);
    free(reader->path);
    free(reader);
}

const store_tree *store_reader_tree(const dstn_reader *reader) {
    return &reader->tree;
}

/* ---- what is there ----------------------------------------------------------------------------------------------- */

/* A group or data set; the root's own name is "". NULL: not there. */
static const store_node *find(const dstn_reader *reader, const char *name) {
    const char *path = name[0] == '/' ? name + 1 : name;
    return store_tree_find(&reader->tree, path, "");
}

bool dstn_reader_has(const dstn_reader *reader, const char *name) {
    return find(reader, name) != NULL;
}

bool dstn_reader_is_group(const dstn_reader *reader, const char *name) {
    const store_node *node = find(reader, name);
    return node && node->kind == STORE_GROUP;
}

/* A data set, whether it can be read or not. */
static const store_node *find_data_set(const dstn_reader *reader, const char *name, dstn_error *err) {
    const store_node *node = find(reader, name);
    if (!node || node->kind == STORE_GROUP) {
        dstn_fail(err, reader->status, "%s has no data set %s", reader->path, name);
        return NULL;
    }
    return node;
}

/* One whose values are here. */
static const store_node *find_values(const dstn_reader *reader, const char *name, store_kind kind, dstn_error *err) {
    const store_node *node = find_data_set(reader, name, err);
    if (node && node->kind == STORE_OTHER) {
        dstn_fail(err, reader->status, "%s: data set %s %s", reader->path, name, node->why);
    } else if (node && node->kind != kind) {
        dstn_fail(err, reader->status, "%s: data set %s doesn't hold %s", reader->path, name,
                  kind == STORE_TEXTS ? "strings" : "numbers");
    } else if (node && node->count > 0 && !node->data) {
        dstn_fail(err, reader->status, "%s: data set %s was not asked for", reader->path, name);
    } else {
        return node;
    }
    return NULL;
}

dstn_status dstn_reader_describe(const dstn_reader *reader, const char *name, dstn_data_set *about, dstn_error *err) {
    *about = (dstn_data_set){.what = "", .why = ""};
    const store_node *node = find_data_set(reader, name, err);
    if (!node) {
        return err->status;
    }
    about->what = node->what;
    about->why = node->why;
    about->is_numbers = node->kind == STORE_NUMBERS;
    about->scalar = node->scalar;
    about->rank = node->rank;
    memcpy(about->shape, node->shape, sizeof about->shape);
    about->count = node->count;
    about->pieces = node->pieces;
    about->missing = node->missing;
    return DSTN_OK;
}

dstn_status dstn_reader_shape(const dstn_reader *reader, const char *name, int *rank, int64_t shape[DSTN_MAX_RANK],
                              dstn_error *err) {
    const store_node *node = find_data_set(reader, name, err);
    if (!node) {
        return err->status;
    }
    if (node->kind == STORE_OTHER) {
        return dstn_fail(err, reader->status, "%s: data set %s %s", reader->path, name, node->why);
    }
    *rank = node->rank;
    memcpy(shape, node->shape, (size_t)node->rank * sizeof *shape);
    return DSTN_OK;
}

bool dstn_reader_scalar(const dstn_reader *reader, const char *name, dstn_scalar *scalar) {
    const store_node *node = find(reader, name);
    bool known = node && node->kind == STORE_NUMBERS && node->exact;
    if (known) {
        *scalar = node->scalar;
    }
    return known;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* Conversions that C leaves undefined (out of range, NaN) end at the type's limits. */
static int64_t to_integer(double value) {
    if (value >= 0x1p63) {
        return INT64_MAX;
    }
    return value >= -0x1p63 ? (int64_t)value : INT64_MIN;
}

static double real_at(const store_node *node, int64_t i) {
    switch (node->scalar) {
    case DSTN_F32:
        return ((const float *)node->data)[i];
    case DSTN_F64:
        return ((const double *)node->data)[i];
    case DSTN_I64:
        return (double)((const int64_t *)node->data)[i];
    case DSTN_U8:
        break;
    }
    return ((const uint8_t *)node->data)[i];
}

static int64_t integer_at(const store_node *node, int64_t i) {
    bool is_integer = node->scalar == DSTN_I64;
    return is_integer ? ((const int64_t *)node->data)[i] : to_integer(real_at(node, i));
}

static uint8_t byte_at(const store_node *node, int64_t i) {
    int64_t value = integer_at(node, i);
    return value < 0 ? 0 : value > UINT8_MAX ? UINT8_MAX : (uint8_t)value;
}

static void convert(const store_node *node, dstn_scalar scalar, void *to) {
    for (int64_t i = 0; i < node->count; i++) {
        switch (scalar) {
        case DSTN_F32:
            ((float *)to)[i] = (float)real_at(node, i);
            break;
        case DSTN_F64:
            ((double *)to)[i] = real_at(node, i);
            break;
        case DSTN_I64:
            ((int64_t *)to)[i] = integer_at(node, i);
            break;
        case DSTN_U8:
            ((uint8_t *)to)[i] = byte_at(node, i);
            break;
        }
    }
}

static void copy_numbers(const store_node *node, dstn_scalar scalar, void *to) {
    if (node->count > 0 && node->scalar == scalar) {
        memcpy(to, node->data, node->size);
    } else {
        convert(node, scalar, to);
    }
}

dstn_status dstn_reader_array(const dstn_reader *reader, const char *name, dstn_scalar scalar, int64_t count,
                              void *data, dstn_error *err) {
    const store_node *node = find_values(reader, name, STORE_NUMBERS, err);
    if (!node) {
        return err->status;
    }
    if (node->count != count) {
        return dstn_fail(err, reader->status, "%s: data set %s has %lld elements where %lld are expected", reader->path,
                         name, (long long)node->count, (long long)count);
    }
    copy_numbers(node, scalar, data);
    return DSTN_OK;
}

dstn_status dstn_reader_doubles(const dstn_reader *reader, const char *name, int64_t *count, double **data,
                                dstn_error *err) {
    *count = 0;
    *data = NULL;
    const store_node *node = find_values(reader, name, STORE_NUMBERS, err);
    if (!node) {
        return err->status;
    }
    bool fits = (uint64_t)node->count < PTRDIFF_MAX / sizeof **data;
    *data = fits ? calloc((size_t)node->count + 1, sizeof **data) : NULL;
    if (!*data) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s: the %lld elements of data set %s don't fit into memory",
                         reader->path, (long long)node->count, name);
    }
    copy_numbers(node, DSTN_F64, *data);
    *count = node->count;
    return DSTN_OK;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

dstn_status dstn_reader_strings(const dstn_reader *reader, const char *name, int64_t *count, char ***strings,
                                dstn_error *err) {
    *count = 0;
    *strings = NULL;
    const store_node *node = find_values(reader, name, STORE_TEXTS, err);
    if (!node) {
        return err->status;
    }
    *strings = dstn_alloc((size_t)node->count + 1, sizeof **strings);
    const char *text = node->data;
    for (int64_t i = 0; i < node->count; i++) {
        (*strings)[i] = dstn_strdup(text);
        text += strlen(text) + 1;
    }
    *count = node->count;
    return DSTN_OK;
}

/* ---- attributes -------------------------------------------------------------------------------------------------- */

/* An attribute of a kind; NULL where there is none. */
static const store_node *find_attribute(const dstn_reader *reader, const char *group, const char *attribute,
                                        store_kind kind) {
    const store_node *node = store_tree_find(&reader->tree, group, attribute);
    return node && node->attribute[0] && node->kind == kind && node->data ? node : NULL;
}

char *dstn_reader_text(const dstn_reader *reader, const char *group, const char *attribute) {
    const store_node *node = find_attribute(reader, group, attribute, STORE_TEXTS);
    return node ? dstn_strdup(node->data) : NULL;
}

bool dstn_reader_number(const dstn_reader *reader, const char *group, const char *attribute, double *value) {
    const store_node *node = find_attribute(reader, group, attribute, STORE_NUMBERS);
    if (node) {
        *value = real_at(node, 0);
    }
    return node != NULL;
}

bool dstn_reader_integer(const dstn_reader *reader, const char *group, const char *attribute, int64_t *value) {
    const store_node *node = find_attribute(reader, group, attribute, STORE_NUMBERS);
    if (node) {
        *value = integer_at(node, 0);
    }
    return node != NULL;
}

/* ---- members of a group ------------------------------------------------------------------------------------------ */

/* What follows a group's path in that of a node right in it; NULL: an attribute, or something deeper. */
static const char *name_within(const store_node *node, size_t prefix) {
    const char *name = node->path + prefix;
    return node->attribute[0] || strchr(name, '/') ? NULL : name;
}

dstn_status dstn_reader_list(const dstn_reader *reader, const char *group, int64_t *count, char ***names,
                             dstn_error *err) {
    *count = 0;
    *names = NULL;
    if (!dstn_reader_is_group(reader, group)) {
        return dstn_fail(err, reader->status, "%s has no group %s", reader->path, group);
    }
    size_t first, end, prefix = group[0] ? strlen(group) + 1 : 0;
    store_tree_below(&reader->tree, group, &first, &end);
    *names = dstn_alloc(end - first + 1, sizeof **names);
    for (size_t i = first; i < end; i++) {
        const char *name = name_within(&reader->tree.nodes[i], prefix);
        if (name) {
            (*names)[(*count)++] = dstn_strdup(name);
        }
    }
    return DSTN_OK;
}
