/* search: populations of runs. A sweep file names a base config and axes; its members are the product of the axes, each
 * a list of settings put into the base config. Groups of ranks draw members from a shared window and run them through
 * a callback: search assembles no job itself. */
#ifndef DSTN_SEARCH_H
#define DSTN_SEARCH_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/ranks.h"
#include "dstn/run.h"

/* One setting of a member: a YAML value at a dotted path of the run's config. */
typedef struct dstn_setting {
    char *path, *yaml;
    dstn_node value; /* where the value stands in the sweep file; handle NULL where it was counted ({from, count}) */
} dstn_setting;

/* One planned run. */
typedef struct dstn_member {
    char *name;             /* labels joined by '-', unique, a folder name */
    char **labels;          /* [axes of the plan] its label on every axis */
    dstn_setting *settings; /* [setting_count] in axis order: later axes override earlier ones */
    int setting_count;
} dstn_member;

typedef struct dstn_sweep_plan {
    char *base;               /* path of the base config */
    int64_t ranks_per_member; /* ranks that train one member together, 1 by default */
    int axis_count;
    char **axes; /* [axis_count] names: "dataset", "method", "seed" */
    int64_t count;
    dstn_member *members; /* [count], the first axis varying slowest */
} dstn_sweep_plan;

extern const dstn_option dstn_sweep_options[]; /* base, set, axes, ranks_per_member */

enum { DSTN_MAX_MEMBERS = 1000000 };

/* From a sweep file:
 *   base: ../toys/ridge.yaml                 # relative to the sweep file
 *   set: {train.iterations: 5000}            # for all members
 *   axes:
 *     dataset:                               # label → settings
 *       boston: {data.path: …, data.target: medv}
 *     method: [stn, delta-stn]               # values of the key named like the axis
 *     seed: {from: 0, count: 20}             # integers from … of the key `seed`
 * A setting's key is a dotted path, and its value is put there whole: a mapping replaces what the base has. The label
 * of a list's entry is its text.
 * A method to search by (`method:` of the search) comes with its own file and one line in a table.
 * DSTN_ERROR_USAGE: an empty axis, a label that is no folder name, two members of one name, more than DSTN_MAX_MEMBERS
 * members. The plan is owned by the caller; the node's document must outlive it. */
dstn_status dstn_sweep_plan_read(dstn_node node, dstn_sweep_plan **out, dstn_error *err);
void dstn_sweep_plan_destroy(dstn_sweep_plan *plan);

/* Puts a member's settings into a run's config. Messages about them name the sweep file and line, and a path among
 * them is relative to the sweep file's folder. The plan's document must outlive `config`. */
dstn_status dstn_member_apply(const dstn_member *member, dstn_doc *config, dstn_error *err);

/* Runs one member on a group; `folder` is its own (members/NAME). Called on every rank of the group; the status is
 * the member's: DSTN_OK, DSTN_DIVERGED, DSTN_STOPPED, or an error with its message. */
typedef dstn_status (*dstn_run_member)(void *user, const dstn_sweep_plan *plan, int64_t index, const char *folder,
                                       const dstn_group *group, dstn_error *err);

/* How a member ended: one row of a sweep's table. */
typedef enum dstn_outcome {
    DSTN_OUTCOME_QUEUED,
    DSTN_OUTCOME_RUNNING,
    DSTN_OUTCOME_PREEMPTED,
    DSTN_OUTCOME_FAILED,
    DSTN_OUTCOME_DIVERGED,
    DSTN_OUTCOME_DONE
} dstn_outcome;
const char *dstn_outcome_name(dstn_outcome outcome); /* "queued", "running", … */

/* What a sweep came to. */
typedef struct dstn_sweep_result {
    int64_t counts[DSTN_OUTCOME_DONE + 1];
    dstn_outcome *outcomes; /* [count] */
    int64_t count;          /* of members planned */
    char **messages;        /* [count] why a member failed or diverged, or NULL */
} dstn_sweep_result;
void dstn_sweep_result_clear(dstn_sweep_result *result); /* a zeroed one is allowed */

/* Splits the world into groups of ranks_per_member and runs all members, each group drawing the next index when it is
 * free. Members that were done or diverged `before` [count] (NULL: none; the same on every rank) are kept as they are.
 * A member that diverges or fails never stops the others. One that returns DSTN_STOPPED is preempted, and nobody draws
 * any more: what runs is finished, what is left stays queued. Collective over the world; the result is complete on
 * every rank, also where members failed or were stopped. DSTN_OK, DSTN_MEMBERS_FAILED, or DSTN_STOPPED, and
 * DSTN_ERROR_USAGE where ranks_per_member does not divide the world (the result is then empty). */
dstn_status dstn_sweep_run(const dstn_sweep_plan *plan, const dstn_group *world, int ranks_per_member,
                           const char *folder, const dstn_outcome *before, dstn_run_member run, void *user,
                           dstn_sweep_result *result, dstn_error *err);

/* All tables of a run's config and of a sweep file as one schema; *count [out]. Owned by the caller: free(). */
dstn_section *dstn_search_schema(size_t *count);

/* ---- a launch of a sweep ---------------------------------------------------------------------------------------- */

typedef struct dstn_sweep dstn_sweep;

/* Reads a sweep file. Of the assignments those that name a key of sweep files are put into it, all others into every
 * member's config. ranks_per_member 0: as the file says. What is given is borrowed. Collective over the world.
 * DSTN_ERROR_USAGE: also where the ranks make no groups of that size. */
dstn_status dstn_sweep_open(const dstn_console *console, const char *path, dstn_assignments set,
                            int64_t ranks_per_member, dstn_sweep **out, dstn_error *err);
void dstn_sweep_close(dstn_sweep *sweep); /* NULL is allowed */

/* Prints members, time, memory and disk as some timed steps of one member of each kind foretell them; trains nothing
 * and writes nothing. Times are those of a member on one rank. Collective over the world. */
dstn_status dstn_sweep_print_plan(const dstn_sweep *sweep, dstn_error *err);

/* Runs all members that have not ended yet, in a folder that the caller has locked, writes FOLDER/sweep.h5 and prints
 * what became of them. Collective over the world. DSTN_OK, DSTN_MEMBERS_FAILED, DSTN_STOPPED, or an error. */
dstn_status dstn_sweep_launch(dstn_sweep *sweep, const char *folder, bool resumes, dstn_error *err);

#endif
