/* The observer that keeps the record of a run. */
#include "observers.h"

#include <math.h>
#include <stdlib.h>

dstn_recorder *dstn_recorder_new(dstn_job *job, dstn_record *record) {
    dstn_recorder *r = dstn_alloc(1, sizeof(*r));
    int h = job->space->count;
    r->job = job;
    r->record = record;
    r->step = dstn_record_series(record, "step", DSTN_I64, 0);
    r->epoch = dstn_record_series(record, "epoch", DSTN_F64, 0);
    r->train_loss = dstn_record_series(record, "train_loss", DSTN_F64, 0);
    r->response_loss = dstn_record_series(record, "response_loss", DSTN_F64, 0);
    r->hyper_loss = dstn_record_series(record, "hyper_loss", DSTN_F64, 0);
    r->valid_loss = dstn_record_series(record, "valid_loss", DSTN_F64, 0);
    r->classifies = job->model->loss == DSTN_LOSS_CROSS_ENTROPY;
    r->accuracy = r->classifies ? dstn_record_series(record, "valid_accuracy", DSTN_F64, 0) : -1;
    r->lambda = dstn_record_series(record, "lambda", DSTN_F64, h);
    r->value = dstn_record_series(record, "value", DSTN_F64, h);
    r->sigma = dstn_record_series(record, "sigma", DSTN_F64, h);
    r->row = dstn_alloc((size_t)h + 1, sizeof(double));
    return r;
}

void dstn_recorder_destroy(dstn_recorder *recorder) {
    if (recorder) {
        free(recorder->row);
        free(recorder);
    }
}

static void append_one(dstn_recorder *recorder, int series, double value) {
    dstn_record_append(recorder->record, series, &value);
}

static void append_space(dstn_recorder *r) {
    const dstn_space *space = r->job->space;
    dstn_record_append(r->record, r->lambda, space->lambda);
    for (int i = 0; i < space->count; i++) {
        r->row[i] = dstn_space_value(space, i, space->lambda[i]);
    }
    dstn_record_append(r->record, r->value, r->row);
    for (int i = 0; i < space->count; i++) {
        r->row[i] = dstn_space_sigma(space, i);
    }
    dstn_record_append(r->record, r->sigma, r->row);
}

void dstn_recorder_append(dstn_recorder *r) {
    const dstn_progress *progress = dstn_trainer_progress(r->job->trainer);
    double valid_loss, accuracy;
    dstn_trainer_evaluate(r->job->trainer, DSTN_PART_VALID, &valid_loss, &accuracy);
    double batches = (double)(r->job->dataset->rows[DSTN_PART_TRAIN] / r->job->train.batch);
    append_one(r, r->step, (double)progress->step);
    append_one(r, r->epoch, (double)progress->step / batches);
    append_one(r, r->train_loss, progress->train_loss);
    append_one(r, r->response_loss, progress->response_loss);
    append_one(r, r->hyper_loss, progress->hyper_loss);
    append_one(r, r->valid_loss, valid_loss);
    if (r->classifies) {
        append_one(r, r->accuracy, accuracy);
    }
    append_space(r);
}

static dstn_status on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    dstn_recorder *recorder = self;
    if (dstn_trainer_progress(trainer)->step % recorder->job->record.every == 0) {
        dstn_recorder_append(recorder);
    }
    return DSTN_OK;
}

dstn_observer dstn_recorder_observer(dstn_recorder *recorder) {
    return (dstn_observer){recorder, on_step, dstn_observer_ignore, dstn_observer_ignore};
}
