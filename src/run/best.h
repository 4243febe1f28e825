/* The best epoch so far: the one of the lowest validation loss. */
#ifndef RUN_BEST_H
#define RUN_BEST_H

#include "dstn/store.h"
#include "job.h"

/* On the leader, a copy of the model and λ, σ as they were then; other ranks keep nothing. It is part of every
 * checkpoint, so that a run which is resumed knows it whatever stands on the disk; the file best.h5 beside them,
 * a checkpoint that can be evaluated and started from but not resumed, is made from the copy and follows the
 * checkpoints. */
typedef struct run_best {
    int64_t step, epoch; /* -1: there has been none */
    double loss[DSTN_PARTS], accuracy[DSTN_PARTS];
    dstn_job *job;
    const char *config;
    char *folder, *path;
    dstn_state live; /* model and space */
    dstn_state kept; /* the same names: copies, and the numbers above */
    bool is_written; /* the file is of this epoch */
    dstn_arena *arena;
} run_best;

/* DSTN_ERROR_RUN: no memory for the copy. */
dstn_status run_best_new(dstn_job *job, const char *checkpoints, const char *config, run_best **out, dstn_error *err);
void run_best_destroy(run_best *best); /* NULL is allowed */

/* Keeps an epoch that is better. */
dstn_observer run_best_observer(run_best *best);

/* Adds what is kept as "best/...". */
void run_best_add_state(run_best *best, dstn_state *state);
/* After a state was read: the file must be of what was read. */
void run_best_restored(run_best *best);

/* Writes the file where it isn't of the best epoch, or removes it where there is none. Of the group, the leader alone
 * calls this. */
dstn_status run_best_write(run_best *best, dstn_error *err);

#endif
