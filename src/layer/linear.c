/* layer: the linear response layer y = W x + b: a response map of one place. */
#include "response_map.h"

static const dstn_option options[] = {
    DSTN_INT("out", dstn_map_settings, out, 0, 1e9, "0", "number of outputs; 0: as many as inputs"), MAP_OPTIONS,
    DSTN_OPTIONS_END};

/* Every input is a channel of its own. */
static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const dstn_map_settings *settings = layer->settings;
    int64_t in = dstn_shape_count(layer->in), out = settings->out > 0 ? settings->out : in;
    layer->out = (dstn_shape){.rank = 1, .dims = {out}};
    const dstn_map_request request = {.shape = dstn_map_shape_of_matrix(in, out),
                                      .channels = dstn_shape_channels(layer->in),
                                      .bias = settings->bias,
                                      .responds = true,
                                      .init = settings->init,
                                      .is_whole_layer = true,
                                      .weight_dropout = &settings->weight_dropout};
    return dstn_response_map_plan(layer->content, layer, &request, node, err);
}

const dstn_layer_type layer_linear = {
    .name = "linear",
    .help = "y = W x + b with a response to the hyperparameters",
    .options = options,
    .settings_size = sizeof(dstn_map_settings),
    .content_size = sizeof(dstn_response_map),
    .kind = DSTN_LAYER_BATCH,
    .example = "[linear: {out: 3}]",
    .plan = plan,
    .batch = MAP_LAYER_OPERATIONS,
};
