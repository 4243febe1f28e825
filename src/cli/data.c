/* dstn data check CONFIG.yaml: reads the data set and says what it found. */
#include "cli.h"

#include <string.h>

dstn_status cli_data(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    if (strcmp(arguments->operands[0], "check") != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "dstn data %s: accepted: dstn data check CONFIG.yaml",
                         arguments->operands[0]);
    }
    return dstn_describe_data(console, arguments->operands[1], cli_assignments(arguments), err);
}
