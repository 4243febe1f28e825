/* dstn oracle CONFIG.yaml: the exact best hyperparameter of a config with a closed form. */
#include "cli.h"
#include "output.h"

#include <stdlib.h>

dstn_status cli_oracle(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const char *config = arguments->operands[0];
    char *folder = cli_output_folder(arguments, config);
    dstn_status status = dstn_solve_oracle(console, config, cli_assignments(arguments), folder, err);
    free(folder);
    return status;
}
