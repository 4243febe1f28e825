/* The profile of a run in its record, and that of a launch on its log. */
#include <stdlib.h>

#include "observers.h"

void dstn_profile_tell(const dstn_console *console) {
    if (dstn_profile_is_on()) {
        dstn_profile profile;
        dstn_profile_read(&profile);
        dstn_profile_sum(console->world, &profile);
        dstn_profile_log(&profile, dstn_group_size(console->world), &console->log);
    }
}

static void record_phases(dstn_record *record, const dstn_profile *sum) {
    const char *names[DSTN_PHASES];
    for (int p = 0; p < DSTN_PHASES; p++) {
        names[p] = dstn_phase_name((dstn_phase)p);
    }
    dstn_record_strings(record, "profile/phases/name", DSTN_PHASES, names);
    dstn_record_integers(record, "profile/phases/times", DSTN_PHASES, sum->times);
    dstn_record_reals(record, "profile/phases/seconds", DSTN_PHASES, sum->seconds);
}

void run_record_profile(dstn_record *record, const dstn_group *group, const dstn_profile *before) {
    enum { MOST = DSTN_PHASES * DSTN_PROFILE_CALLS };
    dstn_profile sum;
    const char *phases[MOST], *calls[MOST];
    int64_t numbers[MOST], bytes[MOST], rows = 0;
    double seconds[MOST];
    dstn_profile_read(&sum);
    dstn_profile_subtract(&sum, before);
    dstn_profile_sum(group, &sum);
    for (int p = 0; p < DSTN_PHASES; p++) {
        for (int c = 0; c < DSTN_PROFILE_CALLS; c++) {
            const dstn_profile_count *count = &sum.counts[p][c];
            if (count->calls > 0) {
                phases[rows] = dstn_phase_name((dstn_phase)p);
                calls[rows] = dstn_profile_call_name(c);
                numbers[rows] = count->calls;
                bytes[rows] = count->bytes;
                seconds[rows++] = count->seconds;
            }
        }
    }
    record_phases(record, &sum);
    dstn_record_strings(record, "profile/phase", rows, phases);
    dstn_record_strings(record, "profile/call", rows, calls);
    dstn_record_integers(record, "profile/calls", rows, numbers);
    dstn_record_integers(record, "profile/bytes", rows, bytes);
    dstn_record_reals(record, "profile/seconds", rows, seconds);
}
