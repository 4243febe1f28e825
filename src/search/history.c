/* search: what the ledger tells of former launches, done once more in the ledger's order. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* One line of the ledger. */
typedef struct event {
    int64_t index; /* of the member */
    int64_t state;
} event;

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
static dstn_status replay_book(dstn_sweep *sweep, const dstn_ledger_book *book, event *events, dstn_error *err) {
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

static void replay_events(dstn_sweep_plan *plan, const event *events, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        plan->states[events[i].index] = (dstn_member_state)events[i].state;
    }
}

static dstn_status leader_reads(dstn_sweep *sweep, event **events, int64_t *count, dstn_error *err) {
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
static void remember_known(dstn_sweep *sweep, const event *events, int64_t count) {
    sweep->known_count = sweep->plan->count;
    free(sweep->known);
    sweep->known = dstn_alloc((size_t)sweep->known_count + 1, sizeof *sweep->known);
    for (int64_t i = 0; i < count; i++) {
        sweep->known[events[i].index] = true;
    }
}

dstn_status search_history_replay(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    bool leads = dstn_group_leads(world);
    event *events = NULL;
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
