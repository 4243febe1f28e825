/* The rows of objectives: this rank's share of them, and the mini-batch that they are. */
#ifndef DSTN_BILEVEL_ROWS_H
#define DSTN_BILEVEL_ROWS_H

#include "trainer.h"

/* A mini-batch by what the sampler gave for it, of the whole global batch. */
typedef struct bilevel_rows {
    const bilevel_share *share;
    dstn_draw draw; /* indices [share->batch] */
} bilevel_rows;

/* How rows are made of `batch` examples of a part, for an objective that is perturbed. */
dstn_sampling bilevel_sampling(const dstn_train_settings *settings, const dstn_space *space, dstn_part part,
                               int64_t batch);
/* The spans of a share whose part and batch are known. */
void bilevel_share_rows(const dstn_trainer *trainer, bilevel_share *share);
/* The rows that an objective takes. */
const bilevel_span *bilevel_span_of(const bilevel_share *share, const dstn_objective *objective);

/* Whether examples of this part are augmented, so that every objective sees others. */
bool bilevel_augments(const dstn_trainer *trainer, const bilevel_share *share);

/* Fills the trainer's batch with rows first … first+count-1 of those that an objective takes of the global batch,
 * augmented as the objective has it; the perturbation is that of these rows. */
void bilevel_fill_rows(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows, int64_t first,
                       int64_t count, dstn_perturbation perturbation);

#endif
