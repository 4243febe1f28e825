/* search: populations of runs. A sweep file names a base config and a search method; the method says which members
 * there are, each a list of settings put into the base config. Groups of ranks draw members from a shared window and
 * run them through a callback; the ledger of the sweep's folder (store.h) holds what becomes of each, so that a launch
 * that dies anywhere is gone on with. */
#ifndef DSTN_SEARCH_H
#define DSTN_SEARCH_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/ranks.h"
#include "dstn/run.h"
#include "dstn/store.h"

/* ---- members ---------------------------------------------------------------------------------------------------- */

/* One setting of a member: a YAML value at a dotted path of the run's config. */
typedef struct dstn_setting {
    char *path, *yaml;
    dstn_node value; /* where the value stands in the sweep file; handle NULL where it was made up ({from, count}) */
} dstn_setting;

/* One run that a method has asked for. */
typedef struct dstn_member {
    char *name;             /* labels joined by '-', unique, a folder name */
    char **labels;          /* [axes of the plan] its label on every axis */
    dstn_setting *settings; /* [setting_count] later ones override earlier ones */
    int setting_count;
    int64_t parent; /* the member that it goes on from where that one ended, or -1 */
} dstn_member;

enum { DSTN_MAX_MEMBERS = 1000000 };

/* ---- methods: ask and tell -------------------------------------------------------------------------------------- */

enum { DSTN_MAX_DIMENSIONS = 64 };

/* What a method asks for: plain numbers, which the ledger keeps and other ranks are sent as they are. */
typedef struct dstn_proposal {
    int64_t parent;   /* the member that it goes on from, with all its weights; -1: it begins at the start */
    int64_t place[2]; /* the method's own: a trial and its rung, a worker and its generation */
    double *point;    /* [dimensions] of the space that is searched, in natural units; NULL where there are none */
} dstn_proposal;

/* What a method knows when it is asked: what it has asked for so far, in that order, and how that stands. */
typedef struct dstn_history {
    int64_t count;
    const dstn_proposal *proposals;  /* [count] */
    const dstn_member_state *states; /* [count] done, diverged or failed; queued: still to come, whoever is at it */
    const double *values;            /* [count] the objective, lower is better; NAN but for members that are done */
    int64_t ended_count;
    const int64_t *ended; /* [ended_count] done, diverged or failed, in the order in which they came to it. One that
                             failed and is tried again is out of it until it ends again */
} dstn_history;

typedef enum dstn_answer {
    DSTN_ANSWER_MEMBER, /* one more */
    DSTN_ANSWER_WAIT,   /* none until another member has ended */
    DSTN_ANSWER_END     /* none any more */
} dstn_answer;

/* What members that go on from others may differ from those in, beside their length. */
typedef enum dstn_descent {
    DSTN_DESCENT_NONE,   /* there are none */
    DSTN_DESCENT_LONGER, /* in nothing */
    DSTN_DESCENT_ALTERED /* in their points */
} dstn_descent;

/* A method at work, as its `init` makes it. */
typedef struct dstn_search {
    void *self; /* the method's own */
    int axis_count;
    const char *const *axes; /* [axis_count] names of what its members differ in: "method", "seed"; the method's */
    int dimensions;          /* of its proposals, up to DSTN_MAX_DIMENSIONS */
    const char *const *coordinates; /* [dimensions] paths of the run's config that they are put at; the method's */
    int64_t most_members;           /* it never asks for more */
    dstn_descent descent;           /* place[1] + 1 is then the place of what goes on */
    dstn_node place;                /* of the sweep file: where messages about its members point */
} dstn_search;

/* A way to search: a file with one of these, and one line in src/search/methods.h.
 *
 * A planned method is asked until it ends before any member runs, and sees no result. Any other is asked whenever a
 * group of ranks is free: what it answers may depend on the sweep file and the history alone, to the last bit, and on
 * nothing that an earlier ask did. So the same history gives the same proposal on every rank and after every restart,
 * and an audit can ask again. */
typedef struct dstn_search_method {
    const char *name, *help;    /* help: one line */
    const char *example;        /* its keys of a sweep file, as YAML: a small search */
    const dstn_option *options; /* its keys of a sweep file, beside dstn_sweep_options */
    size_t settings_size;       /* bytes of the structure that they are read into */
    bool is_planned;
    /* Starts a search. settings: as read, alive until `destroy`, as is the document of `root`. DSTN_ERROR_USAGE. */
    dstn_status (*init)(dstn_node root, const void *settings, dstn_search *search, dstn_error *err);
    /* proposal [out]: its point is the caller's array. */
    dstn_answer (*ask)(const void *self, const dstn_history *history, dstn_proposal *proposal);
    /* The member that proposal `index` stands for: labels, settings and setting_count, owned by the caller; the name
     * is made of the labels. It depends on nothing else. */
    void (*describe)(const void *self, int64_t index, const dstn_proposal *proposal, dstn_member *member);
    /* Member history->ended[ended_count - 1] has come to an end: for a method that keeps what it makes of the history,
     * rather than look it through at every ask. Where a member that failed is tried again, the search is destroyed and
     * begun anew, and told of those that are left. */
    void (*tell)(void *self, const dstn_history *history);
    /* Whether a proposal to come may have this member, which is done, as its parent: then its checkpoint stays. */
    bool (*needs)(const void *self, const dstn_history *history, int64_t index);
    void (*destroy)(void *self);
} dstn_search_method;

const dstn_search_method *dstn_search_method_at(size_t i); /* NULL past the end */

/* ---- the plan --------------------------------------------------------------------------------------------------- */

/* Keys of every sweep file: base, search, set, objective, ranks_per_member, keep. */
extern const dstn_option dstn_sweep_options[];

/* What stays of a member that has ended: its config, record and checkpoints, or its record alone, which holds the
 * config and all that tables, figures and the audit look at. */
typedef enum dstn_sweep_keep { DSTN_KEEP_ALL, DSTN_KEEP_RECORD } dstn_sweep_keep;

/* What a member's value is: its validation loss at the end, or that of its best epoch. */
typedef enum dstn_sweep_objective { DSTN_OBJECTIVE_VALID_LOSS, DSTN_OBJECTIVE_BEST_VALID_LOSS } dstn_sweep_objective;

/* The members that have been asked for, and how they stand. */
typedef struct dstn_sweep_plan {
    char *base;               /* path of the base config */
    int64_t ranks_per_member; /* ranks that train one member together, 1 by default */
    dstn_sweep_keep keep;
    dstn_sweep_objective objective;
    int axis_count;
    const char *const *axes; /* [axis_count] */
    int dimensions;
    const char *const *coordinates; /* [dimensions] of the space that is searched */
    int64_t count;
    dstn_member *members;      /* [count] in the order in which they were asked for */
    dstn_member_state *states; /* [count] */
    char **messages;           /* [count] why a member failed or diverged in this launch, or NULL */
    double *work;              /* [count] seconds that it is thought to take, 0 where nobody has said so */
    dstn_proposal *proposals;  /* [count] what the members were asked for as */
    double *values; /* [count] the objective of those that are done; of a planned method not known here: NAN */
    int64_t ended_count;
    int64_t *ended; /* [ended_count] done, diverged or failed, in the order in which they came to it; of a planned
                       method there are none here */
    struct search_asker *asker;
} dstn_sweep_plan;

/* From a sweep file:
 *   base: ../toys/ridge.yaml                 # relative to the sweep file
 *   set: {train.iterations: 5000}            # for all members
 *   axes:                                    # of the method `list`, which is the default
 *     dataset:                               # label → settings
 *       boston: {data.path: …, data.target: medv}
 *     method: [stn, delta-stn]               # values of the key named like the axis
 *     seed: {from: 0, count: 20}             # integers from … of the key `seed`
 * A setting's key is a dotted path, and its value is put there whole: a mapping replaces what the base has. The label
 * of a list's entry is its text. The members of `list` are the product of its axes, the first varying slowest.
 * The plan has all members of a planned method, queued, and none yet of another one.
 * DSTN_ERROR_USAGE: an empty axis, a label that is no folder name, two members of one name, more than DSTN_MAX_MEMBERS
 * members. The plan is owned by the caller; the node's document must outlive it. */
dstn_status dstn_sweep_plan_read(dstn_node node, dstn_sweep_plan **out, dstn_error *err);
void dstn_sweep_plan_destroy(dstn_sweep_plan *plan); /* NULL is allowed */

/* The position of the member of this name, or −1. */
int64_t dstn_sweep_plan_find(const dstn_sweep_plan *plan, const char *name);
/* How many members are in each state. */
void dstn_sweep_plan_count(const dstn_sweep_plan *plan, int64_t counts[DSTN_MEMBER_STATES]);

/* Puts a member's settings into a run's config. Messages about them name the sweep file and line, and a path among
 * them is relative to the sweep file's folder. The plan's document must outlive `config`. */
dstn_status dstn_member_apply(const dstn_member *member, dstn_doc *config, dstn_error *err);

/* All tables of a run's config and of a sweep file as one schema; *count [out]. Owned by the caller: free(). */
dstn_section *dstn_search_schema(size_t *count);

/* ---- running what is planned ------------------------------------------------------------------------------------ */

/* Runs one member on a group; `folder` is its own (members/NAME). Called on every rank of the group; the status is
 * the member's: DSTN_OK, DSTN_DIVERGED, DSTN_STOPPED, or an error with its message. */
typedef dstn_status (*dstn_run_member)(void *user, const dstn_sweep_plan *plan, int64_t index, const char *folder,
                                       const dstn_group *group, dstn_error *err);

/* What a population is run with. */
typedef struct dstn_sweep_calls {
    dstn_run_member run;
    void (*idle)(void *user); /* again and again on ranks that wait for the others' members to end; or NULL */
    void *user;
} dstn_sweep_calls;

/* Splits the world into groups of ranks_per_member and runs all members that are queued or preempted, each group
 * drawing the next one when it is free, those of most work first (a factor of 1.2 counts as none), in the order in
 * which they were asked for where that is equal: what a method is told, and when, doesn't depend on it; states and
 * messages of the plan, which is the same on every rank, are then of what they came to. A member that diverges or fails
 * never stops the others. One that returns DSTN_STOPPED is preempted, and nobody draws any more: what runs is finished,
 * what is left stays queued. Collective over the world. DSTN_OK, DSTN_MEMBERS_FAILED (some of the plan have), or
 * DSTN_STOPPED, and DSTN_ERROR_USAGE where ranks_per_member does not divide the world (nothing is run then). */
dstn_status dstn_sweep_run(dstn_sweep_plan *plan, const dstn_group *world, int ranks_per_member, const char *folder,
                           const dstn_sweep_calls *calls, dstn_error *err);

/* ---- what members have read ------------------------------------------------------------------------------------- */

/* Members whose settings name the same data (the same file, columns, … as the sweep file has them) have a data section
 * in common, whatever else they differ in, and must have read the same data: on every host, in every launch. The first
 * one leaves a note of each section, FOLDER/data/SECTION.txt, which says what it read, where and when; a later one
 * fails before its first step where it has read something else. Records have section and digest too
 * (provenance/data_section, provenance/data_digest). */

/* Calls with the path of each note in FOLDER that has no end: a launch has died over it, or is at it. */
void dstn_sweep_for_unfinished_notes(const char *folder, void (*call)(void *user, const char *note), void *user);

/* Told of every member whose record is of other data than its section's, as one line. */
typedef void (*dstn_sweep_finding)(void *user, const char *text);
/* Compares the records of members [count] in FOLDER with the notes and with each other; those that are not there, can't
 * be read or say nothing of their data are passed over. */
void dstn_sweep_compare_data(const char *folder, int64_t count, const char *const *members, dstn_sweep_finding found,
                             void *user);

/* ---- asking again ----------------------------------------------------------------------------------------------- */

/* Asks the method of the sweep in FOLDER again, by its sweep.yaml, at each line of the ledger that says that a member
 * was asked for, on the history that the method saw then, and calls with every answer that is not, to the last bit,
 * what the line says, and with every value that is not its record's. Where members ran on another kind of processor,
 * whose last bits may be others, nothing is asked, which the log says; as it says where they were trained by a program
 * of another commit. Of a method that is planned there is nothing to ask. */
void dstn_sweep_ask_again(const char *folder, const dstn_ledger_book *book, const dstn_log *log,
                          dstn_sweep_finding found, void *user);

/* ---- a launch of a sweep ---------------------------------------------------------------------------------------- */

/* Why a member is put into the queue: the detail of its line in the ledger. Behind the first there is "; parent=NAME
 * place=1,2 point=0.1,0.25" where a method asked for it that looks at results, whose lines of members that are done say
 * "value=0.5". */
#define DSTN_QUEUED_NEW "new"
#define DSTN_QUEUED_AFTER_DEATH "its launch died"
#define DSTN_QUEUED_AFTER_FAILURE "tried again"
#define DSTN_QUEUED_LONGER "made longer"

typedef struct dstn_sweep dstn_sweep;

/* Reads a sweep file. Of the assignments those that name a key of sweep files are put into it, all others into every
 * member's config. ranks_per_member 0: as the file says. What is given is borrowed. Collective over the world.
 * DSTN_ERROR_USAGE: also where the ranks make no groups of that size. */
dstn_status dstn_sweep_open(const dstn_console *console, const char *path, dstn_assignments set,
                            int64_t ranks_per_member, dstn_sweep **out, dstn_error *err);
void dstn_sweep_close(dstn_sweep *sweep); /* NULL is allowed */

/* Prints members, time, memory and disk as one member of each kind foretells them: its setting up, some timed steps,
 * and files of its size written beside `folder`, where the sweep is to go, and removed; trains nothing and leaves
 * nothing. Times are those of a member on one rank. Collective over the world. */
dstn_status dstn_sweep_print_plan(const dstn_sweep *sweep, const char *folder, dstn_error *err);

/* Runs all members that have not ended yet, in a folder that the caller has locked, writes FOLDER/sweep.yaml, which is
 * the sweep file as resolved, and FOLDER/sweep.h5, and prints what became of them. DSTN_ERROR_USAGE: the sweep file is
 * not what it was when the sweep started, in something that may not differ. Collective over the world. DSTN_OK,
 * DSTN_MEMBERS_FAILED, DSTN_STOPPED, or an error. */
dstn_status dstn_sweep_launch(dstn_sweep *sweep, const char *folder, bool resumes, dstn_error *err);

#endif
