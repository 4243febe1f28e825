/* layer: the linear response layer y = W x + b: a map of images of one place. */
#include "map.h"

static const dstn_option options[] = {
    DSTN_INT("out", map_settings, out, 0, 1e9, "0", "number of outputs; 0: as many as inputs"),
    MAP_OPTIONS,
    DSTN_OPTIONS_END,
};

/* Every input is a channel of its own. */
static dstn_map_shape shape_of(const dstn_layer *layer) {
    const map_settings *settings = layer->settings;
    int64_t in = dstn_shape_count(layer->in);
    return (dstn_map_shape){.in = in,
                            .out = settings->out > 0 ? settings->out : in,
                            .in_height = 1,
                            .in_width = 1,
                            .kernel = 1,
                            .stride = 1,
                            .out_height = 1,
                            .out_width = 1};
}

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    dstn_map_shape shape = shape_of(layer);
    layer->out = (dstn_shape){1, {shape.out}, 0};
    return map_plan(layer, node, &shape, false, err);
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    dstn_map_shape shape = shape_of(layer);
    return map_bind(layer, &shape, arena);
}

const dstn_layer_type layer_linear = {
    .name = "linear",
    .help = "y = W x + b with a response to the hyperparameters",
    .options = options,
    .settings_size = sizeof(map_settings),
    .plan = plan,
    .bind = bind,
    MAP_OPERATIONS,
};
