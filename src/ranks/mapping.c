/* ranks: memory of which the processes of one node map the same pages.
 *
 * Not by MPI_Win_allocate_shared: where one rank can't make or attach such a window, Open MPI 4.1 returns on that rank
 * alone and leaves the others inside the call, it takes no pages before they are touched (SIGBUS where the file system
 * is full by then), and puts what it hands out 8 bytes behind a cache line.
 *
 * Here the node's leader makes a file, the others open it, and its name is gone before anything is put into it. Only
 * whoever is killed in between leaves it behind, and it is empty; the next one who makes such a file removes it.
 * Whether two ranks of a host see the same file system (containers don't) is
 * not asked but tried: the file must be there, and hold its name. Every rank has the system set its own pages aside,
 * which puts them near to it. */
#include "mapping.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { NAME = 128 }; /* bytes; the name is at the end of the file too */

typedef struct node_file {
    const char *directory;
    char name[NAME]; /* empty: there is none */
    int descriptor;  /* −1: not open */
} node_file;

static const char *directory_of_user(void) {
    const char *directory = getenv("DSTN_SHARED_MEMORY");
    return directory && *directory ? directory : "/dev/shm";
}

static dstn_status fail(const node_file *file, size_t total, int reason, dstn_error *err) {
    return dstn_fail(err, DSTN_ERROR_RUN, "%s can't hold the %.3g MB that they would share: %s", file->directory,
                     1e-6 * (double)total, strerror(reason));
}

static char *path_of(const node_file *file) {
    return dstn_format("%s/%s", file->directory, file->name);
}

/* What the names of all such files of this host begin with: the folder may be many hosts'. */
static char *own_prefix(void) {
    char host[DSTN_HOST_SIZE];
    dstn_host_name(host);
    return dstn_format("dstn-%.63s-", host);
}

/* A name that no process has had, on this host or another one. */
static void choose_name(node_file *file) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    char *prefix = own_prefix();
    char *name = dstn_format("%s%ld-%lld-%ld", prefix, (long)getpid(), (long long)now.tv_sec, now.tv_nsec);
    strncpy(file->name, name, NAME - 1);
    free(name);
    free(prefix);
}

/* ---- remnants ---------------------------------------------------------------------------------------------------- */

/* Whoever has made the file holds a lock on it, which ends with the process. */
static bool lock(int descriptor) {
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    return fcntl(descriptor, F_SETLK, &whole) == 0;
}

/* Its maker is no process of this host, nor of a container of it that has another view of processes. */
static bool is_abandoned(const char *name, const char *prefix, const char *path) {
    long process, nanoseconds;
    long long seconds;
    int length = 0;
    const char *rest = name + strlen(prefix);
    if (sscanf(rest, "%ld-%lld-%ld%n", &process, &seconds, &nanoseconds, &length) != 3 || rest[length] ||
        process <= 0 || kill((pid_t)process, 0) == 0 || errno != ESRCH) {
        return false;
    }
    int descriptor = open(path, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) {
        return false;
    }
    struct stat about;
    bool is_ours = fstat(descriptor, &about) == 0 && S_ISREG(about.st_mode) && about.st_uid == geteuid();
    bool is_abandoned = is_ours && lock(descriptor);
    close(descriptor);
    return is_abandoned;
}

static void remove_remnants(const char *directory) {
    DIR *all = opendir(directory);
    if (!all) {
        return;
    }
    char *prefix = own_prefix();
    for (const struct dirent *entry = readdir(all); entry; entry = readdir(all)) {
        if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) {
            continue;
        }
        char *path = dstn_format("%s/%s", directory, entry->d_name);
        if (is_abandoned(entry->d_name, prefix, path)) {
            unlink(path);
        }
        free(path);
    }
    free(prefix);
    closedir(all);
}

/* ---- one file for a node ----------------------------------------------------------------------------------------- */

static dstn_status create(node_file *file, size_t total, dstn_error *err) {
    remove_remnants(file->directory);
    choose_name(file);
    char *path = path_of(file);
    file->descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    bool is_there = file->descriptor >= 0;
    if (is_there) {
        lock(file->descriptor); /* where there are no locks, nobody gets one to remove the file either */
    }
    ssize_t written = is_there ? pwrite(file->descriptor, file->name, NAME, (off_t)total) : -1;
    int reason = written < 0 ? errno : ENOSPC;
    if (written != NAME) {
        if (is_there) {
            unlink(path);
        }
        file->name[0] = '\0';
    }
    free(path);
    return file->name[0] ? DSTN_OK : fail(file, total, reason, err);
}

static dstn_status find(node_file *file, size_t total, dstn_error *err) {
    char there[NAME] = "";
    if (file->name[0]) {
        char *path = path_of(file);
        file->descriptor = open(path, O_RDWR | O_CLOEXEC);
        free(path);
    }
    bool is_same = file->descriptor >= 0 && pread(file->descriptor, there, NAME, (off_t)total) == NAME &&
                   memcmp(there, file->name, NAME) == 0;
    return is_same ? DSTN_OK : dstn_fail(err, DSTN_ERROR_RUN, "they don't see one and the same %s", file->directory);
}

/* The name is there only for as long as ranks of the node need to open the file. */
static dstn_status open_together(node_file *file, MPI_Comm node, size_t total, dstn_error *err) {
    int rank;
    MPI_Comm_rank(node, &rank);
    dstn_status status = rank == 0 ? create(file, total, err) : DSTN_OK;
    MPI_Bcast(file->name, NAME, MPI_CHAR, 0, node);
    if (rank > 0) {
        status = find(file, total, err);
    }
    MPI_Barrier(node);
    if (rank == 0 && file->name[0]) {
        char *path = path_of(file);
        unlink(path);
        free(path);
    }
    return status;
}

static dstn_status take_pages(const node_file *file, size_t first, size_t count, size_t total, ranks_mapping *mapping,
                              dstn_error *err) {
    int reason;
    do {
        reason = posix_fallocate(file->descriptor, (off_t)first, (off_t)count);
    } while (reason == EINTR);
    if (reason != 0) {
        return fail(file, total, reason, err);
    }
    void *bytes = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED, file->descriptor, 0);
    if (bytes == MAP_FAILED) {
        return fail(file, total, errno, err);
    }
    *mapping = (ranks_mapping){bytes, total};
    return DSTN_OK;
}

dstn_status ranks_map(const dstn_group *group, MPI_Comm node, size_t first, size_t count, size_t total,
                      ranks_mapping *out, dstn_error *err) {
    *out = (ranks_mapping){0};
    int size;
    MPI_Comm_size(node, &size);
    dstn_status status = DSTN_OK;
    if (size > 1) {
        node_file file = {.directory = directory_of_user(), .descriptor = -1};
        status = open_together(&file, node, total, err);
        if (status == DSTN_OK) {
            status = take_pages(&file, first, count, total, out, err);
        }
        if (file.descriptor >= 0) {
            close(file.descriptor);
        }
    }
    status = dstn_group_agree(group, status, err);
    if (status != DSTN_OK) {
        ranks_unmap(out);
    }
    return status;
}

void ranks_unmap(ranks_mapping *mapping) {
    if (mapping->bytes) {
        munmap(mapping->bytes, mapping->size);
    }
    *mapping = (ranks_mapping){0};
}
