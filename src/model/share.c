/* Layers that use parameters of earlier ones, by name. The owner is always the earlier layer, so that on the way down
 * it is the last that adds to the gradient, and gradients become final from the end of their range down. */
#include "model_private.h"

static dstn_status share(const dstn_model *model, dstn_layer *layer, const char *parameter, dstn_node node,
                         dstn_error *err) {
    const char *name = dstn_node_text(node);
    if (!name) {
        return dstn_node_fail(node, err,
                              "is no name; accepted: share: NAME of an earlier layer, or a mapping of parameters to "
                              "such names, {general_weight: NAME}");
    }
    dstn_layer *owner = dstn_layer_named(model->layers, layer->index, name);
    return owner ? dstn_layer_share(layer, parameter, owner, node, err)
                 : dstn_layer_fail_name(model->layers, layer->index, "earlier layer named", name, node, err);
}

dstn_status model_share_parameters(dstn_model *model, dstn_layer *layer, dstn_node entry, dstn_error *err) {
    const dstn_layer_common *common = &layer->common;
    const dstn_layer *same = common->name ? dstn_layer_named(model->layers, layer->index, common->name) : NULL;
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
