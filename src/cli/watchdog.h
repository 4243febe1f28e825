/* Ends a program that hangs: a rank that waits for a dead one, a file system that no longer answers. */
#ifndef DSTN_CLI_WATCHDOG_H
#define DSTN_CLI_WATCHDOG_H

#include "dstn/bilevel.h"

/* Starts the timer. From then on, while a run is watched, `timeout` seconds without a finished step end the program on
 * all ranks with exit code 1, and this rank says where it was. Time in which the process was suspended doesn't count.
 */
void dstn_watchdog_start(const dstn_group *world, double timeout);

/* Watches a run (`name` is for the message) until the release: between runs a rank may wait as long as it takes. */
void dstn_watchdog_watch(const char *name, int64_t step);
void dstn_watchdog_release(void);

/* Tells the watchdog of every finished step. */
dstn_observer dstn_watchdog_observer(void);

#endif
