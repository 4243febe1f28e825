/* What a drill passes by: records without a difference. */
#include "drill.h"

#include <stdlib.h>
#include <string.h>

#include "array.h"
#include "diff.h"
#include "folder.h"

static dstn_status compare_runs(const char *undisturbed, const char *killed, dstn_error *err) {
    char *paths[2] = {dstn_format("%s/run.h5", undisturbed), dstn_format("%s/run.h5", killed)};
    tools_comparison c = {.first_step = -1};
    dstn_status status = tools_compare_records(&c, (const char *const[]){paths[0], paths[1]}, err);
    if (status == DSTN_OK && c.differences == 0) {
        status = tools_compare_best(&c, (const char *const[]){undisturbed, killed}, err);
    }
    if (status == DSTN_OK && c.differences > 0) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "%s is not as undisturbed: %s", killed, c.first_text);
    }
    free(c.first_text);
    free(c.first_name);
    free(paths[0]);
    free(paths[1]);
    return status;
}

static dstn_status compare_member(const char *const folders[2], const char *name, dstn_error *err) {
    char *before = dstn_format("%s/%s", folders[0], name), *now = dstn_format("%s/%s", folders[1], name);
    dstn_status status = compare_runs(before, now, err);
    free(before);
    free(now);
    return status;
}

static dstn_status compare_members(const char *const folders[2], int64_t *count, dstn_error *err) {
    int64_t counts[2] = {0, 0};
    char **names[2] = {NULL, NULL};
    dstn_status status = tools_folder_list(folders[0], &counts[0], &names[0], err);
    if (status == DSTN_OK) {
        status = tools_folder_list(folders[1], &counts[1], &names[1], err);
    }
    if (status == DSTN_OK && (counts[0] == 0 || counts[0] != counts[1])) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "%s has %lld members, and %s %lld", folders[1], (long long)counts[1],
                           folders[0], (long long)counts[0]);
    }
    for (int64_t m = 0; m < counts[0] && status == DSTN_OK; m++) {
        status = compare_member(folders, names[0][m], err);
    }
    *count = counts[0];
    tools_paths_destroy(counts[0], names[0]);
    tools_paths_destroy(counts[1], names[1]);
    return status;
}

dstn_status tools_drill_compare(const char *undisturbed, const char *killed, bool is_sweep, int64_t *count,
                                dstn_error *err) {
    *count = 1;
    if (!is_sweep) {
        return compare_runs(undisturbed, killed, err);
    }
    char *before = dstn_format("%s/members", undisturbed), *now = dstn_format("%s/members", killed);
    dstn_status status = compare_members((const char *const[]){before, now}, count, err);
    free(before);
    free(now);
    return status;
}
