/* dstn audit DIR: proves from a sweep's ledger, records and table that no member was lost or run twice, and that those
 * which share a data section have read the same data; says what launches have left undone. */
#include "array.h"
#include "dstn/search.h"
#include "dstn/tools.h"
#include "folder.h"
#include "leftovers.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct audit {
    FILE *out;
    const dstn_log *log;
    const char *folder;
    dstn_ledger_book *book;
    int64_t findings;
} audit;

static void find(audit *a, const char *format, ...) DSTN_PRINTF(2, 3);
static void find(audit *a, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    dstn_vprint_line(a->out, format, arguments);
    va_end(arguments);
    a->findings++;
}

/* ---- lines that are missing ---- */

static int compare_numbers(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return (left > right) - (left < right);
}

/* A writer counts on from its own last line or, when it opens, from the last of all: of every number but the first, the
 * one before is in some file. */
static void check_sequence(audit *a) {
    int64_t count = a->book->line_count, expected = 1;
    int64_t *numbers = dstn_alloc((size_t)count + 1, sizeof(int64_t));
    for (int64_t i = 0; i < count; i++) {
        numbers[i] = a->book->lines[i].sequence;
    }
    qsort(numbers, (size_t)count, sizeof(int64_t), compare_numbers);
    for (int64_t i = 0; i < count; i++) {
        if (numbers[i] > expected) {
            find(a, "ledger: lines are missing: no file has the sequence numbers %lld to %lld", (long long)expected,
                 (long long)numbers[i] - 1);
        }
        expected = numbers[i] + 1;
    }
    free(numbers);
}

/* ---- what may follow what ---- */

/* One transition that is allowed. */
typedef struct step {
    int from; /* a dstn_member_state, or -1: none yet */
    dstn_member_state to;
    const char *detail; /* the reason that must be given, behind which there may be more after ';'; NULL: any */
} step;

static const step steps[] = {
    {-1, DSTN_MEMBER_QUEUED, DSTN_QUEUED_NEW},
    {DSTN_MEMBER_QUEUED, DSTN_MEMBER_RUNNING, NULL},
    {DSTN_MEMBER_PREEMPTED, DSTN_MEMBER_RUNNING, NULL},
    {DSTN_MEMBER_RUNNING, DSTN_MEMBER_PREEMPTED, NULL},
    {DSTN_MEMBER_RUNNING, DSTN_MEMBER_FAILED, NULL},
    {DSTN_MEMBER_RUNNING, DSTN_MEMBER_DIVERGED, NULL},
    {DSTN_MEMBER_RUNNING, DSTN_MEMBER_DONE, NULL},
    {DSTN_MEMBER_RUNNING, DSTN_MEMBER_QUEUED, DSTN_QUEUED_AFTER_DEATH},
    {DSTN_MEMBER_FAILED, DSTN_MEMBER_QUEUED, DSTN_QUEUED_AFTER_FAILURE},
    {DSTN_MEMBER_DONE, DSTN_MEMBER_QUEUED, DSTN_QUEUED_LONGER},
};

static bool gives_reason(const dstn_ledger_line *line, const char *reason) {
    size_t length = strlen(reason);
    return strncmp(line->detail, reason, length) == 0 && (!line->detail[length] || line->detail[length] == ';');
}

static bool is_allowed(int from, const dstn_ledger_line *line) {
    for (size_t s = 0; s < sizeof(steps) / sizeof(steps[0]); s++) {
        if (steps[s].from == from && steps[s].to == line->state &&
            (!steps[s].detail || gives_reason(line, steps[s].detail))) {
            return true;
        }
    }
    return false;
}

/* What the lines of a member have come to so far. */
typedef struct standing {
    int state;                     /* -1: none yet */
    const dstn_ledger_line *began; /* its last "running" */
    int64_t done, longer;
} standing;

static bool is_end(dstn_member_state state) {
    return state != DSTN_MEMBER_QUEUED && state != DSTN_MEMBER_RUNNING;
}

static void check_line(audit *a, standing *member, const dstn_ledger_line *line) {
    const char *before = member->state < 0 ? "nothing" : dstn_member_state_name((dstn_member_state)member->state);
    const char *now = dstn_member_state_name(line->state);
    if (!is_allowed(member->state, line)) {
        find(a, "%s: \"%s%s%s\" may not follow \"%s\" (%s.txt, sequence number %lld)%s", line->member, now,
             *line->detail ? ": " : "", line->detail, before, line->writer, (long long)line->sequence,
             line->state == DSTN_MEMBER_RUNNING ? "; it was run twice" : "");
    } else if (is_end(line->state) && strcmp(member->began->writer, line->writer) != 0) {
        find(a, "%s: %s began it and %s says that it is %s (sequence number %lld)", line->member, member->began->writer,
             line->writer, now, (long long)line->sequence);
    }
    member->state = (int)line->state;
    member->began = line->state == DSTN_MEMBER_RUNNING ? line : member->began;
    member->done += line->state == DSTN_MEMBER_DONE;
    member->longer += line->state == DSTN_MEMBER_QUEUED && strcmp(line->detail, DSTN_QUEUED_LONGER) == 0;
}

static int64_t index_of(const dstn_ledger_book *book, const char *member) {
    const dstn_ledger_member *found = dstn_ledger_find(book, member);
    return found ? found - book->members : -1;
}

static void check_transitions(audit *a) {
    const dstn_ledger_book *book = a->book;
    standing *members = dstn_alloc((size_t)book->member_count + 1, sizeof(standing));
    for (int64_t m = 0; m < book->member_count; m++) {
        members[m].state = -1;
    }
    for (int64_t i = 0; i < book->line_count; i++) {
        check_line(a, &members[index_of(book, book->lines[i].member)], &book->lines[i]);
    }
    for (int64_t m = 0; m < book->member_count; m++) {
        if (members[m].done > 1 + members[m].longer) {
            find(a, "%s: done %lld times, made longer %lld times", book->members[m].name, (long long)members[m].done,
                 (long long)members[m].longer);
        }
    }
    free(members);
}

/* Whoever is in the ledger was put there by the planner, once. */
static void check_conservation(audit *a) {
    int64_t planned = 0, standing_now = 0;
    for (int64_t i = 0; i < a->book->line_count; i++) {
        const dstn_ledger_line *line = &a->book->lines[i];
        planned += line->state == DSTN_MEMBER_QUEUED && gives_reason(line, DSTN_QUEUED_NEW);
    }
    for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
        standing_now += a->book->states[s];
    }
    if (planned != standing_now) {
        find(a, "ledger: %lld members were planned, and the states of %lld are known", (long long)planned,
             (long long)standing_now);
    }
}

/* ---- members ---- */

/* A member that ended has a record that says so; its seal is checked as it is read. */
static void check_record(audit *a, const dstn_ledger_member *member) {
    char *path = dstn_format("%s/members/%s/run.h5", a->folder, member->name);
    const char *state = dstn_member_state_name(member->state);
    dstn_reader *reader;
    dstn_error err = {DSTN_OK, ""};
    if (dstn_reader_open(path, DSTN_ERROR_DATA, &reader, &err) != DSTN_OK) {
        find(a, "%s: %s, but its record is lost: %s", member->name, state, err.message);
    } else {
        char *status = dstn_reader_text(reader, "result", "status");
        if (!status || strcmp(status, state) != 0) {
            find(a, "%s: %s in the ledger and %s in its record", member->name, state, status ? status : "nothing");
        }
        free(status);
        dstn_reader_close(reader);
    }
    free(path);
}

static void check_records(audit *a) {
    for (int64_t m = 0; m < a->book->member_count; m++) {
        const dstn_ledger_member *member = &a->book->members[m];
        if (dstn_member_has_ended(member->state)) {
            check_record(a, member);
        }
    }
}

static void find_text(void *user, const char *text) {
    find(user, "%s", text);
}

/* Whoever reads the same data section has read the same data. */
static void check_data(audit *a) {
    const char **names = dstn_alloc((size_t)a->book->member_count + 1, sizeof *names);
    for (int64_t m = 0; m < a->book->member_count; m++) {
        names[m] = a->book->members[m].name;
    }
    dstn_sweep_compare_data(a->folder, a->book->member_count, names, find_text, a);
    free(names);
}

/* What a method has asked for follows from the results that it had seen. */
static void check_asks(audit *a) {
    dstn_sweep_ask_again(a->folder, a->book, a->log, find_text, a);
}

static void check_folders(audit *a) {
    char *path = dstn_format("%s/members", a->folder);
    int64_t count;
    char **names;
    dstn_error err = {DSTN_OK, ""};
    if (tools_folder_list(path, &count, &names, &err) != DSTN_OK) {
        find(a, "%s", err.message);
    }
    for (int64_t i = 0; i < count; i++) {
        if (!dstn_ledger_find(a->book, names[i])) {
            find(a, "%s: is under members/ and in no ledger", names[i]);
        }
    }
    tools_paths_destroy(count, names);
    free(path);
}

/* ---- the table ---- */

/* Members and outcomes of sweep.h5. */
typedef struct table {
    int64_t count;
    char **names, **outcomes; /* [count] */
} table;

static dstn_status read_table(const dstn_reader *reader, table *t, dstn_error *err) {
    int64_t outcomes = 0;
    *t = (table){0};
    dstn_status status = dstn_reader_strings(reader, "members/name", &t->count, &t->names, err);
    if (status == DSTN_OK) {
        status = dstn_reader_strings(reader, "members/outcome", &outcomes, &t->outcomes, err);
    }
    if (status == DSTN_OK && outcomes != t->count) {
        status =
            dstn_fail(err, DSTN_ERROR_DATA, "%lld names and %lld outcomes", (long long)t->count, (long long)outcomes);
    }
    if (status != DSTN_OK) {
        tools_paths_destroy(t->count, t->names);
        tools_paths_destroy(outcomes, t->outcomes);
    }
    return status;
}

/* The outcomes of the table by member of the ledger, NULL where it has none. Free with free(). */
static const char **outcomes_by_member(audit *a, const table *t) {
    const char **outcomes = dstn_alloc((size_t)a->book->member_count + 1, sizeof(char *));
    for (int64_t i = 0; i < t->count; i++) {
        int64_t m = index_of(a->book, t->names[i]);
        if (m < 0) {
            find(a, "%s: is in sweep.h5 and in no ledger", t->names[i]);
        } else if (outcomes[m]) {
            find(a, "%s: is in sweep.h5 twice", t->names[i]);
        } else {
            outcomes[m] = t->outcomes[i];
        }
    }
    return outcomes;
}

static bool agrees(int state, const char *outcome) {
    return state < 0 ? !outcome : outcome && strcmp(outcome, dstn_member_state_name((dstn_member_state)state)) == 0;
}

/* How many lines the ledger had when all its members stood as the table has them; -1: never. The latest such moment. */
static int64_t lines_when_written(const dstn_ledger_book *book, const char *const *outcomes) {
    int64_t wrong = 0, found = -1;
    int *states = dstn_alloc((size_t)book->member_count + 1, sizeof(int));
    for (int64_t m = 0; m < book->member_count; m++) {
        states[m] = -1;
        wrong += !agrees(-1, outcomes[m]);
    }
    for (int64_t i = 0; i < book->line_count; i++) {
        int64_t m = index_of(book, book->lines[i].member);
        wrong -= !agrees(states[m], outcomes[m]);
        states[m] = (int)book->lines[i].state;
        wrong += !agrees(states[m], outcomes[m]);
        found = wrong == 0 ? i + 1 : found;
    }
    free(states);
    return found;
}

static void check_outcomes(audit *a, const char *const *outcomes) {
    int64_t lines = lines_when_written(a->book, outcomes);
    if (lines >= 0 && lines < a->book->line_count) {
        dstn_log_info(a->log, "%s/sweep.h5 is as the ledger was %lld lines ago; the next launch writes it again",
                      a->folder, (long long)(a->book->line_count - lines));
    }
    for (int64_t m = 0; m < a->book->member_count && lines < 0; m++) {
        const dstn_ledger_member *member = &a->book->members[m];
        if (!agrees((int)member->state, outcomes[m])) {
            find(a, "%s: %s in the ledger and %s in sweep.h5", member->name, dstn_member_state_name(member->state),
                 outcomes[m] ? outcomes[m] : "not listed");
        }
    }
}

static void check_table(audit *a) {
    char *path = dstn_format("%s/sweep.h5", a->folder);
    dstn_reader *reader = NULL;
    dstn_error err = {DSTN_OK, ""};
    table t;
    if (access(path, F_OK) != 0) {
        dstn_log_info(a->log, "%s isn't there yet", path);
    } else if (dstn_reader_open(path, DSTN_ERROR_DATA, &reader, &err) != DSTN_OK) {
        find(a, "%s", err.message);
    } else if (read_table(reader, &t, &err) != DSTN_OK) {
        find(a, "%s: %s", path, err.message);
    } else {
        const char **outcomes = outcomes_by_member(a, &t);
        check_outcomes(a, outcomes);
        free(outcomes);
        tools_paths_destroy(t.count, t.names);
        tools_paths_destroy(t.count, t.outcomes);
    }
    dstn_reader_close(reader);
    free(path);
}

/* ---- the command ---- */

static void print_summary(audit *a) {
    fprintf(a->out, "%lld members:", (long long)a->book->member_count);
    for (int s = 0; s < DSTN_MEMBER_STATES; s++) {
        fprintf(a->out, "%s %lld %s", s ? "," : "", (long long)a->book->states[s],
                dstn_member_state_name((dstn_member_state)s));
    }
    if (a->findings) {
        fprintf(a->out, "; audit failed: %lld findings\n", (long long)a->findings);
    } else {
        fprintf(a->out, "; audit passed\n");
    }
}

/* A ledger that can't be read proves nothing. */
static dstn_status read_ledger(audit *a, dstn_error *err) {
    char *path = dstn_format("%s/ledger", a->folder);
    bool there = tools_folder_is_there(path);
    free(path);
    if (!there) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s has no folder ledger; accepted: the directory of a sweep",
                         a->folder);
    }
    if (dstn_ledger_read(a->folder, a->log, &a->book, err) != DSTN_OK) {
        fprintf(a->out, "%s\naudit failed: the ledger can't be read\n", err->message);
        *err = (dstn_error){DSTN_ERROR_RUN, ""};
        return DSTN_ERROR_RUN;
    }
    if (a->book->member_count == 0) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s/ledger has no line; nothing has been planned", a->folder);
    }
    return DSTN_OK;
}

/* DSTN_ERROR_RUN without a message: the audit failed, as stdout says. */
static dstn_status run_audit(const dstn_console *console, const char *folder, dstn_error *err) {
    static void (*const checks[])(audit *) = {check_sequence, check_transitions, check_conservation, check_records,
                                              check_data,     check_asks,        check_folders,      check_table};
    audit a = {.out = console->out, .log = &console->log, .folder = folder};
    dstn_status status = read_ledger(&a, err);
    if (status == DSTN_OK) {
        for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
            checks[i](&a);
        }
        tools_say_leftovers(a.out, folder, a.book);
        print_summary(&a);
        if (a.findings) {
            *err = (dstn_error){DSTN_ERROR_RUN, ""};
            status = DSTN_ERROR_RUN;
        }
    }
    dstn_ledger_book_destroy(a.book);
    return status;
}

dstn_status dstn_audit(const dstn_console *console, const char *folder, dstn_error *err) {
    dstn_status status = dstn_group_leads(console->world) ? run_audit(console, folder, err) : DSTN_OK;
    return dstn_group_verdict(console->world, status, err);
}
