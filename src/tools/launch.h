/* A launch of this program as a child: `mpirun -n 2 dstn train …` or without a launcher, to be waited for and killed.
 * For commands that run without MPI themselves. */
#ifndef TOOLS_LAUNCH_H
#define TOOLS_LAUNCH_H

#include <sys/types.h>

#include "dstn/core.h"

typedef struct tools_launch {
    pid_t process; /* the launcher's, or the program's own where there is none; 0 once it has ended */
    char mark[64]; /* in the environment of all its processes, by which those on this host are found */
    double started;
} tools_launch;

/* A process of the program that a launch started. */
typedef struct tools_launch_rank {
    pid_t process;
    int rank; /* -1: the launcher didn't tell */
} tools_launch_rank;

/* Starts words[…] (the last is NULL) with its output appended to a log file. The variables by which an enclosing
 * launcher tells a process its place are taken out of its environment; `assignment` ("NAME=VALUE" or NULL) is put in.
 */
dstn_status tools_launch_start(char *const *words, const char *log, const char *assignment, tools_launch *out,
                               dstn_error *err);

/* Whether the launch has ended after at most that many seconds. code [out]: its exit code, 128 + the signal that ended
 * it. */
bool tools_launch_wait(tools_launch *launch, double seconds, int *code);

/* Its ranks on this host; returns how many were found, at most `most`. */
int tools_launch_ranks(const tools_launch *launch, tools_launch_rank *ranks, int most);

/* Waits for ranks whose launcher is gone; those that outlive it for long are killed. */
void tools_launch_clear(const tools_launch *launch);

#endif
