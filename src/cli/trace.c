/* dstn trace CONFIG.yaml: every quantity of some training steps, for an independent program to compute again. */
#include "cli.h"

dstn_status cli_trace(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const dstn_trace_request request = {.config = arguments->operands[0],
                                        .set = cli_assignments(arguments),
                                        .steps = arguments->steps ? arguments->steps : 10,
                                        .from = arguments->from,
                                        .path = arguments->out ? arguments->out : "trace.h5"};
    return dstn_trace(console, &request, err);
}
