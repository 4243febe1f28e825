/* dstn export CHECKPOINT | RUN.h5 --schedule: what was trained, for other programs. */
#include "cli.h"

dstn_status cli_export(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const dstn_export_request request = {.path = arguments->operands[0],
                                         .set = cli_assignments(arguments),
                                         .format = arguments->format,
                                         .out = arguments->out,
                                         .response = arguments->response,
                                         .schedule = arguments->schedule};
    return dstn_export(console, &request, err);
}
