/* dstn help [KEY]: the option tables, for people. And the text of --version. */
#include "job.h"

#include <stdlib.h>

#include "dstn/kernel.h"
#include "dstn/store.h"
#include "version.h"

dstn_status dstn_help_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err) {
    if (!cli->out) {
        return DSTN_OK;
    }
    const char *key = arguments->operand_count ? arguments->operands[0] : NULL;
    size_t count;
    dstn_section *sections = dstn_cli_schema(&count);
    char nearest[DSTN_NAME_SIZE];
    size_t printed = dstn_schema_help(sections, count, key, cli->out, nearest);
    free(sections);
    if (printed > 0) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE, "no key \"%s\" in a config%s%s%s; \"dstn help\" lists them all", key,
                     nearest[0] ? "; did you mean \"" : "", nearest, nearest[0] ? "\"?" : "");
}

char *dstn_version_text(void) {
    return dstn_format("dstn %s (%s)\n%s\n%s\n%s\n%s\n", DSTN_VERSION, DSTN_COMMIT, dstn_ranks_version(),
                       dstn_store_version(), dstn_kernel_version(), dstn_oracle_version());
}
