/* dstn diff A B: where two runs or sweeps part. */
#include "cli.h"

dstn_status cli_diff(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    return dstn_diff(console, arguments->operands, err);
}
