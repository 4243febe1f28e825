/* What may change between a run and its resume: lengths, checkpoint and logging keys, and nothing else. */
#ifndef DSTN_CLI_SAME_CONFIG_H
#define DSTN_CLI_SAME_CONFIG_H

#include "job.h"

/* Compares the job's resolved config with the one that a run in FOLDER was started with: its config.yaml, or, where
 * that is gone, a checkpoint's. No run there yet: DSTN_OK. DSTN_ERROR_USAGE names the key that may not differ; the
 * order of the hyperparameters may not either, since λ is a vector. longer [out, may be NULL]: the job has more steps
 * to go. */
dstn_status dstn_same_config(const dstn_job *job, const char *folder, bool *longer, dstn_error *err);

/* Whether a config (a checkpoint's) has the job's hyperparameters, in the job's order. */
dstn_status dstn_same_hyperparameters(const dstn_job *job, dstn_doc *before, dstn_error *err);

#endif
