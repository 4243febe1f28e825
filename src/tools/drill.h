/* What the files of `dstn drill` share. */
#ifndef TOOLS_DRILL_H
#define TOOLS_DRILL_H

#include "dstn/core.h"

/* Whether two folders hold the same run, or sweeps of the same members, with the same results, digests and series.
 * count [out]: records compared. DSTN_ERROR_RUN: the message names the first difference. */
dstn_status tools_drill_compare(const char *undisturbed, const char *killed, bool is_sweep, int64_t *count,
                                dstn_error *err);

#endif
