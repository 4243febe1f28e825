/* Observers that make a run restartable: the digest chain, and the checkpoints with the stop. */
#ifndef DSTN_CLI_CHECKPOINT_H
#define DSTN_CLI_CHECKPOINT_H

#include "best.h"

/* What a run's checkpoints hold and where they go; shared by the two observers. */
typedef struct dstn_checkpointer {
    dstn_job *job;
    dstn_record *record;
    dstn_best *best;              /* NULL: none is kept */
    const char *folder;           /* the run's */
    const char *config;           /* the resolved one */
    char *checkpoints;            /* FOLDER/checkpoints */
    char *record_path;            /* FOLDER/run.h5 */
    dstn_state state;             /* what the next step depends on: what a digest is of */
    dstn_state whole;             /* with the chain and the best epoch */
    char chain[33];               /* the last digest */
    int digest_step, digest_hash; /* series */
    double written_at;            /* seconds, of the last checkpoint */
    double cost;                  /* seconds spent on checkpoints and records */
    int64_t count;                /* checkpoints written */
    int64_t step;                 /* of the last one, -1: none */
} dstn_checkpointer;

dstn_checkpointer *dstn_checkpointer_new(dstn_job *job, dstn_record *record, dstn_best *best, const char *folder,
                                         const char *config);
void dstn_checkpointer_destroy(dstn_checkpointer *checkpointer);

/* Chains the state into the digest at every epoch, or every `digest_every` steps. */
dstn_observer dstn_digest_observer(dstn_checkpointer *checkpointer);
/* Writes record and checkpoint when one is due or the run is asked to stop, which ends it with DSTN_STOPPED. The ranks
 * agree on both at the step boundary. Comes after all that write into the record. */
dstn_observer dstn_checkpoint_observer(dstn_checkpointer *checkpointer);

/* Digest of the present state, chained to the last recorded one. */
void dstn_checkpointer_digest(const dstn_checkpointer *checkpointer, char digest[33]);

/* Writes the record, then the checkpoint of the present state, then the best epoch's. Collective over the group. */
dstn_status dstn_checkpointer_write(dstn_checkpointer *checkpointer, dstn_error *err);

/* Puts the run where its newest usable checkpoint is: state, record and data position. found [out]: false where there
 * is none yet, and nothing has changed. DSTN_ERROR_USAGE: the config differs in a key that may not. Collective. */
dstn_status dstn_checkpointer_resume(dstn_checkpointer *checkpointer, const dstn_log *log, bool *found,
                                     dstn_error *err);

/* Gives the leader's arrays to all ranks of the group. */
void dstn_state_spread(const dstn_group *group, const dstn_state *state);

/* Takes weights, buffers, λ and σ of any run's checkpoint, but neither counters nor moments. step [out]: of the
 * checkpoint; may be NULL. Collective. */
dstn_status dstn_checkpoint_start_from(dstn_job *job, const char *path, int64_t *step, dstn_error *err);

#endif
