/* model: the response folded into the general weights. */
#include "model_private.h"

#include <stdlib.h>

/* Maps that share one weight are folded once, which is right where they share its response too. */
static dstn_status check_shared(const dstn_response_map *map, dstn_error *err) {
    if (map->terms > 0 && dstn_parameter_is_shared(map->weight) != dstn_parameter_is_shared(map->response_weight)) {
        return dstn_fail(
            err, DSTN_ERROR_USAGE,
            "layer %d shares its general weights with another layer, but has a response of its own: weights "
            "at lambda can't be told from those of the response",
            map->layer->index);
    }
    return DSTN_OK;
}

dstn_status dstn_model_fold_response(dstn_model *model, const double *z, dstn_error *err) {
    dstn_response_map *map;
    for (int l = 0; l < model->layer_count; l++) {
        for (int i = 0; (map = dstn_layer_map(model->layers[l], i)) != NULL; i++) {
            if (check_shared(map, err) != DSTN_OK) {
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
