/* search: what a launch leaves beside its members: the table, and what became of all of them on stdout. A launch that
 * is stopped has no time for the table, which takes as long as the records of all members; the next one makes up for
 * it. */
#include "sweep.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool is_younger(const struct stat *a, const struct stat *b) {
    return a->st_mtim.tv_sec != b->st_mtim.tv_sec ? a->st_mtim.tv_sec > b->st_mtim.tv_sec
                                                  : a->st_mtim.tv_nsec > b->st_mtim.tv_nsec;
}

static void keep_first(void *user, const char *text) {
    char **first = user;
    *first = *first ? *first : dstn_strdup(text);
}

/* Results of different data have no table in common. */
static dstn_status check_data(const dstn_sweep *sweep, dstn_error *err) {
    const dstn_sweep_plan *plan = sweep->plan;
    const char **names = dstn_alloc((size_t)plan->count + 1, sizeof *names);
    char *first = NULL;
    for (int64_t m = 0; m < plan->count; m++) {
        names[m] = plan->members[m].name;
    }
    dstn_sweep_compare_data(sweep->folder, plan->count, names, keep_first, &first);
    free(names);
    if (!first) {
        return DSTN_OK;
    }
    dstn_fail(err, DSTN_ERROR_DATA, "%s; %s/sweep.h5 would mix them, and is not written", first, sweep->folder);
    free(first);
    return err->status;
}

static dstn_status write_table(const dstn_sweep *sweep, const dstn_member_state *states, bool (*gives_up)(void),
                               dstn_error *err) {
    dstn_status status = check_data(sweep, err);
    return status == DSTN_OK ? search_write_table(sweep, states, gives_up, err) : status;
}

bool search_table_is_old(const dstn_sweep *sweep) {
    char *table = dstn_format("%s/sweep.h5", sweep->folder), *ledger = dstn_format("%s/ledger", sweep->folder);
    struct stat written, last;
    bool is_old = false, is_there = stat(table, &written) == 0;
    DIR *folder = opendir(ledger);
    struct dirent *entry;
    while (folder && !is_old && (entry = readdir(folder)) != NULL) {
        char *path = dstn_format("%s/%s", ledger, entry->d_name);
        bool has_lines = strstr(entry->d_name, ".txt") && stat(path, &last) == 0 && last.st_size > 0;
        is_old = has_lines && (!is_there || is_younger(&last, &written));
        free(path);
    }
    if (folder) {
        closedir(folder);
    }
    free(ledger);
    free(table);
    return is_old;
}

dstn_status search_refresh_table(dstn_sweep *sweep, dstn_error *err) {
    if (!sweep->table_is_old) {
        return DSTN_OK;
    }
    sweep->table_is_old = false;
    dstn_status status = write_table(sweep, sweep->plan->states, dstn_stop_asked, err);
    if (status == DSTN_OK) {
        dstn_log_info(&sweep->console->log, "resume: %s/sweep.h5 was older than its members and is written again",
                      sweep->folder);
    }
    return status == DSTN_STOPPED ? DSTN_OK : status; /* the launch does its least, and stops */
}

static void print_counts(const dstn_sweep *sweep, const dstn_member_state *states) {
    FILE *out = sweep->console->out;
    int64_t counts[DSTN_MEMBER_STATES] = {0}, count = sweep->plan->count;
    if (!out) {
        return;
    }
    for (int64_t m = 0; m < count; m++) {
        counts[states[m]]++;
    }
    fprintf(out, "members %lld\n", (long long)count);
    for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
        fprintf(out, "%s %lld\n", dstn_member_state_name((dstn_member_state)s), (long long)counts[s]);
    }
}

/* The share of the ranks' time, from the beginning of the launch until now, that they were inside members. */
static void print_share(const dstn_sweep *sweep) {
    double all = dstn_group_size(sweep->console->world) * (dstn_seconds() - sweep->began);
    if (sweep->console->out && sweep->member_seconds > 0) {
        fprintf(sweep->console->out, "inside_members %.4f\n", sweep->member_seconds / all);
    }
}

dstn_status search_report(const dstn_sweep *sweep, bool is_stopped, dstn_error *err) {
    dstn_member_state *states = dstn_alloc((size_t)sweep->plan->count + 1, sizeof *states);
    dstn_status status = search_standing(sweep, states, err);
    if (status == DSTN_OK && !is_stopped) {
        status = write_table(sweep, states, dstn_stop_signalled, err);
        is_stopped = status == DSTN_STOPPED;
    }
    if (status == DSTN_OK || status == DSTN_STOPPED) {
        print_counts(sweep, states);
    }
    if (status == DSTN_OK && !is_stopped && sweep->console->out) {
        dstn_print_line(sweep->console->out, "table %s/sweep.h5", sweep->folder);
    }
    if (status == DSTN_OK || status == DSTN_STOPPED) {
        print_share(sweep);
    }
    free(states);
    return status;
}
