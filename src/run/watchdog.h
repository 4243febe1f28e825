/* The part of the watchdog (run.h) that a run tells of its steps. */
#ifndef RUN_WATCHDOG_H
#define RUN_WATCHDOG_H

#include "dstn/bilevel.h"

/* Watches a run (`name` is for the message) until the release: between runs a rank may wait as long as it takes. */
void run_watchdog_watch(const char *name, int64_t step);
void run_watchdog_release(void);

/* Tells the watchdog of every finished step. */
dstn_observer run_watchdog_observer(void);

#endif
