/* A rank that kills itself at a chosen moment, so that a drill can show what a crash there leaves behind. Off unless
 * the environment variable DSTN_DRILL is set, which `dstn drill` does for the launch that it wants killed. */
#ifndef DSTN_CLI_DRILL_HOOK_H
#define DSTN_CLI_DRILL_HOOK_H

#include "dstn/bilevel.h"

#define DSTN_DRILL_VARIABLE "DSTN_DRILL"

/* Reads the variable:
 *   kill:RANK:STEP   SIGKILL to rank RANK of the world once it has finished step STEP, before it is recorded anywhere
 *   checkpoint:N     SIGKILL to whoever writes the N-th checkpoint of a process, between writing and renaming
 *   record:N         the same in the N-th rewrite of a record
 * DSTN_ERROR_USAGE: it is something else. */
dstn_status dstn_drill_arm(const dstn_group *world, dstn_error *err);

/* Whether this process is one to be killed at a step; then the observer does it. */
bool dstn_drill_kills_at_step(void);
dstn_observer dstn_drill_observer(void);

#endif
