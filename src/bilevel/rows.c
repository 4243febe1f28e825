/* bilevel: which rows an objective takes, and which of them are this rank's.
 *
 * An objective that is perturbed has a row for each of the k samples of each example, so that its loss and its
 * gradients are means over B·k draws of everything that is drawn for a row: ε, masks and augmentation. To one that is
 * not perturbed ε is nothing: it takes the B examples alone, and costs what it did. */
#include "rows.h"

#include "sizes.h"

/* ---- shares ------------------------------------------------------------------------------------------------------ */

static bilevel_span make_span(const dstn_trainer *trainer, dstn_sampling sampling) {
    bilevel_span span = {.sampling = sampling, .total = dstn_sampling_rows(sampling)};
    bilevel_share_of(trainer->group, trainer->settings.shards, span.total, &span.first_row, &span.rows);
    return span;
}

/* Where no scale is tuned, ε of a hyperparameter step is 0, and k samples were k times the same row. */
static bool draws(const dstn_space *space, dstn_part part) {
    bool any = part == DSTN_PART_TRAIN;
    for (int i = 0; i < space->count; i++) {
        any = any || space->items[i].tune_scale;
    }
    return any;
}

dstn_sampling bilevel_sampling(const dstn_train_settings *settings, const dstn_space *space, dstn_part part,
                               int64_t batch) {
    bool samples = settings->samples > 1 && draws(space, part);
    return (dstn_sampling){
        .examples = batch, .samples = samples ? settings->samples : 1, .antithetic = samples && settings->antithetic};
}

void bilevel_share_rows(const dstn_trainer *trainer, bilevel_share *share) {
    const dstn_sampling plain = {.examples = share->batch, .samples = 1};
    share->plain = make_span(trainer, plain);
    share->sampled =
        make_span(trainer, bilevel_sampling(&trainer->settings, trainer->space, share->part, share->batch));
}

const bilevel_span *bilevel_span_of(const bilevel_share *share, const dstn_objective *objective) {
    return objective->perturbed && share->sampled.sampling.samples > 1 ? &share->sampled : &share->plain;
}

/* ---- the mini-batch ---------------------------------------------------------------------------------------------- */

bool bilevel_augments(const dstn_trainer *trainer, const bilevel_share *share) {
    return trainer->augment && share->part == DSTN_PART_TRAIN;
}

void bilevel_fill_rows(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows, int64_t first,
                       int64_t count, dstn_perturbation perturbation) {
    const bilevel_share *share = rows.share;
    const bilevel_span *span = bilevel_span_of(share, objective);
    bool augments = bilevel_augments(trainer, share);
    dstn_augmenting augmenting = {.augment = trainer->augment,
                                  .rng = {trainer->seed, DSTN_PURPOSE_AUGMENTATION},
                                  .step = (uint64_t)trainer->progress.step,
                                  .hypers = trainer->space->count};
    if (augments) {
        augmenting.values = dstn_problem_values(trainer->problem, objective, perturbation, count);
    }
    for (int64_t r = 0; r < count; r++) {
        trainer->indices[r] = rows.draw.indices[(first + r) % share->batch];
    }
    trainer->batch.drawn_rows = dstn_sampling_drawn(span->sampling);
    trainer->batch.carried = rows.draw.carried;
    trainer->batch.state_row = first - span->first_row;
    dstn_batch_fill(&trainer->batch, trainer->dataset, trainer->kernel, share->part, trainer->indices, rows.draw.steps,
                    count, first, span->total, augments ? &augmenting : NULL);
}
