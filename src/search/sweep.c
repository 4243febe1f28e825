/* search: running a plan: groups of ranks draw members from the shared window, and all ranks learn how each ended. */
#include <stdlib.h>
#include <string.h>

#include "dstn/search.h"

const char *dstn_outcome_name(dstn_outcome outcome) {
    static const char *const names[] = {
        [DSTN_OUTCOME_QUEUED] = "queued", [DSTN_OUTCOME_RUNNING] = "running",   [DSTN_OUTCOME_PREEMPTED] = "preempted",
        [DSTN_OUTCOME_FAILED] = "failed", [DSTN_OUTCOME_DIVERGED] = "diverged", [DSTN_OUTCOME_DONE] = "done",
    };
    return names[outcome];
}

static dstn_outcome outcome_of(dstn_status status) {
    return status == DSTN_OK         ? DSTN_OUTCOME_DONE
           : status == DSTN_DIVERGED ? DSTN_OUTCOME_DIVERGED
           : status == DSTN_STOPPED  ? DSTN_OUTCOME_PREEMPTED
                                     : DSTN_OUTCOME_FAILED;
}

void dstn_sweep_result_clear(dstn_sweep_result *result) {
    for (int64_t m = 0; m < result->count; m++) {
        free(result->messages[m]);
    }
    free(result->messages);
    free(result->outcomes);
    *result = (dstn_sweep_result){0};
}

/* ---- running ----------------------------------------------------------------------------------------------------- */

static dstn_outcome run_one(const dstn_sweep_plan *plan, int64_t index, const dstn_group *group, const char *folder,
                            dstn_run_member run, void *user, char **message) {
    dstn_error err = {DSTN_OK, ""};
    char *own_folder = dstn_format("%s/members/%s", folder, plan->members[index].name);
    dstn_status status = run(user, plan, index, own_folder, group, &err);
    free(own_folder);
    dstn_outcome outcome = outcome_of(dstn_group_agree(group, status, &err));
    bool needs_reason = outcome == DSTN_OUTCOME_FAILED || outcome == DSTN_OUTCOME_DIVERGED;
    if (needs_reason) {
        *message = dstn_strdup(err.message[0] ? err.message : "no reason given");
    }
    return outcome;
}

/* Emptying the window is how a stopped group makes the others stop drawing. */
static void draw_the_rest(dstn_work *work, const dstn_group *group) {
    while (dstn_work_draw(work, group) >= 0) {
        continue;
    }
}

static bool is_kept(const dstn_outcome *before, int64_t index) {
    return before && (before[index] == DSTN_OUTCOME_DONE || before[index] == DSTN_OUTCOME_DIVERGED);
}

static void run_members(const dstn_sweep_plan *plan, dstn_work *work, const dstn_group *group, const char *folder,
                        const dstn_outcome *before, dstn_run_member run, void *user, dstn_sweep_result *result) {
    int64_t index;
    while ((index = dstn_work_draw(work, group)) >= 0) {
        if (is_kept(before, index)) {
            continue;
        }
        result->outcomes[index] = run_one(plan, index, group, folder, run, user, &result->messages[index]);
        if (result->outcomes[index] == DSTN_OUTCOME_PREEMPTED) {
            draw_the_rest(work, group);
        }
    }
}

/* ---- gathering --------------------------------------------------------------------------------------------------- */

/* Each member's outcome is known to the group that ran it; its leader tells it to the world. Queued is zero, so that a
 * sum over the leaders is the whole table. */
static void gather_outcomes(const dstn_group *world, const dstn_group *group, const dstn_outcome *before,
                            dstn_sweep_result *result) {
    double *table = dstn_alloc((size_t)result->count + 1, sizeof *table);
    if (dstn_group_leads(group)) {
        for (int64_t m = 0; m < result->count; m++) {
            table[m] = result->outcomes[m];
        }
    }
    dstn_group_sum(world, table, result->count);
    for (int64_t m = 0; m < result->count; m++) {
        result->outcomes[m] = is_kept(before, m) ? before[m] : (dstn_outcome)table[m];
        result->counts[result->outcomes[m]]++;
    }
    free(table);
}

/* The message of a member that failed or diverged is the verdict of whoever has it: nobody, where that was before. */
static void gather_messages(const dstn_group *world, dstn_sweep_result *result) {
    for (int64_t m = 0; m < result->count; m++) {
        if (result->outcomes[m] != DSTN_OUTCOME_FAILED && result->outcomes[m] != DSTN_OUTCOME_DIVERGED) {
            continue;
        }
        dstn_error err = {DSTN_OK, ""};
        if (result->messages[m]) {
            dstn_fail(&err, DSTN_ERROR_RUN, "%s", result->messages[m]);
        }
        dstn_group_agree(world, err.status, &err);
        free(result->messages[m]);
        result->messages[m] = err.status ? dstn_strdup(err.message) : NULL;
    }
}

/* What the program exits with: stopped before failed, since the rest of the members may still go well. */
static dstn_status judge(const dstn_sweep_plan *plan, const dstn_sweep_result *result, dstn_error *err) {
    const int64_t *counts = result->counts;
    int64_t ended = counts[DSTN_OUTCOME_DONE] + counts[DSTN_OUTCOME_DIVERGED] + counts[DSTN_OUTCOME_FAILED];
    if (counts[DSTN_OUTCOME_PREEMPTED] > 0) {
        return dstn_fail(err, DSTN_STOPPED, "stopped: %lld of %lld members have ended", (long long)ended,
                         (long long)result->count);
    }
    for (int64_t m = 0; m < result->count; m++) {
        if (result->outcomes[m] == DSTN_OUTCOME_FAILED) {
            return dstn_fail(err, DSTN_MEMBERS_FAILED, "%lld of %lld members failed, first %s: %s",
                             (long long)counts[DSTN_OUTCOME_FAILED], (long long)result->count, plan->members[m].name,
                             result->messages[m]);
        }
    }
    return DSTN_OK;
}

dstn_status dstn_sweep_run(const dstn_sweep_plan *plan, const dstn_group *world, int ranks_per_member,
                           const char *folder, const dstn_outcome *before, dstn_run_member run, void *user,
                           dstn_sweep_result *result, dstn_error *err) {
    *result = (dstn_sweep_result){0};
    dstn_group *group;
    dstn_work *work = NULL;
    if (dstn_group_split(world, ranks_per_member, &group, err)) {
        return err->status;
    }
    dstn_status status = dstn_group_agree(world, dstn_work_new(world, plan->count, &work, err), err);
    if (status == DSTN_OK) {
        result->count = plan->count;
        result->outcomes = dstn_alloc((size_t)plan->count + 1, sizeof *result->outcomes);
        result->messages = dstn_alloc((size_t)plan->count + 1, sizeof *result->messages);
        run_members(plan, work, group, folder, before, run, user, result);
        gather_outcomes(world, group, before, result);
        gather_messages(world, result);
        status = judge(plan, result, err);
    }
    dstn_work_destroy(work);
    dstn_group_destroy(group);
    return status;
}
