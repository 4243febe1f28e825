/* layer: the mean of each channel over the whole image; linear, so that its tangent is itself. */
#include "layer_private.h"

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    dstn_status status = layer_require_image(layer, node, err);
    layer->out = (dstn_shape){.rank = 3, .dims = {layer->in.dims[0], 1, 1}};
    return status;
}

static int64_t plane_of(const dstn_layer *layer) {
    return layer->in.dims[1] * layer->in.dims[2];
}

static void mean(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    int64_t plane = plane_of(layer);
    layer->kernel->plane_sum(layer->kernel, rows.count, plane, layer->in.dims[0], 1 / (double)plane, in, out);
}

static void adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    int64_t plane = plane_of(layer);
    layer->kernel->plane_spread(layer->kernel, rows.count, plane, layer->in.dims[0], 1 / (double)plane, in, out);
}

const dstn_layer_type layer_avgpool = {
    .name = "avgpool",
    .help = "the mean of each channel over the whole image",
    .kind = DSTN_LAYER_ROWS,
    .example = "[avgpool]",
    .example_in = {3, {2, 5, 4}, 0},
    .plan = plan,
    .rows = {.forward = mean, .tangent = mean, .adjoint = adjoint},
};
