/* layer: a response map of one place as a matrix W(z) without its biases, in both directions, and the gradient of a
 * bilinear form Σ v W(z) uᵀ in it. These may run between a forward pass and its adjoint: they use the scratch arrays
 * only. */
#include "response_map.h"

/* Only the response pass's W(z) has terms; the linearized pass's map is W_g. */
static bool has_terms(const dstn_response_map *map, const dstn_pass *pass) {
    return pass->kind == DSTN_PASS_RESPONSE && map->terms > 0;
}

/* Term j at the pass's z; the structured response's s goes to the scratch array. */
static map_term scaled_term(const dstn_response_map *map, const dstn_pass *pass, int64_t j) {
    layer_map_factors(map, pass, map->out, map->adjoints);
    return layer_map_term(map, pass, j, map->out, map->adjoints);
}

/* y [rows, out] = x W. */
static void multiply(const dstn_response_map *map, int64_t rows, const void *x, const void *weight, void *y) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    bool is_transposed = map->shape.is_out_first;
    kernel->gemm(kernel, false, is_transposed, rows, map->out, map->in, 1, x, map->in, weight,
                 is_transposed ? map->in : map->out, 0, y, map->out);
}

/* u [rows, in] = beta u + v Wᵀ. */
static void multiply_back(const dstn_response_map *map, int64_t rows, const void *v, const void *weight, double beta,
                          void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    bool is_transposed = !map->shape.is_out_first;
    kernel->gemm(kernel, false, is_transposed, rows, map->in, map->out, 1, v, map->out, weight,
                 is_transposed ? map->out : map->in, beta, u, map->in);
}

/* gradient = beta gradient + Σ u ⊗ v. */
static void add_outer(const dstn_response_map *map, int64_t rows, const void *u, const void *v, double beta,
                      void *gradient) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (map->shape.is_out_first) {
        kernel->gemm(kernel, true, false, map->out, map->in, rows, 1, v, map->out, u, map->in, beta, gradient, map->in);
    } else {
        kernel->gemm(kernel, true, false, map->in, map->out, rows, 1, u, map->in, v, map->out, beta, gradient,
                     map->out);
    }
}

/* Likewise of W_i as the pass has it. */
static void add_gradient(const dstn_response_map *map, const dstn_pass *pass, int64_t i, const void *u, const void *v,
                         double beta) {
    map_sum sum = layer_map_open_sum(map, pass, i, true, beta);
    add_outer(map, pass->rows, u, v, sum.beta, sum.gradient);
    layer_map_close_sum(map, pass, i, beta);
}

void dstn_response_map_transpose(dstn_response_map *map, const dstn_pass *pass, const void *v, void *u) {
    multiply_back(map, pass->rows, v, layer_map_weight(map, pass, 0), 0, u);
    if (has_terms(map, pass)) {
        dstn_response_map_transpose_response(map, pass, v, u);
    }
}

void dstn_response_map_transpose_response(dstn_response_map *map, const dstn_pass *pass, const void *v, void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    for (int64_t j = 0; layer_map_responds(map, pass) && j < map->terms; j++) {
        map_term term = scaled_term(map, pass, j);
        kernel->response_scale(kernel, pass->rows, 1, map->out, term.s, v, map->scaled);
        multiply_back(map, pass->rows, map->scaled, term.weight, 1, u);
    }
}

void dstn_response_map_apply(dstn_response_map *map, const dstn_pass *pass, const void *w, void *q) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    multiply(map, pass->rows, w, layer_map_weight(map, pass, 0), q);
    for (int64_t j = 0; has_terms(map, pass) && j < map->terms; j++) {
        map_term term = scaled_term(map, pass, j);
        multiply(map, pass->rows, w, term.weight, map->scaled);
        kernel->response_add(kernel, pass->rows, 1, map->out, term.s, map->scaled, term.s, NULL, q);
    }
}

/* Structured: dUᵀ += zᵀ ((u W_rᵀ) ⊙ v), U being the left half of `hyper` as it is stored. */
static void accumulate_scales(const dstn_response_map *map, const dstn_pass *pass, const map_term *term, const void *v,
                              const void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t h = map->layer->hypers;
    void *product = map->adjoints, *gradient = dstn_parameter_open(map->hyper, kernel);
    multiply(map, pass->rows, u, term->weight, product);
    kernel->multiply(kernel, pass->rows * map->out, product, v, product);
    kernel->gemm(kernel, true, false, h, map->out, pass->rows, 1, pass->z, h, product, map->out, 1, gradient,
                 map->width);
}

void dstn_response_map_accumulate(dstn_response_map *map, const dstn_pass *pass, const void *v, const void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL)) {
        add_gradient(map, pass, 0, u, v, dstn_parameter_beta(map->weight));
    }
    if (!dstn_pass_wants(pass, DSTN_RANGE_RESPONSE) || map->terms == 0) {
        return;
    }
    double beta = dstn_parameter_beta(map->response_weight);
    for (int64_t j = 0; j < map->terms; j++) {
        map_term term = scaled_term(map, pass, j);
        kernel->response_scale(kernel, pass->rows, 1, map->out, term.s, v, map->scaled);
        add_gradient(map, pass, 1 + j, u, map->scaled, beta);
        if (map->hyper) {
            accumulate_scales(map, pass, &term, v, u);
        }
    }
}

void dstn_response_map_fold(dstn_response_map *map, const void *z) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    const dstn_pass pass = {.kind = DSTN_PASS_RESPONSE, .rows = 1, .z = z};
    for (int64_t j = 0; j < map->terms; j++) {
        layer_map_factors(map, &pass, map->width, map->adjoints);
        map_term term = layer_map_term(map, &pass, j, map->width, map->adjoints);
        term.t.row = 0; /* one z for everything */
        layer_map_add_scaled(map, term.s, term.weight, map->weight->value);
        if (map->bias) {
            kernel->response_add(kernel, 1, 1, map->out, term.t, term.bias, term.t, NULL, map->bias->value);
        }
    }
}
