/* layer: inverted dropout at a rate of each example's own, of single units or of whole channels. The mask, drawn in the
 * forward pass, is used by tangent and adjoint as well (Sec. 3.3); in evaluation the layer is the identity. */
#include "layer_private.h"

#include <stdlib.h>

typedef enum dropout_per { PER_UNIT, PER_CHANNEL } dropout_per;

typedef struct dropout_settings {
    dstn_quantity rate;
    int per; /* dropout_per */
} dropout_settings;

typedef struct dropout_content {
    int64_t plane, cols; /* an example is [plane, cols], of which one mask [cols] covers all places */
    uint8_t *kept;       /* [BT, cols] */
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
    return settings->per == PER_CHANNEL ? layer_require_image(layer, node, err) : DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    const dropout_settings *settings = layer->settings;
    dropout_content *content = layer->content;
    content->cols = settings->per == PER_CHANNEL ? layer->in.dims[0] : dstn_shape_count(layer->in);
    content->plane = dstn_shape_count(layer->in) / content->cols;
    content->kept = dstn_arena_take(arena, (size_t)layer->max_rows * (size_t)content->cols);
    return content->kept != NULL;
}

static bool is_active(const dstn_layer *layer, const dstn_pass *pass) {
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    return pass->training && (rate->index >= 0 || rate->number > 0);
}

/* Rows that the kernel takes with a rate for each, a step of `stride` apart. */
typedef struct dropout_rows {
    int64_t first, count;
    const double *rates;
    int64_t stride;
    uint8_t *kept;
} dropout_rows;

/* The rates are those of the examples; all time steps of an example have one. */
static dropout_rows rows_of(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, int64_t done) {
    const dropout_content *content = layer->content;
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    int64_t steps = dstn_pass_steps(pass), first = rows.first + done;
    bool is_number = rate->index < 0;
    return (dropout_rows){
        .first = first,
        .count = is_number || steps == 1 ? rows.count - done : steps,
        .rates = is_number ? &rate->number : pass->values + first / steps * layer->hypers + rate->index,
        .stride = is_number || steps > 1 ? 0 : layer->hypers,
        .kept = content->kept + first * content->cols,
    };
}

/* out = factor ⊙ in, which is all that forward, tangent and adjoint do. */
static void apply(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    const dropout_content *content = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    int64_t width = content->plane * content->cols;
    if (!is_active(layer, pass)) {
        kernel->copy(kernel, rows.count * width, in, out);
        return;
    }
    for (int64_t done = 0; done < rows.count;) {
        dropout_rows part = rows_of(layer, pass, rows, done);
        kernel->dropout_apply(kernel, part.count, content->plane, content->cols, part.kept, part.rates, part.stride,
                              layer_element(kernel, in, done * width), layer_element(kernel, out, done * width));
        done += part.count;
    }
}

/* Masks by global data row; where rows share them, up to where they begin again. */
static void draw(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows) {
    const dropout_content *content = layer->content;
    int64_t steps = dstn_pass_steps(pass), period = pass->drawn_rows * steps;
    for (int64_t done = 0; done < rows.count;) {
        dropout_rows part = rows_of(layer, pass, rows, done);
        int64_t row = pass->first_row * steps + part.first;
        if (period > 0) {
            row %= period;
            part.count = part.count < period - row ? part.count : period - row;
        }
        layer->kernel->dropout_mask(layer->kernel, pass->masks, pass->step, row, (uint64_t)layer->index << 32,
                                    part.count, content->cols, part.rates, part.stride, part.kept);
        done += part.count;
    }
}

static void forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    if (is_active(layer, pass)) {
        draw(layer, pass, rows);
    }
    apply(layer, pass, rows, in, out);
}

/* What a row of ones becomes. */
static bool factor(const dstn_layer *layer, const dstn_pass *pass, int64_t row, double *out) {
    if (!out) {
        return true;
    }
    const dstn_kernel *kernel = layer->kernel;
    int64_t count = dstn_shape_count(layer->in), example = row / dstn_pass_steps(pass);
    const dropout_content *content = layer->content;
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    double held = dstn_pass_quantity(pass, layer->hypers, rate, example);
    void *ones = dstn_alloc((size_t)count, kernel->size);
    kernel->fill(kernel, count, 1, ones);
    if (is_active(layer, pass)) {
        kernel->dropout_apply(kernel, 1, content->plane, content->cols, content->kept + row * content->cols, &held, 0,
                              ones, ones);
    }
    for (int64_t i = 0; i < count; i++) {
        kernel->to_double(kernel, 1, layer_element(kernel, ones, dstn_shape_stored_at(layer->in, i)), &out[i]);
    }
    free(ones);
    return true;
}

const dstn_layer_type layer_dropout = {
    .name = "dropout",
    .help = "sets values to 0 at random and scales the others up, in training only",
    .options = options,
    .settings_size = sizeof(dropout_settings),
    .content_size = sizeof(dropout_content),
    .kind = DSTN_LAYER_ROWS,
    .example = "[dropout: {rate: a}]",
    .plan = plan,
    .bind = bind,
    .factor = factor,
    .rows = {.forward = forward, .tangent = apply, .adjoint = apply},
};
