/* The observers that keep the record of a run: rows every few steps, and at the end of every epoch. */
#include "observers.h"

#include <math.h>
#include <stdlib.h>

static void unround(const void *user, const double *lambda, double *values) {
    const dstn_space *space = user;
    for (int i = 0; i < space->count; i++) {
        values[i] = dstn_space_unrounded(space, i, lambda[i]);
    }
}

/* Beside /value: where a hyperparameter is discrete, what the values were before it was rounded down. */
static void derive_unrounded(dstn_record *record, const char *name, int lambda, const dstn_space *space) {
    if (dstn_space_rounds(space)) {
        dstn_record_derived(record, name, space->count, lambda, unround, space);
    }
}

run_recorder *run_recorder_new(dstn_job *job, dstn_record *record) {
    run_recorder *r = dstn_alloc(1, sizeof(*r));
    int h = job->space->count;
    r->job = job;
    r->record = record;
    r->step = dstn_record_series(record, "step", DSTN_I64, 0);
    r->epoch = dstn_record_series(record, "epoch", DSTN_F64, 0);
    r->train_loss = dstn_record_series(record, "train_loss", DSTN_F64, 0);
    r->response_loss = dstn_record_series(record, "response_loss", DSTN_F64, 0);
    r->hyper_loss = dstn_record_series(record, "hyper_loss", DSTN_F64, 0);
    r->evaluates = !dstn_trainer_evaluates_epochs(job->trainer);
    r->classifies = job->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    r->valid_loss = r->evaluates ? dstn_record_series(record, "valid_loss", DSTN_F64, 0) : -1;
    r->accuracy = r->evaluates && r->classifies ? dstn_record_series(record, "valid_accuracy", DSTN_F64, 0) : -1;
    bool is_text = dstn_trainer_reads_text(job->trainer);
    r->perplexity = r->evaluates && is_text ? dstn_record_series(record, "valid_perplexity", DSTN_F64, 0) : -1;
    r->lambda = dstn_record_series(record, "lambda", DSTN_F64, h);
    r->value = dstn_record_series(record, "value", DSTN_F64, h);
    r->sigma = dstn_record_series(record, "sigma", DSTN_F64, h);
    derive_unrounded(record, "unrounded", r->lambda, job->space);
    r->row = dstn_alloc((size_t)h + 1, sizeof(double));
    return r;
}

void run_recorder_destroy(run_recorder *recorder) {
    if (recorder) {
        free(recorder->row);
        free(recorder);
    }
}

static void append_one(dstn_record *record, int series, double value) {
    dstn_record_append(record, series, &value);
}

static void append_space(dstn_record *record, const dstn_space *space, const int series[3], double *row) {
    dstn_record_append(record, series[0], space->lambda);
    for (int i = 0; i < space->count; i++) {
        row[i] = dstn_space_value(space, i, space->lambda[i]);
    }
    dstn_record_append(record, series[1], row);
    for (int i = 0; i < space->count; i++) {
        row[i] = dstn_space_sigma(space, i);
    }
    dstn_record_append(record, series[2], row);
}

static void append_evaluation(run_recorder *r) {
    double valid_loss, accuracy;
    dstn_trainer_evaluate(r->job->trainer, DSTN_PART_VALID, &valid_loss, &accuracy);
    append_one(r->record, r->valid_loss, valid_loss);
    if (r->classifies) {
        append_one(r->record, r->accuracy, accuracy);
    }
    if (r->perplexity >= 0) {
        append_one(r->record, r->perplexity, exp(valid_loss));
    }
}

void run_recorder_append(run_recorder *r) {
    const dstn_progress *progress = dstn_trainer_progress(r->job->trainer);
    append_one(r->record, r->step, (double)progress->step);
    append_one(r->record, r->epoch, dstn_trainer_epochs(r->job->trainer, progress->step));
    append_one(r->record, r->train_loss, progress->train_loss);
    append_one(r->record, r->response_loss, progress->response_loss);
    append_one(r->record, r->hyper_loss, progress->hyper_loss);
    if (r->evaluates) {
        append_evaluation(r);
    }
    append_space(r->record, r->job->space, (const int[]){r->lambda, r->value, r->sigma}, r->row);
}

static dstn_status on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    run_recorder *recorder = self;
    if (run_job_records_step(recorder->job, dstn_trainer_progress(trainer)->step)) {
        run_recorder_append(recorder);
    }
    return DSTN_OK;
}

dstn_observer run_recorder_observer(run_recorder *recorder) {
    return (dstn_observer){recorder, on_step, dstn_observer_ignore, dstn_observer_ignore};
}

/* ---- epochs ---- */

static const char *const loss_names[DSTN_PARTS] = {NULL, "/epochs/valid_loss", "/epochs/test_loss"};
static const char *const perplexity_names[DSTN_PARTS] = {"/epochs/train_perplexity", "/epochs/valid_perplexity",
                                                         "/epochs/test_perplexity"};
static const char *const accuracy_names[DSTN_PARTS] = {NULL, "/epochs/valid_accuracy", "/epochs/test_accuracy"};

run_epoch_recorder *run_epoch_recorder_new(dstn_job *job, dstn_record *record) {
    run_epoch_recorder *r = dstn_alloc(1, sizeof(*r));
    bool classifies = job->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    int h = job->space->count;
    r->job = job;
    r->record = record;
    r->step = dstn_record_series(record, "/epochs/step", DSTN_I64, 0);
    r->epoch = dstn_record_series(record, "/epochs/epoch", DSTN_I64, 0);
    r->train_loss = dstn_record_series(record, "/epochs/train_loss", DSTN_F64, 0);
    for (int part = 0; part < DSTN_PARTS; part++) {
        bool there = part != DSTN_PART_TRAIN && job->dataset->rows[part] > 0;
        r->loss[part] = there ? dstn_record_series(record, loss_names[part], DSTN_F64, 0) : -1;
        bool has_perplexity = dstn_trainer_reads_text(job->trainer) && (there || part == DSTN_PART_TRAIN);
        r->perplexity[part] = has_perplexity ? dstn_record_series(record, perplexity_names[part], DSTN_F64, 0) : -1;
        r->accuracy[part] = there && classifies ? dstn_record_series(record, accuracy_names[part], DSTN_F64, 0) : -1;
    }
    r->rate = dstn_record_series(record, "/epochs/rate", DSTN_F64, 0);
    r->seconds = dstn_record_series(record, "/epochs/seconds", DSTN_F64, 0);
    r->lambda = dstn_record_series(record, "/epochs/lambda", DSTN_F64, h);
    r->value = dstn_record_series(record, "/epochs/value", DSTN_F64, h);
    r->sigma = dstn_record_series(record, "/epochs/sigma", DSTN_F64, h);
    derive_unrounded(record, "/epochs/unrounded", r->lambda, job->space);
    r->row = dstn_alloc((size_t)h + 1, sizeof(double));
    return r;
}

void run_epoch_recorder_destroy(run_epoch_recorder *recorder) {
    if (recorder) {
        free(recorder->row);
        free(recorder);
    }
}

void run_epoch_recorder_start(run_epoch_recorder *recorder) {
    double last = dstn_record_last(recorder->record, recorder->seconds);
    recorder->before = isnan(last) ? 0 : last;
    recorder->started = dstn_seconds();
}

static dstn_status on_epoch(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    run_epoch_recorder *r = self;
    const dstn_epoch *epoch = dstn_trainer_last_epoch(trainer);
    append_one(r->record, r->step, (double)dstn_trainer_progress(trainer)->step);
    append_one(r->record, r->epoch, (double)epoch->epoch);
    append_one(r->record, r->train_loss, epoch->train_loss);
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (r->loss[part] >= 0) {
            append_one(r->record, r->loss[part], epoch->loss[part]);
        }
        if (r->perplexity[part] >= 0) {
            append_one(r->record, r->perplexity[part], epoch->perplexity[part]);
        }
        if (r->accuracy[part] >= 0) {
            append_one(r->record, r->accuracy[part], epoch->accuracy[part]);
        }
    }
    append_one(r->record, r->rate, epoch->rate);
    append_one(r->record, r->seconds, r->before + dstn_seconds() - r->started);
    append_space(r->record, r->job->space, (const int[]){r->lambda, r->value, r->sigma}, r->row);
    return DSTN_OK;
}

dstn_observer run_epoch_recorder_observer(run_epoch_recorder *recorder) {
    return (dstn_observer){recorder, dstn_observer_ignore, dstn_observer_ignore, on_epoch};
}
