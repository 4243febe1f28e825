/* The files of a run: where its checkpoints are, and what of them is superfluous once it has ended. */
#include "files.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dstn/store.h"

static bool is_folder(const char *path) {
    struct stat about;
    return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

char *run_checkpoint_folder(const char *folder, bool is_member) {
    char *own = dstn_format("%s/checkpoints", folder);
    if (!is_member || is_folder(own)) {
        return own;
    }
    free(own);
    return dstn_strdup(folder);
}

char *dstn_run_checkpoints(const char *folder) {
    return run_checkpoint_folder(folder, true);
}

/* ---- what is superfluous ---- */

static void remove_file(const char *folder, const char *name) {
    char *path = dstn_format("%s/%s", folder, name);
    unlink(path);
    free(path);
}

static bool has_record(const char *folder) {
    char *path = dstn_format("%s/run.h5", folder);
    dstn_reader *reader = NULL;
    dstn_error ignored;
    bool has = dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK;
    char *config = has ? dstn_reader_text(reader, "provenance", "config") : NULL;
    has = config != NULL;
    free(config);
    dstn_reader_close(reader);
    free(path);
    return has;
}

/* Whatever can't be removed is no reason to stop: it is there once more, no less. */
static void remove_all(const char *folder, const char *checkpoints, char **paths, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        unlink(paths[i]);
    }
    remove_file(checkpoints, "best.h5");
    remove_file(folder, "config.yaml");
    dstn_store_remove_remnants(checkpoints);
    rmdir(checkpoints); /* a member's has its record in it, and stays */
}

void dstn_run_keep_record(const char *folder) {
    char *checkpoints = dstn_run_checkpoints(folder), *config = dstn_format("%s/config.yaml", folder), **paths = NULL;
    int64_t count = 0;
    dstn_error ignored;
    bool is_listed = dstn_checkpoint_list(checkpoints, &count, &paths, &ignored) == DSTN_OK;
    bool has_more = is_listed && (count > 0 || access(config, F_OK) == 0);
    if (has_more && has_record(folder)) {
        remove_all(folder, checkpoints, paths, count);
    }
    for (int64_t i = 0; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    free(config);
    free(checkpoints);
}
