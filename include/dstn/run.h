/* run: one training run, from its config to its record: the job that a config describes, assembled from the rooms
 * below, and the observers that look on while it trains. What the program's commands share of a launch is here too:
 * where it speaks, and what stops it. */
#ifndef DSTN_RUN_H
#define DSTN_RUN_H

#include "dstn/bilevel.h"
#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/oracle.h"
#include "dstn/ranks.h"

/* ---- where a launch speaks -------------------------------------------------------------------------------------- */

/* What a command is run with. */
typedef struct dstn_console {
    dstn_group *world; /* NULL in a command that launches ranks itself */
    dstn_log log;      /* progress and warnings, on rank 0 */
    FILE *out;         /* results, on rank 0; NULL elsewhere */
    bool is_terminal;  /* progress goes to a terminal that takes control sequences */
    int terminal;      /* a descriptor of it, then */
} dstn_console;

/* The first line of a launch: ranks, hosts, threads, and `what`; with a warning where a rank, or the ranks of a host
 * together, have more threads than cores that they may run on, or that their control group grants. Collective over the
 * world. */
void dstn_announce(const dstn_console *console, const char *what);

/* What was counted since dstn_profile_switch(true): the world's mean, on its leader's log; nothing where it is off.
 * Collective over the world. */
void dstn_profile_tell(const dstn_console *console);

/* The --version text: program, commit and every library; free with free(). */
char *dstn_version_text(void);
const char *dstn_version_commit(void); /* that the program was built of, as records have it */

/* ---- what stops a launch ---------------------------------------------------------------------------------------- */

/* Reasons to stop before the end: SIGTERM, SIGUSR1, SIGUSR2, SIGINT, SIGHUP and SIGXCPU, a time limit, and the end of a
 * Slurm job. All are treated alike: a flag that is looked at between steps. */

/* Catches the signals (a flag is set, nothing else), but for a SIGHUP that nohup has switched off; a second SIGINT ends
 * the process at once. Before MPI starts, which takes a while, and after it, since what MPI loads may take signals. */
void dstn_stop_catch(void);
/* Counts `time_limit` seconds (INFINITY: none) from now. In a Slurm job that says when it ends (SLURM_JOB_END_TIME),
 * that, less a minute or a fifth of the time left to write checkpoints in, is a limit too, which the log names; an end
 * in the past is none, with a warning. */
void dstn_stop_watch(double time_limit, const dstn_log *log);
/* Whether this process has been asked to stop. */
bool dstn_stop_asked(void);
/* Whether it was by a signal, whatever the time. */
bool dstn_stop_signalled(void);
/* Seconds until the time limit, INFINITY where there is none; 0 once it is reached. */
double dstn_stop_seconds_left(void);
/* "SIGUSR1", "the time limit"; what asked this process to stop, or "another rank". Not to be freed. */
const char *dstn_stop_reason(void);
/* The same, where a limit that is `seconds` away counts as reached; NULL in place of "another rank". */
const char *dstn_stop_own_reason(double seconds);

/* Ends a program that hangs (a rank that waits for a dead one, a file system that no longer answers): from now on,
 * while a run trains, `timeout` seconds without a finished step end the program on all ranks with exit code 1, and this
 * rank says where it was. Time in which the process was suspended doesn't count. */
void dstn_watchdog_start(const dstn_group *world, double timeout);

/* A rank that kills itself at a chosen moment, so that a drill can show what a crash there leaves behind. Off unless
 * this environment variable is set:
 *   kill:RANK:STEP   SIGKILL to rank RANK of the world once it has finished step STEP, before it is recorded anywhere
 *   checkpoint:N     SIGKILL to whoever writes the N-th checkpoint of a process, between writing and renaming
 *   record:N         the same in the N-th rewrite of a record
 * DSTN_ERROR_USAGE: it is something else. */
#define DSTN_DRILL_VARIABLE "DSTN_DRILL"
dstn_status dstn_drill_arm(const dstn_group *world, dstn_error *err);

/* ---- the job ---------------------------------------------------------------------------------------------------- */

/* The section `record:`. */
typedef struct dstn_record_settings {
    int64_t every;      /* training steps between rows of the record; 0: the first row alone */
    dstn_switch oracle; /* auto: where there is a closed form */
} dstn_record_settings;

/* The top level of a config, beside the method. */
typedef struct dstn_job_settings {
    int64_t seed;
    int precision; /* 0 f32, 1 f64 */
    const char *backend;
    double checkpoint_every;     /* seconds between checkpoints */
    int64_t checkpoint_steps;    /* training steps between them instead; 0: by time */
    int64_t checkpoint_keep;     /* how many stay */
    dstn_switch checkpoint_best; /* auto: where epochs are evaluated */
    int64_t digest_every;        /* training steps between digests; 0: epochs */
    bool reproducible;           /* the same to the last bit on any number of ranks up to `shards` */
    int64_t shards;              /* of a batch, then */
    dstn_node data, augment, model, regularizers, hyperparameters, train, optimizer, hyper_optimizer, schedule, record;
} dstn_job_settings;

/* One config, read and assembled into data, model, space and trainer. Only this room does it. */
typedef struct dstn_job {
    dstn_doc *doc; /* owned; with the model's file in it, where the config names one */
    const dstn_group *group;
    const dstn_log *log;
    bool is_apart; /* ranks share no memory, and batches are in no shards */
    dstn_job_settings settings;
    dstn_record_settings record;
    dstn_train_settings train;
    const dstn_method *method;
    const dstn_kernel *kernel;
    dstn_dataset *dataset;
    dstn_augment *augment; /* an empty one where there is none */
    dstn_space *space;
    dstn_course course; /* of the section `schedule`; no rows where there is none */
    dstn_model *model;
    dstn_trainer *trainer;
    dstn_oracle *oracle; /* NULL: no closed form, or not wanted */
} dstn_job;

/* Settings as --set gives them, "a.b=v", in order. */
typedef struct dstn_assignments {
    const char *const *items; /* [count] */
    int count;
} dstn_assignments;

/* Loads a config file and applies assignments to it; the document is the caller's. Of a run's config.yaml whose data
 * are not where they were, but where they lay as seen from the run's folder, as in a tree that has moved, those are
 * taken.
 */
dstn_status dstn_job_load(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err);
/* The config of a checkpoint in the same way. */
dstn_status dstn_job_load_checkpoint(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err);

/* The config of a replay of the run that a record is of: its own, with method `fixed` and that run for `schedule`;
 * final: the last values throughout. DSTN_ERROR_DATA: it is no record of a run. */
dstn_status dstn_job_load_replay(const char *record, bool final, dstn_assignments set, dstn_doc **out, dstn_error *err);

/* That all ranks of a group have the same document but for `data.path`, which each host may have elsewhere.
 * DSTN_ERROR_USAGE names the first key that differs, and the hosts. Collective. */
dstn_status dstn_ranks_have_same_config(dstn_doc *doc, const dstn_group *group, dstn_error *err);

/* Data of noise, for benchmarks: examples of the shape that a network's `input:` says, images as bytes, or a text of as
 * many words as its `words:`; DSTN_SYNTHETIC_BATCHES batches of them, a quarter for validation. */
enum { DSTN_SYNTHETIC_BATCHES = 16, DSTN_SYNTHETIC_WORDS = 10000 };
/* What to ask a model for: rank 0, which leaves it to its own `input:` or `words:`; but where it reads words and says
 * no number, a vocabulary of DSTN_SYNTHETIC_WORDS. */
dstn_shape dstn_synthetic_shape(dstn_node model);
/* `rows`, and `words` only as far as there are any: what dstn_train_size_model asks before there is a model. */
dstn_dataset dstn_synthetic_sizes(dstn_node model, const dstn_train_settings *train);
dstn_dataset *dstn_synthetic_data(const dstn_model *model, const dstn_train_settings *train, uint32_t seed);

/* How far a job is assembled. APART is the whole of it, like TRAINER, but ranks share no memory, each may change its
 * weights, and batches are in no shards. */
typedef enum dstn_job_stage { DSTN_JOB_DATA, DSTN_JOB_MODEL, DSTN_JOB_TRAINER, DSTN_JOB_APART } dstn_job_stage;

/* Assembles a job from a document, which it takes over whatever happens, up to and with `stage`. Parameters and
 * hyperparameters stand at their starting values. Collective over the group: all ranks return the same status. */
dstn_status dstn_job_new(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job_stage stage,
                         dstn_job **out, dstn_error *err);
/* The same with data of noise in place of the config's. */
dstn_status dstn_job_new_synthetic(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job **out,
                                   dstn_error *err);
/* The same up to the model, for a text whose vocabulary alone is there (dstn_dataset_of_words, which takes it over): a
 * network to read and draw words with. Collective over the group. */
dstn_status dstn_job_new_of_words(dstn_doc *doc, int64_t words, char **vocabulary, const dstn_group *group,
                                  const dstn_log *log, dstn_job **out, dstn_error *err);
/* The same, up to the model, for a network that says the shape of its own `input:`; job->dataset stays NULL. Collective
 * over the group. DSTN_ERROR_USAGE: it doesn't. */
dstn_status dstn_job_new_without_data(dstn_doc *doc, const dstn_group *group, const dstn_log *log, dstn_job **out,
                                      dstn_error *err);
void dstn_job_destroy(dstn_job *job); /* by all ranks of the group together; NULL is allowed */
/* Solves for the exact answer as `record.oracle` asks; job->oracle stays NULL where it is not asked for and there is no
 * closed form. Collective over the group. */
dstn_status dstn_job_add_oracle(dstn_job *job, dstn_error *err);
/* Takes weights, buffers, λ and σ of any run's checkpoint, but neither counters nor moments. step [out]: of the
 * checkpoint; may be NULL. DSTN_ERROR_CHECKPOINT: it can't be used; DSTN_ERROR_USAGE: it is of other hyperparameters.
 * Collective over the group. */
dstn_status dstn_job_start_from(dstn_job *job, const char *path, int64_t *step, dstn_error *err);
/* That the job's data are those that a checkpoint was trained on. DSTN_ERROR_USAGE. Collective over the group. */
dstn_status dstn_job_has_data_of(const dstn_job *job, const char *checkpoint, dstn_error *err);
/* Takes the whole state of a checkpoint of a run with this config, so that the next step is the one that would have
 * come there. DSTN_ERROR_CHECKPOINT: it can't be used; DSTN_ERROR_USAGE: it is of other hyperparameters. Collective
 * over the group. */
dstn_status dstn_job_continue(dstn_job *job, const char *path, dstn_error *err);
/* The config as resolved, which makes the same run from anywhere: the data's path is absolute. folder: the run's, from
 * which a first line, a comment, has the way to the data; or NULL. Free with free(). */
char *dstn_job_config_text(const dstn_job *job, const char *folder);
/* What may change between a run and its resume: lengths, checkpoint and logging keys, and nothing else. Compares the
 * job's resolved config with the one that a run in FOLDER was started with: its config.yaml, or, where that is gone, a
 * checkpoint's or the record's. No run there yet: DSTN_OK. DSTN_ERROR_USAGE names the key that may not differ; the
 * order of the hyperparameters may not either, since λ is a vector. longer [out, may be NULL]: the job has more steps
 * to go. */
dstn_status dstn_job_same_config(const dstn_job *job, const char *folder, bool *longer, dstn_error *err);

/* Whether the job could go on from the end of a run of the config `before` (see dstn_run_request.parent).
 * DSTN_ERROR_USAGE names what may not differ. */
dstn_status dstn_job_may_go_on(const dstn_job *job, dstn_doc *before, dstn_error *err);

/* Whether a group of so many ranks, rather than the job's own, could train it. DSTN_ERROR_USAGE. */
dstn_status dstn_job_check_ranks(const dstn_job *job, int64_t ranks, dstn_error *err);

/* That the job's data are those that the record of a run in FOLDER is of. No record there, or one that can't be read:
 * DSTN_OK. DSTN_ERROR_USAGE. On one rank. */
dstn_status dstn_job_same_data(const dstn_job *job, const char *folder, dstn_error *err);

/* All tables of a run's config as one schema; *count [out]. Owned by the caller: free(). */
dstn_section *dstn_run_schema(size_t *count);

/* ---- the run ---------------------------------------------------------------------------------------------------- */

/* What all groups of a launch are doing, shown by rank 0. Lines that stay: warnings of whichever rank, each text once,
 * and the end of every member of a population. What passes: a live table on a terminal, else one plain line now and
 * then, however many groups there are. Collective over the world; destroying it shows what has come in meanwhile. */
typedef struct dstn_display dstn_display;
dstn_display *dstn_display_new(const dstn_console *console); /* which is borrowed */
void dstn_display_destroy(dstn_display *display);            /* NULL is allowed */
/* The log of what this rank trains; leads: it leads its group, and says more than warnings. Owned by the display. */
const dstn_log *dstn_display_log(dstn_display *display, bool leads);
/* A population: members planned, how many of them have ended, groups of ranks, and work [planned], seconds that each is
 * thought to take which hasn't ended, 0 for the others. Looked at on rank 0. */
void dstn_display_expect(dstn_display *display, int64_t planned, int64_t ended, int groups, const double *work);
/* A member has ended after so many seconds: its group's leader says how, "NAME: result", at DSTN_LOG_NORMAL, or at
 * DSTN_LOG_QUIET where it is something to be warned of. */
void dstn_display_end(dstn_display *display, int64_t member, double seconds, dstn_log_level level, const char *text);
/* Shows what is new, at most a few times a second; for whoever waits. On other ranks than 0, nothing. */
void dstn_display_update(dstn_display *display);

/* Where a run goes and how it starts. */
typedef struct dstn_run_request {
    const char *folder;
    const char *name;         /* shown in the progress */
    const char *init;         /* checkpoint to start from, or NULL */
    const char *parent;       /* folder of a run that is done, to go on from; or NULL; `init` is NULL then */
    const char *data_section; /* of a member: what the sweep calls the data that it reads, for its record; or NULL */
    bool resume;              /* go on from the folder's newest checkpoint */
    bool is_member;           /* of a sweep, where starting at the beginning needs no mention */
    int64_t member;           /* its position in the sweep's plan */
    double *valid_loss;       /* [out] at the end, on DSTN_OK; or NULL */
    double *best_valid_loss;  /* [out] of the best epoch, where epochs are evaluated, on DSTN_OK; or NULL */
    dstn_display *display;
} dstn_run_request;

/* A run that has a `parent` and no checkpoint of its own yet takes the parent's last checkpoint whole (weights,
 * moments, counters, positions, best epoch) and its record, so that its series go on from the parent's and hold the
 * whole line; then it sets λ of every hyperparameter whose `start` is not the parent's to that (a row of the record
 * with the same step says so), while the others stay where they are, and lets learning rates go on from its own `rate`
 * as they would from the parent's. So with the parent's config and more steps to go it is the parent made longer, to
 * the last bit. Of the config only starting values, numbers of optimizers (kind real), and what may change on resume
 * may differ (DSTN_ERROR_USAGE). Its record says provenance/parent, the name of the parent's folder, and parent_step.
 * The parent's last checkpoint is needed until the run has one of its own, unless all of its line had the run's config
 * but for lengths, so that starting at the beginning comes to the same. */

/* Trains the job, writes FOLDER/config.yaml, FOLDER/run.h5 and checkpoints (a member's stand beside them). Collective
 * over the job's group; all ranks return the same status: DSTN_OK, DSTN_DIVERGED (recorded, with its message),
 * DSTN_STOPPED (a checkpoint is written), or an error. */
dstn_status dstn_run(dstn_job *job, const dstn_run_request *request, dstn_error *err);

/* Why a run that is done made fewer steps than its config says, for people; NULL: it made them all. Free with free().
 */
char *dstn_run_ended_early(const dstn_job *job);

/* Where a run's checkpoints are: FOLDER/checkpoints, or the folder itself, as with members of sweeps, which may be
 * many. Free with free(). */
char *dstn_run_checkpoints(const char *folder);
/* Removes from the folder of a run that has ended all that its record does without: config.yaml, which stands in there,
 * checkpoints and the best epoch. Where the record can't be read nothing is removed. On one rank. */
void dstn_run_keep_record(const char *folder);

#endif
