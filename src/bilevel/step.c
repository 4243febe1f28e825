/* One training step, whatever the method: mini-batch, perturbation, passes, summed gradients, update. */
#include "trainer.h"

#include <math.h>

static void gather(dstn_trainer *trainer, const dstn_share *share) {
    dstn_dataset_gather(trainer->dataset, share->part, trainer->rows, share->rows, trainer->kernel, trainer->x,
                        trainer->targets, trainer->labels);
}

void dstn_trainer_next_batch(dstn_trainer *trainer, dstn_share *share) {
    trainer->rows = dstn_sampler_next(share->sampler) + share->first_row;
    gather(trainer, share);
}

void dstn_trainer_augment(dstn_trainer *trainer, bool again) {
    if (!trainer->augment) {
        return;
    }
    const dstn_share *share = &trainer->train;
    if (again) {
        gather(trainer, share);
    }
    dstn_rng rng = {trainer->seed, DSTN_PURPOSE_AUGMENTATION};
    dstn_augment_apply(trainer->augment, trainer->kernel, rng, (uint64_t)trainer->progress.step, share->first_row,
                       share->rows, trainer->values, trainer->space->count, trainer->x);
}

/* ε ~ N(0, diag(σ²)), one an example. */
static void draw_perturbation(dstn_trainer *trainer) {
    const dstn_share *share = &trainer->train;
    dstn_rng rng = {trainer->seed, DSTN_PURPOSE_NOISE};
    dstn_space_noise(trainer->space, rng, (uint64_t)trainer->progress.step, share->first_row, share->rows,
                     trainer->noise);
    dstn_space_perturbation(trainer->space, trainer->noise, share->rows, trainer->epsilon);
}

static void gradient_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    (void)count;
    dstn_trainer *trainer = user;
    dstn_reducer_ready(trainer->reducers[range], offset);
}

/* Synchronized batch statistics. */
static void reduce(void *user, double *values, int64_t count) {
    dstn_trainer *trainer = user;
    dstn_group_sum(trainer->group, values, count);
}

/* z of each row: λ + ε, or ε where centred. */
static void fill_inputs(dstn_trainer *trainer, int64_t rows, const double *epsilon) {
    int h = trainer->space->count;
    bool centered = trainer->method->centered;
    for (int64_t b = 0; b < rows; b++) {
        for (int i = 0; i < h; i++) {
            double perturbation = epsilon ? epsilon[b * h + i] : 0;
            trainer->inputs[b * h + i] = centered ? perturbation : trainer->space->lambda[i] + perturbation;
        }
    }
    trainer->kernel->from_double(trainer->kernel, rows * h, trainer->inputs, trainer->z);
}

dstn_pass dstn_trainer_pass(dstn_trainer *trainer, const dstn_share *share, dstn_pass_kind kind,
                            const double *epsilon) {
    dstn_space_values(trainer->space, epsilon, share->rows, trainer->values);
    if (kind != DSTN_PASS_GENERAL) {
        fill_inputs(trainer, share->rows, epsilon);
    }
    return (dstn_pass){
        .kind = kind,
        .rows = share->rows,
        .first_row = share->first_row,
        .batch_rows = share->batch,
        .z = kind == DSTN_PASS_GENERAL ? NULL : trainer->z,
        .values = trainer->values,
        .masks = {trainer->seed, DSTN_PURPOSE_DROPOUT},
        .step = (uint64_t)trainer->progress.step,
        .on_gradient_ready = gradient_ready,
        .reduce = reduce,
        .user = trainer,
    };
}

double dstn_trainer_objective(dstn_trainer *trainer, dstn_pass *pass) {
    dstn_model *model = trainer->model;
    /* Penalties add to the gradients before the layers do; without any, the layers start them anew. */
    pass->overwrite = model->regularizer_count == 0;
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (pass->grad[r] && !pass->overwrite) {
            dstn_model_zero_gradient(model, (dstn_range)r);
        }
    }
    dstn_model_forward(model, pass, trainer->x);
    double loss = dstn_model_loss(model, pass, trainer->targets, trainer->labels, NULL);
    loss += dstn_model_penalty(model, pass);
    dstn_model_adjoint(model, pass);
    return loss;
}

double dstn_general_gradient(dstn_trainer *trainer) {
    dstn_pass pass = dstn_trainer_pass(trainer, &trainer->train, DSTN_PASS_GENERAL, NULL);
    dstn_trainer_augment(trainer, false);
    pass.training = true;
    pass.track_statistics = true;
    pass.grad[DSTN_RANGE_GENERAL] = true;
    return dstn_trainer_objective(trainer, &pass);
}

static bool updates(const dstn_trainer *trainer, int range) {
    return range == DSTN_RANGE_GENERAL || trainer->method->tunes;
}

/* Clips by the norm over both ranges, then takes one optimizer step in each. */
static void update_weights(dstn_trainer *trainer) {
    dstn_model *model = trainer->model;
    double clip = dstn_optimizer_clip(trainer->weights[DSTN_RANGE_GENERAL]);
    double factor = 1;
    if (isfinite(clip)) {
        double squares = 0;
        for (int r = 0; r < DSTN_RANGES; r++) {
            if (updates(trainer, r)) {
                squares +=
                    trainer->kernel->dot(trainer->kernel, model->count[r], model->gradient[r], model->gradient[r]);
            }
        }
        factor = dstn_clip_factor(sqrt(squares), clip);
    }
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (updates(trainer, r)) {
            dstn_optimizer_step(trainer->weights[r], factor, model->gradient[r], model->value[r]);
        }
    }
}

void dstn_trainer_train_step(dstn_trainer *trainer) {
    const dstn_method *method = trainer->method;
    double losses[2];
    dstn_trainer_next_batch(trainer, &trainer->train);
    draw_perturbation(trainer);
    if (!method->tunes) {
        losses[0] = dstn_general_gradient(trainer);
        losses[1] = NAN;
    } else if (method->split_objective) {
        dstn_delta_stn_gradients(trainer, losses);
    } else {
        dstn_stn_gradients(trainer, losses);
    }
    dstn_group_sum(trainer->group, losses, 2);
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (updates(trainer, r)) {
            dstn_reducer_finish(trainer->reducers[r]);
        }
    }
    update_weights(trainer);
    trainer->epoch_loss += losses[0];
    trainer->progress.train_loss = losses[0];
    trainer->progress.response_loss = losses[1];
    trainer->progress.step++;
    trainer->progress.epoch = trainer->progress.step / dstn_sampler_batches(trainer->train.sampler);
}

static double objective_flops(const dstn_trainer *trainer, dstn_pass_kind kind, bool general, bool response) {
    dstn_pass pass = {.kind = kind, .grad = {general, response}, .rows = trainer->train.batch};
    return dstn_model_flops(trainer->model, &pass);
}

double dstn_trainer_step_flops(const dstn_trainer *trainer) {
    const dstn_method *method = trainer->method;
    if (!method->tunes) {
        return objective_flops(trainer, DSTN_PASS_GENERAL, true, false);
    }
    if (!method->split_objective) {
        return objective_flops(trainer, DSTN_PASS_RESPONSE, true, true);
    }
    dstn_pass_kind kind = method->linearize ? DSTN_PASS_LINEARIZED : DSTN_PASS_RESPONSE;
    return objective_flops(trainer, DSTN_PASS_GENERAL, true, false) + objective_flops(trainer, kind, false, true);
}
