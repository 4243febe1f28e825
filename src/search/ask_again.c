/* search: what a ledger says was asked for, asked again: a method's answer follows from the sweep file and the history
 * alone, so that it can be proven that no result was lost, or seen before its time. */
#include "events.h"
#include "sweep.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct asking_again {
    dstn_sweep_plan *plan;
    const char *folder;  /* NULL: there are no records */
    bool is_elsewhere;   /* on another kind of processor, where the last bits of an answer may be others */
    search_event *event; /* what a line says */
    dstn_sweep_finding found;
    void *user;
} asking_again;

/* Takes the text over. */
static void report(const asking_again *a, char *text) {
    a->found(a->user, text);
    free(text);
}

static bool is_ask(const dstn_ledger_line *line) {
    return line->state == DSTN_MEMBER_QUEUED && strncmp(line->detail, DSTN_QUEUED_NEW ";", sizeof DSTN_QUEUED_NEW) == 0;
}

static const char *parent_name(const dstn_sweep_plan *plan, int64_t parent) {
    return parent < 0 ? "none" : plan->members[parent].name;
}

/* The first coordinate in which two points differ in any bit; −1: in none. */
static int find_coordinate(const dstn_sweep_plan *plan, const double *a, const double *b) {
    for (int i = 0; i < plan->dimensions; i++) {
        if (memcmp(&a[i], &b[i], sizeof *a) != 0) {
            return i;
        }
    }
    return -1;
}

static void compare(const asking_again *a, const char *member, const dstn_proposal *now) {
    const dstn_sweep_plan *plan = a->plan;
    const search_event *then = a->event;
    int i = find_coordinate(plan, then->point, now->point);
    if (then->parent != now->parent) {
        report(a, dstn_format("%s: was asked for to go on from %s; asked again, the method says from %s", member,
                              parent_name(plan, then->parent), parent_name(plan, now->parent)));
    } else if (memcmp(then->place, now->place, sizeof now->place) != 0) {
        report(a, dstn_format("%s: was asked for at the place %" PRId64 ",%" PRId64
                              "; asked again, the method says %" PRId64 ",%" PRId64,
                              member, then->place[0], then->place[1], now->place[0], now->place[1]));
    } else if (i >= 0) {
        report(a, dstn_format("%s: was asked for at %s = %.17g; asked again, the method says %.17g", member,
                              plan->coordinates[i], then->point[i], now->point[i]));
    }
}

/* On the history so far. */
static void ask(const asking_again *a, const char *member) {
    double point[DSTN_MAX_DIMENSIONS];
    dstn_proposal now = {.point = point};
    dstn_answer answer;
    dstn_error err;
    if (search_plan_ask(a->plan, &now, &answer, &err) != DSTN_OK) {
        report(a, dstn_format("%s: %s", member, err.message));
    } else if (answer != DSTN_ANSWER_MEMBER) {
        report(a, dstn_format("%s: was asked for without need: asked again, the method %s", member,
                              answer == DSTN_ANSWER_WAIT ? "waits for others to end" : "has no more members"));
    } else {
        compare(a, member, &now);
    }
}

bool search_record_value(const char *path, dstn_sweep_objective objective, double *value) {
    dstn_reader *reader;
    dstn_error ignored;
    *value = NAN;
    if (dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) != DSTN_OK) {
        return false;
    }
    const char *name = objective == DSTN_OBJECTIVE_BEST_VALID_LOSS ? "best_valid_loss" : "valid_loss";
    dstn_reader_number(reader, "result", name, value);
    dstn_reader_close(reader);
    return true;
}

/* What the method was told of a member that is done is what its record says; a record that is lost is another's
 * finding.
 */
static void check_value(const asking_again *a, const dstn_ledger_line *line) {
    double value, told = a->event->value;
    char *path = dstn_format("%s/members/%s/run.h5", a->folder ? a->folder : "", line->member);
    bool has_record = a->folder && search_record_value(path, a->plan->objective, &value);
    if (has_record && !isnan(value) && memcmp(&value, &told, sizeof value) != 0) {
        report(a,
               dstn_format("%s: its value is %.17g in the ledger and %.17g in its record", line->member, told, value));
    }
    free(path);
}

/* False: the rest of the ledger can't be gone through. */
static bool take_line(const asking_again *a, const dstn_ledger_line *line) {
    dstn_error err = {DSTN_OK, ""};
    dstn_status status = search_event_of_line(a->plan, line, a->event, &err);
    if (status == DSTN_OK && a->event->kind == SEARCH_ASKED && !a->is_elsewhere) {
        ask(a, line->member);
    }
    if (status == DSTN_OK && line->state == DSTN_MEMBER_DONE) {
        check_value(a, line);
    }
    if (status == DSTN_OK) {
        status = search_history_take_line(a->plan, line, a->event, &err);
    }
    if (status != DSTN_OK) {
        report(a, dstn_format("%s; what came after it was not asked again", err.message));
    }
    return status == DSTN_OK;
}

/* What the records say of the program that trained a member, where that is not so of this one: `what` of their
 * provenance. NULL: all agree with `now`, or don't say. Free with free(). */
static char *other_program(const char *folder, const dstn_ledger_book *book, const char *what, const char *now) {
    char *other = NULL;
    for (int64_t m = 0; m < book->member_count && !other; m++) {
        char *path = dstn_format("%s/members/%s/run.h5", folder, book->members[m].name);
        dstn_reader *reader;
        dstn_error ignored;
        if (access(path, F_OK) == 0 && dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK) {
            other = dstn_reader_text(reader, "provenance", what);
            dstn_reader_close(reader);
        }
        if (other && strcmp(other, now) == 0) {
            free(other);
            other = NULL;
        }
        free(path);
    }
    return other;
}

/* What another processor rounds otherwise proves nothing; what another program asks for may. True: the former. */
static bool warn_of_others(const char *folder, const dstn_ledger_book *book, const dstn_log *log) {
    char *processor = other_program(folder, book, "instruction_set", dstn_kernel_version());
    char *commit = other_program(folder, book, "commit", dstn_version_commit());
    bool is_elsewhere = processor != NULL;
    if (processor) {
        dstn_log_warn(log,
                      "%s: what was asked for is not asked for again: the last bits of answers may be others with %s "
                      "than with %s, which members ran with",
                      folder, dstn_kernel_version(), processor);
    } else if (commit) {
        dstn_log_warn(log,
                      "%s: members were trained by the program of commit %s, and this is %s: where its method has "
                      "changed since, it asks for others",
                      folder, commit, dstn_version_commit());
    }
    free(processor);
    free(commit);
    return is_elsewhere;
}

void search_ask_again(dstn_sweep_plan *plan, const char *folder, const dstn_ledger_book *book, const dstn_log *log,
                      dstn_sweep_finding found, void *user) {
    asking_again a = {.plan = plan, .folder = folder, .found = found, .user = user};
    a.is_elsewhere = folder && warn_of_others(folder, book, log);
    a.event = dstn_alloc(1, search_event_bytes(plan));
    for (int64_t i = 0; i < book->line_count && take_line(&a, &book->lines[i]); i++) {
        continue;
    }
    free(a.event);
}

static bool has_asks(const dstn_ledger_book *book) {
    for (int64_t i = 0; i < book->line_count; i++) {
        if (is_ask(&book->lines[i])) {
            return true;
        }
    }
    return false;
}

void dstn_sweep_ask_again(const char *folder, const dstn_ledger_book *book, const dstn_log *log,
                          dstn_sweep_finding found, void *user) {
    const asking_again a = {.found = found, .user = user};
    dstn_sweep_plan *plan = NULL;
    char *path = search_kept_file(folder);
    dstn_doc *doc = NULL;
    dstn_error err = {DSTN_OK, ""};
    if (has_asks(book)) {
        dstn_status status = dstn_doc_load(path, &doc, &err);
        if (status == DSTN_OK) {
            status = dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err);
        }
        if (status != DSTN_OK) {
            report(&a, dstn_format("%s; what was asked for can't be asked again", err.message));
        } else if (search_plan_is_planned(plan)) {
            report(&a,
                   dstn_format("%s: its method asks for all members at the start, and the ledger's looked at results",
                               path));
        } else {
            search_ask_again(plan, folder, book, log, found, user);
        }
    }
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
    free(path);
}
