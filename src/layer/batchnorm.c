/* layer: batch normalization of every channel over examples and places, y = γ x̂ + β with x̂ = (x − μ) r, r = 1/√(v + e).
 * In training μ and v are those of the mini-batch, and tangent and adjoint differentiate through them: with
 * ⟨·⟩ the mean over the batch, both are  v ↦ γ r (v − ⟨v⟩ − x̂ ⟨x̂ v⟩). In evaluation μ and v are the running statistics.
 * γ and β belong to the general parameters. */
#include "layer_private.h"

#include <math.h>

typedef struct batchnorm_settings {
    double momentum, epsilon;
} batchnorm_settings;

static const dstn_option options[] = {
    DSTN_REAL("momentum", batchnorm_settings, momentum, 0, 1, "0.1", "weight of a batch in the running statistics"),
    DSTN_REAL("epsilon", batchnorm_settings, epsilon, 1e-12, 1, "1e-5", "added to the variance"), DSTN_OPTIONS_END};

/* All arrays are [C], and double. */
typedef struct batchnorm_content {
    int64_t channels, plane;
    dstn_parameter *gamma, *beta;
    double *mean, *rate;           /* μ and r of the last forward pass */
    double *own_mean, *own_var;    /* of this rank's rows, where these are what counts */
    double *sums;                  /* [2C]: Σ v and Σ v (x − μ) */
    double *scale, *slope, *shift; /* of the pass: out = scale v + slope x + shift */
    double *gain, *offset;         /* γ, and the forward pass's shift */
    void *scratch;                 /* [C] in the kernel's type */
} batchnorm_content;

/* The values of a flattened image are canonically in the order [channels, places]: one row of such columns. */
static void declare(dstn_layer *layer, const char *name, int64_t channels) {
    dstn_parameter *parameter = layer_declare(layer, NULL, name, DSTN_RANGE_GENERAL, 1, &channels);
    parameter->layout = DSTN_LAYOUT_TRANSPOSED;
    parameter->columns = channels;
    parameter->channels = layer->in.rank == 3 ? 1 : dstn_shape_channels(layer->in);
}

static int64_t channels_of(const dstn_layer *layer) {
    return layer->in.rank == 3 ? layer->in.dims[0] : dstn_shape_count(layer->in);
}

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    int64_t channels = channels_of(layer);
    declare(layer, "gamma", channels);
    declare(layer, "beta", channels);
    layer_declare_buffer(layer, "running_mean", channels);
    layer_declare_buffer(layer, "running_variance", channels);
    return DSTN_OK;
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    batchnorm_content *norm = layer->content;
    int64_t channels = channels_of(layer);
    norm->channels = channels;
    norm->plane = dstn_shape_count(layer->in) / channels;
    norm->gamma = &layer->parameters[0];
    norm->beta = &layer->parameters[1];
    double *arrays = dstn_arena_take(arena, (size_t)(11 * channels) * sizeof(double));
    norm->scratch = dstn_arena_take(arena, (size_t)channels * layer->kernel->size);
    if (!arrays || !norm->scratch) {
        return false;
    }
    double **const places[] = {&norm->mean,  &norm->rate,  &norm->own_mean, &norm->own_var, &norm->scale,
                               &norm->slope, &norm->shift, &norm->gain,     &norm->offset};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        *places[i] = arrays + (int64_t)i * channels;
    }
    norm->sums = arrays + 9 * channels;
    return true;
}

static void initialize(dstn_layer *layer, dstn_rng rng) {
    (void)rng;
    const batchnorm_content *norm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    if (!dstn_parameter_is_shared(norm->gamma)) {
        kernel->fill(kernel, norm->channels, 1, norm->gamma->value);
    }
    if (!dstn_parameter_is_shared(norm->beta)) {
        kernel->fill(kernel, norm->channels, 0, norm->beta->value);
    }
    for (int64_t c = 0; c < norm->channels; c++) {
        layer->buffers[0].value[c] = 0;
        layer->buffers[1].value[c] = 1;
    }
}

/* ---- statistics -------------------------------------------------------------------------------------------------- */

static bool is_synchronized(const dstn_layer *layer, const dstn_pass *pass) {
    return layer->synchronized && pass->reduce;
}

static void sum_over_group(const dstn_layer *layer, const dstn_pass *pass, double *values, int64_t count) {
    if (is_synchronized(layer, pass)) {
        pass->reduce(pass->user, values, count);
    }
}

/* Values of a channel that the statistics are of. */
static double population(const dstn_layer *layer, const dstn_pass *pass) {
    const batchnorm_content *norm = layer->content;
    int64_t examples = is_synchronized(layer, pass) ? pass->batch_rows : pass->rows;
    return (double)(examples * dstn_pass_steps(pass)) * (double)norm->plane;
}

static void zero(double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        values[i] = 0;
    }
}

/* Mean, then variance about it: two passes, since the difference of two large numbers would lose digits. */
static void batch_moments(const dstn_layer *layer, const dstn_pass *pass, const void *x, double *mean, double *var) {
    const batchnorm_content *norm = layer->content;
    int64_t rows = dstn_pass_rows(pass).count * norm->plane, channels = norm->channels;
    double count = population(layer, pass);
    zero(mean, channels);
    zero(var, channels);
    layer->kernel->column_sums(layer->kernel, rows, channels, x, mean);
    sum_over_group(layer, pass, mean, channels);
    for (int64_t c = 0; c < channels; c++) {
        mean[c] /= count;
    }
    layer->kernel->column_squares(layer->kernel, rows, channels, x, mean, var);
    sum_over_group(layer, pass, var, channels);
    for (int64_t c = 0; c < channels; c++) {
        var[c] /= count;
    }
}

/* The running variance is the unbiased one. Local statistics are averaged over the ranks, all of which keep the same
 * running ones. */
static void track(const dstn_layer *layer, const dstn_pass *pass) {
    const batchnorm_content *norm = layer->content;
    const batchnorm_settings *settings = layer->settings;
    int64_t channels = norm->channels;
    double count = population(layer, pass), unbiased = count > 1 ? count / (count - 1) : 1;
    double share = 1;
    if (!is_synchronized(layer, pass) && pass->reduce) {
        share = (double)pass->rows / (double)pass->batch_rows;
    }
    for (int64_t c = 0; c < channels; c++) {
        norm->sums[c] = share * norm->own_mean[c];
        norm->sums[channels + c] = share * unbiased * norm->own_var[c];
    }
    if (!is_synchronized(layer, pass) && pass->reduce) {
        pass->reduce(pass->user, norm->sums, 2 * channels);
    }
    for (int b = 0; b < 2; b++) {
        double *running = layer->buffers[b].value;
        for (int64_t c = 0; c < channels; c++) {
            running[c] += settings->momentum * (norm->sums[b * channels + c] - running[c]);
        }
    }
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

static void forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)rows, (void)y;
    batchnorm_content *norm = layer->content;
    const batchnorm_settings *settings = layer->settings;
    const double *mean = layer->buffers[0].value, *var = layer->buffers[1].value;
    if (pass->training) {
        batch_moments(layer, pass, x, norm->own_mean, norm->own_var);
        mean = norm->own_mean;
        var = norm->own_var;
        if (pass->track_statistics) {
            track(layer, pass);
        }
    }
    layer->kernel->to_double(layer->kernel, norm->channels, norm->gamma->value, norm->gain);
    layer->kernel->to_double(layer->kernel, norm->channels, norm->beta->value, norm->offset);
    for (int64_t c = 0; c < norm->channels; c++) {
        norm->mean[c] = mean[c];
        norm->rate[c] = 1 / sqrt(var[c] + settings->epsilon);
        norm->scale[c] = norm->gain[c] * norm->rate[c];
        norm->offset[c] -= norm->scale[c] * norm->mean[c];
    }
}

static void forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)pass;
    const batchnorm_content *norm = layer->content;
    layer->kernel->column_affine(layer->kernel, rows.count * norm->plane, norm->channels, norm->scale, x, NULL, NULL,
                                 norm->offset, y);
}

/* ---- tangent and adjoint ----------------------------------------------------------------------------------------- */

/* Σ v and Σ v (x − μ) of this rank's rows. */
static void own_sums(const dstn_layer *layer, dstn_rows rows, const void *x, const void *v) {
    const batchnorm_content *norm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    int64_t places = rows.count * norm->plane;
    zero(norm->sums, 2 * norm->channels);
    kernel->column_sums(kernel, places, norm->channels, v, norm->sums);
    kernel->column_dots(kernel, places, norm->channels, v, x, norm->mean, norm->sums + norm->channels);
}

/* From the sums: γ r (v − ⟨v⟩ − x̂ ⟨x̂ v⟩) = scale v + slope x + shift; in evaluation γ r v. */
static void set_coefficients(const dstn_layer *layer, const dstn_pass *pass) {
    const batchnorm_content *norm = layer->content;
    int64_t channels = norm->channels;
    double count = population(layer, pass);
    if (pass->training) {
        sum_over_group(layer, pass, norm->sums, 2 * channels);
    }
    for (int64_t c = 0; c < channels; c++) {
        double rate = norm->rate[c], along = rate * rate * norm->sums[channels + c] / count;
        norm->scale[c] = norm->gain[c] * rate;
        norm->slope[c] = pass->training ? -norm->scale[c] * along : 0;
        norm->shift[c] = pass->training ? norm->scale[c] * (along * norm->mean[c] - norm->sums[c] / count) : 0;
    }
}

static void tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *x_tangent,
                    void *y_tangent) {
    (void)y_tangent;
    if (x_tangent) {
        if (pass->training) {
            own_sums(layer, rows, x, x_tangent);
        }
        set_coefficients(layer, pass);
    }
}

static void apply(const dstn_layer *layer, int64_t rows, const void *v, const void *x, void *out) {
    const batchnorm_content *norm = layer->content;
    layer->kernel->column_affine(layer->kernel, rows * norm->plane, norm->channels, norm->scale, v, norm->slope, x,
                                 norm->shift, out);
}

static void tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *x_tangent,
                         void *y_tangent) {
    (void)pass;
    const batchnorm_content *norm = layer->content;
    if (!x_tangent) {
        layer->kernel->fill(layer->kernel, rows.count * norm->plane * norm->channels, 0, y_tangent);
        return;
    }
    apply(layer, rows.count, x_tangent, x, y_tangent);
}

static void add_gradient(const dstn_layer *layer, dstn_parameter *parameter, const double *gradient) {
    const batchnorm_content *norm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    kernel->from_double(kernel, norm->channels, gradient, norm->scratch);
    kernel->axpy(kernel, norm->channels, 1, norm->scratch, dstn_parameter_open(parameter, kernel));
}

/* dβ = Σ δ, dγ = Σ δ x̂, of this rank's rows. */
static void parameter_gradients(const dstn_layer *layer) {
    const batchnorm_content *norm = layer->content;
    for (int64_t c = 0; c < norm->channels; c++) {
        norm->shift[c] = norm->rate[c] * norm->sums[norm->channels + c];
    }
    add_gradient(layer, norm->gamma, norm->shift);
    add_gradient(layer, norm->beta, norm->sums);
}

/* Rows of one call of `adjoint_piece`. */
typedef struct adjoint_work {
    const dstn_layer *layer;
    const void *x, *dy;
    void *dx;
} adjoint_work;

static void adjoint_piece(void *context, int64_t first, int64_t count, int thread) {
    (void)thread;
    const adjoint_work *work = context;
    const batchnorm_content *norm = work->layer->content;
    int64_t start = first * norm->plane * norm->channels;
    const dstn_kernel *kernel = work->layer->kernel;
    apply(work->layer, count, layer_element(kernel, work->dy, start), layer_element(kernel, work->x, start),
          layer_element(kernel, work->dx, start));
}

static void adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy, void *dx) {
    own_sums(layer, rows, x, dy);
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL)) {
        parameter_gradients(layer);
    }
    if (dx) {
        set_coefficients(layer, pass);
        adjoint_work work = {layer, x, dy, dx};
        dstn_kernel_for_rows(rows.count, 1, adjoint_piece, &work);
    }
}

const dstn_layer_type layer_batchnorm = {
    .name = "batchnorm",
    .help = "every channel with mean 0 and variance 1 over the mini-batch, then scaled and shifted",
    .options = options,
    .settings_size = sizeof(batchnorm_settings),
    .content_size = sizeof(batchnorm_content),
    .kind = DSTN_LAYER_BATCH,
    .example = "[batchnorm]",
    .example_in = {3, {2, 5, 4}, 0},
    .plan = plan,
    .bind = bind,
    .initialize = initialize,
    .batch = {.forward = forward,
              .tangent = tangent,
              .adjoint = adjoint,
              .forward_rows = forward_rows,
              .tangent_rows = tangent_rows},
};
