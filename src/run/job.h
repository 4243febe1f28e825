/* What the files of this room ask of a job, beside what run.h says. */
#ifndef RUN_JOB_H
#define RUN_JOB_H

#include "dstn/run.h"
#include "dstn/store.h"

extern const dstn_option run_job_options[];    /* for dstn_job_settings */
extern const dstn_option run_record_options[]; /* for dstn_record_settings */
extern const dstn_option run_schedule_options[];

/* Reads the section `schedule`, where there is one, into job->course, and puts the digest of what was read into the
 * config. Collective over the group: all ranks return the same status. */
dstn_status run_job_read_schedule(dstn_job *job, dstn_error *err);

/* What checkpoints of the job come from; `config` is their text. */
dstn_origin run_job_origin(const dstn_job *job, const char *config);
/* Whether the run keeps its best epoch. */
bool run_job_keeps_best(const dstn_job *job);
/* Whether a row of the record is due at this step. */
bool run_job_records_step(const dstn_job *job, int64_t step);
/* Whether the job has more steps to go than a run with the resolved config `before` had. */
bool run_job_is_longer(const dstn_job *job, dstn_doc *before);
/* Whether it differs from that config in nothing but what may change on resume. */
bool run_job_is_same(const dstn_job *job, dstn_doc *before);
/* Whether a config (a checkpoint's) has the job's hyperparameters, in the job's order; if not, DSTN_ERROR_USAGE. */
dstn_status run_job_same_hyperparameters(const dstn_job *job, dstn_doc *before, dstn_error *err);

/* That all ranks of the group hold the same data (DSTN_ERROR_DATA); the message names the hosts. Collective over the
 * group. */
dstn_status run_job_ranks_have_same_data(const dstn_job *job, dstn_error *err);
/* That all ranks of the group are of one build, and compute with one instruction set and number of threads: where
 * `reproducible` rests on that, DSTN_ERROR_USAGE, else a warning of the leader's. Both name the hosts. Collective over
 * the group. */
dstn_status run_job_ranks_compute_alike(const dstn_job *job, dstn_error *err);
/* That the job's data are those of a digest which `where` (a record, a checkpoint) holds; DSTN_ERROR_USAGE. */
dstn_status run_job_has_data(const dstn_job *job, const char *digest, const char *where, dstn_error *err);
/* That a checkpoint of the run in `folder` is of the job's config, but for what may change on resume, and of its data:
 * it may have come from another run. DSTN_ERROR_USAGE names the key. */
dstn_status run_job_same_origin(const dstn_job *job, const dstn_checkpoint_facts *about, const char *folder,
                                dstn_error *err);

#endif
