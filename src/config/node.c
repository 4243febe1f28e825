/* config: looking at a document's nodes, and messages about them. */
#include "tree.h"

#include <stdarg.h>
#include <stdlib.h>

static dstn_node node_of(dstn_doc *doc, config_node *node) {
    return (dstn_node){.doc = doc, .handle = node};
}

dstn_node dstn_doc_root(dstn_doc *doc) {
    return node_of(doc, doc->root);
}

dstn_node_kind dstn_node_get_kind(dstn_node node) {
    return node.handle ? config_of(node)->kind : DSTN_NODE_NONE;
}

dstn_node dstn_node_child(dstn_node node, const char *key) {
    return node_of(node.doc, config_node_find(config_of(node), key));
}

size_t dstn_node_count(dstn_node node) {
    return node.handle ? config_of(node)->count : 0;
}

dstn_node dstn_node_at(dstn_node node, size_t i) {
    return node_of(node.doc, i < dstn_node_count(node) ? config_of(node)->children[i] : NULL);
}

const char *dstn_node_key_at(dstn_node node, size_t i) {
    return i < dstn_node_count(node) ? config_of(node)->children[i]->key : NULL;
}

const char *dstn_node_text(dstn_node node) {
    return dstn_node_get_kind(node) == DSTN_NODE_SCALAR ? config_of(node)->text : NULL;
}

char *dstn_node_yaml(dstn_node node) {
    return node.handle ? config_flow_text(config_of(node)) : dstn_strdup("");
}

/* Prepends "file:line: a.b.c" to the message in err. */
static void add_place(const config_node *node, dstn_error *err) {
    char *path = config_node_path(node);
    if (path[0]) {
        dstn_fail_in(err, "%s", path);
    }
    if (node->line) {
        dstn_fail_in(err, "%s:%d", node->source->name, node->line);
    } else {
        dstn_fail_in(err, "%s", node->source->name);
    }
    free(path);
}

dstn_status dstn_node_fail(dstn_node node, dstn_error *err, const char *format, ...) {
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    dstn_fail(err, DSTN_ERROR_USAGE, "%s", text);
    if (node.handle) {
        add_place(config_of(node), err);
    } else if (node.doc) {
        dstn_fail_in(err, "%s", dstn_doc_name(node.doc));
    }
    return err->status;
}
