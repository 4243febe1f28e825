/* search: the rounds of a launch: members are queued, run by whoever is free, and told of; every transition is in the
 * ledger before what follows it begins. */
#include "sweep.h"

static const double least_seconds = 2; /* no member starts that can't reach a checkpoint in the time left */

/* Whether any rank of the group has been asked to stop, or time runs out. The first member of a launch starts all the
 * same: a launch that did nothing could be repeated for ever. */
static bool must_not_start(dstn_sweep *sweep, const dstn_group *group) {
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

static dstn_status run_member(void *user, const dstn_sweep_plan *plan, int64_t index, const char *folder,
                              const dstn_group *group, dstn_error *err) {
    (void)plan;
    dstn_sweep *sweep = user;
    if (must_not_start(sweep, group)) {
        return dstn_fail(err, DSTN_STOPPED, "stopped by %s", dstn_stop_reason());
    }
    dstn_status status = note(sweep, group, index, DSTN_MEMBER_RUNNING, NULL, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = sweep->work.train(sweep, index, folder, group, err);
    dstn_error ledger_error = {DSTN_OK, ""};
    const char *detail = status == DSTN_OK ? NULL : err->message;
    if (note(sweep, group, index, dstn_member_state_after(status), detail, &ledger_error) != DSTN_OK) {
        *err = ledger_error;
        return ledger_error.status;
    }
    return status;
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

dstn_status search_run_rounds(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    int64_t first = 0, fresh = 0;
    dstn_status status;
    do {
        status = search_queue(sweep, first, err);
        if (status == DSTN_OK) {
            status = dstn_group_leads(world) ? search_refresh_table(sweep, err) : DSTN_OK;
            status = dstn_group_verdict(world, status, err);
        }
        if (status == DSTN_OK) {
            status =
                dstn_sweep_run(sweep->plan, world, (int)sweep->ranks_per_member, sweep->folder, run_member, sweep, err);
        }
        if (status == DSTN_STOPPED) {
            return say_what_stopped(world, err);
        }
        if (status != DSTN_OK && status != DSTN_MEMBERS_FAILED) {
            return status;
        }
        first = sweep->plan->count;
        dstn_error asking = {DSTN_OK, ""};
        if (dstn_group_agree(world, dstn_sweep_plan_go_on(sweep->plan, &fresh, &asking), &asking) != DSTN_OK) {
            *err = asking;
            return asking.status;
        }
    } while (fresh > 0);
    return status;
}
