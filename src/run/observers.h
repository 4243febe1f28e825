/* What looks on while a job trains: each kind is one observer, one file. */
#ifndef RUN_OBSERVERS_H
#define RUN_OBSERVERS_H

#include "dstn/store.h"
#include "job.h"

/* ---- the record ---- */

/* Appends one row to the series of a record every `record.every` steps, by the step number alone. */
typedef struct run_recorder {
    dstn_job *job;
    dstn_record *record;
    int step, epoch, train_loss, response_loss, hyper_loss, valid_loss, accuracy, perplexity; /* series */
    int lambda, value, sigma;
    bool evaluates;  /* the validation part at every row; otherwise epochs are */
    bool classifies; /* there is an accuracy */
    double *row;     /* [h] */
} run_recorder;

run_recorder *run_recorder_new(dstn_job *job, dstn_record *record);
void run_recorder_destroy(run_recorder *recorder);
dstn_observer run_recorder_observer(run_recorder *recorder);
/* The row of the present state (the loop's observers see steps, not the start). Collective over the group. */
void run_recorder_append(run_recorder *recorder);

/* Appends a row to the series /epochs/... at the end of every epoch, where epochs are evaluated. */
typedef struct run_epoch_recorder {
    dstn_job *job;
    dstn_record *record;
    int step, epoch, train_loss, loss[DSTN_PARTS], perplexity[DSTN_PARTS],
        accuracy[DSTN_PARTS]; /* series; -1: not there */
    int rate, seconds, lambda, value, sigma;
    double started, before; /* seconds: the clock when this launch began, and training before it */
    double *row;            /* [h] */
} run_epoch_recorder;

run_epoch_recorder *run_epoch_recorder_new(dstn_job *job, dstn_record *record);
void run_epoch_recorder_destroy(run_epoch_recorder *recorder);
/* Starts the clock, when the record is as this launch begins with it. */
void run_epoch_recorder_start(run_epoch_recorder *recorder);
dstn_observer run_epoch_recorder_observer(run_epoch_recorder *recorder);

/* ---- the exact answer ---- */

/* Beside each row of the record: the regret, and how far the learned response is from the exact one. */
typedef struct run_oracle_observer {
    dstn_job *job;
    dstn_record *record;
    int regret, exact_valid_loss, response_error, theta_error, theta_cosine, smoothed_error, smoothed_cosine;
    double *learned, *learned_theta, *exact; /* [d] */
} run_oracle_observer;

run_oracle_observer *run_oracle_observer_new(dstn_job *job, dstn_record *record);
void run_oracle_observer_destroy(run_oracle_observer *observer);
dstn_observer run_oracle_observer_as_observer(run_oracle_observer *observer);
void run_oracle_observer_append(run_oracle_observer *observer);

/* ---- progress ---- */

typedef struct run_progress_observer {
    dstn_job *job;
    dstn_display *display;
    const char *name;
    int64_t member;         /* its position in the plan of a population */
    double started, posted; /* seconds */
    int64_t first_step;
} run_progress_observer;

run_progress_observer *run_progress_observer_new(dstn_job *job, const dstn_run_request *request);
void run_progress_observer_destroy(run_progress_observer *observer);
dstn_observer run_progress_observer_as_observer(run_progress_observer *observer);

/* ---- the profile ---- */

/* What the group's ranks have asked of MPI and waited for since `before`, into a record's /profile. Collective. */
void run_record_profile(dstn_record *record, const dstn_group *group, const dstn_profile *before);

#endif
