/* store: copies a file of ours into a group of one that is being written. (HDF5's own H5Ocopy fails on groups with many
 * text attributes, and copies what it doesn't understand.) */
#include "reader.h"

#include <stdlib.h>
#include <string.h>

static void copy_attribute(dstn_writer *writer, const char *path, const store_node *node) {
    if (node->kind == STORE_TEXTS) {
        dstn_writer_text(writer, path, node->attribute, node->data);
    } else if (node->scalar == DSTN_I64) {
        dstn_writer_integer(writer, path, node->attribute, *(const int64_t *)node->data);
    } else {
        dstn_writer_number(writer, path, node->attribute, *(const double *)node->data);
    }
}

static void copy_texts(dstn_writer *writer, const char *path, const store_node *node) {
    const char **texts = dstn_alloc((size_t)node->count, sizeof *texts), *text = node->data;
    for (int64_t i = 0; i < node->count; i++) {
        texts[i] = text;
        text += strlen(text) + 1;
    }
    dstn_writer_strings(writer, path, node->count, texts);
    free(texts);
}

static void copy_node(dstn_writer *writer, const char *group, const store_node *node) {
    char *path = node->path[0] ? dstn_format("%s/%s", group, node->path) : dstn_strdup(group);
    if (node->attribute[0]) {
        copy_attribute(writer, path, node);
    } else if (node->kind == STORE_TEXTS) {
        copy_texts(writer, path, node);
    } else if (node->kind == STORE_NUMBERS) {
        dstn_writer_array(writer, path, node->scalar, node->rank, node->shape, node->data);
    }
    free(path);
}

dstn_status dstn_writer_copy_file(dstn_writer *writer, const char *group, const char *path, dstn_error *err) {
    dstn_reader *reader;
    dstn_status status = dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    const store_tree *tree = store_reader_tree(reader);
    for (size_t i = 0; i < tree->count; i++) {
        copy_node(writer, group, &tree->nodes[i]);
    }
    dstn_reader_close(reader);
    return DSTN_OK;
}
