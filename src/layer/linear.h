/* The linear response layer's parts: parameters, terms of the response, working arrays. */
#ifndef DSTN_LAYER_LINEAR_H
#define DSTN_LAYER_LINEAR_H

#include "layer_private.h"

typedef enum linear_init { LINEAR_KAIMING, LINEAR_ORTHOGONAL, LINEAR_ZERO } linear_init;

typedef struct linear_settings {
    int64_t out;
    bool bias;
    int init; /* linear_init */
} linear_settings;

typedef struct linear_content {
    int64_t in, out;
    int64_t terms; /* of the response: 0 without hyperparameters, 1 structured, h full */
    int64_t width; /* factors an example has: s and t (2 out), s alone (out, no bias), or none of its own (full: 0) */
    /* Of layer->parameters; NULL where the layer has no such parameter. Stored: weights [in, out] (the response's
     * [terms, in, out]), biases [out] ([terms, out]), hyper [width, h] with U over V. */
    dstn_parameter *weight, *bias, *response_weight, *response_bias, *hyper;
    void *factors;  /* [B, width]: s beside t, at the last pass's z */
    void *products; /* [terms, B, out]: a_j = W_j x of the last forward or tangent pass */
    void *scaled;   /* [B, out]: s ⊙ δ; scratch */
    void *adjoints; /* [B, max(width, out)]: ds beside dt; scratch */
} linear_content;

/* One term s ⊙ (W_j x) + t ⊙ b_j of the response. */
typedef struct linear_term {
    dstn_factor s, t;
    const void *weight, *bias;             /* [in, out], [out] or NULL */
    void *weight_gradient, *bias_gradient; /* likewise */
    void *product;                         /* [B, out] */
} linear_term;

/* [B, width] ← z Uᵀ beside z Vᵀ; width may be that of U alone. Nothing where factors are z itself (full). */
void linear_factors(const dstn_layer *layer, const dstn_pass *pass, int64_t width, void *factors);
/* Term j, with the structured response's factors in the given array [B, width]. */
linear_term linear_term_at(const dstn_layer *layer, const dstn_pass *pass, int64_t j, int64_t width,
                           const void *factors);

/* y [B, out] += all terms at x [B, in], keeping what their adjoint needs. */
void linear_terms_forward(dstn_layer *layer, const dstn_pass *pass, const void *x, void *y);
/* From δ = dy [B, out]: the response's gradients, pass->dz, and dx [B, in] += the terms' share (NULL: not wanted). */
void linear_terms_adjoint(dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx);

void linear_initialize(dstn_layer *layer, dstn_rng rng);

/* Whether the pass has response terms at all. */
static inline bool linear_responds(const linear_content *linear, const dstn_pass *pass) {
    return pass->kind != DSTN_PASS_GENERAL && linear->terms > 0;
}

#endif
