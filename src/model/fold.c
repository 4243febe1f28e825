/* model: the response folded into the general weights. */
#include "model_private.h"

#include <stdlib.h>

/* The map that owns the weight that this one shares. */
static const dstn_response_map *owner_of(const dstn_model *model, const dstn_response_map *map) {
    const dstn_response_map *other;
    for (int l = 0; l < model->layer_count; l++) {
        for (int i = 0; (other = dstn_layer_map(model->layers[l], i)) != NULL; i++) {
            if (other->weight == map->weight->owner) {
                return other;
            }
        }
    }
    return map;
}

static bool same_memory(const dstn_parameter *a, const dstn_parameter *b) {
    return a && b ? a->owner == b->owner : a == b;
}

/* Maps that share one weight are folded once, which is right where they share its response too: a tied decoder without
 * a response wants the general weights as they are. */
static dstn_status check_shared(const dstn_model *model, const dstn_response_map *map, dstn_error *err) {
    const dstn_response_map *owner = owner_of(model, map);
    if (!same_memory(map->response_weight, owner->response_weight) || !same_memory(map->hyper, owner->hyper)) {
        return dstn_fail(
            err, DSTN_ERROR_USAGE,
            "layer %d shares its general weights with another layer, but not its response: weights at lambda can't be "
            "told from those of the response",
            map->layer->index);
    }
    return DSTN_OK;
}

dstn_status dstn_model_fold_response(dstn_model *model, const double *z, dstn_error *err) {
    dstn_response_map *map;
    for (int l = 0; l < model->layer_count; l++) {
        for (int i = 0; (map = dstn_layer_map(model->layers[l], i)) != NULL; i++) {
            if (check_shared(model, map, err) != DSTN_OK) {
                return err->status;
            }
        }
    }
    void *own = dstn_alloc((size_t)model->hypers + 1, model->kernel->size);
    model->kernel->from_double(model->kernel, model->hypers, z, own);
    for (int l = 0; l < model->layer_count; l++) {
        for (int i = 0; (map = dstn_layer_map(model->layers[l], i)) != NULL; i++) {
            if (!dstn_parameter_is_shared(map->weight)) {
                dstn_response_map_fold(map, own);
            }
        }
    }
    free(own);
    return DSTN_OK;
}
