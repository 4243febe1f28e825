/* config: building and changing the tree of a document. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

dstn_doc *config_doc_new(const char *name) {
    dstn_doc *doc = dstn_alloc(1, sizeof *doc);
    char *folder = config_folder_of(name);
    doc->file = config_source_new(doc, name, folder);
    free(folder);
    return doc;
}

dstn_doc *dstn_doc_new(const char *name) {
    dstn_doc *doc = config_doc_new(name);
    doc->root = config_node_new(doc, DSTN_NODE_MAPPING, doc->file, 1);
    return doc;
}

void dstn_doc_destroy(dstn_doc *doc) {
    if (!doc) {
        return;
    }
    for (config_node *node = doc->owned, *next; node; node = next) {
        next = node->next_owned;
        free(node->key);
        free(node->text);
        free(node->children);
        dstn_texts_clear(&node->keys);
        free(node);
    }
    for (config_source *source = doc->sources, *next; source; source = next) {
        next = source->next;
        free(source->name);
        free(source->folder);
        free(source);
    }
    free(doc);
}

const config_source *config_source_new(dstn_doc *doc, const char *name, const char *folder) {
    config_source *source = dstn_alloc(1, sizeof *source);
    source->name = dstn_strdup(name);
    source->folder = dstn_strdup(folder);
    source->next = doc->sources;
    doc->sources = source;
    return source;
}

const config_source *config_source_find(dstn_doc *doc, const char *name, const char *folder) {
    for (config_source *source = doc->sources; source; source = source->next) {
        if (strcmp(source->name, name) == 0 && strcmp(source->folder, folder) == 0) {
            return source;
        }
    }
    return config_source_new(doc, name, folder);
}

char *config_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return dstn_strdup("");
    }
    return dstn_format("%.*s", slash == path ? 1 : (int)(slash - path), path);
}

config_node *config_node_new(dstn_doc *doc, dstn_node_kind kind, const config_source *source, int line) {
    config_node *node = dstn_alloc(1, sizeof *node);
    node->kind = kind;
    node->source = source;
    node->line = line;
    node->next_owned = doc->owned;
    doc->owned = node;
    return node;
}

/* Mappings with fewer keys than this are looked through. */
enum { LARGE = 16 };

static void index_keys(config_node *mapping) {
    if (mapping->count < LARGE) {
        return;
    }
    for (size_t i = mapping->keys.count; i < mapping->count; i++) {
        dstn_texts_put(&mapping->keys, mapping->children[i]->key, (int64_t)i);
    }
}

void config_node_append(config_node *parent, config_node *child, const char *key) {
    if (parent->count == parent->capacity) {
        size_t capacity = parent->capacity ? 2 * parent->capacity : 8;
        config_node **children = dstn_alloc(capacity, sizeof(config_node *));
        if (parent->count) {
            memcpy(children, parent->children, parent->count * sizeof(config_node *));
        }
        free(parent->children);
        parent->children = children;
        parent->capacity = capacity;
    }
    parent->children[parent->count++] = child;
    child->parent = parent;
    if (key) {
        child->key = dstn_strdup(key);
        index_keys(parent);
    }
}

/* −1: it isn't there. */
static int64_t position_of(const config_node *mapping, const char *key) {
    if (mapping->count >= LARGE) {
        return dstn_texts_find(&mapping->keys, key);
    }
    for (size_t i = 0; i < mapping->count; i++) {
        if (strcmp(mapping->children[i]->key, key) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

static size_t index_in_parent(const config_node *node) {
    if (node->key) {
        return (size_t)position_of(node->parent, node->key);
    }
    size_t i = 0;
    while (node->parent->children[i] != node) {
        i++;
    }
    return i;
}

/* The key in the parent's index is the old node's, which lives on. */
void config_node_replace(config_node *old, config_node *with) {
    config_node *parent = old->parent;
    parent->children[index_in_parent(old)] = with;
    with->parent = parent;
    with->key = old->key ? dstn_strdup(old->key) : NULL;
}

config_node *config_node_find(const config_node *mapping, const char *key) {
    if (!mapping || mapping->kind != DSTN_NODE_MAPPING) {
        return NULL;
    }
    int64_t position = position_of(mapping, key);
    return position < 0 ? NULL : mapping->children[position];
}

static config_node *copy_node(dstn_doc *doc, const config_node *from, const config_source *source) {
    config_node *copy = config_node_new(doc, from->kind, source, from->line);
    copy->text = from->text ? dstn_strdup(from->text) : NULL;
    copy->plain = from->plain;
    for (size_t i = 0; i < from->count; i++) {
        const config_node *child = from->children[i];
        const config_source *of_child = child->source;
        of_child = of_child == from->source ? source : config_source_find(doc, of_child->name, of_child->folder);
        config_node_append(copy, copy_node(doc, child, of_child), child->key);
    }
    return copy;
}

config_node *config_node_copy(dstn_doc *doc, const config_node *from) {
    return copy_node(doc, from, config_source_find(doc, from->source->name, from->source->folder));
}

char *config_node_path(const config_node *node) {
    if (!node->parent) {
        return dstn_strdup("");
    }
    char *above = config_node_path(node->parent);
    const char *dot = *above ? "." : "";
    char *path = node->key ? dstn_format("%s%s%s", above, dot, node->key)
                           : dstn_format("%s%s%zu", above, dot, index_in_parent(node));
    free(above);
    return path;
}

bool config_text_is_null(const char *text) {
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        if (strcmp(text, nulls[i]) == 0) {
            return true;
        }
    }
    return false;
}

bool config_node_is_null(const config_node *node) {
    return node->kind == DSTN_NODE_SCALAR && node->plain && config_text_is_null(node->text);
}

void config_node_make_mapping(config_node *node) {
    if (config_node_is_null(node)) {
        node->kind = DSTN_NODE_MAPPING;
    }
}
