/* dstn audit DIR: that no member of a sweep was lost or run twice. */
#include "cli.h"

dstn_status cli_audit(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    return dstn_audit(console, arguments->operands[0], err);
}
