/* What the two ends of a residual connection share. */
#ifndef DSTN_LAYER_RESIDUAL_H
#define DSTN_LAYER_RESIDUAL_H

#include "layer_private.h"

/* Of `residual_begin`, each [B, in]. */
typedef struct residual_content {
    void *value, *tangent; /* of its input, for the other end */
    void *adjoint;         /* from the other end */
} residual_content;

static inline void *residual_rows(const dstn_layer *layer, void *array, dstn_rows rows) {
    return layer_element(layer->kernel, array, rows.first * dstn_shape_count(layer->in));
}

#endif
