/* What the response layers over a linear map of images (linear, conv) share: parameters, terms of the response, passes.
 * They differ in the shape of their map alone. */
#ifndef DSTN_LAYER_MAP_H
#define DSTN_LAYER_MAP_H

#include "layer_private.h"

typedef enum map_init { MAP_KAIMING, MAP_ORTHOGONAL, MAP_ZERO } map_init;

/* The first fields of the settings of every layer of this kind. */
typedef struct map_settings {
    int64_t out;
    bool bias;
    int init; /* map_init */
} map_settings;

#define MAP_OPTIONS                                                                                                    \
    DSTN_BOOL("bias", map_settings, bias, "true", "whether a bias is added"),                                          \
        DSTN_CHOICE("init", map_settings, init, "kaiming|orthogonal|zero", "kaiming",                                  \
                    "initial general weights: uniform within 1/sqrt(inputs), orthonormal rows or columns, or zero")

typedef struct map_content {
    dstn_map_shape shape;
    dstn_map *map;
    int64_t in, out; /* columns of the weight: inputs of one output; channels of the output */
    int64_t plane;   /* places of the output image; 1 for features */
    int64_t terms;   /* of the response: 0 without hyperparameters, 1 structured, h full */
    int64_t width;   /* factors an example has: s and t (2 out), s alone (out, no bias), or none of its own (full: 0) */
    /* Of layer->parameters; NULL where the layer has no such parameter. Stored: weights [in, out] (the response's
     * [terms, in, out]), biases [out] ([terms, out]), hyper [h, width] with U beside V. */
    dstn_parameter *weight, *bias, *response_weight, *response_bias, *hyper;
    bool tangent_is_zero; /* of the last tangent pass's input */
    void *factors;        /* [B, width]: s beside t, at the last pass's z */
    void *products;       /* [terms, B, plane, out]: a_j = W_j x of the last forward or tangent pass */
    void *scaled;         /* [a part of B, plane, out]: s ⊙ δ; scratch */
    void *adjoints;       /* [B, max(width, out)]: ds beside dt; scratch */
    void *sums;           /* [B, out]: Σ_plane δ; NULL where the plane is one place, and δ itself is meant */
} map_content;

/* One term s ⊙ (W_j x) + t ⊙ b_j of the response. */
typedef struct map_term {
    dstn_factor s, t;
    const void *weight, *bias;             /* [in, out], [out] or NULL */
    void *weight_gradient, *bias_gradient; /* likewise */
    void *product;                         /* [B, plane, out] */
} map_term;

/* ---- map.c: parameters and passes ---- */

/* The part of `plan` that follows the shape of the map: sets layer->out's parameters. Stored columns of the weight are
 * [places, channels]. */
dstn_status map_plan(dstn_layer *layer, dstn_node node, const dstn_map_shape *shape, bool is_image, dstn_error *err);
bool map_bind(dstn_layer *layer, const dstn_map_shape *shape, dstn_arena *arena);
void map_release(dstn_layer *layer);
size_t map_memory(const dstn_layer *layer);
void map_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
void map_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent, void *y_tangent);
void map_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx);
void map_forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
void map_tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent, void *y_tangent);
void map_adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx);
double map_product_flops(const dstn_layer *layer);

/* What every layer type of this kind has in its table. */
#define MAP_OPERATIONS                                                                                                 \
    .release = map_release, .memory = map_memory, .initialize = map_initialize, .forward = map_forward,                \
    .tangent = map_tangent, .adjoint = map_adjoint, .forward_rows = map_forward_rows,                                  \
    .tangent_rows = map_tangent_rows, .adjoint_rows = map_adjoint_rows, .product_flops = map_product_flops

/* Whether a layer is of this kind, and its content if it is (NULL for any other, and before it is bound). */
bool map_is(const dstn_layer *layer);
map_content *map_of(const dstn_layer *layer);

/* ---- map_response.c: the terms ---- */

/* [B, width] ← z Uᵀ beside z Vᵀ; width may be that of U alone. Nothing where factors are z itself (full). */
void map_factors(const dstn_layer *layer, const dstn_pass *pass, int64_t width, void *factors);
/* Term j, with the structured response's factors in the given array [B, width]. */
map_term map_term_at(const dstn_layer *layer, const dstn_pass *pass, int64_t j, int64_t width, const void *factors);

/* Products of all terms at x [rows, in image], and factors. */
void map_terms_products(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x);
/* y [rows, plane, out] += all terms. */
void map_terms_add(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *y);
/* From δ = dy, what the adjoint needs of these rows: s ⊙ δ, ds and dt (structured). */
void map_terms_adjoint_rows(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *dy);
/* From δ = dy [rows, plane, out]: the response's gradients, pass->dz, and dx [rows, in image] += the terms' share
 * (NULL: not wanted). */
void map_terms_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *dy, void *dx);

/* ---- map_init.c ---- */
void map_initialize(dstn_layer *layer, dstn_rng rng);

/* Whether the pass has response terms at all. */
static inline bool map_responds(const map_content *map, const dstn_pass *pass) {
    return pass->kind != DSTN_PASS_GENERAL && map->terms > 0;
}

/* What a gradient is multiplied by before that of these rows is added. */
static inline double map_beta(const dstn_pass *pass, dstn_rows rows) {
    return pass->overwrite && rows.first == 0 ? 0 : 1;
}

/* Whether these rows are the last of the pass: sums over all of them are complete. */
static inline bool map_ends(const dstn_pass *pass, dstn_rows rows) {
    return rows.first + rows.count == pass->rows;
}

/* s ⊙ δ from this row on, in an array of one part. */
static inline void *map_scaled(const dstn_layer *layer, const map_content *map, int64_t first) {
    int64_t row = layer->part > 0 ? first % layer->part : first;
    return layer_element(layer->kernel, map->scaled, row * map->plane * map->out);
}

#endif
