/* search: the queue of a launch. At every moment the members planned are those queued, running, preempted, failed,
 * diverged and done together. */
#include "events.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

static void keep_record(const dstn_sweep *sweep, int64_t index) {
    char *folder = dstn_format("%s/members/%s", sweep->folder, sweep->plan->members[index].name);
    dstn_run_keep_record(folder);
    free(folder);
}

void search_tidy(const dstn_sweep *sweep, int64_t index, dstn_member_state state) {
    if (sweep->plan->keep == DSTN_KEEP_RECORD && dstn_member_has_ended(state) && search_plan_is_planned(sweep->plan)) {
        keep_record(sweep, index);
    }
}

/* The done member of the least value; -1: there is none. */
static int64_t best_of(const dstn_sweep_plan *plan) {
    int64_t best = -1;
    for (int64_t m = 0; m < plan->count; m++) {
        if (plan->states[m] == DSTN_MEMBER_DONE && (best < 0 || plan->values[m] < plan->values[best])) {
            best = m;
        }
    }
    return best;
}

/* Where members go on from others there are many, each with all its weights: that fills disks, whatever is to be kept
 * of those that have ended. */
void search_tidy_superseded(dstn_sweep *sweep, int64_t group, int64_t groups) {
    const dstn_sweep_plan *plan = sweep->plan;
    bool keeps_all = plan->keep == DSTN_KEEP_ALL;
    int64_t best = keeps_all ? best_of(plan) : -1;
    if (!sweep->is_bare) {
        sweep->is_bare = dstn_alloc((size_t)search_plan_most(plan) + 1, sizeof *sweep->is_bare);
    }
    for (int64_t m = group; m < plan->count; m += groups) {
        sweep->has_parents = sweep->has_parents || plan->members[m].parent >= 0;
        if (sweep->is_bare[m] || !dstn_member_has_ended(plan->states[m])) {
            continue;
        }
        bool is_needed = plan->states[m] == DSTN_MEMBER_DONE && search_plan_needs(plan, m);
        sweep->has_parents = sweep->has_parents || is_needed;
        if (!is_needed && m != best && (!keeps_all || sweep->has_parents)) {
            keep_record(sweep, m);
            sweep->is_bare[m] = true;
        }
    }
}

/* ---- what may have changed ---- */

/* What is found out of the members, each by one rank. */
typedef struct findings {
    int64_t *kind;  /* [plan->count] the first one of its kind */
    bool *waits;    /* [plan->count] of a kind: some of it have not ended */
    double *longer; /* [plan->count] 1: is done, and has more steps to go now */
    double *work;   /* [plan->count] of a kind: seconds that each of it is thought to take */
} findings;

static findings new_findings(const dstn_sweep_plan *plan) {
    size_t count = (size_t)plan->count + 1;
    findings f = {dstn_alloc(count, sizeof *f.kind), dstn_alloc(count, sizeof *f.waits),
                  dstn_alloc(count, sizeof *f.longer), dstn_alloc(count, sizeof *f.work)};
    search_first_of_kind(plan, f.kind);
    for (int64_t m = 0; m < plan->count; m++) {
        f.waits[f.kind[m]] = f.waits[f.kind[m]] || !dstn_member_has_ended(plan->states[m]);
    }
    return f;
}

static void clear_findings(findings *f) {
    free(f->kind);
    free(f->waits);
    free(f->longer);
    free(f->work);
}

/* A member that has never run can only be wrong in what its kind has in common; one that ran is looked at itself. Of a
 * method that asks as it goes, the first alone: all have everything but their own settings from one base, and what has
 * changed of that shows in it; a point that no config can have is the fault of its own member, which fails. */
static bool is_to_be_checked(const dstn_sweep_plan *plan, int64_t index, bool is_first) {
    return is_first || (plan->states[index] != DSTN_MEMBER_QUEUED && search_plan_is_planned(plan));
}

static dstn_status fail_longer(const dstn_sweep *sweep, int64_t index, dstn_error *err) {
    return dstn_fail(
        err, DSTN_ERROR_USAGE,
        "member %s is done and would be longer now: a search compares members of one length; put that back, "
        "or start a new sweep",
        sweep->plan->members[index].name);
}

/* Every rank looks at its share. */
static dstn_status check_share(const dstn_sweep *sweep, findings *f, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    const dstn_sweep_plan *plan = sweep->plan;
    dstn_status status = DSTN_OK;
    for (int64_t m = dstn_group_rank(world); m < plan->count && status == DSTN_OK; m += dstn_group_size(world)) {
        bool is_first = f->kind[m] == m, is_longer = false;
        if (!is_to_be_checked(plan, m, is_first)) {
            continue;
        }
        status = sweep->work.check(sweep, m, &is_longer, is_first && f->waits[m] ? &f->work[m] : NULL, err);
        f->longer[m] = is_longer && plan->states[m] == DSTN_MEMBER_DONE;
        if (status == DSTN_OK && f->longer[m] > 0 && !search_plan_is_planned(plan)) {
            status = fail_longer(sweep, m, err);
        } else if (status == DSTN_OK && f->longer[m] == 0) {
            search_tidy(sweep, m, plan->states[m]); /* of a launch that was to keep more, or died */
        }
    }
    return status;
}

/* Every rank knows then what one has found. */
static dstn_status check_members(dstn_sweep *sweep, findings *f, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_sweep_plan *plan = sweep->plan;
    dstn_status status = dstn_group_agree(world, check_share(sweep, f, err), err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_group_sum(world, f->longer, plan->count);
    dstn_group_sum(world, f->work, plan->count);
    for (int64_t m = 0; m < plan->count; m++) {
        plan->work[m] = f->work[f->kind[m]];
    }
    return DSTN_OK;
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

/* The leader's part: the ledger, and what it comes to. Of a method that asks as it goes only the first member is new.
 */
static dstn_status write_queue(const dstn_sweep *sweep, const double *longer, dstn_error *err) {
    const dstn_sweep_plan *plan = sweep->plan;
    char *new_reason = search_plan_is_planned(plan) ? dstn_strdup(DSTN_QUEUED_NEW) : search_event_asked_detail(plan, 0);
    entries e = {dstn_alloc((size_t)plan->count + 1, sizeof(char *)),
                 dstn_alloc((size_t)plan->count + 1, sizeof(char *)), 0};
    int64_t fresh = 0, again = 0, kept = 0;
    for (int64_t m = 0; m < plan->count; m++) {
        bool is_new = m >= sweep->known_count || !sweep->known[m];
        bool ended = dstn_member_has_ended(plan->states[m]) && longer[m] == 0;
        fresh += is_new;
        kept += ended;
        again += !is_new && !ended;
        add_entry(&e, plan->members[m].name, is_new ? new_reason : reason_again(plan->states[m], longer[m] > 0));
    }
    dstn_ledger *planner = NULL;
    dstn_status status = search_write_file(sweep, err);
    if (status == DSTN_OK) {
        status = dstn_ledger_open(sweep->folder, "planner", &planner, err);
    }
    if (status == DSTN_OK) {
        status = dstn_ledger_append_all(planner, e.count, e.names, DSTN_MEMBER_QUEUED, e.reasons, err);
    }
    dstn_ledger_close(planner);
    free(e.names);
    free(e.reasons);
    free(new_reason);
    if (status == DSTN_OK && sweep->resumes) {
        dstn_log_info(&sweep->console->log, "resume: keeps %lld members, goes on with %lld, %lld are new",
                      (long long)kept, (long long)again, (long long)fresh);
    }
    return status;
}

/* Every rank's plan is then as the ledger. */
static dstn_status take_queue(dstn_sweep_plan *plan, const double *longer, dstn_error *err) {
    dstn_status status = DSTN_OK;
    for (int64_t m = 0; m < plan->count && status == DSTN_OK; m++) {
        if (reason_again(plan->states[m], longer[m] > 0)) {
            status = search_plan_requeue(plan, m, err);
        }
    }
    return status;
}

/* A config that can't be is found in the first member, before anything is written. */
static dstn_status ask_first(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_sweep_plan *plan = sweep->plan;
    if (search_plan_is_planned(plan) || plan->count > 0) {
        return DSTN_OK;
    }
    search_event *event = dstn_alloc(1, search_event_bytes(plan));
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(world)) {
        double point[DSTN_MAX_DIMENSIONS];
        dstn_proposal proposal = {.point = point};
        dstn_answer answer;
        status = search_plan_ask(plan, &proposal, &answer, err);
        if (status == DSTN_OK && answer != DSTN_ANSWER_MEMBER) {
            status = dstn_fail(err, DSTN_ERROR_USAGE, "the sweep has no members");
        }
        search_event_put_proposal(plan, event, &proposal);
    }
    status = dstn_group_verdict(world, status, err);
    if (status == DSTN_OK) {
        dstn_group_broadcast(world, event, search_event_bytes(plan));
        status = search_event_apply(plan, event, err);
    }
    free(event);
    return status;
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

dstn_status search_queue(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_status status = ask_first(sweep, err);
    if (status != DSTN_OK) {
        return status;
    }
    findings f = new_findings(sweep->plan);
    status = check_members(sweep, &f, err);
    if (status == DSTN_OK) {
        status = dstn_group_leads(world) ? write_queue(sweep, f.longer, err) : DSTN_OK;
        status = dstn_group_verdict(world, status, err);
    }
    if (status == DSTN_OK) {
        status = take_queue(sweep->plan, f.longer, err);
    }
    if (status == DSTN_OK) {
        status = open_ledger(sweep, err);
    }
    clear_findings(&f);
    return status;
}
