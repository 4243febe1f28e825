/* Child launches of this program. */
#include "launch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

#define MARK "DSTN_LAUNCH="
static const double look_every = 0.005, orphans_may_take = 20; /* seconds */

/* ---- environment ---- */

static bool begins_with(const char *text, const char *const *beginnings) {
    for (; *beginnings; beginnings++) {
        if (strncmp(text, *beginnings, strlen(*beginnings)) == 0) {
            return true;
        }
    }
    return false;
}

/* Open MPI's settings stay, and what Slurm says of the allocation, which a launcher needs: only a process's place in an
 * enclosing launch goes. */
static bool is_of_enclosing_launch(const char *assignment) {
    static const char *const places[] = {"OMPI_",
                                         "PMIX_",
                                         "PMI_",
                                         "SLURM_PROCID=",
                                         "SLURM_LOCALID=",
                                         "SLURM_NODEID=",
                                         "SLURM_GTIDS=",
                                         "SLURM_STEP",
                                         "SLURM_TASK_PID=",
                                         "SLURM_SRUN_",
                                         "SLURM_LAUNCH_",
                                         "SLURM_PMI",
                                         MARK,
                                         NULL};
    static const char *const settings[] = {"OMPI_ALLOW_RUN_AS_ROOT", "OMPI_MCA_", NULL};
    return begins_with(assignment, places) && !begins_with(assignment, settings);
}

/* This process's environment for the child: an array that ends with NULL, of borrowed strings. */
static char **child_environment(char *mark, const char *assignment) {
    size_t count = 0, kept = 0;
    while (environ[count]) {
        count++;
    }
    char **made = dstn_alloc(count + 3, sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        if (!is_of_enclosing_launch(environ[i])) {
            made[kept++] = environ[i];
        }
    }
    made[kept++] = mark;
    if (assignment) {
        made[kept++] = (char *)assignment;
    }
    return made;
}

/* ---- start and end ---- */

/* In the child: never returns. */
static void become(char *const *words, int log, char **environment) {
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing >= 0 && dup2(nothing, STDIN_FILENO) >= 0 && dup2(log, STDOUT_FILENO) >= 0 &&
        dup2(log, STDERR_FILENO) >= 0) {
        environ = environment;
        execvp(words[0], words);
    }
    dprintf(log, "dstn: %s can't be started: %s\n", words[0], strerror(errno));
    _exit(127);
}

dstn_status tools_launch_start(char *const *words, const char *log, const char *assignment, tools_launch *out,
                               dstn_error *err) {
    int descriptor = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (descriptor < 0) {
        return dstn_fail(err, DSTN_ERROR_RUN, "%s can't be written: %s", log, strerror(errno));
    }
    out->started = dstn_seconds();
    snprintf(out->mark, sizeof(out->mark), MARK "%ld-%.0f", (long)getpid(), 1e6 * out->started);
    char **environment = child_environment(out->mark, assignment);
    out->process = fork();
    if (out->process == 0) {
        become(words, descriptor, environment);
    }
    int reason = errno;
    free(environment);
    close(descriptor);
    return out->process > 0 ? DSTN_OK
                            : dstn_fail(err, DSTN_ERROR_RUN, "%s can't be started: %s", words[0], strerror(reason));
}

static void rest(double seconds) {
    struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - floor(seconds)))};
    nanosleep(&time, NULL);
}

bool tools_launch_wait(tools_launch *launch, double seconds, int *code) {
    double end = dstn_seconds() + seconds;
    for (;;) {
        int state;
        if (waitpid(launch->process, &state, WNOHANG) == launch->process) {
            *code = WIFSIGNALED(state) ? 128 + WTERMSIG(state) : WEXITSTATUS(state);
            launch->process = 0;
            return true;
        }
        double left = end - dstn_seconds();
        if (left <= 0) {
            return false;
        }
        rest(fmin(left, look_every));
    }
}

/* ---- its ranks ---- */

/* A file of /proc that may be of any length; *size [out]. It ends with a zero more. Free with free(). */
static char *read_whole(const char *path, size_t *size) {
    FILE *file = fopen(path, "r");
    size_t capacity = 1 << 16, got;
    char *text = dstn_alloc(capacity + 1, 1);
    *size = 0;
    while (file && (got = fread(text + *size, 1, capacity - *size, file)) > 0) {
        *size += got;
        if (*size == capacity) {
            char *larger = dstn_alloc(2 * capacity + 1, 1);
            memcpy(larger, text, capacity);
            free(text);
            text = larger;
            capacity *= 2;
        }
    }
    if (file) {
        fclose(file);
    }
    return text;
}

/* Whether a process's environment has the mark; what its launcher says of its rank. */
static bool is_marked(const char *process, const char *mark, int *rank) {
    static const char *const ranks[] = {"PMIX_RANK=", "PMI_RANK=", "SLURM_PROCID="};
    char *path = dstn_format("/proc/%s/environ", process);
    size_t size;
    char *text = read_whole(path, &size);
    bool found = false;
    *rank = -1;
    for (const char *entry = text; entry < text + size; entry += strlen(entry) + 1) {
        found = found || strcmp(entry, mark) == 0;
        for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]) && *rank < 0; i++) {
            size_t length = strlen(ranks[i]);
            *rank = strncmp(entry, ranks[i], length) == 0 ? atoi(entry + length) : -1;
        }
    }
    free(text);
    free(path);
    return found;
}

/* Whether a process runs the same program as this one, and not a launcher or a shell. */
static bool is_this_program(const char *process) {
    char own[4096] = "", its[4096] = "";
    char *path = dstn_format("/proc/%s/exe", process);
    bool same = readlink("/proc/self/exe", own, sizeof(own) - 1) > 0 && readlink(path, its, sizeof(its) - 1) > 0 &&
                strcmp(own, its) == 0;
    free(path);
    return same;
}

int tools_launch_ranks(const tools_launch *launch, tools_launch_rank *ranks, int most) {
    DIR *folder = opendir("/proc");
    int count = 0;
    for (struct dirent *entry; folder && count < most && (entry = readdir(folder)) != NULL;) {
        const char *name = entry->d_name;
        int rank;
        if (strspn(name, "0123456789") == strlen(name) && is_this_program(name) &&
            is_marked(name, launch->mark, &rank)) {
            ranks[count++] = (tools_launch_rank){(pid_t)atol(name), rank};
        }
    }
    if (folder) {
        closedir(folder);
    }
    return count;
}

void tools_launch_clear(const tools_launch *launch) {
    double end = dstn_seconds() + orphans_may_take;
    tools_launch_rank ranks[64];
    int count;
    while ((count = tools_launch_ranks(launch, ranks, 64)) > 0) {
        for (int i = 0; i < count && dstn_seconds() > end; i++) {
            kill(ranks[i].process, SIGKILL);
        }
        rest(20 * look_every);
    }
}
