/* A sweep as its files share it: the plan, its ledger, its table. */
#ifndef DSTN_CLI_SWEEP_H
#define DSTN_CLI_SWEEP_H

#include "dstn/search.h"
#include "dstn/store.h"
#include "observers.h"

typedef struct dstn_sweep {
    const dstn_cli *cli;
    const dstn_arguments *arguments;
    const char *folder;
    dstn_doc *doc; /* the sweep file */
    dstn_sweep_plan *plan;
    dstn_outcome *before; /* [plan->count] how members stood when this launch began */
    dstn_ledger *ledger;  /* this rank's file; NULL on ranks that lead no group */
    dstn_board *board;
    dstn_display *display;
    bool has_started; /* this rank's group has trained a member in this launch */
} dstn_sweep;

/* The base config with a member's settings in it, then those of the command line. */
dstn_status dstn_sweep_member_config(const dstn_sweep *sweep, int64_t index, dstn_doc **out, dstn_error *err);

/* Queues what is new, puts members of a dead launch back into the queue, keeps what has ended, and says so; fills
 * sweep->before. A member that has ended goes on where its run has become longer. Members that were planned before and
 * are not now, and changed configs, are DSTN_ERROR_USAGE. Collective over the world. */
dstn_status dstn_sweep_plan_launch(dstn_sweep *sweep, dstn_error *err);

/* Position of the first member that differs from this one in its seed alone. */
int64_t dstn_sweep_first_of_kind(const dstn_sweep_plan *plan, int64_t index);

/* How the members of a folder's ledger stand, as an array [plan->count]; those that aren't in it are queued. */
dstn_status dstn_sweep_standing(const dstn_sweep *sweep, dstn_outcome *outcomes, dstn_error *err);

/* Writes FOLDER/sweep.h5 from the ledger and the members' records. */
dstn_status dstn_sweep_write_table(const dstn_sweep *sweep, const dstn_outcome *outcomes, dstn_error *err);

/* Prints members, time, memory and disk as some timed steps of one member of each kind foretell them; trains nothing
 * and writes nothing. Times are those of a member on one rank. Collective over the world. */
dstn_status dstn_sweep_print_plan(const dstn_sweep *sweep, int64_t ranks_per_member, dstn_error *err);

#endif
