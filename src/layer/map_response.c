/* layer: the response terms of a linear map and their adjoint. Structured (App. E): one term with s = U z, t = V z.
 * Full (Θ of App. C and G): h terms with s_j = t_j = z_j. Seen from here they differ only in where a term's factors
 * are, and in how the factors' adjoints go on to U, V and z. */
#include "map.h"

void map_factors(const dstn_layer *layer, const dstn_pass *pass, int64_t width, void *factors) {
    const map_content *map = layer->content;
    if (map->hyper) {
        layer->kernel->gemm(layer->kernel, false, false, pass->rows, width, layer->hypers, 1, pass->z, layer->hypers,
                            map->hyper->value, map->width, 0, factors, width);
    }
}

/* Part j of an array of equal parts; NULL stays NULL. */
static void *part(const dstn_layer *layer, void *array, int64_t j, int64_t count) {
    return array ? layer_element(layer->kernel, array, j * count) : NULL;
}

map_term map_term_at(const dstn_layer *layer, const dstn_pass *pass, int64_t j, int64_t width, const void *factors) {
    const map_content *map = layer->content;
    const dstn_parameter *weight = map->response_weight, *bias = map->response_bias;
    int64_t weights = map->in * map->out;
    map_term term = {
        .weight = part(layer, weight->value, j, weights),
        .weight_gradient = part(layer, weight->gradient, j, weights),
        .bias = bias ? part(layer, bias->value, j, map->out) : NULL,
        .bias_gradient = bias ? part(layer, bias->gradient, j, map->out) : NULL,
        .product = part(layer, map->products, j, pass->rows * map->plane * map->out),
    };
    if (map->hyper) {
        term.s = (dstn_factor){factors, width, 1};
        term.t = (dstn_factor){layer_element(layer->kernel, factors, map->out), width, 1};
    } else {
        term.s = term.t = (dstn_factor){layer_element(layer->kernel, pass->z, j), layer->hypers, 0};
    }
    return term;
}

/* The term of some rows alone. */
static map_term of_rows(const dstn_layer *layer, map_term term, dstn_rows rows) {
    const map_content *map = layer->content;
    term.s.data = layer_element(layer->kernel, term.s.data, rows.first * term.s.row);
    term.t.data = layer_element(layer->kernel, term.t.data, rows.first * term.t.row);
    term.product = layer_element(layer->kernel, term.product, rows.first * map->plane * map->out);
    return term;
}

void map_terms_products(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x) {
    const map_content *map = layer->content;
    if (!map_responds(map, pass)) {
        return;
    }
    if (rows.first == 0) {
        map_factors(layer, pass, map->width, map->factors);
    }
    for (int64_t j = 0; j < map->terms; j++) {
        map_term term = of_rows(layer, map_term_at(layer, pass, j, map->width, map->factors), rows);
        layer->kernel->map_forward(layer->kernel, map->map, rows.count, x, term.weight, term.product);
    }
}

void map_terms_add(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *y) {
    const map_content *map = layer->content;
    for (int64_t j = 0; map_responds(map, pass) && j < map->terms; j++) {
        map_term term = of_rows(layer, map_term_at(layer, pass, j, map->width, map->factors), rows);
        layer->kernel->response_add(layer->kernel, rows.count, map->plane, map->out, term.s, term.product, term.t,
                                    term.bias, y);
    }
}

/* ∂L/∂z is wanted in the hyperparameter step's pass alone. */
static void *wanted_dz(const dstn_pass *pass) {
    return pass->kind == DSTN_PASS_RESPONSE ? pass->dz : NULL;
}

void map_terms_adjoint_rows(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *dy) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    if (!map_responds(map, pass) || !map->hyper) {
        return;
    }
    map_term term = of_rows(layer, map_term_at(layer, pass, 0, map->width, map->factors), rows);
    /* In the first layer of a hyperparameter step nothing will ask for it; it is not worth a condition of its own. */
    kernel->response_scale(kernel, rows.count, map->plane, map->out, term.s, dy, map_scaled(layer, map, rows.first));
    if (layer_wants(pass, DSTN_RANGE_RESPONSE) || wanted_dz(pass)) {
        void *adjoints = layer_element(kernel, map->adjoints, rows.first * map->width);
        kernel->response_factors(kernel, rows.count, map->plane, map->out, dy, term.product, term.bias, adjoints);
    }
}

/* dW_j += x ⊗ (s ⊙ δ), and with the last rows db_j += Σ_b t ⊙ Σ_plane δ. */
static void term_gradient(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const map_term *term,
                          const void *dy) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    const void *x = layer_element(kernel, layer->x, rows.first * dstn_shape_count(layer->in));
    kernel->map_gradient(kernel, map->map, rows.count, x, map_scaled(layer, map, rows.first), map_beta(pass, rows),
                         term->weight_gradient);
    if (!term->bias_gradient || !map_ends(pass, rows)) {
        return;
    }
    if (pass->overwrite) {
        kernel->fill(kernel, map->out, 0, term->bias_gradient);
    }
    kernel->response_bias(kernel, pass->rows, map->out, term->t, map->sums ? map->sums : dy, term->bias_gradient);
}

/* Structured, of all rows: with ds = Σ_plane δ ⊙ a, dt = Σ_plane δ ⊙ b side by side, dU beside dV += zᵀ [ds dt] and
 * dz += [ds dt] [U V]ᵀ. */
static void factor_adjoint(const dstn_layer *layer, const dstn_pass *pass) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    int64_t h = layer->hypers;
    if (layer_wants(pass, DSTN_RANGE_RESPONSE)) {
        kernel->gemm(kernel, true, false, h, map->width, pass->rows, 1, pass->z, h, map->adjoints, map->width,
                     pass->overwrite ? 0 : 1, map->hyper->gradient, map->width);
    }
    if (wanted_dz(pass)) {
        kernel->gemm(kernel, false, true, pass->rows, h, map->width, 1, map->adjoints, map->width, map->hyper->value,
                     map->width, 1, pass->dz, h);
    }
}

/* Full, of which δ and the products are those of all rows: there are no images, and so no parts. */
static void full_factor_adjoint(const dstn_layer *layer, const dstn_pass *pass, int64_t j, const map_term *term,
                                const void *dy) {
    const map_content *map = layer->content;
    if (wanted_dz(pass)) {
        layer->kernel->response_dot(layer->kernel, pass->rows, map->out, dy, term->product, term->bias, layer->hypers,
                                    layer_element(layer->kernel, pass->dz, j));
    }
}

void map_terms_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *dy, void *dx) {
    const map_content *map = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    bool wants_gradient = layer_wants(pass, DSTN_RANGE_RESPONSE);
    if (!map_responds(map, pass) || !(wants_gradient || dx || wanted_dz(pass))) {
        return;
    }
    for (int64_t j = 0; j < map->terms; j++) {
        map_term term = map_term_at(layer, pass, j, map->width, map->factors);
        if (!map->hyper && (wants_gradient || dx)) {
            kernel->response_scale(kernel, rows.count, map->plane, map->out, term.s, dy, map->scaled);
        }
        if (wants_gradient) {
            term_gradient(layer, pass, rows, &term, dy);
        }
        if (dx) {
            kernel->map_adjoint(kernel, map->map, rows.count, map_scaled(layer, map, rows.first), term.weight, 1, dx);
        }
        if (!map->hyper) {
            full_factor_adjoint(layer, pass, j, &term, dy);
        }
    }
    if (map->hyper && map_ends(pass, rows)) {
        factor_adjoint(layer, pass);
    }
    if (wants_gradient && map_ends(pass, rows)) {
        layer_gradient_ready(layer, pass, DSTN_RANGE_RESPONSE);
    }
}
