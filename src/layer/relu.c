/* layer: ReLU. Tangent and adjoint take the pattern of the primal, 0 where x ≤ 0 (Sec. 3.3). */
#include "layer_private.h"

static const dstn_option options[] = {{NULL, 0, 0, 0, 0, NULL, NULL, NULL, false}};

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    layer->out = layer->in;
    return DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    layer->content = dstn_arena_take(arena, 0);
    return layer->content != NULL;
}

static void initialize(dstn_layer *layer, dstn_rng rng) {
    (void)layer, (void)rng;
}

static void forward(dstn_layer *layer, const dstn_pass *pass, const void *x, void *y) {
    layer->x = x;
    layer->kernel->relu(pass->rows * dstn_shape_count(layer->in), x, y);
}

/* out [B, in] ← v [B, in] where the last input was positive. */
static void mask(const dstn_layer *layer, const dstn_pass *pass, const void *v, void *out) {
    layer->kernel->relu_mask(pass->rows * dstn_shape_count(layer->in), layer->x, v, out);
}

static void adjoint(dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx) {
    if (dx) {
        mask(layer, pass, dy, dx);
    }
}

static void tangent(dstn_layer *layer, const dstn_pass *pass, const void *x_tangent, void *y_tangent) {
    layer->x_tangent = x_tangent;
    if (x_tangent) {
        mask(layer, pass, x_tangent, y_tangent);
    } else {
        layer->kernel->fill(pass->rows * dstn_shape_count(layer->out), 0, y_tangent);
    }
}

static double product_flops(const dstn_layer *layer) {
    (void)layer;
    return 0;
}

const dstn_layer_type layer_relu = {
    .name = "relu",
    .help = "max(x, 0), elementwise",
    .options = options,
    .settings_size = 0,
    .plan = plan,
    .bind = bind,
    .initialize = initialize,
    .forward = forward,
    .adjoint = adjoint,
    .tangent = tangent,
    .tangent_adjoint = adjoint,
    .product_flops = product_flops,
};
