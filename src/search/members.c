/* search: the members of a launch: queued, and run by whoever is free; every transition is in the
 * ledger before what follows it begins. */
#include "plan.h"
#include "sweep.h"

#include <math.h>
#include <stdlib.h>

static const double least_seconds = 2; /* no member starts that can't reach a checkpoint in the time left */

/* Whether any rank of the group has been asked to stop, or time runs out. The first member of a launch starts all the
 * same: a launch that did nothing could be repeated for ever. */
bool search_must_not_start(dstn_sweep *sweep, const dstn_group *group) {
    bool stop = sweep->has_started && (dstn_stop_asked() || dstn_stop_seconds_left() < least_seconds);
    sweep->has_started = true;
    return dstn_group_max(group, stop) > 0;
}

static dstn_status note(const dstn_sweep *sweep, const dstn_group *group, int64_t index, dstn_member_state state,
                        const char *detail, dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(group)) {
        status = dstn_ledger_append(sweep->ledger, sweep->plan->members[index].name, state, detail, err);
    }
    return dstn_group_verdict(group, status, err);
}

/* What became of a member, for those who look on. */
void search_show_end(const dstn_sweep *sweep, int64_t index, const search_outcome *outcome) {
    const char *name = sweep->plan->members[index].name;
    dstn_member_state state = outcome->state;
    if (!sweep->display || state == DSTN_MEMBER_PREEMPTED) {
        return;
    }
    bool is_done = state == DSTN_MEMBER_DONE;
    char *text = is_done                         ? dstn_format("%s: validation loss %.6g", name, outcome->value)
                 : state == DSTN_MEMBER_DIVERGED ? dstn_format("%s: %s", name, outcome->message)
                                                 : dstn_format("%s: failed: %s", name, outcome->message);
    dstn_display_end(sweep->display, index, outcome->seconds, is_done ? DSTN_LOG_NORMAL : DSTN_LOG_QUIET, text);
    free(text);
}

dstn_status search_train(dstn_sweep *sweep, int64_t index, const char *folder, const dstn_group *group,
                         search_outcome *outcome, dstn_error *err) {
    double start = dstn_seconds();
    *outcome = (search_outcome){.value = NAN};
    dstn_status status = sweep->work.train(sweep, index, folder, group, &outcome->value, err);
    outcome->seconds = dstn_seconds() - start;
    outcome->state = dstn_member_state_after(status);
    outcome->message = status == DSTN_OK ? NULL : dstn_strdup(err->message);
    sweep->own_seconds += outcome->seconds;
    return status;
}

static dstn_status run_member(void *user, const dstn_sweep_plan *plan, int64_t index, const char *folder,
                              const dstn_group *group, dstn_error *err) {
    (void)plan;
    dstn_sweep *sweep = user;
    if (search_must_not_start(sweep, group)) {
        return dstn_fail(err, DSTN_STOPPED, "stopped by %s", dstn_stop_reason());
    }
    dstn_status status = note(sweep, group, index, DSTN_MEMBER_RUNNING, NULL, err);
    if (status != DSTN_OK) {
        return status;
    }
    search_outcome outcome;
    status = search_train(sweep, index, folder, group, &outcome, err);
    dstn_error ledger_error = {DSTN_OK, ""};
    if (note(sweep, group, index, outcome.state, outcome.message, &ledger_error) != DSTN_OK) {
        *err = ledger_error;
        status = ledger_error.status;
    } else if (dstn_group_leads(group)) {
        search_tidy(sweep, index, outcome.state);
        search_show_end(sweep, index, &outcome);
    }
    free(outcome.message);
    return status;
}

void search_show(void *user) {
    const dstn_sweep *sweep = user;
    if (sweep->display) {
        dstn_display_update(sweep->display);
    }
}

static int64_t count_groups(const dstn_sweep *sweep) {
    return dstn_group_size(sweep->console->world) / sweep->ranks_per_member;
}

/* Tells the display what there is to do: of a method that asks as it goes, the most that it may be. */
static void expect(const dstn_sweep *sweep) {
    const dstn_sweep_plan *plan = sweep->plan;
    if (!sweep->display) {
        return;
    }
    int64_t most = search_plan_most(plan), ended = 0;
    double *work = dstn_alloc((size_t)most + 1, sizeof *work);
    for (int64_t m = 0; m < most; m++) {
        bool is_to_come = m >= plan->count;
        bool waits = is_to_come || plan->states[m] == DSTN_MEMBER_QUEUED || plan->states[m] == DSTN_MEMBER_PREEMPTED;
        work[m] = waits ? plan->work[is_to_come ? 0 : m] : 0;
        ended += !waits;
    }
    dstn_display_expect(sweep->display, most, ended, (int)count_groups(sweep), work);
    free(work);
}

static void warn_of_idle_groups(const dstn_sweep *sweep) {
    const dstn_sweep_plan *plan = sweep->plan;
    int64_t counts[DSTN_MEMBER_STATES], groups = count_groups(sweep);
    dstn_sweep_plan_count(plan, counts);
    int64_t waiting = counts[DSTN_MEMBER_QUEUED] + counts[DSTN_MEMBER_PREEMPTED];
    waiting += search_plan_most(plan) - plan->count;
    if (waiting > 0 && waiting < groups) {
        dstn_log_warn(
            &sweep->console->log,
            "%lld of %lld groups of %lld ranks have nothing to do, since %lld members wait: start fewer ranks, or "
            "more for a member with --ranks-per-member",
            (long long)(groups - waiting), (long long)groups, (long long)sweep->ranks_per_member, (long long)waiting);
    }
}

static dstn_status run_queue(dstn_sweep *sweep, dstn_error *err) {
    const dstn_sweep_calls calls = {run_member, search_show, sweep};
    expect(sweep);
    if (!search_plan_is_planned(sweep->plan)) {
        return search_take_turns(sweep, err);
    }
    return dstn_sweep_run(sweep->plan, sweep->console->world, (int)sweep->ranks_per_member, sweep->folder, &calls, err);
}

/* What stopped the launch is known to the rank that was told to, and said by the first one that is. */
static dstn_status say_what_stopped(const dstn_group *world, dstn_error *err) {
    const char *own = dstn_stop_own_reason(least_seconds);
    dstn_error reason = {DSTN_OK, ""};
    if (own) {
        dstn_fail(&reason, DSTN_STOPPED, "%s", own);
    }
    dstn_group_agree(world, reason.status, &reason);
    return dstn_fail(err, DSTN_STOPPED, "stopped%s%s: %s; go on with --resume", reason.message[0] ? " by " : "",
                     reason.message, err->message);
}

dstn_status search_run_members(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_status status = search_queue(sweep, err);
    if (status == DSTN_OK) {
        status = dstn_group_leads(world) ? search_refresh_table(sweep, err) : DSTN_OK;
        status = dstn_group_verdict(world, status, err);
    }
    if (status == DSTN_OK) {
        warn_of_idle_groups(sweep);
        status = run_queue(sweep, err);
    }
    return status == DSTN_STOPPED ? say_what_stopped(world, err) : status;
}
