/* layer: the regularizer Σ_b c_b ½‖w(z_b)‖² over the weights of all response maps, where w(z) is linear in z, so that
 * the moments Σ c, Σ c z, Σ c z zᵀ of the mini-batch stand for all its examples. A linearized pass has the same vector,
 * w0 + Δw, and the same value; only gradients of the response are wanted there (Sec. 3.3). */
#include "penalty.h"
#include "response_map.h"

#include <string.h>

/* All in double but what the kernel's loops take. */
typedef struct l2_content {
    double *weights;          /* [B]: c_b */
    double *z;                /* [B, h] */
    double *moments;          /* [h + 1, h + 1]: Σ_b c_b ζ ζᵀ with ζ = (1, z_b) */
    double *hyper;            /* [h, C]: Uᵀ */
    double *hyper_gradient;   /* [h, C] */
    double *cross, *square;   /* [C]: coefficients of ⟨w_c, r_c⟩ and ½‖r_c‖² */
    double *inner, *norm;     /* [C]: ⟨w_c, r_c⟩ and ‖r_c‖² */
    void *channel, *channel2; /* [C] in the kernel's type */
    void *scratch;            /* [C] in the kernel's type */
} l2_content;

static const dstn_option options[] = {PENALTY_OPTIONS, DSTN_OPTIONS_END};

static dstn_status plan(dstn_regularizer *regularizer, dstn_node node, dstn_error *err) {
    for (int l = 0; l < regularizer->layer_count; l++) {
        if (dstn_layer_map(regularizer->layers[l], 0)) {
            return DSTN_OK;
        }
    }
    return dstn_node_fail(node, err, "no layer of the model has weights that l2 could penalize");
}

static int64_t most_channels(const dstn_regularizer *regularizer) {
    int64_t most = 1;
    for (int l = 0; l < regularizer->layer_count; l++) {
        const dstn_response_map *map;
        for (int i = 0; (map = dstn_layer_map(regularizer->layers[l], i)) != NULL; i++) {
            most = map->out > most ? map->out : most;
        }
    }
    return most;
}

static bool bind(dstn_regularizer *regularizer, dstn_arena *arena) {
    l2_content *l2 = dstn_arena_take(arena, sizeof *l2);
    if (!l2) {
        return false;
    }
    regularizer->content = l2;
    size_t rows = (size_t)regularizer->max_rows, h = (size_t)regularizer->hypers;
    size_t channels = (size_t)most_channels(regularizer), size = regularizer->kernel->size;
    l2->weights = dstn_arena_take(arena, rows * sizeof(double));
    l2->z = dstn_arena_take(arena, rows * h * sizeof(double));
    l2->moments = dstn_arena_take(arena, (h + 1) * (h + 1) * sizeof(double));
    l2->hyper = dstn_arena_take(arena, channels * h * sizeof(double));
    l2->hyper_gradient = dstn_arena_take(arena, channels * h * sizeof(double));
    double *by_channel = dstn_arena_take(arena, 4 * channels * sizeof(double));
    l2->channel = dstn_arena_take(arena, channels * size);
    l2->channel2 = dstn_arena_take(arena, channels * size);
    l2->scratch = dstn_arena_take(arena, channels * size);
    if (!by_channel) {
        return false;
    }
    l2->cross = by_channel;
    l2->square = by_channel + channels;
    l2->inner = by_channel + 2 * channels;
    l2->norm = by_channel + 3 * channels;
    return l2->weights && l2->z && l2->moments && l2->hyper && l2->hyper_gradient && l2->channel && l2->channel2 &&
           l2->scratch;
}

/* ---- moments ----------------------------------------------------------------------------------------------------- */

static void add_moments(l2_content *l2, int64_t h, double weight, const double *z) {
    double *moments = l2->moments;
    for (int64_t i = 0; i <= h; i++) {
        double left = weight * (i == 0 ? 1 : z[i - 1]);
        for (int64_t j = 0; j <= h; j++) {
            moments[i * (h + 1) + j] += left * (j == 0 ? 1 : z[j - 1]);
        }
    }
}

static void compute_moments(const dstn_regularizer *regularizer, const dstn_pass *pass) {
    l2_content *l2 = regularizer->content;
    int64_t h = regularizer->hypers;
    double total = layer_penalty_weights(regularizer, pass, l2->weights);
    memset(l2->moments, 0, (size_t)((h + 1) * (h + 1)) * sizeof(double));
    if (pass->kind == DSTN_PASS_GENERAL || h == 0) {
        l2->moments[0] = total;
        return;
    }
    regularizer->kernel->to_double(regularizer->kernel, pass->rows * h, pass->z, l2->z);
    for (int64_t b = 0; b < pass->rows; b++) {
        add_moments(l2, h, l2->weights[b], l2->z + b * h);
    }
}

/* ---- one layer --------------------------------------------------------------------------------------------------- */

/* z = 0: Σ c ½‖W_g‖². */
static double penalize_general(const dstn_regularizer *regularizer, const dstn_pass *pass,
                               const dstn_response_map *map) {
    const l2_content *l2 = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    dstn_parameter *weight = map->weight;
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL)) {
        kernel->axpy(kernel, weight->count, l2->moments[0], weight->value, dstn_parameter_open(weight, kernel));
    }
    return 0.5 * l2->moments[0] * kernel->dot(kernel, weight->count, weight->value, weight->value);
}

/* Where W_i stands in the parameter that it is part of: W_0 = W_g, and W_1 … W_h of the full response. */
static void *full_weight(const dstn_kernel *kernel, const dstn_response_map *map, int64_t i, void *array) {
    return layer_element(kernel, array, i == 0 ? 0 : (i - 1) * map->weight->count);
}

static dstn_parameter *full_parameter(const dstn_response_map *map, int64_t i) {
    return i == 0 ? map->weight : map->response_weight;
}

/* Full: ½ Σ_ij S_ij ⟨W_i, W_j⟩ with S the moments; the gradient in W_i is Σ_j S_ij W_j. */
static double penalize_full(const dstn_regularizer *regularizer, const dstn_pass *pass, const dstn_response_map *map) {
    const l2_content *l2 = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    int64_t count = map->weight->count, terms = regularizer->hypers + 1;
    double sum = 0;
    for (int64_t i = 0; i < terms; i++) {
        dstn_parameter *of_left = full_parameter(map, i);
        const void *left = full_weight(kernel, map, i, of_left->value);
        bool wanted = dstn_pass_wants(pass, of_left->range);
        void *gradient = wanted ? full_weight(kernel, map, i, dstn_parameter_open(of_left, kernel)) : NULL;
        for (int64_t j = 0; j < terms; j++) {
            const void *right = full_weight(kernel, map, j, full_parameter(map, j)->value);
            double moment = l2->moments[i * terms + j];
            sum += j <= i ? (j < i ? 2 : 1) * moment * kernel->dot(kernel, count, left, right) : 0;
            if (wanted) {
                kernel->axpy(kernel, count, moment, right, gradient);
            }
        }
    }
    return 0.5 * sum;
}

/* Uᵀ, of which row i is the left part of row i of `hyper`. */
static void read_hyper(const dstn_regularizer *regularizer, const dstn_response_map *map) {
    l2_content *l2 = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    for (int64_t i = 0; i < regularizer->hypers; i++) {
        kernel->to_double(kernel, map->out, layer_element(kernel, map->hyper->value, i * map->width),
                          l2->hyper + i * map->out);
    }
}

/* Of channel c: cross = Σ_b c_b (U z_b)_c = U_c · m and square = Σ_b c_b (U z_b)_c² = U_cᵀ M U_c, with m and M the
 * first and second moments; M U_c is left in hyper_gradient. */
static void channel_coefficients(const dstn_regularizer *regularizer, const dstn_response_map *map) {
    l2_content *l2 = regularizer->content;
    int64_t h = regularizer->hypers, channels = map->out;
    read_hyper(regularizer, map);
    memset(l2->cross, 0, (size_t)channels * sizeof(double));
    memset(l2->square, 0, (size_t)channels * sizeof(double));
    memset(l2->hyper_gradient, 0, (size_t)(h * channels) * sizeof(double));
    for (int64_t i = 0; i < h; i++) {
        const double *moments = l2->moments + (i + 1) * (h + 1), *u = l2->hyper + i * channels;
        double *moved = l2->hyper_gradient + i * channels;
        for (int64_t j = 0; j < h; j++) {
            for (int64_t c = 0; c < channels; c++) {
                moved[c] += moments[j + 1] * l2->hyper[j * channels + c];
            }
        }
        for (int64_t c = 0; c < channels; c++) {
            l2->cross[c] += u[c] * moments[0];
            l2->square[c] += u[c] * moved[c];
        }
    }
}

/* out[c] = Σ_i x[i, c] y[i, c] of two weights stored [in, C], or Σ_i x[c, i] y[c, i] of such stored [C, in]. */
static void channel_products(const dstn_regularizer *regularizer, const dstn_response_map *map, const void *x,
                             const void *y, double *out) {
    l2_content *l2 = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    dstn_factor factor = {x, map->out, 1};
    kernel->fill(kernel, map->out, 0, l2->channel);
    if (map->shape.is_out_first) {
        kernel->response_dot(kernel, map->out, map->in, x, y, NULL, 1, l2->channel);
    } else {
        kernel->response_bias(kernel, map->in, map->out, factor, y, l2->channel);
    }
    kernel->to_double(kernel, map->out, l2->channel, out);
}

/* dU_c = ⟨w_c, r_c⟩ m + ‖r_c‖² M U_c. */
static void add_hyper_gradient(const dstn_regularizer *regularizer, const dstn_response_map *map) {
    l2_content *l2 = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    int64_t h = regularizer->hypers, channels = map->out;
    void *hyper = dstn_parameter_open(map->hyper, kernel);
    for (int64_t i = 0; i < h; i++) {
        double *gradient = l2->hyper_gradient + i * channels, mean = l2->moments[(i + 1) * (h + 1)];
        for (int64_t c = 0; c < channels; c++) {
            gradient[c] = l2->inner[c] * mean + l2->norm[c] * gradient[c];
        }
        kernel->from_double(kernel, channels, gradient, l2->scratch);
        kernel->axpy(kernel, channels, 1, l2->scratch, layer_element(kernel, hyper, i * map->width));
    }
}

/* dw_c = Σ c w_c + cross_c r_c, dr_c = cross_c w_c + square_c r_c, and U's. */
static void add_gradients(const dstn_regularizer *regularizer, const dstn_pass *pass, const dstn_response_map *map) {
    l2_content *l2 = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    const void *w = map->weight->value, *r = map->response_weight->value;
    kernel->from_double(kernel, map->out, l2->cross, l2->channel);
    kernel->from_double(kernel, map->out, l2->square, l2->channel2);
    dstn_factor cross = {l2->channel, 0, 1}, square = {l2->channel2, 0, 1};
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL)) {
        void *gradient = dstn_parameter_open(map->weight, kernel);
        kernel->axpy(kernel, map->weight->count, l2->moments[0], w, gradient);
        layer_map_add_scaled(map, cross, r, gradient);
    }
    if (dstn_pass_wants(pass, DSTN_RANGE_RESPONSE)) {
        void *gradient = dstn_parameter_open(map->response_weight, kernel);
        layer_map_add_scaled(map, cross, w, gradient);
        layer_map_add_scaled(map, square, r, gradient);
        add_hyper_gradient(regularizer, map);
    }
}

/* Structured: ½ Σ_c [ Σ c ‖w_c‖² + 2 cross_c ⟨w_c, r_c⟩ + square_c ‖r_c‖² ]. */
static double penalize_structured(const dstn_regularizer *regularizer, const dstn_pass *pass,
                                  const dstn_response_map *map) {
    l2_content *l2 = regularizer->content;
    const void *w = map->weight->value, *r = map->response_weight->value;
    channel_coefficients(regularizer, map);
    channel_products(regularizer, map, w, r, l2->inner);
    channel_products(regularizer, map, r, r, l2->norm);
    double sum = l2->moments[0] * regularizer->kernel->dot(regularizer->kernel, map->weight->count, w, w);
    for (int64_t c = 0; c < map->out; c++) {
        sum += 2 * l2->cross[c] * l2->inner[c] + l2->square[c] * l2->norm[c];
    }
    add_gradients(regularizer, pass, map);
    return 0.5 * sum;
}

/* A map that has nothing but another layer's weights is that layer's map: it counts once. */
static bool is_shared(const dstn_response_map *map) {
    const dstn_parameter *const weights[] = {map->weight, map->response_weight, map->hyper};
    for (int i = 0; i < 3; i++) {
        if (weights[i] && !dstn_parameter_is_shared(weights[i])) {
            return false;
        }
    }
    return true;
}

static double penalize_map(const dstn_regularizer *regularizer, const dstn_pass *pass, const dstn_response_map *map) {
    if (is_shared(map)) {
        return 0;
    }
    if (!layer_map_responds(map, pass)) {
        return penalize_general(regularizer, pass, map);
    }
    return map->hyper ? penalize_structured(regularizer, pass, map) : penalize_full(regularizer, pass, map);
}

static double penalize(dstn_regularizer *regularizer, const dstn_pass *pass) {
    double sum = 0;
    compute_moments(regularizer, pass);
    for (int l = 0; l < regularizer->layer_count; l++) {
        const dstn_response_map *map;
        for (int i = 0; (map = dstn_layer_map(regularizer->layers[l], i)) != NULL; i++) {
            sum += penalize_map(regularizer, pass, map);
        }
    }
    return sum;
}

const dstn_regularizer_type layer_regularizer_l2 = {
    .name = "l2",
    .help = "half the squared norm of all weights (not the biases)",
    .options = options,
    .settings_size = sizeof(dstn_penalty_settings),
    .example = "{strength: a}",
    .example_layers = "[linear: {out: 3}, relu, linear: {out: 2}]",
    .plan = plan,
    .bind = bind,
    .penalize = penalize,
};
