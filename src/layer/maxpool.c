/* layer: the largest value of each channel in squares that don't overlap. Tangent and adjoint take the primal's places
 * (Sec. 3.3). */
#include "layer_private.h"

typedef struct maxpool_settings {
    int64_t size;
} maxpool_settings;

typedef struct maxpool_content {
    uint8_t *places; /* [BT, out]: where in its square each output comes from */
} maxpool_content;

/* A place in a square is a byte. */
enum { MOST_SIZE = 15 };

static const dstn_option options[] = {
    DSTN_INT("size", maxpool_settings, size, 1, MOST_SIZE, "2", "side of the squares, and the step between them"),
    DSTN_OPTIONS_END,
};

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const maxpool_settings *settings = layer->settings;
    dstn_status status = layer_require_image(layer, node, err);
    if (status != DSTN_OK) {
        return status;
    }
    const int64_t *dims = layer->in.dims;
    layer->out = (dstn_shape){.rank = 3, .dims = {dims[0], dims[1] / settings->size, dims[2] / settings->size}};
    if (dstn_shape_count(layer->out) == 0) {
        return dstn_node_fail(node, err, "squares of %lld x %lld don't fit an image of %lld x %lld",
                              (long long)settings->size, (long long)settings->size, (long long)dims[1],
                              (long long)dims[2]);
    }
    return DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    maxpool_content *content = layer->content;
    content->places = dstn_arena_take(arena, (size_t)layer->max_rows * (size_t)dstn_shape_count(layer->out));
    return content->places != NULL;
}

static uint8_t *places(const dstn_layer *layer, dstn_rows rows) {
    return ((const maxpool_content *)layer->content)->places + rows.first * dstn_shape_count(layer->out);
}

static int64_t size_of(const dstn_layer *layer) {
    return ((const maxpool_settings *)layer->settings)->size;
}

static void forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    const int64_t *dims = layer->in.dims;
    layer->kernel->pool_max(layer->kernel, rows.count, dims[1], dims[2], dims[0], size_of(layer), in, out,
                            places(layer, rows));
}

static void tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    const int64_t *dims = layer->in.dims;
    layer->kernel->pool_pick(layer->kernel, rows.count, dims[1], dims[2], dims[0], size_of(layer), places(layer, rows),
                             in, out);
}

static void adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    const int64_t *dims = layer->in.dims;
    layer->kernel->pool_spread(layer->kernel, rows.count, dims[1], dims[2], dims[0], size_of(layer),
                               places(layer, rows), in, out);
}

const dstn_layer_type layer_maxpool = {
    .name = "maxpool",
    .help = "the largest value of each channel in squares of an image",
    .options = options,
    .settings_size = sizeof(maxpool_settings),
    .content_size = sizeof(maxpool_content),
    .kind = DSTN_LAYER_ROWS,
    .example = "[maxpool]",
    .example_in = {3, {2, 5, 4}, 0},
    .plan = plan,
    .bind = bind,
    .rows = {.forward = forward, .tangent = tangent, .adjoint = adjoint},
};
