/* store: files that appear whole or not at all: a temporary name in the same folder, fsync, rename, fsync of the
 * folder. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static dstn_store_hook write_hook; /* the process's; NULL but in rehearsals */

void dstn_store_set_write_hook(dstn_store_hook hook) {
    write_hook = hook;
}

struct store_file {
    char *path, *temporary;
    int descriptor; /* -1 once closed */
};

char *store_temporary_name(const char *path, long process) {
    return dstn_format("%s.tmp-%ld.dstn", path, process);
}

/* A new file: nothing that has the name already, a link for instance, is written through. */
static int create(const char *path) {
    int descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor < 0 && errno == EEXIST && unlink(path) == 0) {
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    }
    return descriptor;
}

dstn_status store_file_open(const char *path, store_file **out, dstn_error *err) {
    *out = NULL;
    char *temporary = store_temporary_name(path, (long)getpid());
    int descriptor = create(temporary);
    if (descriptor < 0) {
        int reason = errno;
        free(temporary);
        return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", path, strerror(reason));
    }
    store_file *file = dstn_alloc(1, sizeof *file);
    *file = (store_file){dstn_strdup(path), temporary, descriptor};
    *out = file;
    return DSTN_OK;
}

static dstn_status failed(const store_file *file, dstn_error *err) {
    return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", file->path, strerror(errno));
}

dstn_status store_file_write(store_file *file, const void *bytes, size_t size, dstn_error *err) {
    const char *from = bytes;
    while (size > 0) {
        ssize_t written = write(file->descriptor, from, size);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written < 0) {
            return failed(file, err);
        }
        from += written;
        size -= (size_t)written;
    }
    return DSTN_OK;
}

static void release(store_file *file) {
    free(file->path);
    free(file->temporary);
    free(file);
}

void store_file_abandon(store_file *file) {
    if (!file) {
        return;
    }
    if (file->descriptor >= 0) {
        close(file->descriptor);
    }
    unlink(file->temporary);
    release(file);
}

dstn_status store_file_commit(store_file *file, dstn_error *err) {
    bool good = fsync(file->descriptor) == 0;
    if (write_hook) {
        write_hook(file->path);
    }
    /* Some file systems tell only at close that there was no room. */
    int reason = errno;
    bool closed = close(file->descriptor) == 0;
    file->descriptor = -1;
    if (!good) {
        errno = reason;
    }
    if (!good || !closed || rename(file->temporary, file->path) != 0) {
        dstn_status status = failed(file, err);
        store_file_abandon(file);
        return status;
    }
    char *folder = store_folder_of(file->path);
    dstn_status status = store_sync_folder(folder, err);
    free(folder);
    release(file);
    return status;
}

dstn_status store_sync_folder(const char *folder, dstn_error *err) {
    int descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    bool good = descriptor >= 0;
    /* File systems that can't sync a folder say EINVAL; they have nothing better to offer. */
    if (good && fsync(descriptor) != 0) {
        good = errno == EINVAL;
    }
    int reason = errno;
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (!good) {
        return dstn_fail(err, DSTN_ERROR_RUN, "folder %s can't be made durable: %s", folder, strerror(reason));
    }
    return DSTN_OK;
}

int store_open_own(const char *path, int flags) {
    /* O_NONBLOCK: a pipe by that name must not be waited for; it means nothing for a file. */
    int descriptor = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0666);
    struct stat about;
    if (descriptor < 0) {
        errno = errno == EMLINK ? ELOOP : errno; /* how some systems say that it is a symbolic link */
        return -1;
    }
    bool good = fstat(descriptor, &about) == 0;
    int reason = good ? 0 : errno;
    if (good && (!S_ISREG(about.st_mode) || about.st_nlink != 1)) {
        reason = EMLINK;
    }
    if (reason) {
        close(descriptor);
        errno = reason;
        return -1;
    }
    return descriptor;
}

const char *store_open_own_reason(int reason) {
    if (reason == ELOOP) {
        return "it is a symbolic link, through which nothing is written";
    }
    return reason == EMLINK ? "it is no regular file with one name, and nothing is written into what others share"
                            : strerror(reason);
}

char *store_folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) {
        return dstn_strdup(".");
    }
    if (slash == path) {
        return dstn_strdup("/");
    }
    char *folder = dstn_strdup(path);
    folder[slash - path] = 0;
    return folder;
}

dstn_status dstn_store_write_bytes(const char *path, const void *bytes, size_t size, dstn_error *err) {
    store_file *file;
    if (store_file_open(path, &file, err) != DSTN_OK) {
        return err->status;
    }
    if (store_file_write(file, bytes, size, err) != DSTN_OK) {
        store_file_abandon(file);
        return err->status;
    }
    return store_file_commit(file, err);
}

dstn_status dstn_store_write_text(const char *path, const char *text, dstn_error *err) {
    return dstn_store_write_bytes(path, text, strlen(text), err);
}
