/* bilevel: the services that the algorithms' pages are written in. */
#include "shards.h"

#include <math.h>
#include <string.h>

/* ---- mini-batch and perturbation -------------------------------------------------------------------------------- */

bilevel_rows bilevel_next_rows(dstn_trainer *trainer, bilevel_share *share) {
    trainer->filled = NULL;
    return (bilevel_rows){share, dstn_sampler_next(share->sampler)};
}

/* Hyperparameters whose scale is not tuned. */
static void leave_untuned(const dstn_space *space, int64_t rows, double *noise) {
    for (int i = 0; i < space->count; i++) {
        for (int64_t row = 0; !space->items[i].tune_scale && row < rows; row++) {
            noise[row * space->count + i] = 0;
        }
    }
}

dstn_perturbation bilevel_perturb(dstn_trainer *trainer, bilevel_rows rows) {
    const bilevel_span *span = &rows.share->sampled;
    const dstn_progress *progress = &trainer->progress;
    bool is_valid = rows.share->part == DSTN_PART_VALID;
    dstn_rng rng = {trainer->seed, rows.share->noise};
    dstn_space_sample_noise(trainer->space, rng, (uint64_t)(is_valid ? progress->hyper_step : progress->step),
                            span->sampling, span->first_row, span->rows, trainer->noise);
    if (is_valid) {
        leave_untuned(trainer->space, span->rows, trainer->noise);
    }
    dstn_space_perturbation(trainer->space, trainer->noise, span->rows, trainer->epsilon);
    return (dstn_perturbation){trainer->noise, trainer->epsilon};
}

/* ---- objectives ------------------------------------------------------------------------------------------------- */

/* Objectives that take the same rows as they are share one batch. */
static void fill_batch(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows,
                       dstn_perturbation perturbation) {
    const bilevel_span *span = bilevel_span_of(rows.share, objective);
    bool augments = bilevel_augments(trainer, rows.share);
    if (augments || trainer->filled != span) {
        bilevel_fill_rows(trainer, objective, rows, span->first_row, span->rows, perturbation);
        trainer->filled = augments ? NULL : span;
    }
}

dstn_evaluation bilevel_evaluate(dstn_trainer *trainer, const dstn_objective *objective, bilevel_rows rows,
                                 dstn_perturbation perturbation) {
    if (!objective->perturbed) {
        perturbation = (dstn_perturbation){NULL, NULL}; /* which has a row for each sample */
    }
    if (trainer->settings.shards > 0) {
        return bilevel_evaluate_shards(trainer, objective, rows, perturbation);
    }
    fill_batch(trainer, objective, rows, perturbation);
    dstn_evaluation evaluation =
        dstn_problem_evaluate(trainer->problem, objective, &trainer->batch, perturbation, trainer->progress.step);
    if (trainer->listener) {
        trainer->listener->on_pass(trainer->listener->self, trainer, &evaluation);
    }
    return evaluation;
}

/* ---- updates ---------------------------------------------------------------------------------------------------- */

static void tell_gradient(dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    if (trainer->listener) {
        trainer->listener->on_gradient(trainer->listener->self, trainer, gradient);
    }
}

static void tell_update(dstn_trainer *trainer) {
    if (trainer->listener) {
        trainer->listener->on_update(trainer->listener->self, trainer);
    }
}

void bilevel_sum_gradients(dstn_trainer *trainer, const dstn_evaluation *evaluations, int count) {
    for (int e = 0; e < count; e++) {
        dstn_problem_sum_gradients(trainer->problem, evaluations[e].objective);
    }
    for (int e = 0; e < count && trainer->listener; e++) {
        dstn_problem_gather_gradients(trainer->problem, evaluations[e].objective);
    }
    tell_gradient(trainer, NULL);
    /* All passes of the step are behind this rank: nobody reads weights once all have met. */
    dstn_shared_arrive(trainer->shared);
    dstn_shared_await(trainer->shared);
}

/* What a gradient of this norm is multiplied by; counts how often that is less than 1. */
static double clip_factor(double norm, double clip, int64_t *clipped) {
    double factor = dstn_clip_factor(norm, clip);
    *clipped += factor < 1;
    return factor;
}

/* ‖∇‖ over the ranges of an objective; not needed, and 0, where nothing is clipped. */
static double gradient_norm(const dstn_trainer *trainer, const dstn_objective *objective, double clip) {
    double squares = 0;
    for (int r = 0; r < DSTN_RANGES && isfinite(clip); r++) {
        squares += objective->grad[r] ? dstn_reducer_squares(dstn_problem_reducer(trainer->problem, (dstn_range)r)) : 0;
    }
    return sqrt(squares);
}

/* A batch of longer pieces of a text says more: its step is longer in proportion. */
static double rate_of_step(const dstn_trainer *trainer, double rate) {
    const dstn_train_settings *settings = &trainer->settings;
    bool varies = settings->vary_length && trainer->dataset->words > 0;
    return varies ? rate * (double)trainer->batch.steps / (double)settings->length : rate;
}

/* The slices of a range that are this rank's. */
static void update_slices(dstn_trainer *trainer, int range, double factor) {
    const dstn_reducer *reducer = dstn_problem_reducer(trainer->problem, (dstn_range)range);
    dstn_optimizer *optimizer = trainer->weights[range];
    void *weights = trainer->model->value[range];
    double rate = dstn_optimizer_rate(optimizer);
    int64_t first, count;
    dstn_optimizer_set_rate(optimizer, rate_of_step(trainer, rate));
    dstn_optimizer_begin(optimizer);
    for (int64_t i = 0; dstn_reducer_slice(reducer, i, &first, &count); i++) {
        dstn_optimizer_update(optimizer, factor, first, count, dstn_reducer_sum(reducer), weights);
        dstn_reducer_spread_slice(reducer, i, weights);
    }
    dstn_optimizer_set_rate(optimizer, rate);
}

void bilevel_update_weights(dstn_trainer *trainer, const dstn_objective *objective) {
    double clip = dstn_optimizer_clip(trainer->weights[DSTN_RANGE_GENERAL]);
    int own = objective->grad[DSTN_RANGE_GENERAL] ? DSTN_CLIPPED_GENERAL : DSTN_CLIPPED_RESPONSE;
    double factor = clip_factor(gradient_norm(trainer, objective, clip), clip, &trainer->progress.clipped[own]);
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (objective->grad[r]) {
            update_slices(trainer, r, factor);
        }
    }
}

/* losses [out]: of the evaluations, and behind them that of the first without its penalty, which texts alone need. */
static void sum_losses(const dstn_trainer *trainer, const dstn_evaluation *evaluations, int count,
                       double losses[DSTN_METHOD_PASSES + 1]) {
    double fit[DSTN_METHOD_PASSES] = {0};
    for (int e = 0; e < count; e++) {
        fit[e] = evaluations[e].loss;
        losses[e] = trainer->settings.shards > 0 ? bilevel_sum_loss_of_shards(trainer, &evaluations[e], &fit[e])
                                                 : evaluations[e].loss + evaluations[e].penalty;
    }
    losses[DSTN_METHOD_PASSES] = fit[0];
    if (trainer->settings.shards == 0) {
        dstn_group_sum(trainer->group, losses, DSTN_METHOD_PASSES + dstn_trainer_reads_text(trainer));
    }
}

/* Of other nodes, in this one. */
static void await_updates(const dstn_trainer *trainer, const dstn_evaluation *evaluations, int count) {
    for (int i = 0; i < count * DSTN_RANGES; i++) {
        dstn_range range = (dstn_range)(i % DSTN_RANGES);
        if (evaluations[i / DSTN_RANGES].objective->grad[range]) {
            dstn_reducer_await_spread(dstn_problem_reducer(trainer->problem, range));
        }
    }
}

void bilevel_end_train_step(dstn_trainer *trainer, const dstn_evaluation *evaluations, int count) {
    double losses[DSTN_METHOD_PASSES + 1] = {NAN, NAN, NAN};
    await_updates(trainer, evaluations, count);
    dstn_shared_arrive(trainer->shared);
    sum_losses(trainer, evaluations, count, losses);
    dstn_shared_await(trainer->shared); /* all have updated their slices: weights may be read again */
    dstn_model_advance(trainer->model, (int)trainer->train.part);
    dstn_progress *progress = &trainer->progress;
    trainer->epoch_loss += losses[0];
    trainer->epoch_words[0] += (double)trainer->batch.steps * losses[DSTN_METHOD_PASSES];
    trainer->epoch_words[1] += (double)trainer->batch.steps;
    progress->fit = losses[DSTN_METHOD_PASSES];
    progress->train_loss = losses[0];
    progress->response_loss = losses[1];
    progress->step++;
    progress->epoch = dstn_sampler_epoch(trainer->train.sampler, progress->step);
    dstn_trainer_follow(trainer);
    tell_update(trainer);
}

static void clipped_step(dstn_optimizer *optimizer, int count, const double *gradient, double *values,
                         int64_t *clipped) {
    double norm = dstn_vector_norm(count, gradient);
    dstn_optimizer_step(optimizer, clip_factor(norm, dstn_optimizer_clip(optimizer), clipped), gradient, values);
}

void bilevel_update_space(dstn_trainer *trainer, dstn_hypergradient gradient) {
    dstn_space *space = trainer->space;
    int64_t *clipped = trainer->progress.clipped;
    tell_gradient(trainer, &gradient);
    dstn_model_advance(trainer->model, (int)trainer->valid.part);
    if (dstn_group_leads(trainer->group)) {
        clipped_step(trainer->lambda, space->count, gradient.lambda, space->lambda, &clipped[DSTN_CLIPPED_LAMBDA]);
        clipped_step(trainer->scale, space->count, gradient.raw_scale, space->raw_scale, &clipped[DSTN_CLIPPED_SCALE]);
    }
    size_t bytes = (size_t)space->count * sizeof(double);
    dstn_group_broadcast(trainer->group, space->lambda, bytes);
    dstn_group_broadcast(trainer->group, space->raw_scale, bytes);
    trainer->progress.hyper_loss = gradient.loss;
    trainer->progress.hyper_step++;
    tell_update(trainer);
}
