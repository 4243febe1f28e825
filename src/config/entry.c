/* config: entries of lists (layers, augmentations), which are a name with or without options, and the one place where a
 * quantity that names a hyperparameter gets its index. */
#include "dstn/config.h"

#include <stdlib.h>
#include <string.h>

const char *dstn_entry_name(dstn_node entry, dstn_node *options) {
    bool is_mapping = dstn_node_get_kind(entry) == DSTN_NODE_MAPPING && dstn_node_count(entry) == 1;
    *options = is_mapping ? dstn_node_at(entry, 0) : (dstn_node){0};
    return is_mapping ? dstn_node_key_at(entry, 0) : dstn_node_text(entry);
}

/* ---- quantities -------------------------------------------------------------------------------------------------- */

/* The names as an array [count]; free with free(). */
static const char **list_names(dstn_names names, size_t *count) {
    for (*count = 0; names.at && names.at(names.user, *count);) {
        ++*count;
    }
    const char **list = dstn_alloc(*count, sizeof *list);
    for (size_t i = 0; i < *count; i++) {
        list[i] = names.at(names.user, i);
    }
    return list;
}

static dstn_status fail_unknown(dstn_node node, const dstn_option *option, const char *name, dstn_names hypers,
                                dstn_error *err) {
    size_t count;
    const char **names = list_names(hypers, &count);
    char *accepted = dstn_format("a number from %g to %g, or the name of a hyperparameter%s", option->low, option->high,
                                 count ? "" : ", of which there is none");
    char *message = dstn_unknown_name("hyperparameter", name, names, count, accepted);
    dstn_node_fail(node, err, "%s", message);
    free(message);
    free(accepted);
    free(names);
    return err->status;
}

static int64_t find_name(dstn_names names, const char *name) {
    if (names.find) {
        return names.find(names.user, name);
    }
    const char *at;
    for (size_t i = 0; names.at && (at = names.at(names.user, i)); i++) {
        if (strcmp(at, name) == 0) {
            return (int64_t)i;
        }
    }
    return -1;
}

dstn_status dstn_quantities_resolve(dstn_node node, const dstn_option *options, void *settings, dstn_names hypers,
                                    dstn_error *err) {
    for (const dstn_option *option = options; option->key; option++) {
        dstn_quantity *quantity = (dstn_quantity *)(void *)((char *)settings + option->offset);
        if (option->kind != DSTN_OPTION_QUANTITY || !quantity->name) {
            continue;
        }
        quantity->index = (int)find_name(hypers, quantity->name);
        if (quantity->index < 0) {
            return fail_unknown(dstn_node_child(node, option->key), option, quantity->name, hypers, err);
        }
        if (hypers.used) {
            hypers.used[quantity->index] = true;
        }
    }
    return DSTN_OK;
}

/* ---- entries ----------------------------------------------------------------------------------------------------- */

dstn_status dstn_entry_read(dstn_node entry, dstn_node options, const char *name, const dstn_binding *bindings,
                            size_t count, dstn_names hypers, dstn_error *err) {
    dstn_status status = dstn_options_read(options, name, bindings, count, err);
    if (status != DSTN_OK && !options.handle) {
        /* A message about options that are not there has no place of its own. */
        char *message = dstn_strdup(err->message);
        dstn_node_fail(entry, err, "%s", message);
        free(message);
    }
    for (size_t i = 0; i < count && status == DSTN_OK; i++) {
        status = dstn_quantities_resolve(options, bindings[i].options, bindings[i].settings, hypers, err);
    }
    return status;
}
