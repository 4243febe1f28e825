/* What looks on while a job trains: each kind is one observer, one file. */
#ifndef DSTN_CLI_OBSERVERS_H
#define DSTN_CLI_OBSERVERS_H

#include "dstn/store.h"
#include "job.h"

/* ---- the record ---- */

/* Appends one row to the series of a record every `record.every` steps, by the step number alone. */
typedef struct dstn_recorder {
    dstn_job *job;
    dstn_record *record;
    int step, epoch, train_loss, response_loss, hyper_loss, valid_loss, accuracy; /* series */
    int lambda, value, sigma;
    bool evaluates;  /* the validation part at every row; otherwise epochs are */
    bool classifies; /* there is an accuracy */
    double *row;     /* [h] */
} dstn_recorder;

dstn_recorder *dstn_recorder_new(dstn_job *job, dstn_record *record);
void dstn_recorder_destroy(dstn_recorder *recorder);
dstn_observer dstn_recorder_observer(dstn_recorder *recorder);
/* The row of the present state (the loop's observers see steps, not the start). Collective over the group. */
void dstn_recorder_append(dstn_recorder *recorder);

/* Appends a row to the series /epochs/... at the end of every epoch, where epochs are evaluated. */
typedef struct dstn_epoch_recorder {
    dstn_job *job;
    dstn_record *record;
    int step, epoch, train_loss, loss[DSTN_PARTS], accuracy[DSTN_PARTS]; /* series; -1: not there */
    int rate, seconds, lambda, value, sigma;
    double started, before; /* seconds: the clock when this launch began, and training before it */
    double *row;            /* [h] */
} dstn_epoch_recorder;

dstn_epoch_recorder *dstn_epoch_recorder_new(dstn_job *job, dstn_record *record);
void dstn_epoch_recorder_destroy(dstn_epoch_recorder *recorder);
/* Starts the clock, when the record is as this launch begins with it. */
void dstn_epoch_recorder_start(dstn_epoch_recorder *recorder);
dstn_observer dstn_epoch_recorder_observer(dstn_epoch_recorder *recorder);

/* ---- the exact answer ---- */

/* Beside each row of the record: the regret, and how far the learned response is from the exact one. */
typedef struct dstn_oracle_observer {
    dstn_job *job;
    dstn_record *record;
    int regret, exact_valid_loss, response_error, theta_error, theta_cosine, smoothed_error, smoothed_cosine;
    double *learned, *learned_theta, *exact; /* [d] */
} dstn_oracle_observer;

dstn_oracle_observer *dstn_oracle_observer_new(dstn_job *job, dstn_record *record);
void dstn_oracle_observer_destroy(dstn_oracle_observer *observer);
dstn_observer dstn_oracle_observer_as_observer(dstn_oracle_observer *observer);
void dstn_oracle_observer_append(dstn_oracle_observer *observer);

/* ---- progress ---- */

typedef enum dstn_member_activity {
    DSTN_ACTIVITY_IDLE, /* also what a row of the board holds that nobody has posted to */
    DSTN_ACTIVITY_RUNNING
} dstn_member_activity;

/* What a member shows of itself; a row of the board that rank 0 displays. */
typedef struct dstn_member_progress {
    char name[64];
    int64_t step, steps;
    double train_loss, hyper_loss;
    double fraction_of_peak; /* matrix-product FLOPs over time and peak; NAN: not known */
    double seconds_left;
    dstn_member_activity activity;
} dstn_member_progress;

/* Shows the board on a terminal, or now and then a plain line. */
typedef struct dstn_display dstn_display;
dstn_display *dstn_display_new(const dstn_cli *cli, dstn_board *board);
void dstn_display_destroy(dstn_display *display); /* clears the live lines */
/* Redraws, at most a few times a second. Rank 0 only; elsewhere nothing. */
void dstn_display_update(dstn_display *display);

typedef struct dstn_progress_observer {
    dstn_job *job;
    dstn_board *board;
    dstn_display *display;
    const char *name;
    double started, posted; /* seconds */
    double peak;            /* GFLOP/s of one rank's matrix products */
    int64_t first_step;
} dstn_progress_observer;

dstn_progress_observer *dstn_progress_observer_new(dstn_job *job, dstn_board *board, dstn_display *display,
                                                   const char *name);
void dstn_progress_observer_destroy(dstn_progress_observer *observer);
dstn_observer dstn_progress_observer_as_observer(dstn_progress_observer *observer);

#endif
