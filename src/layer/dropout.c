/* layer: inverted dropout at a rate of each example's own, of single units or of whole channels. The mask, drawn in the
 * forward pass, is used by tangent and adjoint as well (Sec. 3.3); in evaluation the layer is the identity. */
#include "layer_private.h"

typedef enum dropout_per { PER_UNIT, PER_CHANNEL } dropout_per;

typedef struct dropout_settings {
    dstn_quantity rate;
    int per; /* dropout_per */
} dropout_settings;

typedef struct dropout_content {
    int64_t plane, cols; /* an example is [plane, cols], of which one mask [cols] covers all places */
    uint8_t *kept;       /* [B, cols] */
} dropout_content;

static const dstn_option options[] = {
    DSTN_QUANTITY("rate", dropout_settings, rate, 0, 0.999, DSTN_REQUIRED,
                  "probability that a value is set to 0: a number, or the name of a hyperparameter"),
    DSTN_CHOICE("per", dropout_settings, per, "unit|channel", "unit",
                "what is dropped as a whole: every unit by itself, or the channels of an image"),
    DSTN_OPTIONS_END,
};

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const dropout_settings *settings = layer->settings;
    layer->out = layer->in;
    return settings->per == PER_CHANNEL ? layer_require_image(layer, node, err) : DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    const dropout_settings *settings = layer->settings;
    dropout_content *content = dstn_arena_take(arena, sizeof *content);
    if (!content) {
        return false;
    }
    layer->content = content;
    content->cols = settings->per == PER_CHANNEL ? layer->in.dims[0] : dstn_shape_count(layer->in);
    content->plane = dstn_shape_count(layer->in) / content->cols;
    content->kept = dstn_arena_take(arena, (size_t)layer->max_rows * (size_t)content->cols);
    return content->kept != NULL;
}

/* Rates of some rows, a step of *stride apart. */
static const double *rates_of(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, int64_t *stride) {
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    *stride = rate->index < 0 ? 0 : layer->hypers;
    return rate->index < 0 ? &rate->number : pass->values + rows.first * layer->hypers + rate->index;
}

static bool is_active(const dstn_layer *layer, const dstn_pass *pass) {
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    return pass->training && (rate->index >= 0 || rate->number > 0);
}

/* out = mask ⊙ v, which is all that forward, tangent and adjoint do. */
static void apply(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *v, void *out) {
    const dropout_content *content = layer->content;
    if (!is_active(layer, pass)) {
        layer->kernel->copy(layer->kernel, rows.count * content->plane * content->cols, v, out);
        return;
    }
    int64_t stride;
    const double *rates = rates_of(layer, pass, rows, &stride);
    layer->kernel->dropout_apply(layer->kernel, rows.count, content->plane, content->cols,
                                 content->kept + rows.first * content->cols, rates, stride, v, out);
}

static void forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    const dropout_content *content = layer->content;
    if (is_active(layer, pass)) {
        int64_t stride;
        const double *rates = rates_of(layer, pass, rows, &stride);
        layer->kernel->dropout_mask(layer->kernel, pass->masks, pass->step, pass->first_row + rows.first,
                                    (uint64_t)layer->index << 32, rows.count, content->cols, rates, stride,
                                    content->kept + rows.first * content->cols);
    }
    apply(layer, pass, rows, x, y);
}

static void tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent,
                         void *y_tangent) {
    apply(layer, pass, rows, x_tangent, y_tangent);
}

static void adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx) {
    apply(layer, pass, rows, dy, dx);
}

const dstn_layer_type layer_dropout = {
    .name = "dropout",
    .help = "sets values to 0 at random and scales the others up, in training only",
    .options = options,
    .settings_size = sizeof(dropout_settings),
    .plan = plan,
    .bind = bind,
    .forward_rows = forward_rows,
    .tangent_rows = tangent_rows,
    .adjoint_rows = adjoint_rows,
};
