/* layer: ReLU. Tangent and adjoint take the pattern of the primal, 0 where x ≤ 0 (Sec. 3.3). */
#include "layer_private.h"

typedef struct relu_content {
    uint8_t *positive; /* [BT, in]: the pattern */
} relu_content;

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    relu_content *content = layer->content;
    content->positive = dstn_arena_take(arena, (size_t)layer->max_rows * (size_t)dstn_shape_count(layer->in));
    return content->positive != NULL;
}

static uint8_t *pattern(const dstn_layer *layer, dstn_rows rows) {
    return ((const relu_content *)layer->content)->positive + rows.first * dstn_shape_count(layer->in);
}

static void forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    layer->kernel->relu(layer->kernel, rows.count * dstn_shape_count(layer->in), in, out, pattern(layer, rows));
}

static void mask(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    layer->kernel->mask(layer->kernel, rows.count * dstn_shape_count(layer->in), pattern(layer, rows), in, out);
}

const dstn_layer_type layer_relu = {
    .name = "relu",
    .help = "max(x, 0), elementwise",
    .content_size = sizeof(relu_content),
    .kind = DSTN_LAYER_ROWS,
    .example = "[relu]",
    .bind = bind,
    .rows = {.forward = forward, .tangent = mask, .adjoint = mask},
};
