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

void dstn_response_map_transpose(dstn_response_map *map, const dstn_pass *pass, const void *v, void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->gemm(kernel, false, true, pass->rows, map->in, map->out, 1, v, map->out, map->weight->value, map->out, 0, u,
                 map->in);
    if (has_terms(map, pass)) {
        dstn_response_map_transpose_response(map, pass, v, u);
    }
}

void dstn_response_map_transpose_response(dstn_response_map *map, const dstn_pass *pass, const void *v, void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    for (int64_t j = 0; layer_map_responds(map, pass) && j < map->terms; j++) {
        map_term term = scaled_term(map, pass, j);
        kernel->response_scale(kernel, pass->rows, 1, map->out, term.s, v, map->scaled);
        kernel->gemm(kernel, false, true, pass->rows, map->in, map->out, 1, map->scaled, map->out, term.weight,
                     map->out, 1, u, map->in);
    }
}

void dstn_response_map_apply(dstn_response_map *map, const dstn_pass *pass, const void *w, void *q) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->gemm(kernel, false, false, pass->rows, map->out, map->in, 1, w, map->in, map->weight->value, map->out, 0, q,
                 map->out);
    for (int64_t j = 0; has_terms(map, pass) && j < map->terms; j++) {
        map_term term = scaled_term(map, pass, j);
        kernel->gemm(kernel, false, false, pass->rows, map->out, map->in, 1, w, map->in, term.weight, map->out, 0,
                     map->scaled, map->out);
        kernel->response_add(kernel, pass->rows, 1, map->out, term.s, map->scaled, term.s, NULL, q);
    }
}

/* Structured: dUᵀ += zᵀ ((u W_rᵀ) ⊙ v), U being the left half of `hyper` as it is stored. */
static void accumulate_scales(const dstn_response_map *map, const dstn_pass *pass, const map_term *term, const void *v,
                              const void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t h = map->layer->hypers;
    void *product = map->adjoints, *gradient = dstn_parameter_open(map->hyper, kernel);
    kernel->gemm(kernel, false, false, pass->rows, map->out, map->in, 1, u, map->in, term->weight, map->out, 0, product,
                 map->out);
    kernel->multiply(kernel, pass->rows * map->out, product, v, product);
    kernel->gemm(kernel, true, false, h, map->out, pass->rows, 1, pass->z, h, product, map->out, 1, gradient,
                 map->width);
}

void dstn_response_map_accumulate(dstn_response_map *map, const dstn_pass *pass, const void *v, const void *u) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL)) {
        kernel->gemm(kernel, true, false, map->in, map->out, pass->rows, 1, u, map->in, v, map->out,
                     dstn_parameter_beta(map->weight), map->weight->gradient, map->out);
    }
    if (!dstn_pass_wants(pass, DSTN_RANGE_RESPONSE) || map->terms == 0) {
        return;
    }
    double beta = dstn_parameter_beta(map->response_weight);
    for (int64_t j = 0; j < map->terms; j++) {
        map_term term = scaled_term(map, pass, j);
        kernel->response_scale(kernel, pass->rows, 1, map->out, term.s, v, map->scaled);
        kernel->gemm(kernel, true, false, map->in, map->out, pass->rows, 1, u, map->in, map->scaled, map->out, beta,
                     layer_element(kernel, map->response_weight->gradient, j * map->weight->count), map->out);
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
        term.s.row = term.t.row = 0; /* one z for all columns of the weight */
        kernel->response_add(kernel, map->in, 1, map->out, term.s, term.weight, term.s, NULL, map->weight->value);
        if (map->bias) {
            kernel->response_add(kernel, 1, 1, map->out, term.t, term.bias, term.t, NULL, map->bias->value);
        }
    }
}
