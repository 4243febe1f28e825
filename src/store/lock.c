/* store: keeps two launches out of one directory. */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct dstn_lock {
    int descriptor; /* the lock lasts until this is closed */
};

/* Batch systems tell a job its number in one of these. */
static const char *job_number(void) {
    static const char *const variables[] = {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID", "JOB_ID"};
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        if (getenv(variables[i])) {
            return getenv(variables[i]);
        }
    }
    return "none";
}

/* Best effort: the lock holds without it. */
static void name_holder(int descriptor) {
    char host[DSTN_HOST_SIZE];
    dstn_host_name(host);
    char *text = dstn_format("host %s, process %ld, job %s\n", host, (long)getpid(), job_number());
    if (ftruncate(descriptor, 0) == 0 && pwrite(descriptor, text, strlen(text), 0) < 0) {
        errno = 0;
    }
    free(text);
}

static dstn_status refuse(int descriptor, const char *folder, dstn_error *err) {
    char holder[512] = "";
    if (pread(descriptor, holder, sizeof holder - 1, 0) < 0) {
        holder[0] = 0;
    }
    holder[strcspn(holder, "\n")] = 0;
    return dstn_fail(err, DSTN_ERROR_RUN,
                     "%s is in use by another launch (%s): wait for its end, or choose another directory with --out",
                     folder, holder[0] ? holder : "which has not given its name yet");
}

/* Lustre without its option flock, NFS without lockd, FUSE without either; EINVAL is POSIX's word for such a file. */
static bool knows_no_locks(int reason) {
    return reason == ENOSYS || reason == ENOLCK || reason == EOPNOTSUPP || reason == ENOTSUP || reason == EINVAL ||
           reason == ENOTTY;
}

/* A signal may come in while a lock server is asked. */
static int set_lock(int descriptor, const struct flock *lock) {
    int got;
    do {
        got = fcntl(descriptor, F_SETLK, lock);
    } while (got != 0 && errno == EINTR);
    return got;
}

static dstn_status lock_file(int descriptor, const char *folder, const char *path, const dstn_log *log,
                             dstn_error *err) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (set_lock(descriptor, &whole) == 0) {
        return DSTN_OK;
    }
    int reason = errno;
    if (reason == EACCES || reason == EAGAIN) {
        return refuse(descriptor, folder, err);
    }
    if (!knows_no_locks(reason)) {
        return dstn_fail(err, DSTN_ERROR_RUN,
                         "%s can't be locked: %s; choose a directory on another file system with --out", path,
                         strerror(reason));
    }
    dstn_log_warn(
        log,
        "%s can't be locked, its file system knows no locks (%s): the run goes on; see to it yourself that no "
        "other launch works in %s at the same time",
        path, strerror(reason), folder);
    return DSTN_OK;
}

dstn_status dstn_lock_take(const char *folder, const dstn_log *log, dstn_lock **out, dstn_error *err) {
    *out = NULL;
    char *path = dstn_format("%s/lock", folder);
    int descriptor = store_open_own(path, O_RDWR);
    dstn_status status =
        descriptor < 0 ? dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", path, store_open_own_reason(errno))
                       : lock_file(descriptor, folder, path, log, err);
    free(path);
    if (status != DSTN_OK) {
        if (descriptor >= 0) {
            close(descriptor);
        }
        return status;
    }
    name_holder(descriptor);
    *out = dstn_alloc(1, sizeof **out);
    (*out)->descriptor = descriptor;
    return DSTN_OK;
}

/* The file stays, since another launch may be about to lock it; it names nobody any more. */
void dstn_lock_release(dstn_lock *lock) {
    if (!lock) {
        return;
    }
    if (ftruncate(lock->descriptor, 0) != 0) {
        errno = 0;
    }
    close(lock->descriptor);
    free(lock);
}

/* Where the file system knows no locks, whoever stands in the file may be at work. */
dstn_lock_state dstn_lock_look(const char *folder, char holder[256]) {
    char *path = dstn_format("%s/lock", folder);
    int descriptor = open(path, O_RDONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    free(path);
    holder[0] = '\0';
    if (descriptor < 0) {
        return DSTN_LOCK_FREE;
    }
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    bool is_known = fcntl(descriptor, F_GETLK, &whole) == 0;
    ssize_t length = pread(descriptor, holder, 255, 0);
    close(descriptor);
    holder[length > 0 ? length : 0] = '\0';
    holder[strcspn(holder, "\n")] = '\0';
    if (is_known && whole.l_type != F_UNLCK) {
        return DSTN_LOCK_HELD;
    }
    return !holder[0] ? DSTN_LOCK_FREE : is_known ? DSTN_LOCK_DEAD : DSTN_LOCK_HELD;
}
