/* A sweep as its files share it: the plan, its ledger, its table. */
#ifndef SEARCH_SWEEP_H
#define SEARCH_SWEEP_H

#include "dstn/run.h"
#include "dstn/search.h"
#include "dstn/store.h"

struct dstn_sweep {
    const dstn_console *console;
    dstn_assignments set; /* of the command line, for every member */
    int64_t ranks_per_member;
    const char *folder;
    bool resumes;
    dstn_doc *doc; /* the sweep file */
    dstn_sweep_plan *plan;
    dstn_outcome *before; /* [plan->count] how members stood when this launch began */
    dstn_ledger *ledger;  /* this rank's file; NULL on ranks that lead no group */
    dstn_display *display;
    bool has_started; /* this rank's group has trained a member in this launch */
};

/* The base config with a member's settings in it, then those of the command line. */
dstn_status search_member_config(const dstn_sweep *sweep, int64_t index, dstn_doc **out, dstn_error *err);

/* Queues what is new, puts members of a dead launch back into the queue, keeps what has ended, and says so; fills
 * sweep->before. A member that has ended goes on where its run has become longer. Members that were planned before and
 * are not now, and changed configs, are DSTN_ERROR_USAGE. Collective over the world. */
dstn_status search_queue_members(dstn_sweep *sweep, dstn_error *err);

/* Position of the first member that differs from this one in its seed alone. */
int64_t search_first_of_kind(const dstn_sweep_plan *plan, int64_t index);

/* How the members of a folder's ledger stand, as an array [plan->count]; those that aren't in it are queued. */
dstn_status search_standing(const dstn_sweep *sweep, dstn_outcome *outcomes, dstn_error *err);

/* Writes FOLDER/sweep.h5 from the ledger and the members' records. */
dstn_status search_write_table(const dstn_sweep *sweep, const dstn_outcome *outcomes, dstn_error *err);

#endif
