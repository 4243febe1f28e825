/* layer: the linear layer as a map W(z) without its biases, in both directions, and the gradient of a bilinear form
 * Σ v W(z) uᵀ in it. These may run between a forward pass and its adjoint: they use the scratch arrays only. */
#include "linear.h"

bool dstn_layer_is_linear(const dstn_layer *layer) {
    return layer->type == &layer_linear;
}

/* Only the response pass's W(z) has terms; the linearized pass's map is W_g. */
static bool has_terms(const linear_content *linear, const dstn_pass *pass) {
    return pass->kind == DSTN_PASS_RESPONSE && linear->terms > 0;
}

/* Term j at the pass's z; the structured response's s goes to the scratch array. */
static linear_term scaled_term(const dstn_layer *layer, const dstn_pass *pass, int64_t j) {
    const linear_content *linear = layer->content;
    linear_factors(layer, pass, linear->out, linear->adjoints);
    return linear_term_at(layer, pass, j, linear->out, linear->adjoints);
}

void dstn_linear_transpose(dstn_layer *layer, const dstn_pass *pass, const void *v, void *u) {
    const linear_content *linear = layer->content;
    layer->kernel->gemm(false, true, pass->rows, linear->in, linear->out, 1, v, linear->out, linear->weight->value,
                        linear->out, 0, u, linear->in);
    if (has_terms(linear, pass)) {
        dstn_linear_transpose_response(layer, pass, v, u);
    }
}

void dstn_linear_transpose_response(dstn_layer *layer, const dstn_pass *pass, const void *v, void *u) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    for (int64_t j = 0; linear_responds(linear, pass) && j < linear->terms; j++) {
        linear_term term = scaled_term(layer, pass, j);
        kernel->response_scale(pass->rows, linear->out, term.s, v, linear->scaled);
        kernel->gemm(false, true, pass->rows, linear->in, linear->out, 1, linear->scaled, linear->out, term.weight,
                     linear->out, 1, u, linear->in);
    }
}

void dstn_linear_apply(dstn_layer *layer, const dstn_pass *pass, const void *w, void *q) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    kernel->gemm(false, false, pass->rows, linear->out, linear->in, 1, w, linear->in, linear->weight->value,
                 linear->out, 0, q, linear->out);
    for (int64_t j = 0; has_terms(linear, pass) && j < linear->terms; j++) {
        linear_term term = scaled_term(layer, pass, j);
        kernel->gemm(false, false, pass->rows, linear->out, linear->in, 1, w, linear->in, term.weight, linear->out, 0,
                     linear->scaled, linear->out);
        kernel->response_add(pass->rows, linear->out, term.s, linear->scaled, term.s, NULL, q);
    }
}

/* Structured: dU += ((u W_rᵀ) ⊙ v)ᵀ z, U being the upper half of `hyper`. */
static void accumulate_scales(const dstn_layer *layer, const dstn_pass *pass, const linear_term *term, const void *v,
                              const void *u) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    void *product = linear->adjoints;
    kernel->gemm(false, false, pass->rows, linear->out, linear->in, 1, u, linear->in, term->weight, linear->out, 0,
                 product, linear->out);
    kernel->multiply(pass->rows * linear->out, product, v, product);
    kernel->gemm(true, false, linear->out, layer->hypers, pass->rows, 1, product, linear->out, pass->z, layer->hypers,
                 1, linear->hyper->gradient, layer->hypers);
}

void dstn_linear_accumulate(dstn_layer *layer, const dstn_pass *pass, const void *v, const void *u) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    if (layer_wants(pass, DSTN_RANGE_GENERAL)) {
        kernel->gemm(true, false, linear->in, linear->out, pass->rows, 1, u, linear->in, v, linear->out, 1,
                     linear->weight->gradient, linear->out);
    }
    bool wants_response = layer_wants(pass, DSTN_RANGE_RESPONSE) && linear->terms > 0;
    for (int64_t j = 0; wants_response && j < linear->terms; j++) {
        linear_term term = scaled_term(layer, pass, j);
        kernel->response_scale(pass->rows, linear->out, term.s, v, linear->scaled);
        kernel->gemm(true, false, linear->in, linear->out, pass->rows, 1, u, linear->in, linear->scaled, linear->out, 1,
                     term.weight_gradient, linear->out);
        if (linear->hyper) {
            accumulate_scales(layer, pass, &term, v, u);
        }
    }
}
