/* sweep.h5: the table of a sweep's members with their records. Derived from these, rewritten whole. */
#include "sweep.h"

#include <stdlib.h>
#include <unistd.h>

static char *record_path(const dstn_sweep *sweep, int64_t index) {
    return dstn_format("%s/members/%s/run.h5", sweep->folder, sweep->plan->members[index].name);
}

/* Why a member failed or diverged, as its record says; empty where it has none. Free with free(). */
static char *message_of(const dstn_sweep *sweep, int64_t index) {
    char *path = record_path(sweep, index), *message = NULL;
    dstn_reader *reader;
    dstn_error ignored;
    if (access(path, F_OK) == 0 && dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK) {
        message = dstn_reader_text(reader, "result", "message");
        dstn_reader_close(reader);
    }
    free(path);
    return message ? message : dstn_strdup("");
}

static void write_axis(dstn_writer *writer, const dstn_sweep_plan *plan, int axis) {
    const char **column = dstn_alloc((size_t)plan->count, sizeof(char *));
    char *name = dstn_format("members/axes/%s", plan->axes[axis]);
    for (int64_t m = 0; m < plan->count; m++) {
        column[m] = plan->members[m].labels[axis];
    }
    dstn_writer_strings(writer, name, plan->count, column);
    free(name);
    free(column);
}

static void write_members(dstn_writer *writer, const dstn_sweep *sweep, const dstn_member_state *states) {
    const dstn_sweep_plan *plan = sweep->plan;
    size_t count = (size_t)plan->count;
    const char **names = dstn_alloc(count, sizeof(char *)), **words = dstn_alloc(count, sizeof(char *));
    char **messages = dstn_alloc(count, sizeof(char *));
    for (int64_t m = 0; m < plan->count; m++) {
        names[m] = plan->members[m].name;
        words[m] = dstn_member_state_name(states[m]);
        messages[m] = message_of(sweep, m);
    }
    dstn_writer_strings(writer, "members/name", plan->count, names);
    dstn_writer_strings(writer, "members/outcome", plan->count, words);
    dstn_writer_strings(writer, "members/message", plan->count, (const char *const *)messages);
    for (int a = 0; a < plan->axis_count; a++) {
        write_axis(writer, plan, a);
    }
    for (int64_t m = 0; m < plan->count; m++) {
        free(messages[m]);
    }
    free(messages);
    free(words);
    free(names);
}

static char *axis_names(const dstn_sweep_plan *plan) {
    char *names = dstn_strdup("");
    for (int a = 0; a < plan->axis_count; a++) {
        char *longer = dstn_format("%s%s%s", names, a ? "," : "", plan->axes[a]);
        free(names);
        names = longer;
    }
    return names;
}

/* Records of members that have one; a damaged one is left out with a warning, since the table can be made again. */
static void copy_records(dstn_writer *writer, const dstn_sweep *sweep) {
    for (int64_t m = 0; m < sweep->plan->count; m++) {
        char *record = record_path(sweep, m);
        char *group = dstn_format("runs/%s", sweep->plan->members[m].name);
        dstn_error err = {DSTN_OK, ""};
        if (access(record, F_OK) == 0 && dstn_writer_copy_file(writer, group, record, &err) != DSTN_OK) {
            dstn_log_warn(&sweep->console->log, "%s; it is left out of the table", err.message);
        }
        free(group);
        free(record);
    }
}

dstn_status search_write_table(const dstn_sweep *sweep, const dstn_member_state *states, dstn_error *err) {
    char *path = dstn_format("%s/sweep.h5", sweep->folder), *axes = axis_names(sweep->plan);
    dstn_writer *writer;
    dstn_status status = dstn_writer_open(path, &writer, err);
    if (status == DSTN_OK) {
        dstn_writer_text(writer, "", "axes", axes);
        write_members(writer, sweep, states);
        copy_records(writer, sweep);
        status = dstn_writer_commit(writer, err);
    }
    free(axes);
    free(path);
    return status;
}
