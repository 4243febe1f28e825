/* The best epoch so far: the one of the lowest validation loss. */
#ifndef DSTN_CLI_BEST_H
#define DSTN_CLI_BEST_H

#include "dstn/store.h"
#include "job.h"

/* A copy of the model and λ, σ as they were then. It is part of every checkpoint, so that a run which is resumed knows
 * it whatever stands on the disk; the file FOLDER/checkpoints/best.h5, a checkpoint that can be evaluated and started
 * from but not resumed, is made from the copy and follows the checkpoints. */
typedef struct dstn_best {
    int64_t step, epoch; /* -1: there has been none */
    double loss[DSTN_PARTS], accuracy[DSTN_PARTS];
    dstn_job *job;
    const char *config;
    char *folder, *path;
    dstn_state live; /* model and space */
    dstn_state kept; /* the same names: copies, and the numbers above */
    bool is_written; /* the file is of this epoch */
    dstn_arena *arena;
} dstn_best;

/* DSTN_ERROR_RUN: no memory for the copy. */
dstn_status dstn_best_new(dstn_job *job, const char *folder, const char *config, dstn_best **out, dstn_error *err);
void dstn_best_destroy(dstn_best *best); /* NULL is allowed */

/* Keeps an epoch that is better. */
dstn_observer dstn_best_observer(dstn_best *best);

/* Adds what is kept as "best/...". */
void dstn_best_add_state(dstn_best *best, dstn_state *state);
/* After a state was read: the file must be of what was read. */
void dstn_best_restored(dstn_best *best);

/* Writes the file where it isn't of the best epoch, or removes it where there is none. Of the group, the leader alone
 * calls this. */
dstn_status dstn_best_write(dstn_best *best, dstn_error *err);

#endif
