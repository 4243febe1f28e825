/* The part of a drill's crash (run.h) that hangs on a run. */
#ifndef RUN_DRILL_HOOK_H
#define RUN_DRILL_HOOK_H

#include "dstn/bilevel.h"

/* Whether this process is one to be killed at a step; then the observer does it. */
bool run_drill_kills_at_step(void);
dstn_observer run_drill_observer(void);

#endif
