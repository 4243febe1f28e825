/* Signals and time limits, as a flag that is looked at between steps. */
#include "dstn/run.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "dstn/core.h"

/* A handler has no other way to speak. */
static volatile sig_atomic_t caught;
static double deadline = INFINITY; /* on the clock of dstn_seconds(); set once, at the start */

static const double slurm_margin = 60; /* seconds */

static void on_signal(int number) {
    caught = number;
}

/* Seconds until the Slurm job ends, by the variable that Slurm sets; INFINITY outside one. */
static double slurm_seconds_left(void) {
    const char *end = getenv("SLURM_JOB_END_TIME");
    double at = end ? strtod(end, NULL) : 0;
    return at > 0 ? at - (double)time(NULL) - slurm_margin : INFINITY;
}

void dstn_stop_catch(void) {
    static const int signals[] = {SIGTERM, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        dstn_on_signal(signals[i], on_signal, 0);
    }
}

void dstn_stop_watch(double time_limit) {
    deadline = dstn_seconds() + fmin(time_limit, slurm_seconds_left());
}

double dstn_stop_seconds_left(void) {
    return isinf(deadline) ? INFINITY : fmax(0, deadline - dstn_seconds());
}

bool dstn_stop_asked(void) {
    return caught != 0 || dstn_stop_seconds_left() <= 0;
}

const char *dstn_stop_reason(void) {
    switch (caught) {
    case SIGTERM:
        return "SIGTERM";
    case SIGUSR1:
        return "SIGUSR1";
    case SIGUSR2:
        return "SIGUSR2";
    default:
        return dstn_stop_seconds_left() <= 0 ? "the time limit" : "another rank";
    }
}
