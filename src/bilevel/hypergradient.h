/* The hypergradient as a function of z's adjoint, the noise, σ and τ. */
#ifndef DSTN_BILEVEL_HYPERGRADIENT_H
#define DSTN_BILEVEL_HYPERGRADIENT_H

#include "dstn/hyper.h"

/* From ∂L/∂z and the noise of some rows [rows, h], their share of ∂L/∂λ [h] and ∂L/∂raw_scale [h]. */
void bilevel_hypergradient(const dstn_space *space, int64_t rows, const double *dz, const double *noise, double *lambda,
                           double *raw_scale);

/* raw_scale [h], summed over all rows, ← its difference to τ ∂H/∂raw_scale; 0 where the scale is not tuned. */
void bilevel_subtract_entropy(const dstn_space *space, double entropy_weight, double *raw_scale);

#endif
