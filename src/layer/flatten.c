/* layer: an image as features. Values stay where they are, channels-last; the layers above know by the shape. */
#include "layer_private.h"

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    layer->out =
        (dstn_shape){.rank = 1, .dims = {dstn_shape_count(layer->in)}, .channels = dstn_shape_channels(layer->in)};
    return DSTN_OK;
}

const dstn_layer_type layer_flatten = {
    .name = "flatten",
    .help = "an image as a row of features",
    .kind = DSTN_LAYER_SHAPE,
    .example = "[flatten]",
    .example_in = {3, {2, 5, 4}, 0},
    .plan = plan,
};
