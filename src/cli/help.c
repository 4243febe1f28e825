/* dstn help [KEY]: the option tables, for people. */
#include "cli.h"

#include <stdlib.h>

#include "dstn/config.h"
#include "dstn/search.h"

dstn_status cli_help(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    if (!console->out) {
        return DSTN_OK;
    }
    const char *key = arguments->operand_count ? arguments->operands[0] : NULL;
    size_t count;
    dstn_section *sections = dstn_search_schema(&count);
    char nearest[DSTN_NAME_SIZE];
    size_t printed = dstn_schema_help(sections, count, key, console->out, nearest);
    free(sections);
    if (printed > 0) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE, "no key \"%s\" in a config%s%s%s; \"dstn help\" lists them all", key,
                     nearest[0] ? "; did you mean \"" : "", nearest, nearest[0] ? "\"?" : "");
}
