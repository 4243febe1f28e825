/* One run from an assembled job to its record: what `train` does once and `sweep` for every member. */
#ifndef DSTN_CLI_RUN_H
#define DSTN_CLI_RUN_H

#include "observers.h"

/* Where a run goes and how it starts. */
typedef struct dstn_run_request {
    const char *folder;
    const char *name; /* shown in the progress */
    const char *init; /* checkpoint to start from, or NULL */
    bool resume;      /* go on from the folder's newest checkpoint */
    bool is_member;   /* of a sweep, where starting at the beginning needs no mention */
    dstn_board *board;
    dstn_display *display;
} dstn_run_request;

/* Trains the job, writes FOLDER/config.yaml, FOLDER/run.h5 and checkpoints. Collective over the job's group; all ranks
 * return the same status: DSTN_OK, DSTN_DIVERGED (recorded, with its message), DSTN_STOPPED (a checkpoint is written),
 * or an error. */
dstn_status dstn_run(dstn_job *job, const dstn_run_request *request, dstn_error *err);

#endif
