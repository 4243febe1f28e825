/* dstn check FIXTURE.h5|CONFIG.yaml…: the program's gradients against those of fixtures, and against differences. */
#include "cli.h"

dstn_status cli_check(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const dstn_check_request request = {.paths = arguments->operands,
                                        .count = arguments->operand_count,
                                        .kernel = cli_kernel(arguments),
                                        .set = cli_assignments(arguments)};
    return dstn_check(console, &request, err);
}
