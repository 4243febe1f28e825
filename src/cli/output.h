/* Output folders. */
#ifndef DSTN_CLI_OUTPUT_H
#define DSTN_CLI_OUTPUT_H

#include "cli.h"
#include "dstn/store.h"

/* runs/NAME for a config PATH/NAME.yaml, or --out; free with free(). */
char *dstn_output_folder(const dstn_arguments *arguments, const char *config);

/* Makes a run's folder and locks it (the leader does; lock [out] is NULL elsewhere). Without `resume` it must hold no
 * run yet. The leader's verdict is everybody's. Collective over the world. */
dstn_status dstn_claim_folder(const dstn_group *world, const char *folder, bool resume, dstn_lock **lock,
                              dstn_error *err);

#endif
