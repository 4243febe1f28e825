/* dstn drill CONFIG.yaml: certifies a machine and its file system. */
#include "cli.h"
#include "output.h"

#include <stdlib.h>

dstn_status cli_drill(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    char *folder = cli_output_folder(arguments, arguments->operands[0]);
    char *root = arguments->out ? dstn_strdup(folder) : dstn_format("%s-drill", folder);
    dstn_drill_request request = {.config = arguments->operands[0],
                                  .set = cli_assignments(arguments),
                                  .launcher = arguments->launch,
                                  .folder = root,
                                  .kill_rank = arguments->kill_rank,
                                  .at_step = arguments->at_step,
                                  .random = arguments->random,
                                  .during_checkpoint = arguments->during_checkpoint};
    dstn_status status = dstn_drill(console, &request, err);
    free(root);
    free(folder);
    return status;
}
