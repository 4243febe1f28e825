/* store: folders that results go into. */
#include "file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* 0, or the reason. A folder that another process makes at the same moment is as good as one of ours. */
static int make_one(const char *path) {
    struct stat about;
    if (mkdir(path, 0777) == 0) {
        return 0;
    }
    int reason = errno;
    if (stat(path, &about) != 0) {
        return reason;
    }
    return S_ISDIR(about.st_mode) ? 0 : ENOTDIR;
}

dstn_status dstn_store_make_folder(const char *path, dstn_error *err) {
    char *part = dstn_strdup(path[0] ? path : ".");
    int reason = 0;
    for (char *end = part; *end && reason == 0;) {
        end += strspn(end, "/");
        end += strcspn(end, "/");
        char next = *end;
        *end = 0;
        reason = make_one(part);
        if (reason) {
            dstn_fail(err, DSTN_ERROR_RUN, "folder %s can't be made: %s", part, strerror(reason));
        }
        *end = next;
    }
    if (reason == 0 && access(part, W_OK | X_OK) != 0) {
        reason = dstn_fail(err, DSTN_ERROR_RUN, "folder %s can't be written to: %s", part, strerror(errno));
    }
    free(part);
    return reason ? err->status : DSTN_OK;
}

bool dstn_store_folder_is_filled(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) {
        return false;
    }
    bool filled = false;
    for (struct dirent *entry; !filled && (entry = readdir(folder));) {
        filled = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    closedir(folder);
    return filled;
}

/* "NAME.tmp-DIGITS.dstn", the exact form of store_temporary_name: anything else is somebody's. */
static bool is_temporary(const char *name) {
    static const char mark[] = ".tmp-", end[] = ".dstn";
    const char *found = NULL;
    for (const char *next = strstr(name, mark); next; next = strstr(next + 1, mark)) {
        found = next;
    }
    if (!found || found == name) {
        return false;
    }
    const char *digits = found + sizeof mark - 1;
    size_t count = strspn(digits, "0123456789");
    return count > 0 && strcmp(digits + count, end) == 0;
}

void dstn_store_for_remnants(const char *path, void (*call)(void *user, const char *remnant), void *user) {
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder && (entry = readdir(folder));) {
        if (is_temporary(entry->d_name)) {
            char *remnant = dstn_format("%s/%s", path, entry->d_name);
            call(user, remnant);
            free(remnant);
        }
    }
    if (folder) {
        closedir(folder);
    }
}

static void remove_one(void *user, const char *remnant) {
    (void)user;
    unlink(remnant);
}

void dstn_store_remove_remnants(const char *path) {
    dstn_store_for_remnants(path, remove_one, NULL);
}
