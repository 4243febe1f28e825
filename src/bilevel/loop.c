/* bilevel: the loop. T_train training steps and T_valid hyperparameter steps in turn, and between them the moments at
 * which observers look on. */
#include "methods.h"
#include "trainer.h"

#include <math.h>

void dstn_trainer_train_step(dstn_trainer *trainer) {
    dstn_phase before = dstn_profile_enter(DSTN_PHASE_TRAIN);
    trainer->method->algorithm->train_step(trainer);
    dstn_profile_leave(before);
}

void dstn_trainer_hyper_step(dstn_trainer *trainer) {
    dstn_phase before = dstn_profile_enter(DSTN_PHASE_HYPER);
    trainer->method->algorithm->hyper_step(trainer);
    dstn_profile_leave(before);
}

dstn_status dstn_observer_ignore(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)self;
    (void)trainer;
    (void)err;
    return DSTN_OK;
}

typedef enum moment { ON_STEP, ON_HYPER_STEP, ON_EPOCH } moment;

static dstn_status notify(dstn_trainer *trainer, const dstn_observer *observers, int count, moment when,
                          dstn_error *err) {
    for (int i = 0; i < count; i++) {
        const dstn_observer *o = &observers[i];
        dstn_status status = when == ON_STEP         ? o->on_step(o->self, trainer, err)
                             : when == ON_HYPER_STEP ? o->on_hyper_step(o->self, trainer, err)
                                                     : o->on_epoch(o->self, trainer, err);
        if (status != DSTN_OK) {
            return status;
        }
    }
    return DSTN_OK;
}

static dstn_status check_finite(const dstn_trainer *trainer, dstn_error *err) {
    const dstn_progress *progress = &trainer->progress;
    if (!isfinite(progress->train_loss)) {
        return dstn_fail(err, DSTN_DIVERGED, "diverged: the training loss is %g at step %lld", progress->train_loss,
                         (long long)progress->step);
    }
    if (trainer->method->split_objective && !isfinite(progress->response_loss)) {
        return dstn_fail(err, DSTN_DIVERGED, "diverged: the response's loss is %g at step %lld",
                         progress->response_loss, (long long)progress->step);
    }
    for (int i = 0; i < trainer->space->count; i++) {
        if (!isfinite(trainer->space->lambda[i]) || !isfinite(trainer->space->raw_scale[i])) {
            return dstn_fail(err, DSTN_DIVERGED, "diverged: hyperparameter \"%s\" is no longer finite at step %lld",
                             trainer->space->items[i].name, (long long)progress->step);
        }
    }
    return DSTN_OK;
}

/* T_valid hyperparameter steps after every T_train training steps, once warm-up is over. */
static bool hyper_steps_are_due(const dstn_trainer *trainer) {
    int64_t after = trainer->progress.step - trainer->warmup;
    return trainer->method->tunes && after > 0 && after % trainer->settings.train_steps == 0;
}

static dstn_status one_step(dstn_trainer *trainer, const dstn_observer *observers, int count, dstn_error *err) {
    int64_t epoch = trainer->progress.epoch;
    dstn_trainer_train_step(trainer);
    if (hyper_steps_are_due(trainer)) {
        for (int64_t s = 0; s < trainer->settings.valid_steps; s++) {
            dstn_trainer_hyper_step(trainer);
        }
    }
    dstn_status status = check_finite(trainer, err);
    if (status == DSTN_OK && hyper_steps_are_due(trainer)) {
        status = notify(trainer, observers, count, ON_HYPER_STEP, err);
    }
    if (status == DSTN_OK && trainer->progress.epoch > epoch) {
        bilevel_end_epoch(trainer);
        status = notify(trainer, observers, count, ON_EPOCH, err);
    }
    if (status == DSTN_OK) {
        status = notify(trainer, observers, count, ON_STEP, err);
    }
    return status;
}

dstn_status dstn_trainer_run(dstn_trainer *trainer, const dstn_observer *observers, int count, dstn_error *err) {
    dstn_status status = DSTN_OK;
    while (status == DSTN_OK && !dstn_trainer_is_over(trainer)) {
        dstn_phase before = dstn_profile_enter(DSTN_PHASE_BETWEEN);
        status = one_step(trainer, observers, count, err);
        dstn_ranks_poll();
        dstn_profile_leave(before);
    }
    return status;
}
