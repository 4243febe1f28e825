/* layer: where a residual connection leaves the chain: the identity, whose value and tangent `residual_end` adds above,
 * and to which that layer hands down its adjoint. */
#include "residual.h"

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    layer->out = layer->in;
    return DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    residual_content *content = dstn_arena_take(arena, sizeof *content);
    size_t bytes = (size_t)layer->max_rows * (size_t)dstn_shape_count(layer->in) * layer->kernel->size;
    if (!content) {
        return false;
    }
    layer->content = content;
    content->value = dstn_arena_take(arena, bytes);
    content->tangent = dstn_arena_take(arena, bytes);
    content->adjoint = dstn_arena_take(arena, bytes);
    return content->value && content->tangent && content->adjoint;
}

static void forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)pass;
    const residual_content *content = layer->content;
    int64_t count = rows.count * dstn_shape_count(layer->in);
    layer->kernel->copy(layer->kernel, count, x, residual_rows(layer, content->value, rows));
    layer->kernel->copy(layer->kernel, count, x, y);
}

static void tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent,
                         void *y_tangent) {
    (void)pass;
    const residual_content *content = layer->content;
    int64_t count = rows.count * dstn_shape_count(layer->in);
    layer->kernel->copy(layer->kernel, count, x_tangent, residual_rows(layer, content->tangent, rows));
    layer->kernel->copy(layer->kernel, count, x_tangent, y_tangent);
}

static void adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx) {
    (void)pass;
    const residual_content *content = layer->content;
    int64_t count = rows.count * dstn_shape_count(layer->in);
    layer->kernel->copy(layer->kernel, count, dy, dx);
    layer->kernel->axpy(layer->kernel, count, 1, residual_rows(layer, content->adjoint, rows), dx);
}

const dstn_layer_type layer_residual_begin = {
    .name = "residual_begin",
    .help = "keeps its input for residual_end",
    .options = layer_no_options,
    .plan = plan,
    .bind = bind,
    .forward_rows = forward_rows,
    .tangent_rows = tangent_rows,
    .adjoint_rows = adjoint_rows,
};
