/* Observers that make a run restartable: the digest chain, and the checkpoints with the stop. */
#ifndef RUN_CHECKPOINT_H
#define RUN_CHECKPOINT_H

#include "best.h"

/* What a run's checkpoints hold and where they go; shared by the two observers. */
typedef struct run_checkpointer {
    dstn_job *job;
    dstn_record *record;
    run_best *best;          /* NULL: none is kept */
    const char *folder;      /* the run's */
    const char *config;      /* the resolved one */
    const char *checkpoints; /* their folder */
    char *record_path;       /* FOLDER/run.h5 */
    dstn_state own_state;    /* what the next step depends on, as this rank has it */
    dstn_state own_whole;    /* with the chain */
    dstn_state state,
        whole; /* the same of the whole group: what a digest is of, and, with the best epoch, a checkpoint holds */
    dstn_arena *arena;            /* rows of all ranks */
    char chain[33];               /* the last digest */
    int digest_step, digest_hash; /* series */
    double written_at;            /* seconds, of the last checkpoint */
    double cost;                  /* seconds spent on checkpoints and records */
    int64_t count;                /* checkpoints written */
    int64_t step;                 /* of the last one, -1: none */
} run_checkpointer;

/* checkpoints: the folder that they go to; folder: the run's. Both are borrowed. */
run_checkpointer *run_checkpointer_new(dstn_job *job, dstn_record *record, run_best *best, const char *folder,
                                       const char *checkpoints, const char *config);
void run_checkpointer_destroy(run_checkpointer *checkpointer);

/* Chains the state into the digest at every epoch, or every `digest_every` steps. */
dstn_observer run_digest_observer(run_checkpointer *checkpointer);
/* Writes record and checkpoint when one is due or the run is asked to stop, which ends it with DSTN_STOPPED. The ranks
 * agree on both at the step boundary. Comes after all that write into the record. */
dstn_observer run_checkpoint_observer(run_checkpointer *checkpointer);

/* Digest of the present state, chained to the last recorded one, on the leader; empty elsewhere. Collective over the
 * group. */
void run_checkpointer_digest(const run_checkpointer *checkpointer, char digest[33]);

/* Writes the record, then the checkpoint of the present state, then the best epoch's. Collective over the group. */
dstn_status run_checkpointer_write(run_checkpointer *checkpointer, dstn_error *err);

/* Puts the run where its newest usable checkpoint is: state, record and data position. found [out]: false where there
 * is none yet, and nothing has changed. DSTN_ERROR_USAGE: the config differs in a key that may not. Collective. */
dstn_status run_checkpointer_resume(run_checkpointer *checkpointer, const dstn_log *log, bool *found, dstn_error *err);

/* Brings a state that the leader has read, with the series of the record, to all ranks, and the data positions and the
 * best epoch's file to where it says. Collective. */
dstn_status run_checkpointer_spread(run_checkpointer *checkpointer, dstn_error *err);

/* What became of a fork. */
typedef struct run_fork {
    bool is_taken;  /* the parent's end was; else nothing has changed */
    bool has_moved; /* λ is not where the parent left it */
} run_fork;

/* Puts the run where another one, which is done, has ended: state and record of the folder `parent`; λ that this config
 * has start elsewhere is there now, and learning rates go on from this config's. A parent whose last checkpoint
 * is gone is not needed where its whole line had this config but for lengths: the run begins at the start then.
 * DSTN_ERROR_USAGE: the configs differ in another key; DSTN_ERROR_CHECKPOINT: the last checkpoint or the record can't
 * be used. Collective. */
dstn_status run_checkpointer_fork(run_checkpointer *checkpointer, const char *parent, run_fork *fork, dstn_error *err);
/* Tells the record of a run that goes on from another one, now (is_new) or in an earlier launch. */
void run_fork_record(const run_checkpointer *checkpointer, const char *parent, bool is_new);

/* Takes weights, buffers, λ and σ of any run's checkpoint, but neither counters nor moments. step [out]: of the
 * checkpoint; may be NULL. Collective. */
dstn_status dstn_job_start_from(dstn_job *job, const char *path, int64_t *step, dstn_error *err);

#endif
