/* layer: reads the options of a layer or regularizer, and messages about names. */
#include "layer_private.h"

#include <stdlib.h>
#include <string.h>

static dstn_status resolve(dstn_node node, const dstn_option *option, dstn_quantity *quantity,
                           const dstn_layer_setting *setting, dstn_error *err) {
    if (!quantity->name) {
        return DSTN_OK;
    }
    quantity->index = setting->hyper_index ? setting->hyper_index(setting->user, quantity->name) : -1;
    if (quantity->index < 0) {
        return dstn_node_fail(dstn_node_child(node, option->key), err,
                              "there is no hyperparameter \"%s\"; accepted: a number from %g to %g, or the name of a "
                              "hyperparameter",
                              quantity->name, option->low, option->high);
    }
    return DSTN_OK;
}

dstn_status layer_read_settings(dstn_node node, dstn_node place, const char *name, const dstn_option *options,
                                void *settings, const dstn_layer_setting *setting, dstn_error *err) {
    dstn_binding binding = {options, settings};
    dstn_status status = dstn_options_read(node, name, &binding, 1, err);
    if (status != DSTN_OK && !node.handle) {
        /* A message about options that are not there has no place of its own. */
        char *message = dstn_strdup(err->message);
        dstn_node_fail(place, err, "%s", message);
        free(message);
    }
    for (const dstn_option *option = options; status == DSTN_OK && option->key; option++) {
        if (option->kind == DSTN_OPTION_QUANTITY) {
            status = resolve(node, option, (dstn_quantity *)((char *)settings + option->offset), setting, err);
        }
    }
    return status;
}

dstn_status layer_fail_unknown(dstn_node node, const char *what, const char *name, const char *const *names,
                               size_t count, dstn_error *err) {
    char accepted[512] = "";
    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(accepted);
        snprintf(accepted + used, sizeof accepted - used, "%s%s", i ? ", " : "", names[i]);
    }
    const char *nearest = dstn_nearest_name(name, names, count);
    if (nearest) {
        return dstn_node_fail(node, err, "there is no %s \"%.60s\"; did you mean \"%s\"? accepted: %s", what, name,
                              nearest, accepted);
    }
    return dstn_node_fail(node, err, "there is no %s \"%.60s\"; accepted: %s", what, name, accepted);
}
