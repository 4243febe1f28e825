/* search: events of members as lines of the ledger, and what they make of a plan. */
#include "events.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t search_event_bytes(const dstn_sweep_plan *plan) {
    return sizeof(search_event) + (size_t)plan->dimensions * sizeof(double);
}

void search_event_put_proposal(const dstn_sweep_plan *plan, search_event *event, const dstn_proposal *proposal) {
    event->kind = SEARCH_ASKED;
    event->member = plan->count;
    event->parent = proposal->parent;
    memcpy(event->place, proposal->place, sizeof event->place);
    memcpy(event->point, proposal->point, (size_t)plan->dimensions * sizeof(double));
}

static dstn_status add(dstn_sweep_plan *plan, const search_event *event, dstn_error *err) {
    double point[DSTN_MAX_DIMENSIONS];
    memcpy(point, event->point, (size_t)plan->dimensions * sizeof(double));
    const dstn_proposal proposal = {event->parent, {event->place[0], event->place[1]}, point};
    return search_plan_add(plan, &proposal, err);
}

dstn_status search_event_apply(dstn_sweep_plan *plan, const search_event *event, dstn_error *err) {
    switch ((search_event_kind)event->kind) {
    case SEARCH_ASKED:
        return add(plan, event, err);
    case SEARCH_RUNNING:
        plan->states[event->member] = DSTN_MEMBER_RUNNING;
        return DSTN_OK;
    case SEARCH_ENDED:
        search_plan_end(plan, event->member, (dstn_member_state)event->state, event->value);
        return DSTN_OK;
    case SEARCH_AGAIN:
        return search_plan_requeue(plan, event->member, err);
    case SEARCH_STOPPED:
        return DSTN_OK;
    }
    return DSTN_OK;
}

/* ---- lines of the ledger ----------------------------------------------------------------------------------------- */

char *search_event_asked_detail(const dstn_sweep_plan *plan, int64_t index) {
    const dstn_proposal *proposal = &plan->proposals[index];
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out) {
        return dstn_strdup(DSTN_QUEUED_NEW);
    }
    fprintf(out, "%s; parent=%s place=%" PRId64 ",%" PRId64 " point=", DSTN_QUEUED_NEW,
            proposal->parent < 0 ? "-" : plan->members[proposal->parent].name, proposal->place[0], proposal->place[1]);
    for (int i = 0; i < plan->dimensions; i++) {
        fprintf(out, "%s%.17g", i ? "," : "", proposal->point[i]);
    }
    fputs(plan->dimensions ? "" : "-", out);
    fclose(out);
    return text;
}

char *search_event_done_detail(double value) {
    return dstn_format("value=%.17g", value);
}

/* Goes past `word`; false: it isn't there. */
static bool skip(const char **at, const char *word) {
    size_t length = strlen(word);
    bool is_there = strncmp(*at, word, length) == 0;
    *at += is_there ? length : 0;
    return is_there;
}

static bool read_integer(const char **at, int64_t *value) {
    char *end;
    *value = strtoll(*at, &end, 10);
    bool is_there = end != *at;
    *at = end;
    return is_there;
}

static bool read_number(const char **at, double *value) {
    char *end;
    *value = strtod(*at, &end);
    bool is_there = end != *at;
    *at = end;
    return is_there;
}

/* −1 for "-"; −2 for a name that is no member's. */
static int64_t read_parent(const dstn_sweep_plan *plan, const char **at) {
    size_t length = strcspn(*at, " ");
    char *name = dstn_format("%.*s", (int)length, *at);
    int64_t parent = strcmp(name, "-") == 0 ? -1 : dstn_sweep_plan_find(plan, name);
    *at += length;
    bool is_known = parent >= 0 || strcmp(name, "-") == 0;
    free(name);
    return is_known ? parent : -2;
}

static bool read_asked(const dstn_sweep_plan *plan, const char *detail, search_event *event) {
    const char *at = detail;
    if (!skip(&at, DSTN_QUEUED_NEW "; parent=") || (event->parent = read_parent(plan, &at)) < -1) {
        return false;
    }
    bool good = skip(&at, " place=") && read_integer(&at, &event->place[0]) && skip(&at, ",") &&
                read_integer(&at, &event->place[1]) && skip(&at, " point=") && (plan->dimensions || skip(&at, "-"));
    for (int i = 0; i < plan->dimensions && good; i++) {
        good = (i == 0 || skip(&at, ",")) && read_number(&at, &event->point[i]);
    }
    return good && *at == 0;
}

static bool read_done(const char *detail, search_event *event) {
    const char *at = detail;
    return skip(&at, "value=") && read_number(&at, &event->value) && isfinite(event->value) && *at == 0;
}

/* Of a member that is known by now, or new. */
static bool read_line(const dstn_sweep_plan *plan, const dstn_ledger_line *line, search_event *event) {
    event->state = line->state;
    switch (line->state) {
    case DSTN_MEMBER_QUEUED:
        event->kind = SEARCH_AGAIN;
        if (event->member < 0) {
            event->kind = SEARCH_ASKED;
            event->member = plan->count;
            return read_asked(plan, line->detail, event);
        }
        return true;
    case DSTN_MEMBER_RUNNING:
        event->kind = SEARCH_RUNNING;
        return true;
    case DSTN_MEMBER_DONE:
        event->kind = SEARCH_ENDED;
        return read_done(line->detail, event);
    default:
        event->kind = SEARCH_ENDED;
        return true;
    }
}

dstn_status search_event_of_line(const dstn_sweep_plan *plan, const dstn_ledger_line *line, search_event *event,
                                 dstn_error *err) {
    *event = (search_event){.sequence = line->sequence, .parent = -1, .value = NAN};
    event->member = dstn_sweep_plan_find(plan, line->member);
    bool is_new = event->member < 0 && line->state == DSTN_MEMBER_QUEUED;
    bool has_ended = event->member >= 0 && plan->asker->standing[event->member] != DSTN_MEMBER_QUEUED;
    if (event->member < 0 && !is_new) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "member %s was never asked for, and the ledger says that it is %s",
                         line->member, dstn_member_state_name(line->state));
    }
    if (has_ended && line->state != DSTN_MEMBER_QUEUED) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                         "member %s: it had ended, and is then %s (%s.txt, sequence number %lld)", line->member,
                         dstn_member_state_name(line->state), line->writer, (long long)line->sequence);
    }
    if (!read_line(plan, line, event)) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                         "member %s: \"%s: %s\" (%s.txt, sequence number %lld) can't be understood; accepted: lines of "
                         "a sweep by the same method over the same space",
                         line->member, dstn_member_state_name(line->state), line->detail, line->writer,
                         (long long)line->sequence);
    }
    return DSTN_OK;
}
