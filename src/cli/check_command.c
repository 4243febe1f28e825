/* dstn check FIXTURE.h5…: every pass of the program against the numbers of fixtures. */
#include "cli.h"

dstn_status cli_check(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    return dstn_check_fixtures(console, arguments->operand_count, arguments->operands, cli_kernel(arguments), err);
}
