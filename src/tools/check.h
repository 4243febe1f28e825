/* dstn check, as its files share it. */
#ifndef DSTN_TOOLS_CHECK_H
#define DSTN_TOOLS_CHECK_H

#include "dstn/tools.h"

/* Quantities so far. */
typedef struct tools_tally {
    int passed, failed;
} tools_tally;

/* One line a quantity, `file group quantity rel_err`. Collective over the console's world. */
dstn_status tools_check_fixture(const dstn_console *console, const char *path, const dstn_kernel *kernel,
                                tools_tally *tally, dstn_error *err);
dstn_status tools_check_config(const dstn_console *console, const char *path, dstn_assignments set, tools_tally *tally,
                               dstn_error *err);

#endif
