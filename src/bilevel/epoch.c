/* The end of an epoch: evaluation of the whole validation and test part, and the schedules' rates for the next one. */
#include "trainer.h"

#include <math.h>

static bool needs_validation(const dstn_trainer *trainer) {
    return trainer->averaging || dstn_schedule_needs_validation(trainer->schedule) ||
           (trainer->hyper_schedule && dstn_schedule_needs_validation(trainer->hyper_schedule));
}

dstn_status bilevel_plan_epochs(dstn_trainer *trainer, bool wanted, dstn_error *err) {
    dstn_switch choice = trainer->settings.evaluate;
    bool needed = wanted || needs_validation(trainer);
    if (needed && !dstn_switch_is(choice, true)) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "train.evaluate: false, but %s needs every epoch's validation loss",
                         wanted               ? "checkpoint_best"
                         : trainer->averaging ? "optimizer.average_after"
                                              : "schedule: plateau");
    }
    bool classifies = trainer->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    trainer->evaluates = dstn_switch_is(choice, needed || classifies);
    return DSTN_OK;
}

static void set_rate(dstn_schedule *schedule, dstn_optimizer *const optimizers[2], int64_t epochs, double valid_loss) {
    double rate = dstn_schedule_next(schedule, epochs, dstn_optimizer_rate(optimizers[0]), valid_loss);
    dstn_optimizer_set_rate(optimizers[0], rate);
    dstn_optimizer_set_rate(optimizers[1], rate);
}

/* A rate that has become what it is from `first`, as it would be from the schedule's own. */
static void take_rate(const dstn_schedule *schedule, double first, dstn_optimizer *const optimizers[2]) {
    double own = dstn_schedule_first_rate(schedule);
    for (int i = 0; i < 2 && own != first; i++) {
        double rate = dstn_optimizer_rate(optimizers[i]);
        dstn_optimizer_set_rate(optimizers[i], rate == first ? own : rate / first * own);
    }
}

void dstn_trainer_take_rates(dstn_trainer *trainer, double weights, double hyper) {
    take_rate(trainer->schedule, weights, trainer->weights);
    if (trainer->hyper_schedule) {
        dstn_optimizer *const optimizers[2] = {trainer->lambda, trainer->scale};
        take_rate(trainer->hyper_schedule, hyper, optimizers);
    }
}

static void evaluate(dstn_trainer *trainer) {
    dstn_epoch *epoch = &trainer->epoch;
    epoch->epoch = trainer->progress.epoch;
    epoch->train_loss = trainer->epoch_loss / (double)dstn_sampler_batches(trainer->train.sampler, epoch->epoch - 1);
    epoch->rate = dstn_optimizer_rate(trainer->weights[DSTN_RANGE_GENERAL]);
    bool is_text = dstn_trainer_reads_text(trainer);
    for (int part = 0; part < DSTN_PARTS; part++) {
        epoch->loss[part] = epoch->accuracy[part] = NAN;
        if (part != DSTN_PART_TRAIN && trainer->dataset->rows[part] > 0) {
            dstn_trainer_evaluate(trainer, (dstn_part)part, &epoch->loss[part], &epoch->accuracy[part]);
        }
        epoch->perplexity[part] = is_text ? exp(epoch->loss[part]) : NAN;
    }
    if (is_text) {
        epoch->perplexity[DSTN_PART_TRAIN] = exp(trainer->epoch_words[0] / trainer->epoch_words[1]);
    }
}

void bilevel_end_epoch(dstn_trainer *trainer) {
    if (trainer->evaluates) {
        evaluate(trainer);
    }
    trainer->epoch_loss = trainer->epoch_words[0] = trainer->epoch_words[1] = 0;
    double valid_loss = trainer->evaluates ? trainer->epoch.loss[DSTN_PART_VALID] : (double)NAN;
    bilevel_end_epoch_of_average(trainer, valid_loss);
    set_rate(trainer->schedule, trainer->weights, trainer->progress.epoch, valid_loss);
    if (trainer->hyper_schedule) {
        dstn_optimizer *const optimizers[2] = {trainer->lambda, trainer->scale};
        set_rate(trainer->hyper_schedule, optimizers, trainer->progress.epoch, valid_loss);
    }
}

bool dstn_trainer_evaluates_epochs(const dstn_trainer *trainer) {
    return trainer->evaluates;
}

const dstn_epoch *dstn_trainer_last_epoch(const dstn_trainer *trainer) {
    return &trainer->epoch;
}
