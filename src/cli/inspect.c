/* dstn inspect FILE.h5: what a file of ours is and holds. */
#include "cli.h"

dstn_status cli_inspect(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    return dstn_inspect(console, arguments->operands[0], arguments->json, arguments->verbose, err);
}
