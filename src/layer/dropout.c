/* layer: inverted dropout at a rate of each example's own. The mask, drawn in the forward pass, is used by tangent and
 * adjoint as well (Sec. 3.3); in evaluation the layer is the identity. */
#include "layer_private.h"

typedef struct dropout_settings {
    dstn_quantity rate;
    int per;
} dropout_settings;

typedef struct dropout_content {
    void *mask;     /* [B, in] */
    bool is_active; /* in the last forward pass; otherwise the identity */
} dropout_content;

static const dstn_option options[] = {
    {"rate", DSTN_OPTION_QUANTITY, offsetof(dropout_settings, rate), 0, 0.999, NULL, NULL,
     "probability that a value is set to 0: a number, or the name of a hyperparameter", false},
    {"per", DSTN_OPTION_CHOICE, offsetof(dropout_settings, per), 0, 0, "unit", "unit",
     "what is dropped as a whole: every unit by itself", false},
    {NULL, 0, 0, 0, 0, NULL, NULL, NULL, false}};

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    layer->out = layer->in;
    return DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    dropout_content *content = dstn_arena_take(arena, sizeof *content);
    if (!content) {
        return false;
    }
    layer->content = content;
    size_t count = (size_t)layer->max_rows * (size_t)dstn_shape_count(layer->in);
    content->mask = dstn_arena_take(arena, count * layer->kernel->size);
    return content->mask != NULL;
}

static void initialize(dstn_layer *layer, dstn_rng rng) {
    (void)layer, (void)rng;
}

static void draw_mask(const dstn_layer *layer, const dstn_pass *pass, void *mask) {
    const dropout_settings *settings = layer->settings;
    bool is_number = settings->rate.index < 0;
    const double *rates = is_number ? &settings->rate.number : pass->values + settings->rate.index;
    layer->kernel->dropout_mask(pass->masks, pass->step, pass->first_row, (uint64_t)layer->index << 32, pass->rows,
                                dstn_shape_count(layer->in), rates, is_number ? 0 : layer->hypers, mask);
}

/* out [B, in] = mask ⊙ v, which is all that forward, tangent and adjoint do. */
static void apply(const dstn_layer *layer, const dstn_pass *pass, const void *v, void *out) {
    const dropout_content *content = layer->content;
    int64_t count = pass->rows * dstn_shape_count(layer->in);
    if (content->is_active) {
        layer->kernel->multiply(count, content->mask, v, out);
    } else {
        layer->kernel->copy(count, v, out);
    }
}

static void forward(dstn_layer *layer, const dstn_pass *pass, const void *x, void *y) {
    const dropout_settings *settings = layer->settings;
    dropout_content *content = layer->content;
    layer->x = x;
    content->is_active = pass->training && (settings->rate.index >= 0 || settings->rate.number > 0);
    if (content->is_active) {
        draw_mask(layer, pass, content->mask);
    }
    apply(layer, pass, x, y);
}

static void adjoint(dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx) {
    if (dx) {
        apply(layer, pass, dy, dx);
    }
}

static void tangent(dstn_layer *layer, const dstn_pass *pass, const void *x_tangent, void *y_tangent) {
    layer->x_tangent = x_tangent;
    if (x_tangent) {
        apply(layer, pass, x_tangent, y_tangent);
    } else {
        layer->kernel->fill(pass->rows * dstn_shape_count(layer->out), 0, y_tangent);
    }
}

static double product_flops(const dstn_layer *layer) {
    (void)layer;
    return 0;
}

const dstn_layer_type layer_dropout = {
    .name = "dropout",
    .help = "sets values to 0 at random and scales the others up, in training only",
    .options = options,
    .settings_size = sizeof(dropout_settings),
    .plan = plan,
    .bind = bind,
    .initialize = initialize,
    .forward = forward,
    .adjoint = adjoint,
    .tangent = tangent,
    .tangent_adjoint = adjoint,
    .product_flops = product_flops,
};
