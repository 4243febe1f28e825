/* layer: the passes of a response map. Products a pass (less those with the input's tangent or adjoint in the first
 * layer): ordinary 3, response 6, linearized 5, hyperparameter step 4. */
#include "response_map.h"

static void *element(const dstn_response_map *map, const void *array, int64_t i) {
    return layer_element(layer_map_kernel(map), array, i);
}

/* ---- forward and tangent ----------------------------------------------------------------------------------------- */

/* y = W x; of a table, the words' rows. */
static void product(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                    const void *weight, void *y) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (map->is_table) {
        kernel->gather_rows(kernel, rows.count, map->out, pass->tokens + rows.first, NULL, weight, y);
        layer_map_mask_words(map, pass, rows, y);
    } else {
        kernel->map_forward(kernel, map->map, rows.count, x, weight, y);
    }
}

/* a_j = W_j x of all terms, and with the first rows of a pass the factors of all examples. */
static void term_products(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x) {
    if (!layer_map_responds(map, pass)) {
        return;
    }
    if (rows.first == 0) {
        layer_map_factors(map, pass, map->width, map->factors);
    }
    for (int64_t j = 0; j < map->terms; j++) {
        map_term term = layer_map_pass_term(map, pass, j);
        product(map, pass, rows, x, term.weight, element(map, term.product, rows.first * map->out_count));
    }
}

void dstn_response_map_forward(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    product(map, pass, rows, x, layer_map_weight(map, pass, 0), y);
    if (pass->kind == DSTN_PASS_RESPONSE) {
        term_products(map, pass, rows, x);
    }
}

void dstn_response_map_tangent(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                               const void *x_tangent, void *y_tangent) {
    if (x_tangent) {
        product(map, pass, rows, x_tangent, layer_map_weight(map, pass, 0), y_tangent);
    }
    term_products(map, pass, rows, x);
}

void layer_map_add_terms(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *y) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    for (int64_t j = 0; layer_map_responds(map, pass) && j < map->terms; j++) {
        map_term term = layer_map_pass_term(map, pass, j);
        for (int64_t i = 0; i < layer_map_pieces(rows); i++) {
            map_piece piece = layer_map_piece(map, pass, rows, i);
            kernel->response_add(
                kernel, piece.examples, piece.plane, map->out, layer_map_factor_at(map, term.s, piece.example),
                element(map, term.product, piece.row * map->out_count), layer_map_factor_at(map, term.t, piece.example),
                term.bias, element(map, y, piece.given * map->out_count));
        }
    }
}

void layer_map_add_bias(const dstn_response_map *map, dstn_rows rows, void *y) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->add_row(kernel, rows.count * map->plane, map->out, map->bias->value, y);
}

void dstn_response_map_forward_rows(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *y) {
    if (map->bias) {
        layer_map_add_bias(map, rows, y);
    }
    if (pass->kind == DSTN_PASS_RESPONSE) {
        layer_map_add_terms(map, pass, rows, y);
    }
}

void dstn_response_map_tangent_rows(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows,
                                    const void *x_tangent, void *y_tangent) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (!x_tangent) {
        kernel->fill(kernel, rows.count * map->out_count, 0, y_tangent);
    }
    layer_map_add_terms(map, pass, rows, y_tangent);
}

/* ---- adjoint, row by row ----------------------------------------------------------------------------------------- */

/* ∂L/∂z is wanted in the hyperparameter step's pass alone. */
static void *wanted_dz(const dstn_pass *pass) {
    return pass->kind == DSTN_PASS_RESPONSE ? pass->dz : NULL;
}

void layer_map_scale_by(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, dstn_factor s,
                        const void *dy) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    for (int64_t i = 0; i < layer_map_pieces(rows); i++) {
        map_piece piece = layer_map_piece(map, pass, rows, i);
        kernel->response_scale(
            kernel, piece.examples, piece.plane, map->out, layer_map_factor_at(map, s, piece.example),
            element(map, dy, piece.given * map->out_count), element(map, map->scaled, piece.packed * map->out_count));
    }
}

void dstn_response_map_adjoint_rows(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *dy) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    map_piece piece = layer_map_piece(map, pass, rows, 0);
    bool wants_response = dstn_pass_wants(pass, DSTN_RANGE_RESPONSE);
    if (map->sums && map->bias && (wants_response || dstn_pass_wants(pass, DSTN_RANGE_GENERAL))) {
        kernel->plane_sum(kernel, piece.examples, piece.plane, map->out, 1, dy,
                          element(map, map->sums, piece.example * map->out));
    }
    if (!layer_map_responds(map, pass) || !map->hyper) {
        return;
    }
    /* In the first layer of a hyperparameter step nothing will ask for it; it is not worth a condition of its own. */
    map_term term = layer_map_pass_term(map, pass, 0);
    layer_map_scale_by(map, pass, rows, term.s, dy);
    if (wants_response || wanted_dz(pass)) {
        kernel->response_factors(kernel, piece.examples, piece.plane, map->out, dy,
                                 element(map, term.product, piece.row * map->out_count), term.bias,
                                 element(map, map->adjoints, piece.example * map->width));
    }
}

/* ---- adjoint, products ------------------------------------------------------------------------------------------- */

/* Σ δ over the places and steps of each example, [B, out]. Where there is one of them, there are no parts either, and
 * dy is that of all rows. */
static const void *sums_of(const dstn_response_map *map, const void *dy) {
    return map->sums ? map->sums : dy;
}

/* dx = beta dx + W δ */
static void input_adjoint(const dstn_response_map *map, dstn_rows rows, const void *delta, const void *weight,
                          double beta, void *dx) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->map_adjoint(kernel, map->map, rows.count, delta, weight, beta, dx);
}

/* gradient = beta gradient + Σ x ⊗ δ; a table's goes to the rows of the words. */
static void weight_gradient(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                            const void *delta, map_sum sum) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (!map->is_table) {
        kernel->map_gradient(kernel, map->map, rows.count, x, delta, sum.beta, sum.gradient);
        return;
    }
    const int64_t *tokens = pass->tokens + rows.first;
    delta = layer_map_masked_deltas(map, pass, rows, delta);
    if (sum.beta == 0) {
        kernel->fill(kernel, map->weight->count, 0, sum.gradient);
    }
    for (int64_t first = 0, end; first < rows.count; first = end + 1) {
        for (end = first; end < rows.count && tokens[end] != map->padding;) {
            end++;
        }
        kernel->scatter_rows(kernel, end - first, map->out, tokens + first, NULL, element(map, delta, first * map->out),
                             sum.gradient);
    }
}

/* dW_g += Σ x ⊗ δ, and with the last rows db_g += Σ δ. */
static void general_gradient(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                             const void *dy) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    double beta = layer_map_beta(map, pass, 0, rows.last);
    weight_gradient(map, pass, rows, x, dy, layer_map_open_sum(map, pass, 0, rows.first == 0, beta));
    if (rows.last) {
        layer_map_close_sum(map, pass, 0, beta);
    }
    if (map->bias && rows.last) {
        kernel->sum_rows(kernel, pass->rows, map->out, sums_of(map, dy), dstn_parameter_open(map->bias, kernel));
    }
}

/* dW_j += Σ x ⊗ (s ⊙ δ), and with the last rows db_j += Σ_b t ⊙ Σ δ. */
static void term_gradient(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, int64_t j, double beta,
                          const void *x, const void *dy) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    weight_gradient(map, pass, rows, x, element(map, map->scaled, rows.at * map->out_count),
                    layer_map_open_sum(map, pass, 1 + j, rows.first == 0, beta));
    if (rows.last) {
        layer_map_close_sum(map, pass, 1 + j, beta);
    }
    if (map->response_bias && rows.last) {
        void *gradient = dstn_parameter_open(map->response_bias, kernel);
        kernel->response_bias(kernel, pass->rows, map->out, layer_map_pass_term(map, pass, j).t, sums_of(map, dy),
                              element(map, gradient, j * map->out));
    }
}

/* Structured, of all rows: with ds = Σ δ ⊙ a, dt = Σ δ ⊙ b side by side, dU beside dV += zᵀ [ds dt] and
 * dz += [ds dt] [U V]ᵀ. */
static void factor_adjoint(const dstn_response_map *map, const dstn_pass *pass) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t h = map->layer->hypers;
    if (dstn_pass_wants(pass, DSTN_RANGE_RESPONSE)) {
        kernel->gemm(kernel, true, false, h, map->width, pass->rows, 1, pass->z, h, map->adjoints, map->width,
                     dstn_parameter_beta(map->hyper), map->hyper->gradient, map->width);
    }
    if (wanted_dz(pass)) {
        kernel->gemm(kernel, false, true, pass->rows, h, map->width, 1, map->adjoints, map->width, map->hyper->value,
                     map->width, 1, pass->dz, h);
    }
}

/* Full: dz_j += Σ δ ⊙ (a_j + b_j), of each example by itself where it has several places or steps. */
static void full_factor_adjoint(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, int64_t j,
                                const void *dy) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    map_term term = layer_map_pass_term(map, pass, j);
    map_piece piece = layer_map_piece(map, pass, rows, 0);
    int64_t h = map->layer->hypers, of_one = piece.plane * map->out;
    const void *products = element(map, term.product, piece.row * map->out_count);
    void *dz = element(map, pass->dz, piece.example * h + j);
    if (piece.plane == 1) {
        kernel->response_dot(kernel, piece.examples, map->out, dy, products, term.bias, h, dz);
        return;
    }
    for (int64_t b = 0; b < piece.examples; b++) {
        kernel->response_dot(kernel, piece.plane, map->out, element(map, dy, b * of_one),
                             element(map, products, b * of_one), term.bias, 0, element(map, dz, b * h));
    }
}

static void terms_adjoint(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                          const void *dy, void *dx) {
    bool wants_gradient = dstn_pass_wants(pass, DSTN_RANGE_RESPONSE), wants_dz = wanted_dz(pass);
    if (!layer_map_responds(map, pass) || !(wants_gradient || dx || wants_dz)) {
        return;
    }
    double beta = wants_gradient ? layer_map_beta(map, pass, 1, rows.last) : 1;
    for (int64_t j = 0; j < map->terms; j++) {
        map_term term = layer_map_pass_term(map, pass, j);
        if (!map->hyper && (wants_gradient || dx)) {
            layer_map_scale_by(map, pass, rows, term.s, dy);
        }
        if (wants_gradient) {
            term_gradient(map, pass, rows, j, beta, x, dy);
        }
        if (dx) {
            input_adjoint(map, rows, element(map, map->scaled, rows.at * map->out_count), term.weight, 1, dx);
        }
        if (!map->hyper && wants_dz) {
            full_factor_adjoint(map, pass, rows, j, dy);
        }
    }
    if (map->hyper && rows.last) {
        factor_adjoint(map, pass);
    }
}

void dstn_response_map_adjoint(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                               const void *dy, void *dx) {
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL)) {
        general_gradient(map, pass, rows, x, dy);
    }
    if (dx) {
        input_adjoint(map, rows, dy, layer_map_weight(map, pass, 0), 0, dx);
    }
    terms_adjoint(map, pass, rows, x, dy, pass->kind == DSTN_PASS_RESPONSE ? dx : NULL);
}
