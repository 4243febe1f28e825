/* dstn replay RUN.h5: trains once more as a recorded run did, at the hyperparameters that it found. */
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* runs/NAME-replay for a record in the folder NAME. */
static char *default_name(const char *record, bool final) {
    char *own = dstn_strdup(record), *slash = strrchr(own, '/'), *name = own;
    if (slash) {
        *slash = '\0';
        name = strrchr(own, '/') ? strrchr(own, '/') + 1 : own;
    }
    bool is_named = slash && *name && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
    char *out = dstn_format("%s-%s", is_named ? name : "run", final ? "final" : "replay");
    free(own);
    return out;
}

dstn_status cli_replay(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    const char *record = arguments->operands[0];
    dstn_doc *doc = NULL;
    dstn_status status = cli_guard(console, arguments, err);
    if (status == DSTN_OK) {
        status = dstn_job_load_replay(record, arguments->final_value, cli_assignments(arguments), &doc, err);
    }
    char *name = default_name(record, arguments->final_value);
    status = cli_train_config(console, arguments, status, doc, name, err);
    free(name);
    return status;
}
