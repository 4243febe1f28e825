/* dstn eval CHECKPOINT: loss and accuracy of a checkpoint's model. */
#include "cli.h"

dstn_status cli_eval(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    return dstn_eval(console, arguments->operands[0], cli_assignments(arguments), arguments->json, err);
}
