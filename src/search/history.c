/* search: what the ledger tells of former launches, done once more in the ledger's order. */
#include "events.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* One line of the ledger. */
typedef struct transition {
    int64_t index; /* of the member */
    int64_t state;
} transition;

static dstn_status fail_unplanned(const dstn_sweep *sweep, const dstn_ledger_book *book, dstn_error *err) {
    int64_t i = 0;
    while (dstn_sweep_plan_find(sweep->plan, book->members[i].name) >= 0) {
        i++;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE,
                     "%s: member %s was planned when the sweep started and is not now; members may be added on "
                     "resume, not taken away",
                     sweep->folder, book->members[i].name);
}

/* events [book->line_count] */
static dstn_status replay_book(dstn_sweep *sweep, const dstn_ledger_book *book, transition *events, dstn_error *err) {
    dstn_status status = DSTN_OK;
    for (int64_t i = 0; i < book->line_count && status == DSTN_OK; i++) {
        const dstn_ledger_line *line = &book->lines[i];
        events[i].state = line->state;
        events[i].index = dstn_sweep_plan_find(sweep->plan, line->member);
        if (events[i].index < 0) {
            status = fail_unplanned(sweep, book, err);
        }
        if (status == DSTN_OK) {
            sweep->plan->states[events[i].index] = line->state;
        }
    }
    return status;
}

static void replay_events(dstn_sweep_plan *plan, const transition *events, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        plan->states[events[i].index] = (dstn_member_state)events[i].state;
    }
}

static dstn_status leader_reads(dstn_sweep *sweep, transition **events, int64_t *count, dstn_error *err) {
    dstn_ledger_book *book;
    dstn_status status = dstn_ledger_read(sweep->folder, &sweep->console->log, &book, err);
    if (status != DSTN_OK) {
        return status;
    }
    *events = dstn_alloc((size_t)book->line_count + 1, sizeof **events);
    status = replay_book(sweep, book, *events, err);
    *count = book->line_count;
    dstn_ledger_book_destroy(book);
    return status;
}

/* On the leader, which writes the queue. */
static void remember_known(dstn_sweep *sweep, const transition *events, int64_t count) {
    sweep->known_count = sweep->plan->count;
    free(sweep->known);
    sweep->known = dstn_alloc((size_t)sweep->known_count + 1, sizeof *sweep->known);
    for (int64_t i = 0; i < count; i++) {
        sweep->known[events[i].index] = true;
    }
}

static dstn_status replay_planned(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    bool leads = dstn_group_leads(world);
    transition *events = NULL;
    int64_t count = 0;
    dstn_status status = dstn_group_verdict(world, leads ? leader_reads(sweep, &events, &count, err) : DSTN_OK, err);
    if (status == DSTN_OK) {
        dstn_group_broadcast(world, &count, sizeof count);
        events = events ? events : dstn_alloc((size_t)count + 1, sizeof *events);
        dstn_group_broadcast(world, events, (size_t)count * sizeof *events);
        replay_events(sweep->plan, events, count);
    }
    if (status == DSTN_OK && leads) {
        remember_known(sweep, events, count);
    }
    free(events);
    return status;
}

/* ---- of a method that asks as it goes: its members are those that the ledger says it has asked for ---- */

static search_event *event_at(void *events, int64_t i, size_t bytes) {
    return (search_event *)(void *)((char *)events + (size_t)i * bytes);
}

/* That the member which a line says was asked for is the one that the method makes of what it asked for. */
static dstn_status check_asked(const dstn_sweep_plan *plan, const search_event *event, const dstn_ledger_line *line,
                               dstn_error *err) {
    const char *name = plan->members[event->member].name;
    return event->kind != SEARCH_ASKED || strcmp(name, line->member) == 0
               ? DSTN_OK
               : dstn_fail(err, DSTN_ERROR_USAGE,
                           "member %s is not what the sweep file makes now of what was asked for then, which is %s",
                           line->member, name);
}

dstn_status search_history_take_line(dstn_sweep_plan *plan, const dstn_ledger_line *line, search_event *event,
                                     dstn_error *err) {
    dstn_status status = search_event_of_line(plan, line, event, err);
    if (status == DSTN_OK) {
        status = search_event_apply(plan, event, err);
    }
    return status == DSTN_OK ? check_asked(plan, event, line, err) : status;
}

/* events [out]: of all lines. The leader's plan has them all then. */
static dstn_status leader_takes_lines(dstn_sweep *sweep, void **events, int64_t *count, dstn_error *err) {
    dstn_ledger_book *book;
    size_t bytes = search_event_bytes(sweep->plan);
    dstn_status status = dstn_ledger_read(sweep->folder, &sweep->console->log, &book, err);
    if (status != DSTN_OK) {
        return status;
    }
    *events = dstn_alloc((size_t)book->line_count + 1, bytes);
    *count = book->line_count;
    for (int64_t i = 0; i < book->line_count && status == DSTN_OK; i++) {
        status = search_history_take_line(sweep->plan, &book->lines[i], event_at(*events, i, bytes), err);
    }
    dstn_ledger_book_destroy(book);
    return status == DSTN_OK ? status : dstn_fail_in(err, "%s", sweep->folder);
}

static dstn_status replay_asked(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    bool leads = dstn_group_leads(world);
    size_t bytes = search_event_bytes(sweep->plan);
    void *events = NULL;
    int64_t count = 0;
    dstn_status status = leads ? leader_takes_lines(sweep, &events, &count, err) : DSTN_OK;
    status = dstn_group_verdict(world, status, err);
    if (status == DSTN_OK) {
        dstn_group_broadcast(world, &count, sizeof count);
        events = events ? events : dstn_alloc((size_t)count + 1, bytes);
        dstn_group_broadcast(world, events, (size_t)count * bytes);
        for (int64_t i = 0; i < count && !leads && status == DSTN_OK; i++) {
            status = search_event_apply(sweep->plan, event_at(events, i, bytes), err);
        }
    }
    if (status == DSTN_OK && leads) {
        sweep->known_count = sweep->plan->count;
        free(sweep->known);
        sweep->known = dstn_alloc((size_t)sweep->known_count + 1, sizeof *sweep->known);
        memset(sweep->known, true, (size_t)sweep->known_count);
    }
    free(events);
    return status;
}

dstn_status search_history_replay(dstn_sweep *sweep, dstn_error *err) {
    return search_plan_is_planned(sweep->plan) ? replay_planned(sweep, err) : replay_asked(sweep, err);
}

dstn_status search_standing(const dstn_sweep *sweep, dstn_member_state *states, dstn_error *err) {
    dstn_ledger_book *book;
    dstn_status status = dstn_ledger_read(sweep->folder, &sweep->console->log, &book, err);
    if (status != DSTN_OK) {
        return status;
    }
    for (int64_t m = 0; m < sweep->plan->count; m++) {
        const dstn_ledger_member *member = dstn_ledger_find(book, sweep->plan->members[m].name);
        states[m] = member ? member->state : DSTN_MEMBER_QUEUED;
    }
    dstn_ledger_book_destroy(book);
    return DSTN_OK;
}
