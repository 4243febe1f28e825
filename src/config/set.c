/* config: putting values into a document: `--set`, a sweep's settings, another document's mapping. */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

/* The first component of a dotted path as a new string; *rest is what follows, NULL at the end. */
static char *next_component(const char *path, const char **rest) {
    const char *dot = strchr(path, '.');
    *rest = dot ? dot + 1 : NULL;
    return dot ? dstn_format("%.*s", (int)(dot - path), path) : dstn_strdup(path);
}

static bool has_empty_component(const char *path) {
    return path[0] == '\0' || path[0] == '.' || path[strlen(path) - 1] == '.' || strstr(path, "..");
}

/* The entry of a list that a component names; NULL: there is none. */
static config_node *list_entry(const config_node *list, const char *component) {
    if (strspn(component, "0123456789") != strlen(component) || strlen(component) > 9) {
        return NULL;
    }
    size_t i = strtoul(component, NULL, 10);
    return i < list->count ? list->children[i] : NULL;
}

static dstn_status fail_at(const config_node *node, const char *component, const char *origin, dstn_error *err) {
    char *path = config_node_path(node);
    if (node->kind == DSTN_NODE_SCALAR) {
        dstn_fail(err, DSTN_ERROR_USAGE,
                  "%s: %s: is the value \"%s\", which has no key \"%s\"; accepted: a path through mappings", origin,
                  path, node->text, component);
    } else if (node->count) {
        dstn_fail(err, DSTN_ERROR_USAGE, "%s: %s: is a list without an entry \"%s\"; accepted: 0 to %zu", origin, path,
                  component, node->count - 1);
    } else {
        dstn_fail(err, DSTN_ERROR_USAGE, "%s: %s: is an empty list, without an entry \"%s\"; accepted: a whole list",
                  origin, path, component);
    }
    free(path);
    return err->status;
}

static bool names_file(const dstn_doc *doc, const config_node *node) {
    return doc->file_key && node && node->kind == DSTN_NODE_SCALAR && !config_node_is_null(node) &&
           node->parent == doc->root && strcmp(node->key, doc->file_key) == 0;
}

/* node [in,out]: the name of a file, then its mapping in that place. */
static dstn_status inline_file(dstn_doc *doc, config_node **node, dstn_error *err) {
    dstn_doc *file;
    char *path = dstn_doc_resolve_path((dstn_node){doc, *node}, (*node)->text);
    dstn_status status = dstn_doc_load(path, &file, err);
    free(path);
    if (status == DSTN_OK) {
        config_node *mapping = config_node_copy(doc, file->root);
        config_node_replace(*node, mapping);
        *node = mapping;
        dstn_doc_destroy(file);
    }
    return status;
}

/* Puts a node that stands nowhere yet at a path. Nothing but a file's name, whose mapping says the same, changes unless
 * all of the path is there or can be made, of mappings that `source` has made. */
static dstn_status place(dstn_doc *doc, const char *path, config_node *value, const config_source *source,
                         dstn_error *err) {
    if (has_empty_component(path)) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: empty key in the path \"%s\"; accepted: a.b.c", source->name,
                         path);
    }
    config_node *at = doc->root;
    for (const char *rest = path; rest;) {
        char *component = next_component(rest, &rest);
        config_node_make_mapping(at);
        if (names_file(doc, at) && inline_file(doc, &at, err) != DSTN_OK) {
            free(component);
            return dstn_fail_in(err, "%s", source->name);
        }
        bool is_mapping = at->kind == DSTN_NODE_MAPPING;
        config_node *found = is_mapping                       ? config_node_find(at, component)
                             : at->kind == DSTN_NODE_SEQUENCE ? list_entry(at, component)
                                                              : NULL;
        if (!found && !is_mapping) {
            fail_at(at, component, source->name, err);
            free(component);
            return err->status;
        }
        if (found && !rest) {
            config_node_replace(found, value);
        } else if (!found) {
            found = rest ? config_node_new(doc, DSTN_NODE_MAPPING, source, 0) : value;
            config_node_append(at, found, component);
        }
        at = found;
        free(component);
    }
    return DSTN_OK;
}

dstn_status dstn_doc_put(dstn_doc *doc, const char *path, const char *value, const char *origin, dstn_error *err) {
    const config_source *source = config_source_new(doc, origin, "");
    config_problem problem;
    config_node *node = config_read_value(doc, value, source, &problem);
    if (!node) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%s: %s: the value is no YAML (%s); accepted: a text, or YAML in brackets", origin, path,
                         problem.message[0] ? problem.message : "there is nothing in it");
    }
    return place(doc, path, node, source, err);
}

dstn_status dstn_doc_put_text(dstn_doc *doc, const char *path, const char *text, const char *origin, dstn_error *err) {
    const config_source *source = config_source_new(doc, origin, "");
    config_node *node = config_node_new(doc, DSTN_NODE_SCALAR, source, 0);
    node->text = dstn_strdup(text);
    return place(doc, path, node, source, err);
}

dstn_status dstn_doc_set(dstn_doc *doc, const char *assignment, dstn_error *err) {
    const char *equals = strchr(assignment, '=');
    if (!equals) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--set %s: no \"=\"; accepted: KEY=VALUE, such as train.batch=64",
                         assignment);
    }
    char *path = dstn_format("%.*s", (int)(equals - assignment), assignment);
    char *origin = dstn_format("--set %s", assignment);
    dstn_status status = dstn_doc_put(doc, path, equals + 1, origin, err);
    free(path);
    free(origin);
    return status;
}

dstn_status dstn_doc_graft(dstn_doc *doc, const char *path, dstn_node from, dstn_error *err) {
    if (!from.handle) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: %s: nothing there to be put in", dstn_doc_name(doc), path);
    }
    const config_source *source = config_source_find(doc, dstn_doc_name(doc), "");
    return place(doc, path, config_node_copy(doc, config_of(from)), source, err);
}

void dstn_doc_expect_file(dstn_doc *doc, const char *key) {
    doc->file_key = key;
}

dstn_status dstn_doc_inline_file(dstn_doc *doc, dstn_error *err) {
    config_node *node = doc->file_key ? config_node_find(doc->root, doc->file_key) : NULL;
    return names_file(doc, node) ? inline_file(doc, &node, err) : DSTN_OK;
}
