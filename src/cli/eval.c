/* dstn eval CHECKPOINT [TEXT]: loss and accuracy of a checkpoint's model. */
#include "cli.h"

dstn_status cli_eval(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const char *text = arguments->operand_count > 1 ? arguments->operands[1] : NULL;
    return dstn_eval(console, arguments->operands[0], text, cli_assignments(arguments), arguments->json, err);
}
