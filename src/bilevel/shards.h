/* Objectives in shards: what steps.h's services do where the trainer's settings have shards. */
#ifndef DSTN_BILEVEL_SHARDS_H
#define DSTN_BILEVEL_SHARDS_H

#include "hypergradient.h"
#include "steps.h"

/* Takes the tables; nothing without shards. False: memory is short. */
bool bilevel_take_shards(dstn_trainer *trainer);

/* An objective on these rows, shard by shard; loss, penalty and dz of the result are of the last one alone. Collective
 * over the group where statistics are tracked. */
dstn_evaluation bilevel_evaluate_shards(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows,
                                        dstn_perturbation perturbation);

/* Of an evaluation in shards, once: the sum of loss and penalty, and the loss alone [out]; and the hypergradient.
 * Collective over the group. */
double bilevel_sum_loss_of_shards(const dstn_trainer *trainer, const dstn_evaluation *evaluation, double *fit);
dstn_hypergradient bilevel_hypergradient_of_shards(const dstn_space *space, const dstn_group *group, int shards,
                                                   const dstn_evaluation *evaluation, double entropy_weight);

#endif
