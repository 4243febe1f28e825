/* layer: where a residual connection comes back: adds the value (and the tangent) that the last `residual_begin` below
 * which is still open keeps. */
#include "residual.h"

/* The layer at the other end: the content is a pointer to it once bound. */
static dstn_layer *find_begin(const dstn_layer *layer) {
    int open = 1;
    dstn_layer *at = layer->below;
    while (at) {
        open += at->type == &layer_residual_end;
        open -= at->type == &layer_residual_begin;
        if (open == 0) {
            return at;
        }
        at = at->below;
    }
    return NULL;
}

/* With one channel, or one place, channels-last is the canonical order. */
static bool same_order(dstn_shape a, dstn_shape b) {
    int64_t count = dstn_shape_count(a), of_a = dstn_shape_channels(a), of_b = dstn_shape_channels(b);
    bool plain_a = of_a == 1 || of_a == count, plain_b = of_b == 1 || of_b == count;
    return of_a == of_b || (plain_a && plain_b);
}

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const dstn_layer *begin = find_begin(layer);
    layer->out = layer->in;
    if (!begin) {
        return dstn_node_fail(node, err, "there is no residual_begin below that is still open");
    }
    for (int i = 0; i < 3; i++) {
        if (begin->out.rank != layer->in.rank || begin->out.dims[i] != layer->in.dims[i]) {
            return dstn_node_fail(node, err,
                                  "the shape here is not that at residual_begin (layer %d), where an example has %lld "
                                  "values and here %lld",
                                  begin->index, (long long)dstn_shape_count(begin->out),
                                  (long long)dstn_shape_count(layer->in));
        }
    }
    if (!same_order(begin->out, layer->in)) {
        return dstn_node_fail(node, err,
                              "features here are not in the order of the flattened image at residual_begin (layer %d)",
                              begin->index);
    }
    return DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    (void)arena;
    layer->content = find_begin(layer)->content;
    return layer->content != NULL;
}

static void add(const dstn_layer *layer, dstn_rows rows, const void *x, void *kept, void *y) {
    int64_t count = rows.count * dstn_shape_count(layer->in);
    layer->kernel->copy(layer->kernel, count, x, y);
    layer->kernel->axpy(layer->kernel, count, 1, residual_rows(layer, kept, rows), y);
}

static void forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)pass;
    const residual_content *content = layer->content;
    add(layer, rows, x, content->value, y);
}

static void tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent,
                         void *y_tangent) {
    (void)pass;
    const residual_content *content = layer->content;
    add(layer, rows, x_tangent, content->tangent, y_tangent);
}

static void adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx) {
    (void)pass;
    const residual_content *content = layer->content;
    int64_t count = rows.count * dstn_shape_count(layer->in);
    layer->kernel->copy(layer->kernel, count, dy, residual_rows(layer, content->adjoint, rows));
    layer->kernel->copy(layer->kernel, count, dy, dx);
}

const dstn_layer_type layer_residual_end = {
    .name = "residual_end",
    .help = "adds what residual_begin kept",
    .options = layer_no_options,
    .plan = plan,
    .bind = bind,
    .forward_rows = forward_rows,
    .tangent_rows = tangent_rows,
    .adjoint_rows = adjoint_rows,
};
