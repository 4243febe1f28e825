/* search: a method that asks as it goes. Whichever group of ranks is free takes its turn: its leader reads what has
 * happened meanwhile in the journal, writes what its own member came to, takes a member that a former launch has left
 * or asks the method for one, and writes that too. One leader has its turn at a time, and every line is in the ledger
 * before the journal has it: so all plans see the same events in the same order, which is that of the ledger's numbers,
 * and what was asked can be asked again. */
#include "events.h"
#include "sweep.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef enum turn_action { TURN_RUN, TURN_WAIT, TURN_LEAVE } turn_action;

/* What a group is told by its leader. */
typedef struct turn {
    turn_action action;
    int64_t member; /* to run */
    int64_t events; /* of the journal so far */
} turn;

typedef struct turns {
    dstn_sweep *sweep;
    dstn_sweep_plan *plan;
    const dstn_group *group;
    dstn_journal *journal;
    size_t bytes;         /* of an event */
    search_event *event;  /* one, that is being made */
    int64_t seen;         /* events that this rank's plan has */
    int64_t sequence;     /* of the last line that they tell of */
    bool is_stopped;      /* somebody has stopped asking */
    int64_t own;          /* the member that this group has run and not yet told of; -1: none */
    search_outcome ended; /* what it has come to */
} turns;

/* ---- events ------------------------------------------------------------------------------------------------------ */

static dstn_status take(turns *t, const search_event *event, dstn_error *err) {
    t->seen++;
    t->sequence = event->sequence > t->sequence ? event->sequence : t->sequence;
    t->is_stopped = t->is_stopped || event->kind == SEARCH_STOPPED ||
                    (event->kind == SEARCH_ENDED && event->state == DSTN_MEMBER_PREEMPTED);
    return search_event_apply(t->plan, event, err);
}

static dstn_status take_all(turns *t, const char *events, int64_t count, dstn_error *err) {
    dstn_status status = DSTN_OK;
    for (int64_t i = 0; i < count && status == DSTN_OK; i++) {
        memcpy(t->event, events + (size_t)i * t->bytes, t->bytes);
        status = take(t, t->event, err);
    }
    return status;
}

/* What the others have written, on a leader. */
static dstn_status read_news(turns *t, dstn_error *err) {
    int64_t count = dstn_journal_count(t->journal) - t->seen;
    if (count == 0) {
        return DSTN_OK;
    }
    char *events = dstn_alloc((size_t)count, t->bytes);
    dstn_journal_read(t->journal, t->seen, count, events);
    dstn_status status = take_all(t, events, count, err);
    free(events);
    return status;
}

/* From the leader to the rest of its group, whose plans have not seen them yet. */
static dstn_status share_news(turns *t, int64_t until, dstn_error *err) {
    int64_t count = dstn_group_max(t->group, until - t->seen);
    char *events = dstn_alloc((size_t)count + 1, t->bytes);
    bool leads = dstn_group_leads(t->group);
    if (leads) {
        dstn_journal_read(t->journal, until - count, count, events);
    }
    dstn_group_broadcast(t->group, events, (size_t)count * t->bytes);
    dstn_status status = leads ? DSTN_OK : take_all(t, events, count, err);
    free(events);
    return status;
}

/* ---- a leader's turn --------------------------------------------------------------------------------------------- */

static search_event *new_event(turns *t, search_event_kind kind, int64_t member) {
    *t->event = (search_event){.kind = kind, .member = member, .parent = -1, .value = NAN};
    return t->event;
}

/* A line after all that anybody has written. */
static dstn_status write_line(turns *t, int64_t member, dstn_member_state state, const char *detail, dstn_error *err) {
    dstn_ledger *ledger = t->sweep->ledger;
    dstn_ledger_raise(ledger, t->sequence);
    dstn_status status = dstn_ledger_append(ledger, t->plan->members[member].name, state, detail, err);
    t->sequence = dstn_ledger_last(ledger);
    return status;
}

/* The event that stands in t->event, to the others. */
static dstn_status publish(turns *t, dstn_error *err) {
    t->event->sequence = t->sequence;
    t->seen++;
    return dstn_journal_append(t->journal, t->event)
               ? DSTN_OK
               : dstn_fail(err, DSTN_ERROR_RUN, "the journal of the launch is full: an error of the program");
}

/* What this group's member has come to. */
static dstn_status tell_own(turns *t, dstn_error *err) {
    if (t->own < 0) {
        return DSTN_OK;
    }
    const search_outcome *ended = &t->ended;
    search_event *event = new_event(t, SEARCH_ENDED, t->own);
    event->state = ended->state;
    event->value = ended->value;
    char *detail = ended->state == DSTN_MEMBER_DONE ? search_event_done_detail(ended->value)
                                                    : dstn_strdup(ended->message ? ended->message : "");
    dstn_status status = write_line(t, t->own, ended->state, detail, err);
    free(detail);
    if (status == DSTN_OK) {
        t->is_stopped = t->is_stopped || ended->state == DSTN_MEMBER_PREEMPTED;
        status = search_event_apply(t->plan, event, err);
    }
    if (status == DSTN_OK) {
        search_show_end(t->sweep, t->own, ended);
        status = publish(t, err);
    }
    return status;
}

/* The first member that a former launch has left and nobody is at; -1: there is none. */
static int64_t find_left(const dstn_sweep_plan *plan) {
    for (int64_t m = 0; m < plan->count; m++) {
        if (plan->states[m] == DSTN_MEMBER_QUEUED || plan->states[m] == DSTN_MEMBER_PREEMPTED) {
            return m;
        }
    }
    return -1;
}

static dstn_status claim(turns *t, int64_t member, dstn_error *err) {
    dstn_status status = write_line(t, member, DSTN_MEMBER_RUNNING, NULL, err);
    if (status == DSTN_OK) {
        status = search_event_apply(t->plan, new_event(t, SEARCH_RUNNING, member), err);
    }
    return status == DSTN_OK ? publish(t, err) : status;
}

/* The plan has it before the ledger: what can't be a member comes to no line. */
static dstn_status begin_asked(turns *t, const dstn_proposal *proposal, dstn_error *err) {
    int64_t member = t->plan->count;
    search_event_put_proposal(t->plan, new_event(t, SEARCH_ASKED, member), proposal);
    dstn_status status = search_event_apply(t->plan, t->event, err);
    if (status != DSTN_OK) {
        return status;
    }
    t->plan->work[member] = t->plan->work[0];
    char *detail = search_event_asked_detail(t->plan, member);
    status = write_line(t, member, DSTN_MEMBER_QUEUED, detail, err);
    free(detail);
    return status == DSTN_OK ? publish(t, err) : status;
}

static dstn_status choose(turns *t, turn *next, dstn_error *err) {
    double point[DSTN_MAX_DIMENSIONS];
    dstn_proposal proposal = {.point = point};
    dstn_answer answer = DSTN_ANSWER_MEMBER;
    next->member = find_left(t->plan);
    dstn_status status = DSTN_OK;
    if (next->member < 0) {
        status = search_plan_ask(t->plan, &proposal, &answer, err);
        next->member = t->plan->count;
        if (status == DSTN_OK && answer == DSTN_ANSWER_MEMBER) {
            status = begin_asked(t, &proposal, err);
        }
    }
    if (status == DSTN_OK && answer == DSTN_ANSWER_MEMBER) {
        status = claim(t, next->member, err);
    }
    next->action = answer == DSTN_ANSWER_MEMBER ? TURN_RUN : answer == DSTN_ANSWER_WAIT ? TURN_WAIT : TURN_LEAVE;
    return status;
}

static dstn_status write_turn(turns *t, bool must_stop, turn *next, dstn_error *err) {
    dstn_status status = read_news(t, err);
    if (status == DSTN_OK) {
        status = tell_own(t, err);
    }
    if (status == DSTN_OK && must_stop && !t->is_stopped) {
        new_event(t, SEARCH_STOPPED, -1);
        t->is_stopped = true;
        status = publish(t, err);
    }
    if (status == DSTN_OK && !t->is_stopped) {
        status = choose(t, next, err);
    }
    if (status != DSTN_OK) { /* the others finish what they are at, and leave as well */
        dstn_error ignored;
        new_event(t, SEARCH_STOPPED, -1);
        t->is_stopped = true;
        publish(t, &ignored);
    }
    return status;
}

static dstn_status take_turn(turns *t, bool must_stop, turn *next, dstn_error *err) {
    *next = (turn){TURN_LEAVE, -1, 0};
    dstn_journal_lock(t->journal, search_show, t->sweep);
    dstn_status status = write_turn(t, must_stop, next, err);
    dstn_journal_unlock(t->journal);
    next->events = t->seen;
    return status;
}

/* ---- a group's turns --------------------------------------------------------------------------------------------- */

/* Until another group has written something, or a rank of this one must stop. */
static void wait_for_news(turns *t) {
    static const struct timespec nap = {0, 10000000};
    int64_t has_come = 0;
    while (has_come == 0) {
        nanosleep(&nap, NULL);
        dstn_ranks_poll();
        search_show(t->sweep);
        if (dstn_group_leads(t->group)) {
            has_come = dstn_journal_count(t->journal) > t->seen;
        }
        has_come = dstn_group_max(t->group, has_come || dstn_stop_asked());
    }
}

static void run_member(turns *t, int64_t member) {
    dstn_error err = {DSTN_OK, ""};
    dstn_sweep_plan *plan = t->plan;
    char *folder = dstn_format("%s/members/%s", t->sweep->folder, plan->members[member].name);
    dstn_status status = search_train(t->sweep, member, folder, t->group, &t->ended, &err);
    t->ended.state = dstn_member_state_after(dstn_group_agree(t->group, status, &err));
    t->own = member;
    free(folder);
    dstn_group_broadcast(t->group, &t->ended.value, sizeof t->ended.value);
    if (t->ended.state == DSTN_MEMBER_DONE && !isfinite(t->ended.value)) {
        dstn_fail(&err, DSTN_ERROR_RUN, "it is done, but has no value to compare it by: no epoch was evaluated");
        t->ended.state = DSTN_MEMBER_FAILED;
        t->ended.message = dstn_strdup(err.message);
    }
    if (t->ended.state == DSTN_MEMBER_FAILED || t->ended.state == DSTN_MEMBER_DIVERGED) {
        free(plan->messages[member]);
        plan->messages[member] = dstn_strdup(err.message[0] ? err.message : "no reason given");
    }
}

static void tidy(const turns *t) {
    const dstn_group *world = t->sweep->console->world;
    int64_t each = t->sweep->ranks_per_member;
    if (dstn_group_leads(t->group)) {
        search_tidy_superseded(t->sweep, dstn_group_rank(world) / each, dstn_group_size(world) / each);
    }
}

/* One turn of a group, and the member that it has drawn; false: it has left. Collective over the group. */
static bool go_on(turns *t, dstn_status *status, dstn_error *err) {
    turn next = {0};
    bool must_stop = search_must_not_start(t->sweep, t->group), leads = dstn_group_leads(t->group);
    *status = leads ? take_turn(t, must_stop, &next, err) : DSTN_OK;
    free(t->ended.message);
    t->ended.message = NULL;
    t->own = -1;
    *status = dstn_group_verdict(t->group, *status, err);
    if (*status != DSTN_OK) {
        return false;
    }
    dstn_group_broadcast(t->group, &next, sizeof next);
    *status = dstn_group_agree(t->group, share_news(t, next.events, err), err);
    if (*status != DSTN_OK) {
        return false;
    }
    tidy(t);
    if (next.action == TURN_WAIT) {
        wait_for_news(t);
    } else if (next.action == TURN_RUN) {
        run_member(t, next.member);
    }
    return next.action != TURN_LEAVE;
}

/* ---- the launch -------------------------------------------------------------------------------------------------- */

static dstn_status take_turns(turns *t, dstn_error *err) {
    dstn_status status = DSTN_OK;
    while (go_on(t, &status, err)) {
        continue;
    }
    return status;
}

/* What was written after this group had left. */
static dstn_status catch_up(turns *t, dstn_error *err) {
    dstn_status status = dstn_group_leads(t->group) ? read_news(t, err) : DSTN_OK;
    status = dstn_group_verdict(t->group, status, err);
    if (status == DSTN_OK) {
        int64_t until = t->seen;
        dstn_group_broadcast(t->group, &until, sizeof until);
        status = dstn_group_agree(t->group, share_news(t, until, err), err);
    }
    return status;
}

/* Of a member that is left by a former launch, or asked for, there are a beginning and an end, and an ask. */
static int64_t most_events(const dstn_sweep *sweep) {
    return 3 * search_plan_most(sweep->plan) + 2 * (int64_t)dstn_group_size(sweep->console->world);
}

static dstn_status conclude(const turns *t, dstn_error *err) {
    dstn_sweep_plan *plan = t->plan;
    int64_t *all = dstn_alloc((size_t)plan->count + 1, sizeof *all);
    for (int64_t m = 0; m < plan->count; m++) {
        all[m] = m;
    }
    search_gather_messages(t->sweep->console->world, plan, all, plan->count);
    free(all);
    return search_judge(plan, t->is_stopped, err);
}

dstn_status search_take_turns(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_group *group;
    if (dstn_group_split(world, (int)sweep->ranks_per_member, &group, err)) {
        return err->status;
    }
    turns t = {.sweep = sweep, .plan = sweep->plan, .group = group, .own = -1};
    t.bytes = search_event_bytes(t.plan);
    t.event = dstn_alloc(1, t.bytes);
    t.journal = dstn_journal_new(world, t.bytes, most_events(sweep));
    dstn_status status = take_turns(&t, err);
    dstn_group_meet(world, search_show, sweep);
    if (status == DSTN_OK) {
        status = catch_up(&t, err);
    }
    dstn_journal_destroy(t.journal); /* which answers those who still read, where that goes by messages */
    status = dstn_group_agree(world, status, err);
    if (status == DSTN_OK) {
        tidy(&t);
        status = conclude(&t, err);
    }
    free(t.ended.message);
    free(t.event);
    dstn_group_destroy(group);
    return status;
}
