/* Reasons to stop before the end: signals, --time-limit, and the end of a Slurm job. All are treated alike. */
#ifndef DSTN_CLI_STOP_H
#define DSTN_CLI_STOP_H

#include <stdbool.h>

/* Catches SIGTERM, SIGUSR1 and SIGUSR2 (a flag is set, nothing else). Before MPI starts, which takes a while. */
void dstn_stop_catch(void);

/* Counts `time_limit` seconds (INFINITY: none) from now. In a Slurm job its end, less a minute to write checkpoints in,
 * is a limit too. */
void dstn_stop_watch(double time_limit);

/* Whether this process has been asked to stop. */
bool dstn_stop_asked(void);

/* Seconds until the time limit, INFINITY where there is none; 0 once it is reached. */
double dstn_stop_seconds_left(void);

/* "SIGUSR1", "the time limit"; what asked this process to stop, or "another rank". */
const char *dstn_stop_reason(void);

#endif
