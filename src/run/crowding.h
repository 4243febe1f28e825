/* Warns where threads have to take turns on a core. */
#ifndef RUN_CROWDING_H
#define RUN_CROWDING_H

#include "dstn/ranks.h"

/* threads: of this rank. One warning, of the first host with more threads than cores. Collective over the world. */
void run_warn_of_crowding(const dstn_group *world, const dstn_log *log, int threads);

#endif
