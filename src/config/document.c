/* config: a document from a file or a text, and back. */
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *kind_name(const config_node *node) {
    return node->kind == DSTN_NODE_SEQUENCE ? "a list" : "a single value";
}

static dstn_status parse_document(const char *text, size_t length, const char *name, dstn_doc **out, dstn_error *err) {
    dstn_doc *doc = config_doc_new(name);
    config_problem problem;
    doc->root = config_parse(doc, text, length, doc->file, true, &problem);
    if (doc->root && doc->root->kind == DSTN_NODE_MAPPING) {
        *out = doc;
        return DSTN_OK;
    }
    if (problem.message[0]) {
        dstn_fail(err, DSTN_ERROR_USAGE, "%s:%d: %s", name, problem.line ? problem.line : 1, problem.message);
    } else if (!doc->root || config_node_is_null(doc->root)) {
        dstn_fail(err, DSTN_ERROR_USAGE, "%s:1: is empty; accepted: a mapping, as in \"key: value\"", name);
    } else {
        dstn_fail(err, DSTN_ERROR_USAGE, "%s:%d: is %s; accepted: a mapping, as in \"key: value\"", name,
                  doc->root->line, kind_name(doc->root));
    }
    dstn_doc_destroy(doc);
    return err->status;
}

/* The whole of an open file in a new buffer; NULL with errno set where reading fails. */
static char *read_all(FILE *file, size_t *length) {
    size_t capacity = 1 << 14;
    char *text = dstn_alloc(capacity, 1);
    *length = 0;
    for (size_t got; (got = fread(text + *length, 1, capacity - *length, file)) > 0;) {
        *length += got;
        if (*length < capacity) {
            continue;
        }
        char *larger = dstn_alloc(2 * capacity, 1);
        memcpy(larger, text, capacity);
        free(text);
        text = larger;
        capacity *= 2;
    }
    if (!ferror(file)) {
        return text;
    }
    free(text);
    return NULL;
}

dstn_status dstn_doc_load(const char *path, dstn_doc **out, dstn_error *err) {
    *out = NULL;
    size_t length = 0;
    char *text = NULL;
    FILE *file = fopen(path, "rb");
    if (file) {
        text = read_all(file, &length);
    }
    int reason = errno;
    if (file) {
        fclose(file);
    }
    if (!text) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: cannot be read: %s", path, strerror(reason));
    }
    dstn_status status = parse_document(text, length, path, out, err);
    free(text);
    return status;
}

dstn_status dstn_doc_parse(const char *text, const char *name, dstn_doc **out, dstn_error *err) {
    *out = NULL;
    return parse_document(text, strlen(text), name, out, err);
}

char *dstn_doc_text(const dstn_doc *doc) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return dstn_strdup("");
    }
    config_write_block(doc->root, out);
    fclose(out);
    return text;
}

const char *dstn_doc_name(const dstn_doc *doc) {
    return doc->file->name;
}

char *dstn_doc_resolve_path(dstn_node node, const char *path) {
    const config_source *source = node.handle ? config_of(node)->source : node.doc ? node.doc->file : NULL;
    if (path[0] == '/' || !source || !source->folder[0]) {
        return dstn_strdup(path);
    }
    const char *folder = source->folder;
    const char *slash = folder[strlen(folder) - 1] == '/' ? "" : "/";
    return dstn_format("%s%s%s", folder, slash, path);
}
