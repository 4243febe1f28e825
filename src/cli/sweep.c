/* dstn sweep SWEEP.yaml: a population of runs. */
#include "cli.h"
#include "output.h"

#include <stdlib.h>

#include "dstn/search.h"

static dstn_status launch(const dstn_console *console, const cli_arguments *arguments, dstn_sweep *sweep,
                          dstn_error *err) {
    char *folder = cli_output_folder(arguments, arguments->operands[0]);
    dstn_lock *lock;
    dstn_status status = cli_claim_folder(console, folder, arguments->resume, &lock, err);
    if (status == DSTN_OK) {
        status = dstn_sweep_launch(sweep, folder, arguments->resume, err);
        dstn_lock_release(lock);
    }
    free(folder);
    return status;
}

static dstn_status plan(const cli_arguments *arguments, const dstn_sweep *sweep, dstn_error *err) {
    char *folder = cli_output_folder(arguments, arguments->operands[0]);
    dstn_status status = dstn_sweep_print_plan(sweep, folder, err);
    free(folder);
    return status;
}

dstn_status cli_sweep(const dstn_console *console, const cli_arguments *arguments, dstn_error *err) {
    dstn_sweep *sweep;
    dstn_status status = dstn_group_agree(console->world, cli_guard(console, arguments, err), err);
    if (status == DSTN_OK) {
        status = dstn_sweep_open(console, arguments->operands[0], cli_assignments(arguments),
                                 arguments->ranks_per_member, &sweep, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    status = arguments->plan ? plan(arguments, sweep, err) : launch(console, arguments, sweep, err);
    dstn_sweep_close(sweep);
    dstn_profile_tell(console);
    return status;
}
