/* ranks: counts of what a rank asks of MPI and how long it waits, by the phases of a run. */
#include "calls.h"

#include "group.h"

#include <stdlib.h>
#include <string.h>

bool ranks_profile_on;

static struct {
    dstn_profile counts;
    dstn_phase phase;
    double since; /* it is that phase */
} now;

_Static_assert((int)RANKS_CALLS == (int)DSTN_PROFILE_CALLS, "the public table has a row for every call");

static const char *const call_names[RANKS_CALLS] = {
    [RANKS_BARRIER] = "MPI_Barrier",
    [RANKS_IBARRIER] = "MPI_Ibarrier",
    [RANKS_ALLREDUCE] = "MPI_Allreduce",
    [RANKS_REDUCE] = "MPI_Reduce",
    [RANKS_IREDUCE] = "MPI_Ireduce",
    [RANKS_BCAST] = "MPI_Bcast",
    [RANKS_GATHER] = "MPI_Gather",
    [RANKS_GATHERV] = "MPI_Gatherv",
    [RANKS_SCATTERV] = "MPI_Scatterv",
    [RANKS_ALLGATHER] = "MPI_Allgather",
    [RANKS_ALLGATHERV] = "MPI_Allgatherv",
    [RANKS_SEND] = "MPI_Send",
    [RANKS_ISEND] = "MPI_Isend",
    [RANKS_RECV] = "MPI_Recv",
    [RANKS_IRECV] = "MPI_Irecv",
    [RANKS_WAIT] = "MPI_Wait",
    [RANKS_TEST] = "MPI_Test",
    [RANKS_TESTALL] = "MPI_Testall",
    [RANKS_IPROBE] = "MPI_Iprobe",
    [RANKS_PUT] = "MPI_Put",
    [RANKS_GET] = "MPI_Get",
    [RANKS_FETCH_AND_OP] = "MPI_Fetch_and_op",
    [RANKS_WIN_LOCK] = "MPI_Win_lock",
    [RANKS_WIN_UNLOCK] = "MPI_Win_unlock",
    [RANKS_WIN_ALLOCATE] = "MPI_Win_allocate",
    [RANKS_COMM_SPLIT] = "MPI_Comm_split",
    [RANKS_COMM_DUP] = "MPI_Comm_dup",
    [RANKS_MEETING] = "shared memory: meetings",
    [RANKS_SUM] = "shared memory: sums",
    [RANKS_SPREAD] = "messages of slices",
};

static const char *const phase_names[DSTN_PHASES] = {
    [DSTN_PHASE_OUTSIDE] = "start and end",      [DSTN_PHASE_TRAIN] = "training steps",
    [DSTN_PHASE_HYPER] = "hyperparameter steps", [DSTN_PHASE_EVALUATION] = "evaluations",
    [DSTN_PHASE_BETWEEN] = "between steps",
};

const char *dstn_profile_call_name(int call) {
    return call_names[call];
}

const char *dstn_phase_name(dstn_phase phase) {
    return phase_names[phase];
}

/* ---- counting ---------------------------------------------------------------------------------------------------- */

void dstn_profile_switch(bool on) {
    ranks_profile_on = on;
    memset(&now, 0, sizeof now);
    now.since = dstn_seconds();
}

bool dstn_profile_is_on(void) {
    return ranks_profile_on;
}

static void change_phase(dstn_phase phase) {
    double time = dstn_seconds();
    now.counts.seconds[now.phase] += time - now.since;
    now.since = time;
    now.phase = phase;
}

dstn_phase dstn_profile_enter(dstn_phase phase) {
    dstn_phase before = now.phase;
    if (ranks_profile_on) {
        change_phase(phase);
        now.counts.times[phase]++;
    }
    return before;
}

void dstn_profile_leave(dstn_phase before) {
    if (ranks_profile_on) {
        change_phase(before);
    }
}

double ranks_profile_clock(void) {
    return ranks_profile_on ? dstn_seconds() : 0;
}

void ranks_profile_add(ranks_call call, int64_t calls, int64_t bytes, double start) {
    if (ranks_profile_on) {
        dstn_profile_count *count = &now.counts.counts[now.phase][call];
        count->calls += calls;
        count->bytes += bytes;
        count->seconds += dstn_seconds() - start;
    }
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

void dstn_profile_read(dstn_profile *out) {
    if (ranks_profile_on) {
        change_phase(now.phase);
    }
    *out = now.counts;
}

void dstn_profile_subtract(dstn_profile *profile, const dstn_profile *before) {
    for (int p = 0; p < DSTN_PHASES; p++) {
        profile->times[p] -= before->times[p];
        profile->seconds[p] -= before->seconds[p];
        for (int c = 0; c < RANKS_CALLS; c++) {
            profile->counts[p][c].calls -= before->counts[p][c].calls;
            profile->counts[p][c].bytes -= before->counts[p][c].bytes;
            profile->counts[p][c].seconds -= before->counts[p][c].seconds;
        }
    }
}

static bool only_looks(int call) {
    return call == RANKS_IPROBE || call == RANKS_TEST || call == RANKS_TESTALL;
}

dstn_traffic dstn_profile_traffic(const dstn_profile *profile, dstn_phase phase) {
    const dstn_profile_count *counts = profile->counts[phase];
    dstn_traffic traffic = {.barriers = (double)(counts[RANKS_BARRIER].calls + counts[RANKS_IBARRIER].calls),
                            .sent = (double)counts[RANKS_ISEND].bytes,
                            .added = (double)counts[RANKS_SUM].bytes};
    for (int c = 0; c < RANKS_MEETING; c++) {
        traffic.calls += only_looks(c) ? 0 : (double)counts[c].calls;
    }
    return traffic;
}

/* Whole numbers up to 2^53 are exact as doubles. */
void dstn_profile_sum(const dstn_group *group, dstn_profile *profile) {
    enum { WIDTH = 2 + 3 * RANKS_CALLS };
    double table[DSTN_PHASES][WIDTH];
    for (int p = 0; p < DSTN_PHASES; p++) {
        table[p][0] = (double)profile->times[p];
        table[p][1] = profile->seconds[p];
        for (int c = 0; c < RANKS_CALLS; c++) {
            table[p][2 + 3 * c] = (double)profile->counts[p][c].calls;
            table[p][3 + 3 * c] = (double)profile->counts[p][c].bytes;
            table[p][4 + 3 * c] = profile->counts[p][c].seconds;
        }
    }
    dstn_group_sum(group, &table[0][0], (int64_t)DSTN_PHASES * WIDTH);
    for (int p = 0; p < DSTN_PHASES; p++) {
        profile->times[p] = (int64_t)table[p][0];
        profile->seconds[p] = table[p][1];
        for (int c = 0; c < RANKS_CALLS; c++) {
            profile->counts[p][c] =
                (dstn_profile_count){(int64_t)table[p][2 + 3 * c], (int64_t)table[p][3 + 3 * c], table[p][4 + 3 * c]};
        }
    }
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

/* Of one rank, on average; times are a phase's, the same on all ranks of a group. */
void dstn_profile_log(const dstn_profile *sum, int ranks, const dstn_log *log) {
    dstn_log_info(log, "a rank's time, calls and waits, the mean of %d rank%s:", ranks, ranks == 1 ? "" : "s");
    for (int p = 0; p < DSTN_PHASES; p++) {
        double times = (double)sum->times[p] / ranks, each = times > 0 ? times : 1;
        if (sum->seconds[p] == 0) {
            continue;
        }
        dstn_log_info(log, "  %-22s %8.0f times %12.3f s", phase_names[p], times, sum->seconds[p] / ranks);
        for (int c = 0; c < RANKS_CALLS; c++) {
            const dstn_profile_count *count = &sum->counts[p][c];
            if (count->calls > 0) {
                dstn_log_info(log, "    %-24s %10.6g calls, %8.4g a time; %10.4g bytes a time; %9.3f s", call_names[c],
                              (double)count->calls / ranks, (double)count->calls / ranks / each,
                              (double)count->bytes / ranks / each, count->seconds / ranks);
            }
        }
    }
}
