/* What the pages of the algorithms are written in: services that take and return values. */
#ifndef DSTN_BILEVEL_STEPS_H
#define DSTN_BILEVEL_STEPS_H

#include "methods.h"
#include "rows.h"

/* The next mini-batch of the training or validation part. */
bilevel_rows bilevel_next_rows(dstn_trainer *trainer, bilevel_share *share);

/* ε ~ N(0, diag(σ²)) for these rows, one for each sample of an example (or one for each sample of the mini-batch, where
 * the hyperparameter says so). On the validation part, hyperparameters whose scale is not tuned are not perturbed.
 * Valid until the next draw. */
dstn_perturbation bilevel_perturb(dstn_trainer *trainer, bilevel_rows rows);

/* An objective on these rows, on all samples of them where it is perturbed, augmented as it has it. */
dstn_evaluation bilevel_evaluate(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows,
                                 dstn_perturbation perturbation);

/* Waits until the gradients of these objectives are sums over the group. */
void bilevel_sum_gradients(dstn_trainer *trainer, const dstn_evaluation *evaluations, int count);

/* w ← w − α ∇ for the weights that an objective has gradients of, clipped by the norm of all of them: an objective's
 * step depends on its own gradient alone. */
void bilevel_update_weights(dstn_trainer *trainer, const dstn_objective *objective);

/* The training step is over: its losses over the group, the first evaluation's with its penalty being the training
 * loss, and the counters. */
void bilevel_end_train_step(dstn_trainer *trainer, const dstn_evaluation *evaluations, int count);

/* λ ← λ − α ∇_λ, raw_scale ← raw_scale − α ∇_raw_scale, each clipped by its own norm, by the group's leader; the others
 * take its result, so that λ and σ agree to the last bit. Ends the hyperparameter step. */
void bilevel_update_space(dstn_trainer *trainer, dstn_hypergradient gradient);

#endif
