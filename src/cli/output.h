/* Output folders. */
#ifndef CLI_OUTPUT_H
#define CLI_OUTPUT_H

#include "cli.h"
#include "dstn/store.h"

/* runs/NAME for a config PATH/NAME.yaml, or --out; free with free(). */
char *cli_output_folder(const cli_arguments *arguments, const char *config);

/* Makes a run's folder and locks it (the leader does; lock [out] is NULL elsewhere). Without `resume` it must hold no
 * run yet. The leader's verdict is everybody's. Collective over the world. */
dstn_status cli_claim_folder(const dstn_console *console, const char *folder, bool resume, dstn_lock **lock,
                             dstn_error *err);

#endif
