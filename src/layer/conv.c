/* layer: the convolutional response layer; U and V have a row for every output channel (App. E). */
#include "response_map.h"

typedef struct conv_settings {
    dstn_map_settings map; /* first */
    int64_t kernel, stride, padding;
} conv_settings;

static const dstn_option options[] = {
    DSTN_INT("out", dstn_map_settings, out, 1, 1e6, DSTN_REQUIRED, "number of output channels"),
    DSTN_INT("kernel", conv_settings, kernel, 1, 1e4, DSTN_REQUIRED, "side of the square kernel"),
    DSTN_INT("stride", conv_settings, stride, 1, 1e4, "1", "step from place to place"),
    DSTN_INT("padding", conv_settings, padding, 0, 1e4, "0", "zeros around the image"),
    MAP_OPTIONS,
    DSTN_OPTIONS_END,
};

static int64_t outputs_along(const conv_settings *conv, int64_t length) {
    return (length + 2 * conv->padding - conv->kernel) / conv->stride + 1;
}

static dstn_map_shape shape_of(const dstn_layer *layer) {
    const conv_settings *conv = layer->settings;
    const int64_t *dims = layer->in.dims;
    dstn_map_shape shape = {.in = dims[0],
                            .out = conv->map.out,
                            .in_height = dims[1],
                            .in_width = dims[2],
                            .kernel = conv->kernel,
                            .stride = conv->stride,
                            .padding = conv->padding,
                            .out_height = outputs_along(conv, dims[1]),
                            .out_width = outputs_along(conv, dims[2])};
    shape.is_winograd = dstn_convolution_is_winograd(layer->convolution, &shape);
    return shape;
}

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const conv_settings *conv = layer->settings;
    dstn_status status = layer_require_image(layer, node, err);
    if (status != DSTN_OK) {
        return status;
    }
    int64_t smaller = layer->in.dims[1] < layer->in.dims[2] ? layer->in.dims[1] : layer->in.dims[2];
    if (conv->kernel > smaller + 2 * conv->padding) {
        return dstn_node_fail(node, err, "kernel %lld is larger than the padded image of %lld x %lld",
                              (long long)conv->kernel, (long long)(layer->in.dims[1] + 2 * conv->padding),
                              (long long)(layer->in.dims[2] + 2 * conv->padding));
    }
    if (layer->response == DSTN_RESPONSE_FULL && layer->hypers > 0) {
        return dstn_node_fail(node, err,
                              "convolutions have the structured response only; accepted: response: structured");
    }
    const dstn_map_request request = {.shape = shape_of(layer),
                                      .is_image = true,
                                      .bias = conv->map.bias,
                                      .responds = true,
                                      .init = conv->map.init,
                                      .is_whole_layer = true,
                                      .weight_dropout = &conv->map.weight_dropout};
    layer->out =
        (dstn_shape){.rank = 3, .dims = {request.shape.out, request.shape.out_height, request.shape.out_width}};
    return dstn_response_map_plan(layer->content, layer, &request, node, err);
}

const dstn_layer_type layer_conv = {
    .name = "conv",
    .help = "a two-dimensional convolution with a response to the hyperparameters",
    .options = options,
    .settings_size = sizeof(conv_settings),
    .content_size = sizeof(dstn_response_map),
    .kind = DSTN_LAYER_BATCH,
    .example = "[conv: {out: 3, kernel: 3, stride: 2, padding: 1}]",
    .example_in = {3, {2, 5, 4}, 0},
    .plan = plan,
    .batch = MAP_LAYER_OPERATIONS,
};
