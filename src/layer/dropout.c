/* layer: inverted dropout at a rate of each example's own, of single units or of whole channels, and in all time steps
 * of an example alike unless each is to have its own mask. The mask, drawn in the forward pass, is used by tangent and
 * adjoint as well (Sec. 3.3); in evaluation the layer is the identity. */
#include "layer_private.h"

#include <stdlib.h>

typedef enum dropout_per { PER_UNIT, PER_CHANNEL } dropout_per;

typedef struct dropout_settings {
    dstn_quantity rate;
    int per; /* dropout_per */
    bool each_step;
} dropout_settings;

typedef struct dropout_content {
    int64_t plane, cols; /* a data row is [plane, cols], of which one mask [cols] covers all places */
    uint8_t *kept;       /* [masks, cols]: B of them, or BT where each step has one */
} dropout_content;

static const dstn_option options[] = {
    DSTN_QUANTITY("rate", dropout_settings, rate, 0, 0.999, DSTN_REQUIRED,
                  "probability that a value is set to 0: a number, or the name of a hyperparameter"),
    DSTN_CHOICE("per", dropout_settings, per, "unit|channel", "unit",
                "what is dropped as a whole: every unit by itself, or the channels of an image"),
    DSTN_BOOL("each_step", dropout_settings, each_step, "false",
              "whether every time step has a mask of its own; false: one mask for all steps of an example"),
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
    int64_t masks = settings->each_step ? layer->max_rows : layer->max_examples;
    content->kept = dstn_arena_take(arena, (size_t)masks * (size_t)content->cols);
    return content->kept != NULL;
}

static bool is_active(const dstn_layer *layer, const dstn_pass *pass) {
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    return pass->training && (rate->index >= 0 || rate->number > 0);
}

/* Masks that the kernel takes with a rate for each, a step of `stride` apart, and the data rows that they are for. */
typedef struct dropout_part {
    int64_t first, count; /* masks */
    int64_t steps;        /* data rows of each */
    const double *rates;
    int64_t stride;
    uint8_t *kept;
} dropout_part;

/* Data rows that have one mask. */
static int64_t steps_alike(const dstn_layer *layer, const dstn_pass *pass) {
    return ((const dropout_settings *)layer->settings)->each_step ? 1 : dstn_pass_steps(pass);
}

/* Of the rows from `done` on. The rates are those of the examples: where an example has several masks, the part is one
 * example. */
static dropout_part part_of(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, int64_t done) {
    const dropout_content *content = layer->content;
    const dstn_quantity *rate = &((const dropout_settings *)layer->settings)->rate;
    int64_t steps = dstn_pass_steps(pass), alike = steps_alike(layer, pass), first = rows.first + done;
    bool is_number = rate->index < 0, has_many = alike < steps;
    return (dropout_part){
        .first = first / alike,
        .count = (is_number || !has_many ? rows.count - done : steps) / alike,
        .steps = alike,
        .rates = is_number ? &rate->number : pass->values + first / steps * layer->hypers + rate->index,
        .stride = is_number || has_many ? 0 : layer->hypers,
        .kept = content->kept + first / alike * content->cols,
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
        dropout_part part = part_of(layer, pass, rows, done);
        kernel->dropout_apply(kernel, part.count, part.steps * content->plane, content->cols, part.kept, part.rates,
                              part.stride, layer_element(kernel, in, done * width),
                              layer_element(kernel, out, done * width));
        done += part.count * part.steps;
    }
}

/* Masks by global number of the example, or of the data row; where examples share them, up to where they begin again.
 */
static void draw(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows) {
    const dropout_content *content = layer->content;
    int64_t masks = dstn_pass_steps(pass) / steps_alike(layer, pass), period = pass->drawn_rows * masks;
    for (int64_t done = 0; done < rows.count;) {
        dropout_part part = part_of(layer, pass, rows, done);
        int64_t row = pass->first_row * masks + part.first;
        if (period > 0) {
            row %= period;
            part.count = part.count < period - row ? part.count : period - row;
        }
        layer->kernel->dropout_mask(layer->kernel, pass->masks, pass->step, row, (uint64_t)layer->index << 32,
                                    part.count, content->cols, part.rates, part.stride, part.kept);
        done += part.count * part.steps;
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
        const uint8_t *kept = content->kept + row / steps_alike(layer, pass) * content->cols;
        kernel->dropout_apply(kernel, 1, content->plane, content->cols, kept, &held, 0, ones, ones);
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
