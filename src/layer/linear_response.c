/* layer: the response terms of the linear layer and their adjoint. Structured (App. E): one term with s = U z, t = V z.
 * Full (Θ of App. C and G): h terms with s_j = t_j = z_j. Seen from here they differ only in where a term's factors
 * are, and in how the factors' adjoints go on to U, V and z. */
#include "linear.h"

void linear_factors(const dstn_layer *layer, const dstn_pass *pass, int64_t width, void *factors) {
    const linear_content *linear = layer->content;
    if (linear->hyper) {
        layer->kernel->gemm(false, true, pass->rows, width, layer->hypers, 1, pass->z, layer->hypers,
                            linear->hyper->value, layer->hypers, 0, factors, width);
    }
}

/* Part j of an array of equal parts; NULL stays NULL. */
static void *part(const dstn_layer *layer, void *array, int64_t j, int64_t count) {
    return array ? layer_element(layer->kernel, array, j * count) : NULL;
}

linear_term linear_term_at(const dstn_layer *layer, const dstn_pass *pass, int64_t j, int64_t width,
                           const void *factors) {
    const linear_content *linear = layer->content;
    const dstn_parameter *weight = linear->response_weight, *bias = linear->response_bias;
    int64_t weights = linear->in * linear->out;
    linear_term term = {
        .weight = part(layer, weight->value, j, weights),
        .weight_gradient = part(layer, weight->gradient, j, weights),
        .bias = bias ? part(layer, bias->value, j, linear->out) : NULL,
        .bias_gradient = bias ? part(layer, bias->gradient, j, linear->out) : NULL,
        .product = part(layer, linear->products, j, pass->rows * linear->out),
    };
    if (linear->hyper) {
        term.s = (dstn_factor){factors, width, 1};
        term.t = (dstn_factor){layer_element(layer->kernel, factors, linear->out), width, 1};
    } else {
        term.s = term.t = (dstn_factor){layer_element(layer->kernel, pass->z, j), layer->hypers, 0};
    }
    return term;
}

void linear_terms_forward(dstn_layer *layer, const dstn_pass *pass, const void *x, void *y) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    if (!linear_responds(linear, pass)) {
        return;
    }
    linear_factors(layer, pass, linear->width, linear->factors);
    for (int64_t j = 0; j < linear->terms; j++) {
        linear_term term = linear_term_at(layer, pass, j, linear->width, linear->factors);
        kernel->gemm(false, false, pass->rows, linear->out, linear->in, 1, x, linear->in, term.weight, linear->out, 0,
                     term.product, linear->out);
        kernel->response_add(pass->rows, linear->out, term.s, term.product, term.t, term.bias, y);
    }
}

/* dW_j += xᵀ (s ⊙ δ), db_j += Σ_b t ⊙ δ, dx += (s ⊙ δ) W_jᵀ. */
static void term_adjoint(const dstn_layer *layer, const dstn_pass *pass, const linear_term *term, const void *dy,
                         void *dx) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    kernel->response_scale(pass->rows, linear->out, term->s, dy, linear->scaled);
    if (layer_wants(pass, DSTN_RANGE_RESPONSE)) {
        kernel->gemm(true, false, linear->in, linear->out, pass->rows, 1, layer->x, linear->in, linear->scaled,
                     linear->out, 1, term->weight_gradient, linear->out);
        if (term->bias_gradient) {
            kernel->response_bias(pass->rows, linear->out, term->t, dy, term->bias_gradient);
        }
    }
    if (dx) {
        kernel->gemm(false, true, pass->rows, linear->in, linear->out, 1, linear->scaled, linear->out, term->weight,
                     linear->out, 1, dx, linear->in);
    }
}

/* Structured: with ds = δ ⊙ a, dt = δ ⊙ b side by side, dU over dV += [ds dt]ᵀ z and dz += [ds dt] [U over V]. */
static void factor_adjoint(const dstn_layer *layer, const dstn_pass *pass, const linear_term *term, const void *dy,
                           void *dz) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    int64_t h = layer->hypers;
    kernel->response_factors(pass->rows, linear->out, dy, term->product, term->bias, linear->adjoints);
    if (layer_wants(pass, DSTN_RANGE_RESPONSE)) {
        kernel->gemm(true, false, linear->width, h, pass->rows, 1, linear->adjoints, linear->width, pass->z, h, 1,
                     linear->hyper->gradient, h);
    }
    if (dz) {
        kernel->gemm(false, false, pass->rows, h, linear->width, 1, linear->adjoints, linear->width,
                     linear->hyper->value, h, 1, dz, h);
    }
}

void linear_terms_adjoint(dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx) {
    const linear_content *linear = layer->content;
    bool wants_gradient = layer_wants(pass, DSTN_RANGE_RESPONSE);
    void *dz = pass->kind == DSTN_PASS_RESPONSE ? pass->dz : NULL;
    if (!linear_responds(linear, pass) || !(wants_gradient || dx || dz)) {
        return;
    }
    for (int64_t j = 0; j < linear->terms; j++) {
        linear_term term = linear_term_at(layer, pass, j, linear->width, linear->factors);
        if (wants_gradient || dx) {
            term_adjoint(layer, pass, &term, dy, dx);
        }
        if (linear->hyper && (wants_gradient || dz)) {
            factor_adjoint(layer, pass, &term, dy, dz);
        } else if (dz) {
            layer->kernel->response_dot(pass->rows, linear->out, dy, term.product, term.bias, layer->hypers,
                                        layer_element(layer->kernel, dz, j));
        }
    }
    if (wants_gradient) {
        layer_gradient_ready(layer, pass, DSTN_RANGE_RESPONSE);
    }
}
