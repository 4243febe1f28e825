/* dstn check: fixtures and configs in turn, and how many of their quantities passed. */
#include "check.h"
#include "choose.h"

#include <string.h>

static bool is_config(const char *path) {
    const char *end = strrchr(path, '.');
    return end && (strcmp(end, ".yaml") == 0 || strcmp(end, ".yml") == 0);
}

dstn_status dstn_check(const dstn_console *console, const dstn_check_request *request, dstn_error *err) {
    const dstn_kernel *kernel;
    tools_tally tally = {0, 0};
    dstn_status status = tools_choose_kernel(request->kernel, &kernel, err);
    for (int i = 0; i < request->count && status == DSTN_OK; i++) {
        const char *path = request->paths[i];
        status = is_config(path) ? tools_check_config(console, path, request->set, &tally, err)
                                 : tools_check_fixture(console, path, kernel, &tally, err);
        if (status == DSTN_OK) {
            status = dstn_group_verdict(console->world, dstn_streams_flush(err), err);
        }
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (console->out) {
        fprintf(console->out, "%d passed, %d failed\n", tally.passed, tally.failed);
    }
    return tally.failed > 0 ? dstn_fail(err, DSTN_ERROR_RUN, "%d quantities differ", tally.failed) : DSTN_OK;
}
