/* Signals and time limits, as a flag that is looked at between steps. */
#include "dstn/run.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

static const struct stop_signal {
    int number;
    const char *name;
} signals[] = {
    {SIGTERM, "SIGTERM"}, {SIGUSR1, "SIGUSR1"}, {SIGUSR2, "SIGUSR2"},
    {SIGINT, "SIGINT"},   {SIGHUP, "SIGHUP"},   {SIGXCPU, "SIGXCPU"},
};
enum { SIGNALS = sizeof(signals) / sizeof(signals[0]) };

/* A handler has no other way to speak. */
static volatile sig_atomic_t caught;

/* Set once, at the start. */
static double deadline = INFINITY; /* on the clock of dstn_seconds() */
static char job_end[128];          /* what the deadline is, where it is the end of a Slurm job */

static const double longest_margin = 60, margin_share = 0.2; /* seconds before a job's end, for checkpoints */

/* ---- signals ----------------------------------------------------------------------------------------------------- */

static void on_signal(int number) {
    if (number == SIGINT && caught == SIGINT) {
        signal(SIGINT, SIG_DFL); /* asked for twice: at once */
        raise(SIGINT);
        return;
    }
    caught = number;
}

void dstn_stop_catch(void) {
    for (int i = 0; i < SIGNALS; i++) {
        if (signals[i].number == SIGHUP && dstn_hang_up_was_ignored()) {
            signal(SIGHUP, SIG_IGN); /* nohup asks for a program that no hang-up ends */
        } else {
            dstn_on_signal(signals[i].number, on_signal, 0);
        }
    }
}

/* ---- time limits ------------------------------------------------------------------------------------------------- */

/* Seconds until the Slurm job ends, by the variable that newer Slurms set; INFINITY: not known. Slurm leaves its
 * variables to whatever was started inside a job, which may outlive it: an end in the past isn't this process's. */
static double slurm_seconds_left(const dstn_log *log, const char *job) {
    const char *text = getenv("SLURM_JOB_END_TIME");
    double end = text ? strtod(text, NULL) : 0;
    if (!(end > 0)) {
        return INFINITY;
    }
    double left = end - (double)time(NULL);
    if (left > 0) {
        return left;
    }
    dstn_log_warn(
        log,
        "SLURM_JOB_END_TIME says that Slurm job %s ended %.0f seconds ago, and this process is alive: it sets "
        "no limit; the variables of an old job are cleared by \"unset SLURM_JOB_ID SLURM_JOB_END_TIME\"",
        job, -left);
    return INFINITY;
}

void dstn_stop_watch(double time_limit, const dstn_log *log) {
    const char *id = getenv("SLURM_JOB_ID"), *job = id ? id : "?";
    double left = slurm_seconds_left(log, job);
    double margin = fmin(longest_margin, margin_share * left), until_margin = left - margin;
    job_end[0] = '\0';
    if (isfinite(left) && until_margin < time_limit) {
        snprintf(job_end, sizeof(job_end), "the end of Slurm job %.20s in %.3g s (SLURM_JOB_END_TIME)", job, margin);
        dstn_log_info(log, "Slurm job %s ends in %.0f s (SLURM_JOB_END_TIME): this launch stops %.3g s before", job,
                      left, margin);
    }
    deadline = dstn_seconds() + fmin(time_limit, job_end[0] ? until_margin : INFINITY);
}

double dstn_stop_seconds_left(void) {
    return isinf(deadline) ? INFINITY : fmax(0, deadline - dstn_seconds());
}

/* ---- what comes of them ------------------------------------------------------------------------------------------ */

bool dstn_stop_asked(void) {
    return dstn_stop_signalled() || dstn_stop_seconds_left() <= 0;
}

bool dstn_stop_signalled(void) {
    return caught != 0;
}

const char *dstn_stop_own_reason(double seconds) {
    int number = caught;
    for (int i = 0; i < SIGNALS; i++) {
        if (signals[i].number == number) {
            return signals[i].name;
        }
    }
    if (dstn_stop_seconds_left() > seconds) {
        return NULL;
    }
    return job_end[0] ? job_end : "the time limit";
}

const char *dstn_stop_reason(void) {
    const char *own = dstn_stop_own_reason(0);
    return own ? own : "another rank";
}
