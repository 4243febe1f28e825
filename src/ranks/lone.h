/* ranks: tasks of srun that no launcher has spoken to. */
#ifndef RANKS_LONE_H
#define RANKS_LONE_H

#include "dstn/core.h"

/* Before MPI starts. DSTN_ERROR_USAGE: this is one of several tasks of a step, and MPI will not learn of the others;
 * all but the first leave `err` without a message. version: the whole of MPI_Get_library_version. */
dstn_status ranks_check_tasks(const char *version, dstn_error *err);

#endif
