/* A launch of a sweep as the files of this room share it: the plan, its ledger, its table. */
#ifndef SEARCH_SWEEP_H
#define SEARCH_SWEEP_H

#include "dstn/search.h"

/* What is done with a member, apart from its bookkeeping. */
typedef struct search_work {
    /* Judges a member's config before anything is queued: DSTN_ERROR_USAGE where it is wrong, or not what it was when
     * the member ran. longer [out]: it has more steps to go than when it ran. work [out]: seconds that it is thought to
     * take, by some timed steps; NULL: nobody asks. On one rank. */
    dstn_status (*check)(const dstn_sweep *sweep, int64_t index, bool *longer, double *work, dstn_error *err);
    /* Trains it in a folder, from the start or from its newest checkpoint; as dstn_run_member. value [out]: the plan's
     * objective, on DSTN_OK. */
    dstn_status (*train)(const dstn_sweep *sweep, int64_t index, const char *folder, const dstn_group *group,
                         double *value, dstn_error *err);
    /* Judges the space of a sweep that has no member in its ledger yet: DSTN_ERROR_USAGE. On one rank. */
    dstn_status (*check_space)(const dstn_sweep *sweep, dstn_error *err);
} search_work;

struct dstn_sweep {
    const dstn_console *console;
    dstn_assignments set; /* of the command line, for every member */
    int64_t ranks_per_member;
    const char *folder;
    bool resumes;
    dstn_doc *doc; /* the sweep file */
    dstn_sweep_plan *plan;
    char *base; /* the base config's text, as the launch began */
    search_work work;
    bool *is_bare;    /* [the most members] on leaders of groups: what was superfluous of the member is removed */
    bool has_parents; /* the method's members go on from others */
    bool *known;      /* [known_count] on the leader: whether the ledger has the member; those beyond, it has not */
    int64_t known_count;
    dstn_ledger *ledger;   /* this rank's file */
    dstn_display *display; /* NULL: nobody is shown anything */
    bool table_is_old;     /* the launch before had no time to write it */
    bool has_started;      /* this rank's group has trained a member in this launch */
    double began;          /* the launch, on the clock of dstn_seconds() */
    double own_seconds;    /* of this launch in which this rank was inside members */
    double member_seconds; /* the same of all ranks together, once the members have been run */
};

/* Puts the plan where the ledger of the sweep's folder says that former launches left it; members of a dead launch are
 * still running then. A ledger with members that are not planned is
 * DSTN_ERROR_USAGE. Collective over the world. */
dstn_status search_history_replay(dstn_sweep *sweep, dstn_error *err);

/* Judges the configs of members, and queues those that are new, were left by a dead launch, failed, or go on since
 * their run has become longer; opens this rank's ledger. A method that asks as it goes is asked for its first member,
 * if there is none yet. Says what is kept, where a launch goes on with others. Collective over the world. */
dstn_status search_queue(dstn_sweep *sweep, dstn_error *err);

/* Position of the first member of each one's kind: they differ in their seed alone, or are points of one space. first
 * [plan->count] */
void search_first_of_kind(const dstn_sweep_plan *plan, int64_t *first);

/* Removes what is not to be kept of a member that has ended, once the ledger says so. On one rank. */
void search_tidy(const dstn_sweep *sweep, int64_t index, dstn_member_state state);
/* The same of all members of a method that asks as it goes, once no member to come can go on from them; each is the
 * leader of one group's to do, `group` of `groups`. The best member's checkpoints stay. On one rank. */
void search_tidy_superseded(dstn_sweep *sweep, int64_t group, int64_t groups);

/* Seconds of a training step with its share of hyperparameter steps. */
typedef struct search_step_time {
    double mean, least; /* the least is the same on a machine where others take their turns */
} search_step_time;

/* Timed for so long at least. Trains the job. */
search_step_time search_time_step(const dstn_job *job, double seconds);

/* How the members stand by the ledger of the folder, which is read again: states [plan->count]. */
dstn_status search_standing(const dstn_sweep *sweep, dstn_member_state *states, dstn_error *err);

/* Writes FOLDER/sweep.h5 from the ledger and the members' records. Where that takes longer than a moment and gives_up
 * says so, the table stays as it was: DSTN_STOPPED. */
dstn_status search_write_table(const dstn_sweep *sweep, const dstn_member_state *states, bool (*gives_up)(void),
                               dstn_error *err);
/* What the record of a run that is done says of a sweep's objective; value [out]: NAN where it says nothing. False: it
 * can't be read. */
bool search_record_value(const char *path, dstn_sweep_objective objective, double *value);
/* Whether there are lines in the ledger that sweep.h5 doesn't know of. */
bool search_table_is_old(const dstn_sweep *sweep);
/* On the leader, once the queue is written: the table where it is old, as the plan is. */
dstn_status search_refresh_table(dstn_sweep *sweep, dstn_error *err);
/* On the leader, at the end: the table, but for a launch that is stopped, and on stdout what became of all members, as
 * the ledger has it. DSTN_STOPPED: a signal came in the midst of the table. */
dstn_status search_report(const dstn_sweep *sweep, bool is_stopped, dstn_error *err);

/* A sweep file, with what is set on the command line for the sweep itself; the document is the caller's. */
dstn_status search_load_sweep(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err);

/* That the sweep file is in all that may not differ what FOLDER/sweep.yaml says, where that is there. Collective over
 * the world. DSTN_ERROR_USAGE names the key. */
dstn_status search_compare_file(const dstn_sweep *sweep, dstn_error *err);
/* FOLDER/sweep.yaml, as the sweep file is now. On one rank. */
dstn_status search_write_file(const dstn_sweep *sweep, dstn_error *err);
char *search_kept_file(const char *folder); /* its path; free with free() */

/* The base config with a member's settings in it, then those of the command line. */
dstn_status search_config_of(const dstn_sweep *sweep, const dstn_member *member, dstn_doc **out, dstn_error *err);
dstn_status search_member_config(const dstn_sweep *sweep, int64_t index, dstn_doc **out, dstn_error *err);

/* Whether the hyperparameters of the space are there, its ends make runs, and a member can go on from another's end
 * where the method has that. DSTN_ERROR_USAGE. On one rank. */
dstn_status search_check_space(const dstn_sweep *sweep, dstn_error *err);

/* The work of a sweep: jobs that are assembled, compared and trained. */
extern const search_work search_training;

/* Removes the notes of data that a dead launch has left unfinished. The leader's, before any member starts. */
void search_clear_notes(const char *folder);

/* The name of the data section that a member reads, by what its own settings name in its config: section [out]. */
void search_data_section(const dstn_member *member, dstn_doc *config, char section[DSTN_DIGEST_SIZE]);

/* Compares what a member's job has read with the note of its data section, which it leaves if it is the first: a member
 * that has read something else is DSTN_ERROR_DATA. The group's leader, before the first step. */
dstn_status search_same_data(const dstn_sweep *sweep, int64_t index, const char *section, const dstn_job *job,
                             dstn_error *err);

/* ---- running members ---- */

/* What a run of a member has come to. */
typedef struct search_outcome {
    dstn_member_state state;
    double value;   /* the objective, where it is done */
    double seconds; /* it took */
    char *message;  /* NULL where it is done; the caller's */
} search_outcome;

/* Whether any rank of the group has been asked to stop, or time runs out. Collective over the group. */
bool search_must_not_start(dstn_sweep *sweep, const dstn_group *group);
/* Trains a member. Collective over the group; returns what training has returned. */
dstn_status search_train(dstn_sweep *sweep, int64_t index, const char *folder, const dstn_group *group,
                         search_outcome *outcome, dstn_error *err);
/* What became of a member, for those who look on. */
void search_show_end(const dstn_sweep *sweep, int64_t index, const search_outcome *outcome);
void search_show(void *sweep); /* what is new, while this rank waits */

/* Runs the members of a method that asks as it goes, until it has no more: whichever group is free takes its turn, asks
 * and runs what it is told. As dstn_sweep_run, and DSTN_ERROR_RUN for an error of the method. */
dstn_status search_take_turns(dstn_sweep *sweep, dstn_error *err);

/* Messages of members that failed or diverged in this launch are with whoever ran them: of members [count], on every
 * rank then. Collective over the world. */
void search_gather_messages(const dstn_group *world, dstn_sweep_plan *plan, const int64_t *members, int64_t count);
/* What a launch has come to: DSTN_STOPPED before DSTN_MEMBERS_FAILED, since the rest of the members may still go well.
 */
dstn_status search_judge(const dstn_sweep_plan *plan, bool is_stopped, dstn_error *err);

/* All members of a launch, queued before they are run. Collective over the world. DSTN_OK, DSTN_MEMBERS_FAILED,
 * DSTN_STOPPED, or an error. */
dstn_status search_run_members(dstn_sweep *sweep, dstn_error *err);

#endif
