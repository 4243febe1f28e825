/* Layers that use parameters of earlier ones, by name. The owner is always the earlier layer, so that on the way down
 * it is the last that adds to the gradient, and gradients become final from the end of their range down. */
#include "model_private.h"

#include <stdlib.h>
#include <string.h>

/* The layer of this name before line `end`; NULL: none. */
static dstn_layer *find_named(const dstn_model *model, int end, const char *name) {
    for (int l = 0; l < end; l++) {
        const char *other = model->layers[l]->common.name;
        if (other && strcmp(other, name) == 0) {
            return model->layers[l];
        }
    }
    return NULL;
}

static dstn_status fail_unknown(const dstn_model *model, int end, const char *name, dstn_node node, dstn_error *err) {
    const char **names = dstn_alloc((size_t)end, sizeof *names);
    size_t count = 0;
    for (int l = 0; l < end; l++) {
        if (model->layers[l]->common.name) {
            names[count++] = model->layers[l]->common.name;
        }
    }
    dstn_status status =
        count > 0 ? dstn_node_fail_name(node, "earlier layer named", name, names, count, err)
                  : dstn_node_fail(node, err, "there is no earlier layer named \"%s\": none has a name", name);
    free(names);
    return status;
}

static dstn_status share(const dstn_model *model, dstn_layer *layer, const char *parameter, dstn_node node,
                         dstn_error *err) {
    const char *name = dstn_node_text(node);
    if (!name) {
        return dstn_node_fail(node, err,
                              "is no name; accepted: share: NAME of an earlier layer, or a mapping of parameters to "
                              "such names, {general_weight: NAME}");
    }
    dstn_layer *owner = find_named(model, layer->index, name);
    return owner ? dstn_layer_share(layer, parameter, owner, node, err)
                 : fail_unknown(model, layer->index, name, node, err);
}

dstn_status model_share_parameters(dstn_model *model, dstn_layer *layer, dstn_node entry, dstn_error *err) {
    const dstn_layer_common *common = &layer->common;
    const dstn_layer *same = common->name ? find_named(model, layer->index, common->name) : NULL;
    if (same) {
        return dstn_node_fail(dstn_node_child(dstn_node_at(entry, 0), "name"), err,
                              "layer %d is called \"%s\" already: a name stands for one layer", same->index,
                              common->name);
    }
    if (!common->share.handle) {
        return DSTN_OK;
    }
    if (dstn_node_get_kind(common->share) != DSTN_NODE_MAPPING) {
        return share(model, layer, NULL, common->share, err);
    }
    dstn_status status = DSTN_OK;
    for (size_t i = 0; i < dstn_node_count(common->share) && status == DSTN_OK; i++) {
        status = share(model, layer, dstn_node_key_at(common->share, i), dstn_node_at(common->share, i), err);
    }
    return status;
}
