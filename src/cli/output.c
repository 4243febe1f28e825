/* Where a run's files go, and that only one launch writes there. */
#include "output.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *cli_output_folder(const cli_arguments *arguments, const char *config) {
    if (arguments->out) {
        return dstn_strdup(arguments->out);
    }
    const char *slash = strrchr(config, '/');
    const char *name = slash ? slash + 1 : config;
    const char *dot = strrchr(name, '.');
    size_t length = dot && dot > name ? (size_t)(dot - name) : strlen(name);
    return dstn_format("runs/%.*s", (int)length, name);
}

/* A lock and an oracle's answer are no run. */
static bool holds_a_run(const char *path) {
    static const char *const harmless[] = {".", "..", "lock", "oracle.h5"};
    DIR *folder = opendir(path);
    bool found = false;
    struct dirent *entry;
    while (folder && !found && (entry = readdir(folder)) != NULL) {
        found = true;
        for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++) {
            found = found && strcmp(entry->d_name, harmless[i]) != 0;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return found;
}

/* That another launch is at work there is the better reason, where it is so. */
static dstn_status refuse(const char *folder, dstn_error *err) {
    dstn_lock *lock = NULL;
    char *path = dstn_format("%s/lock", folder);
    dstn_status status = access(path, F_OK) == 0 ? dstn_lock_take(folder, NULL, &lock, err) : DSTN_OK;
    free(path);
    dstn_lock_release(lock);
    if (status != DSTN_OK) {
        return status;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE, "%s is not empty; go on with --resume, or name another with --out DIR",
                     folder);
}

static dstn_status claim(const char *folder, bool resume, const dstn_log *log, dstn_lock **lock, dstn_error *err) {
    dstn_status status = dstn_store_make_folder(folder, err);
    if (status == DSTN_OK && !resume && holds_a_run(folder)) {
        return refuse(folder, err);
    }
    if (status == DSTN_OK) {
        status = dstn_lock_take(folder, log, lock, err);
    }
    if (status == DSTN_OK) {
        dstn_store_remove_remnants(folder);
    }
    return status;
}

dstn_status cli_claim_folder(const dstn_console *console, const char *folder, bool resume, dstn_lock **lock,
                             dstn_error *err) {
    *lock = NULL;
    dstn_status status = dstn_group_leads(console->world) ? claim(folder, resume, &console->log, lock, err) : DSTN_OK;
    status = dstn_group_verdict(console->world, status, err);
    if (status != DSTN_OK) {
        dstn_lock_release(*lock);
        *lock = NULL;
    }
    return status;
}
