/* A job: one config, read and assembled into data, model, space and trainer. Only cli does this. */
#ifndef DSTN_CLI_JOB_H
#define DSTN_CLI_JOB_H

#include "cli.h"
#include "dstn/bilevel.h"
#include "dstn/config.h"
#include "dstn/oracle.h"

/* The section `record:`. */
typedef struct dstn_record_settings {
    int64_t every; /* training steps between rows of the record; 0: the first row alone */
    int oracle;    /* 0 auto: where there is a closed form; 1 true; 2 false */
} dstn_record_settings;
extern const dstn_option dstn_record_options[];

/* The top level of a config, beside the method. */
typedef struct dstn_job_settings {
    int64_t seed;
    int precision; /* 0 f32, 1 f64 */
    const char *backend;
    double checkpoint_every;  /* seconds between checkpoints */
    int64_t checkpoint_steps; /* training steps between them instead; 0: by time */
    int64_t checkpoint_keep;  /* how many stay */
    int checkpoint_best;      /* 0 auto: where epochs are evaluated; 1 true; 2 false */
    int64_t digest_every;     /* training steps between digests; 0: epochs */
    dstn_node data, augment, model, regularizers, hyperparameters, train, optimizer, hyper_optimizer, record;
} dstn_job_settings;
extern const dstn_option dstn_job_options[];

typedef struct dstn_job {
    dstn_doc *doc; /* owned, as is the model's file where the config names one */
    dstn_doc *model_doc;
    const dstn_group *group;
    const dstn_log *log;
    dstn_job_settings settings;
    dstn_record_settings record;
    dstn_train_settings train;
    const dstn_method *method;
    const dstn_kernel *kernel;
    dstn_dataset *dataset;
    dstn_augment *augment; /* an empty one where there is none */
    dstn_space *space;
    dstn_model *model;
    dstn_trainer *trainer;
    dstn_oracle *oracle; /* NULL: no closed form, or not wanted */
} dstn_job;

/* Loads a config file and applies the --set options to it. */
dstn_status dstn_job_load(const char *path, const dstn_arguments *arguments, dstn_doc **out, dstn_error *err);

/* How far a job is assembled. */
typedef enum dstn_job_stage { DSTN_JOB_DATA, DSTN_JOB_MODEL, DSTN_JOB_TRAINER } dstn_job_stage;

/* Assembles a job from a document, which it takes over whatever happens, up to and with `stage`. Parameters and
 * hyperparameters stand at their starting values. Collective over the group: all ranks return the same status. */
dstn_status dstn_job_new(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job_stage stage,
                         dstn_job **out, dstn_error *err);
/* The config as resolved, to be kept beside a run's files, where paths that are written relative to the config's own
 * folder would lead nowhere: its first line says what folder that was. Free with free(). */
char *dstn_job_config_text(const dstn_job *job);
/* The config of a checkpoint, whose data are looked for where they were, and with the --set options applied. */
dstn_status dstn_job_load_checkpoint(const char *path, const dstn_arguments *arguments, dstn_doc **out,
                                     dstn_error *err);
/* Whether the run keeps its best epoch. */
bool dstn_job_keeps_best(const dstn_job *job);
/* Whether a row of the record is due at this step. */
bool dstn_job_records_step(const dstn_job *job, int64_t step);
/* Solves for the exact answer as `record.oracle` asks; job->oracle stays NULL where it is not asked for and there is no
 * closed form. Collective over the group. */
dstn_status dstn_job_add_oracle(dstn_job *job, dstn_error *err);
/* Whether the job has more steps to go than a run with the resolved config `before` had. */
bool dstn_job_is_longer(const dstn_job *job, dstn_doc *before);
void dstn_job_destroy(dstn_job *job);

/* All tables of a run's config and of a sweep file as one schema; *count [out]. Owned by the caller: free(). */
dstn_section *dstn_cli_schema(size_t *count);

#endif
