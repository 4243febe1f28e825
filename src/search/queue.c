/* search: the queue of a launch. At every moment the members planned are those queued, running, preempted, failed,
 * diverged and done together. */
#include "sweep.h"

#include <stdlib.h>

/* ---- what may have changed ---- */

/* A member that has never run can only be wrong in what its kind has in common; one that ran is looked at itself. Every
 * rank looks at its share. longer [plan->count]: of the members that are done. */
static dstn_status check_share(const dstn_sweep *sweep, int64_t first, double *longer, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    const dstn_sweep_plan *plan = sweep->plan;
    int64_t *kind = dstn_alloc((size_t)plan->count + 1, sizeof *kind);
    dstn_status status = DSTN_OK;
    search_first_of_kind(plan, kind);
    for (int64_t m = first + dstn_group_rank(world); m < plan->count && status == DSTN_OK;
         m += dstn_group_size(world)) {
        if (plan->states[m] != DSTN_MEMBER_QUEUED || kind[m] == m) {
            bool is_longer = false;
            status = sweep->work.check(sweep, m, &is_longer, err);
            longer[m] = is_longer && plan->states[m] == DSTN_MEMBER_DONE;
        }
    }
    free(kind);
    return status;
}

static dstn_status check_members(dstn_sweep *sweep, int64_t first, double *longer, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_status status = dstn_group_agree(world, check_share(sweep, first, longer, err), err);
    if (status == DSTN_OK) {
        dstn_group_sum(world, longer, sweep->plan->count);
    }
    return status;
}

/* ---- the queue ---- */

/* Why a member goes into the queue again, or NULL where it stays as it is. */
static const char *reason_again(dstn_member_state state, bool longer) {
    switch (state) {
    case DSTN_MEMBER_RUNNING:
        return DSTN_QUEUED_AFTER_DEATH;
    case DSTN_MEMBER_FAILED:
        return DSTN_QUEUED_AFTER_FAILURE;
    case DSTN_MEMBER_DONE:
        return longer ? DSTN_QUEUED_LONGER : NULL;
    default:
        return NULL;
    }
}

/* What a queue is written of. */
typedef struct entries {
    const char **names, **reasons; /* [count] */
    int64_t count;
} entries;

static void add_entry(entries *e, const char *name, const char *reason) {
    if (reason) {
        e->names[e->count] = name;
        e->reasons[e->count++] = reason;
    }
}

/* The leader's part: the ledger, and what it comes to. */
static dstn_status write_queue(const dstn_sweep *sweep, int64_t first, const double *longer, dstn_error *err) {
    const dstn_sweep_plan *plan = sweep->plan;
    entries e = {dstn_alloc((size_t)plan->count + 1, sizeof(char *)),
                 dstn_alloc((size_t)plan->count + 1, sizeof(char *)), 0};
    int64_t fresh = 0, again = 0, kept = 0;
    for (int64_t m = first; m < plan->count; m++) {
        bool is_new = m >= sweep->known_count || !sweep->known[m];
        bool ended = dstn_member_has_ended(plan->states[m]) && longer[m] == 0;
        fresh += is_new;
        kept += ended;
        again += !is_new && !ended;
        add_entry(&e, plan->members[m].name, is_new ? DSTN_QUEUED_NEW : reason_again(plan->states[m], longer[m] > 0));
    }
    dstn_ledger *planner = NULL;
    dstn_status status = dstn_ledger_open(sweep->folder, "planner", &planner, err);
    if (status == DSTN_OK) {
        status = dstn_ledger_append_all(planner, e.count, e.names, DSTN_MEMBER_QUEUED, e.reasons, err);
    }
    dstn_ledger_close(planner);
    free(e.names);
    free(e.reasons);
    if (status == DSTN_OK && sweep->resumes && first == 0) {
        dstn_log_info(&sweep->console->log, "resume: keeps %lld members, goes on with %lld, %lld are new",
                      (long long)kept, (long long)again, (long long)fresh);
    }
    return status;
}

/* Every rank's plan is then as the ledger. */
static void take_queue(dstn_sweep_plan *plan, int64_t first, const double *longer) {
    for (int64_t m = first; m < plan->count; m++) {
        if (reason_again(plan->states[m], longer[m] > 0)) {
            plan->states[m] = DSTN_MEMBER_QUEUED;
        }
    }
}

/* Ranks open theirs after the queue is there, so that their lines come after its. */
static dstn_status open_ledger(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    char *writer = dstn_format("rank-%04d", dstn_group_rank(world));
    dstn_ledger_close(sweep->ledger);
    sweep->ledger = NULL;
    dstn_status status = dstn_group_agree(world, dstn_ledger_open(sweep->folder, writer, &sweep->ledger, err), err);
    free(writer);
    return status;
}

dstn_status search_queue(dstn_sweep *sweep, int64_t first, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    double *longer = dstn_alloc((size_t)sweep->plan->count + 1, sizeof *longer);
    dstn_status status = check_members(sweep, first, longer, err);
    if (status == DSTN_OK) {
        status = dstn_group_leads(world) ? write_queue(sweep, first, longer, err) : DSTN_OK;
        status = dstn_group_verdict(world, status, err);
    }
    if (status == DSTN_OK) {
        take_queue(sweep->plan, first, longer);
        status = open_ledger(sweep, err);
    }
    free(longer);
    return status;
}
