/* What the files of the response map share, and what layers that are nothing but one have in their tables. */
#ifndef DSTN_LAYER_RESPONSE_MAP_H
#define DSTN_LAYER_RESPONSE_MAP_H

#include "layer_private.h"

/* The last one is no user's choice. */
typedef enum map_init { MAP_KAIMING, MAP_HE, MAP_ORTHOGONAL, MAP_ZERO, MAP_WORDS } map_init;

/* Of layers whose settings begin with a dstn_map_settings. */
/* clang-format off */
#define MAP_OPTIONS \
    DSTN_BOOL("bias", dstn_map_settings, bias, "true", "whether a bias is added"), \
    DSTN_CHOICE("init", dstn_map_settings, init, "kaiming|he|orthogonal|zero", "kaiming", \
                "initial general weights: uniform within 1/sqrt(inputs); normal of variance 2/(outputs * places of " \
                "the kernel), the response's too, and no bias; orthonormal rows or columns; or zero"), \
    DSTN_QUANTITY("weight_dropout", dstn_map_settings, weight_dropout, 0, 0.999, "~", \
                  "probability that a weight is 0 for a whole batch in training (DropConnect; of a recurrent layer the " \
                  "weights from step to step): a number, or the name of a hyperparameter with per_batch: true", DSTN_PER_BATCH)
/* clang-format on */

/* One term s ⊙ (W_j x) + t ⊙ b_j of the response. */
typedef struct map_term {
    dstn_factor s, t;          /* of example 0 on */
    const void *weight, *bias; /* [in, out], [out] or NULL */
    void *product;             /* [BT, plane, out] */
} map_term;

/* Data rows that one call of the kernel takes: whole examples with all their steps, or one step of one example. */
typedef struct map_piece {
    int64_t example, examples;
    int64_t plane;  /* places and steps of an example that share its factors */
    int64_t row;    /* the first in arrays of all data rows */
    int64_t given;  /* and in the arrays that the caller gave */
    int64_t packed; /* and in the array of s ⊙ δ */
} map_piece;

/* ---- response_map_terms.c ---- */

/* [B, width] ← z Uᵀ beside z Vᵀ; width may be that of U alone. Nothing where factors are z itself (full). */
void layer_map_factors(const dstn_response_map *map, const dstn_pass *pass, int64_t width, void *factors);
/* Term j, with the structured response's factors in the given array [B, width]. */
map_term layer_map_term(const dstn_response_map *map, const dstn_pass *pass, int64_t j, int64_t width,
                        const void *factors);
/* Term j at the factors of the last pass. */
map_term layer_map_pass_term(const dstn_response_map *map, const dstn_pass *pass, int64_t j);

/* to += s ⊙ from, both as the map's weights are, with one factor a channel of the output. */
void layer_map_add_scaled(const dstn_response_map *map, dstn_factor s, const void *from, void *to);

/* Some rows as the kernel takes them: the number of pieces, and piece i. */
int64_t layer_map_pieces(dstn_rows rows);
map_piece layer_map_piece(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, int64_t i);
/* A factor from one example on. */
dstn_factor layer_map_factor_at(const dstn_response_map *map, dstn_factor factor, int64_t example);

/* ---- response_map_pass.c: pieces of a pass ---- */
/* y += b_g */
void layer_map_add_bias(const dstn_response_map *map, dstn_rows rows, void *y);
/* y += s ⊙ a + t ⊙ b of all terms. */
void layer_map_add_terms(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *y);
/* s ⊙ δ, to map->scaled. */
void layer_map_scale_by(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, dstn_factor s,
                        const void *dy);

/* ---- response_map_steps.c: a map that recurs, one time step of all examples at a time. Arrays are those of the step,
 * whose rows lie as far apart as is said, y and dy T rows of the map's output ---- */
bool layer_map_bind_steps(dstn_response_map *map);
void layer_map_release_steps(dstn_response_map *map);
size_t layer_map_steps_memory(const dstn_response_map *map);
/* Before the first step: y += b_g of all rows, the pass's factors, and the weights as they are now. */
void layer_map_begin_steps(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *y);
/* y += W_g x + Σ s ⊙ (W_j x) + t ⊙ b_j in a response pass, else W_g x. */
void layer_map_step_forward(dstn_response_map *map, const dstn_pass *pass, int64_t t, const void *x, int64_t x_stride,
                            void *y);
/* ẏ += W_g ẋ, the part of a linearized pass that goes step by step. */
void layer_map_step_tangent(dstn_response_map *map, const dstn_pass *pass, const void *x_tangent, int64_t x_stride,
                            void *y_tangent);
void layer_map_begin_adjoint_steps(dstn_response_map *map, const dstn_pass *pass);
/* dx += W_gᵀ δ, in a response pass with the terms' share. Gradients follow from all steps together. */
void layer_map_step_adjoint(dstn_response_map *map, const dstn_pass *pass, int64_t t, const void *dy, void *dx,
                            int64_t dx_stride);

/* ---- response_map_mask.c: weights dropped at random. W_0 is W_g, W_{1+j} that of term j ---- */
bool layer_map_bind_mask(dstn_response_map *map, dstn_arena *arena);
/* Before a pass: its draws, and the masked weights. */
void layer_map_begin_mask(dstn_response_map *map, const dstn_pass *pass);
bool layer_map_is_masked(const dstn_response_map *map, const dstn_pass *pass);
/* W_i as the pass has it. */
const void *layer_map_weight(const dstn_response_map *map, const dstn_pass *pass, int64_t i);

/* Where the sum of a weight's gradient goes, and what is multiplied by what is there before anything is added. */
typedef struct map_sum {
    double beta;
    void *gradient;
} map_sum;
/* What part of the rows, the last one or not, multiplies the gradient of W_i's parameter by. */
double layer_map_beta(const dstn_response_map *map, const dstn_pass *pass, int64_t i, bool is_last);
/* With the first rows or later ones; after the last the sum is closed, with the beta that they had. */
map_sum layer_map_open_sum(const dstn_response_map *map, const dstn_pass *pass, int64_t i, bool is_first, double beta);
void layer_map_close_sum(const dstn_response_map *map, const dstn_pass *pass, int64_t i, double beta);

/* Of a table: values [rows, out] times the factors of their words; the same of deltas, which stay as they are. */
void layer_map_mask_words(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *values);
const void *layer_map_masked_deltas(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows,
                                    const void *deltas);

/* ---- response_map_init.c ---- */
void layer_map_initialize(dstn_response_map *map, dstn_rng rng);

/* ---- response_map.c ---- */
/* That of a canonical [out, in] will be stored as it is; false: this map's can't be, or another layer has one already.
 */
bool layer_map_store_out_first(dstn_response_map *map);
bool layer_map_bind(dstn_response_map *map, dstn_arena *arena);
void layer_map_release(dstn_response_map *map);
size_t layer_map_memory(const dstn_response_map *map);

/* Whether the pass has response terms at all. */
static inline bool layer_map_responds(const dstn_response_map *map, const dstn_pass *pass) {
    return pass->kind != DSTN_PASS_GENERAL && map->terms > 0;
}

static inline const dstn_kernel *layer_map_kernel(const dstn_response_map *map) {
    return map->layer->kernel;
}

/* ---- map_layer.c: a layer that is nothing but one map, which is its content ---- */

void layer_map_layer_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
void layer_map_layer_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                             const void *x_tangent, void *y_tangent);
void layer_map_layer_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy,
                             void *dx);
void layer_map_layer_forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
void layer_map_layer_tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                                  const void *x_tangent, void *y_tangent);
void layer_map_layer_adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy);
int64_t layer_map_layer_part_values(const dstn_layer *layer);

/* clang-format off */
#define MAP_LAYER_OPERATIONS \
    {.forward = layer_map_layer_forward, .tangent = layer_map_layer_tangent, .adjoint = layer_map_layer_adjoint, \
     .forward_rows = layer_map_layer_forward_rows, .tangent_rows = layer_map_layer_tangent_rows, \
     .adjoint_rows = layer_map_layer_adjoint_rows, .part_values = layer_map_layer_part_values}
/* clang-format on */

#endif
