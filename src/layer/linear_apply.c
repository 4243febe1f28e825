/* layer: the linear layer as a map W(z) without its biases, in both directions, and the gradient of a bilinear form
 * Σ v W(z) uᵀ in it. These may run between a forward pass and its adjoint: they use the scratch arrays only. */
#include "map.h"

bool dstn_layer_is_linear(const dstn_layer *layer) {
    return layer->type == &layer_linear;
}

/* Only the response pass's W(z) has terms; the linearized pass's map is W_g. */
static bool has_terms(const map_content *map, const dstn_pass *pass) {
    return pass->kind == DSTN_PASS_RESPONSE && map->terms > 0;
}

/* Term j at the pass's z; the structured response's s goes to the scratch array. */
static map_term scaled_term(const dstn_layer *layer, const dstn_pass *pass, int64_t j) {
    const map_content *map = layer->content;
    map_factors(layer, pass, map->out, map->adjoints);
    return map_term_at(layer, pass, j, map->out, map->adjoints);
}

void dstn_linear_transpose(dstn_layer *layer, const dstn_pass *pass, const void *v, void *u) {
    const map_content *map = layer->content;
    layer->kernel->gemm(layer->kernel, false, true, pass->rows, map->in, map->out, 1, v, map->out, map->weight->value,
                        map->out, 0, u, map->in);
    if (has_terms(map, pass)) {
        dstn_linear_transpose_response(layer, pass, v, u);
    }
}

void dstn_linear_transpose_response(dstn_layer *layer, const dstn_pass *pass, const void *v, void *u) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    for (int64_t j = 0; map_responds(map, pass) && j < map->terms; j++) {
        map_term term = scaled_term(layer, pass, j);
        kernel->response_scale(kernel, pass->rows, 1, map->out, term.s, v, map->scaled);
        kernel->gemm(kernel, false, true, pass->rows, map->in, map->out, 1, map->scaled, map->out, term.weight,
                     map->out, 1, u, map->in);
    }
}

void dstn_linear_apply(dstn_layer *layer, const dstn_pass *pass, const void *w, void *q) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    kernel->gemm(kernel, false, false, pass->rows, map->out, map->in, 1, w, map->in, map->weight->value, map->out, 0, q,
                 map->out);
    for (int64_t j = 0; has_terms(map, pass) && j < map->terms; j++) {
        map_term term = scaled_term(layer, pass, j);
        kernel->gemm(kernel, false, false, pass->rows, map->out, map->in, 1, w, map->in, term.weight, map->out, 0,
                     map->scaled, map->out);
        kernel->response_add(kernel, pass->rows, 1, map->out, term.s, map->scaled, term.s, NULL, q);
    }
}

/* Structured: dUᵀ += zᵀ ((u W_rᵀ) ⊙ v), U being the left half of `hyper` as it is stored. */
static void accumulate_scales(const dstn_layer *layer, const dstn_pass *pass, const map_term *term, const void *v,
                              const void *u) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    void *product = map->adjoints;
    kernel->gemm(kernel, false, false, pass->rows, map->out, map->in, 1, u, map->in, term->weight, map->out, 0, product,
                 map->out);
    kernel->multiply(kernel, pass->rows * map->out, product, v, product);
    kernel->gemm(kernel, true, false, layer->hypers, map->out, pass->rows, 1, pass->z, layer->hypers, product, map->out,
                 1, map->hyper->gradient, map->width);
}

void dstn_linear_accumulate(dstn_layer *layer, const dstn_pass *pass, const void *v, const void *u) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    if (layer_wants(pass, DSTN_RANGE_GENERAL)) {
        kernel->gemm(kernel, true, false, map->in, map->out, pass->rows, 1, u, map->in, v, map->out, 1,
                     map->weight->gradient, map->out);
    }
    bool wants_response = layer_wants(pass, DSTN_RANGE_RESPONSE) && map->terms > 0;
    for (int64_t j = 0; wants_response && j < map->terms; j++) {
        map_term term = scaled_term(layer, pass, j);
        kernel->response_scale(kernel, pass->rows, 1, map->out, term.s, v, map->scaled);
        kernel->gemm(kernel, true, false, map->in, map->out, pass->rows, 1, u, map->in, map->scaled, map->out, 1,
                     term.weight_gradient, map->out);
        if (map->hyper) {
            accumulate_scales(layer, pass, &term, v, u);
        }
    }
}
