/* layer: ReLU. Tangent and adjoint take the pattern of the primal, 0 where x ≤ 0 (Sec. 3.3). */
#include "layer_private.h"

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    layer->out = layer->in;
    return DSTN_OK;
}

/* The content is the pattern, [B, in] bytes. */
static bool bind(dstn_layer *layer, dstn_arena *arena) {
    layer->content = dstn_arena_take(arena, (size_t)layer->max_rows * (size_t)dstn_shape_count(layer->in));
    return layer->content != NULL;
}

static uint8_t *pattern(const dstn_layer *layer, dstn_rows rows) {
    return (uint8_t *)layer->content + rows.first * dstn_shape_count(layer->in);
}

static void forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)pass;
    layer->kernel->relu(layer->kernel, rows.count * dstn_shape_count(layer->in), x, y, pattern(layer, rows));
}

static void mask(const dstn_layer *layer, dstn_rows rows, const void *v, void *out) {
    layer->kernel->mask(layer->kernel, rows.count * dstn_shape_count(layer->in), pattern(layer, rows), v, out);
}

static void tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent,
                         void *y_tangent) {
    (void)pass;
    mask(layer, rows, x_tangent, y_tangent);
}

static void adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx) {
    (void)pass;
    mask(layer, rows, dy, dx);
}

const dstn_layer_type layer_relu = {
    .name = "relu",
    .help = "max(x, 0), elementwise",
    .options = layer_no_options,
    .plan = plan,
    .bind = bind,
    .forward_rows = forward_rows,
    .tangent_rows = tangent_rows,
    .adjoint_rows = adjoint_rows,
};
