/* ranks: where a launcher's stdout and stderr go. Under mpirun what a rank prints goes through a pipe, and when mpirun
 * can't write it, it throws it away and says nothing. */
#include "dstn/ranks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { TEXT_SIZE = 256 };

/* Whether a process is a launcher that passes stdout on. */
static bool is_launcher(long process) {
    static const char *const names[] = {"mpirun", "mpiexec", "orterun", "prterun", "prun"};
    char text[TEXT_SIZE] = "", *path = dstn_format("/proc/%ld/comm", process);
    FILE *file = fopen(path, "r");
    bool found = false;
    if (file && fgets(text, sizeof text, file)) {
        text[strcspn(text, ".\n")] = '\0'; /* mpirun.openmpi */
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
            found = found || strcmp(text, names[i]) == 0;
        }
    }
    if (file) {
        fclose(file);
    }
    free(path);
    return found;
}

/* How a process has opened its stdout, as open() takes it; -1: that can't be seen. */
static int flags_of_stdout(long process) {
    char line[TEXT_SIZE], *path = dstn_format("/proc/%ld/fdinfo/1", process);
    FILE *file = fopen(path, "r");
    int flags = -1;
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "flags:", 6) == 0) {
            flags = (int)strtol(line + 6, NULL, 8);
        }
    }
    if (file) {
        fclose(file);
    }
    free(path);
    return flags;
}

/* A launcher that was started without stdin and stdout has a pipe of its own in their places. */
static bool holds_both_ends(long process) {
    char ends[2][TEXT_SIZE];
    for (int i = 0; i < 2; i++) {
        char *path = dstn_format("/proc/%ld/fd/%d", process, i);
        ssize_t length = readlink(path, ends[i], TEXT_SIZE - 1);
        ends[i][length > 0 ? length : 0] = '\0';
        free(path);
    }
    return strncmp(ends[0], "pipe:", 5) == 0 && strcmp(ends[0], ends[1]) == 0;
}

/* Why nothing can be written to an open file, without writing to it. */
static int reason_of(int descriptor) {
    struct stat about;
    struct statvfs room;
    struct pollfd look = {descriptor, POLLOUT, 0};
    if (fstat(descriptor, &about) != 0) {
        return 0;
    }
    if (S_ISFIFO(about.st_mode)) {
        return poll(&look, 1, 0) > 0 && (look.revents & POLLERR) ? EPIPE : 0;
    }
    if (S_ISCHR(about.st_mode)) {
        return write(descriptor, "", 0) < 0 ? errno : 0; /* /dev/full refuses even that */
    }
    bool is_full = S_ISREG(about.st_mode) && fstatvfs(descriptor, &room) == 0 && room.f_blocks > 0 &&
                   (geteuid() == 0 ? room.f_bfree : room.f_bavail) == 0;
    return is_full ? ENOSPC : 0;
}

int dstn_ranks_launcher_refuses(void) {
    long launcher = (long)getppid();
    if (!is_launcher(launcher)) {
        return 0;
    }
    int flags = flags_of_stdout(launcher);
    if (flags < 0) {
        return 0;
    }
    if ((flags & O_ACCMODE) == O_RDONLY || holds_both_ends(launcher)) {
        return EBADF;
    }
    char *path = dstn_format("/proc/%ld/fd/1", launcher);
    int descriptor = open(path, O_WRONLY | O_APPEND | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    free(path);
    int reason = descriptor >= 0 ? reason_of(descriptor) : 0;
    if (descriptor >= 0) {
        close(descriptor);
    }
    return reason;
}

int dstn_ranks_open_launcher_terminal(void) {
    long launcher = (long)getppid();
    if (!is_launcher(launcher)) {
        return -1;
    }
    char *path = dstn_format("/proc/%ld/fd/2", launcher);
    int descriptor = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    free(path);
    if (descriptor >= 0 && !isatty(descriptor)) {
        close(descriptor);
        descriptor = -1;
    }
    return descriptor;
}
