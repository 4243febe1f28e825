/* oracle, private: what a chain of linear response layers computes, as one vector of weights. */
#ifndef ORACLE_LEARNED_H
#define ORACLE_LEARNED_H

#include "dstn/model.h"

/* w [d] = ∂y/∂x of a chain with one output and one hyperparameter at z, and theta [d] = ∂w/∂z. Layers that are not
 * linear (dropout) are taken for the identity, which they are in evaluation.
 * work: four arrays of `widest` doubles, the largest input or output of a layer. */
void oracle_learned_weights(dstn_model *model, double z, double *const work[4], double *w, double *theta);

/* The largest input or output of a layer, and at least 1. */
int64_t oracle_learned_widest(const dstn_model *model);

#endif
