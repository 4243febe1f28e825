/* optim: the list of all schedules. A new one is a file with its dstn_schedule_type, and one line here. */
#ifndef DSTN_OPTIM_SCHEDULES_H
#define DSTN_OPTIM_SCHEDULES_H

#include "dstn/optim.h"

#define OPTIM_SCHEDULES(X)                                                                                             \
    X(constant)                                                                                                        \
    X(step)                                                                                                            \
    X(plateau)

#define OPTIM_DECLARE_SCHEDULE(name) extern const dstn_schedule_type optim_schedule_##name;
OPTIM_SCHEDULES(OPTIM_DECLARE_SCHEDULE)
#undef OPTIM_DECLARE_SCHEDULE

#endif
