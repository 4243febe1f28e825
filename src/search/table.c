/* sweep.h5: the table of a sweep's members with their records. Derived from these, rewritten whole. */
#include "plan.h"
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

/* One that is being made. */
typedef struct table {
    dstn_writer *writer;
    const dstn_sweep *sweep;
    bool (*gives_up)(void);
    double started; /* seconds */
} table;

static const double moment = 1; /* seconds */

static bool must_give_up(const table *t) {
    return dstn_seconds() - t->started > moment && t->gives_up();
}

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

/* The objective of a member whose method doesn't look at it; NAN: its record doesn't say. */
static double value_of_record(const dstn_sweep *sweep, int64_t index) {
    double value;
    char *path = record_path(sweep, index);
    search_record_value(path, sweep->plan->objective, &value);
    free(path);
    return value;
}

static void write_parents(dstn_writer *writer, const dstn_sweep_plan *plan) {
    const char **column = dstn_alloc((size_t)plan->count + 1, sizeof(char *));
    for (int64_t m = 0; m < plan->count; m++) {
        int64_t parent = plan->members[m].parent;
        column[m] = parent < 0 ? "" : plan->members[parent].name;
    }
    dstn_writer_strings(writer, "members/parent", plan->count, column);
    free(column);
}

static void write_coordinate(dstn_writer *writer, const dstn_sweep_plan *plan, int coordinate) {
    double *column = dstn_alloc((size_t)plan->count + 1, sizeof *column);
    char *name = dstn_format("members/point/%s", plan->coordinates[coordinate]);
    for (int64_t m = 0; m < plan->count; m++) {
        column[m] = plan->proposals[m].point[coordinate];
    }
    dstn_writer_array(writer, name, DSTN_F64, 1, &plan->count, column);
    free(name);
    free(column);
}

/* Of a search over a space: where each member stands in it, and how good it is. False where it was given up. */
static bool write_search(const table *t, const dstn_member_state *states) {
    const dstn_sweep_plan *plan = t->sweep->plan;
    double *values = dstn_alloc((size_t)plan->count + 1, sizeof *values);
    bool goes_on = true;
    for (int64_t m = 0; m < plan->count && goes_on; m++) {
        bool is_done = states[m] == DSTN_MEMBER_DONE, is_known = !search_plan_is_planned(plan);
        values[m] = !is_done ? NAN : is_known ? plan->values[m] : value_of_record(t->sweep, m);
        goes_on = !must_give_up(t);
    }
    if (goes_on) {
        dstn_writer_array(t->writer, "members/value", DSTN_F64, 1, &plan->count, values);
        write_parents(t->writer, plan);
    }
    for (int i = 0; i < plan->dimensions && goes_on; i++) {
        write_coordinate(t->writer, plan, i);
    }
    free(values);
    return goes_on;
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

/* False where it was given up. */
static bool write_members(const table *t, const dstn_member_state *states) {
    const dstn_sweep_plan *plan = t->sweep->plan;
    dstn_writer *writer = t->writer;
    size_t count = (size_t)plan->count;
    const char **names = dstn_alloc(count, sizeof(char *)), **words = dstn_alloc(count, sizeof(char *));
    char **messages = dstn_alloc(count, sizeof(char *));
    bool goes_on = true;
    for (int64_t m = 0; m < plan->count && goes_on; m++) {
        names[m] = plan->members[m].name;
        words[m] = dstn_member_state_name(states[m]);
        messages[m] = states[m] == DSTN_MEMBER_DONE ? dstn_strdup("") : message_of(t->sweep, m);
        goes_on = !must_give_up(t);
    }
    if (goes_on) {
        dstn_writer_strings(writer, "members/name", plan->count, names);
        dstn_writer_strings(writer, "members/outcome", plan->count, words);
        dstn_writer_strings(writer, "members/message", plan->count, (const char *const *)messages);
    }
    for (int a = 0; a < plan->axis_count && goes_on; a++) {
        write_axis(writer, plan, a);
    }
    if (goes_on && plan->dimensions > 0) {
        goes_on = write_search(t, states);
    }
    for (int64_t m = 0; m < plan->count; m++) {
        free(messages[m]);
    }
    free(messages);
    free(words);
    free(names);
    return goes_on;
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

/* Records of members that have one; a damaged one is left out with a warning, since the table can be made again. False
 * where it was given up. */
static bool copy_records(const table *t) {
    const dstn_sweep *sweep = t->sweep;
    for (int64_t m = 0; m < sweep->plan->count; m++) {
        char *record = record_path(sweep, m);
        char *group = dstn_format("runs/%s", sweep->plan->members[m].name);
        dstn_error err = {DSTN_OK, ""};
        if (access(record, F_OK) == 0 && dstn_writer_copy_file(t->writer, group, record, &err) != DSTN_OK) {
            dstn_log_warn(&sweep->console->log, "%s; it is left out of the table", err.message);
        }
        free(group);
        free(record);
        if (must_give_up(t)) {
            return false;
        }
    }
    return true;
}

/* Of the launch that has run members and writes the table; one that makes up for another's has run none yet. */
static void write_launch(const table *t) {
    const dstn_sweep *sweep = t->sweep;
    if (sweep->member_seconds > 0) {
        dstn_writer_number(t->writer, "launch", "seconds", dstn_seconds() - sweep->began);
        dstn_writer_number(t->writer, "launch", "member_seconds", sweep->member_seconds);
        dstn_writer_integer(t->writer, "launch", "ranks", dstn_group_size(sweep->console->world));
        dstn_writer_integer(t->writer, "launch", "ranks_per_member", sweep->ranks_per_member);
    }
}

dstn_status search_write_table(const dstn_sweep *sweep, const dstn_member_state *states, bool (*gives_up)(void),
                               dstn_error *err) {
    char *path = dstn_format("%s/sweep.h5", sweep->folder), *axes = axis_names(sweep->plan);
    table t = {.sweep = sweep, .gives_up = gives_up, .started = dstn_seconds()};
    dstn_status status = dstn_writer_open(path, &t.writer, err);
    if (status == DSTN_OK) {
        dstn_writer_text(t.writer, "", "axes", axes);
        write_launch(&t);
        if (write_members(&t, states) && copy_records(&t)) {
            status = dstn_writer_commit(t.writer, err);
        } else {
            dstn_writer_abandon(t.writer);
            status = dstn_fail(err, DSTN_STOPPED,
                               "stopped by %s while %s was written; all members have ended, and --resume writes it",
                               dstn_stop_reason(), path);
        }
    }
    free(axes);
    free(path);
    return status;
}
