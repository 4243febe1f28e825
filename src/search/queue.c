/* search: the queue of a launch. At every moment the members planned are those queued, running, preempted, failed,
 * diverged and done together. */
#include "sweep.h"

#include <stdlib.h>

void search_tidy(const dstn_sweep *sweep, int64_t index, dstn_member_state state) {
    if (sweep->plan->keep == DSTN_KEEP_ALL || !dstn_member_has_ended(state)) {
        return;
    }
    char *folder = dstn_format("%s/members/%s", sweep->folder, sweep->plan->members[index].name);
    dstn_run_keep_record(folder);
    free(folder);
}

/* ---- what may have changed ---- */

/* What is found out of the members, each by one rank. */
typedef struct findings {
    int64_t *kind;  /* [plan->count] the first one that differs in its seed alone */
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

/* A member that has never run can only be wrong in what its kind has in common; one that ran is looked at itself. Every
 * rank looks at its share. */
static dstn_status check_share(const dstn_sweep *sweep, int64_t first, findings *f, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    const dstn_sweep_plan *plan = sweep->plan;
    dstn_status status = DSTN_OK;
    for (int64_t m = first + dstn_group_rank(world); m < plan->count && status == DSTN_OK;
         m += dstn_group_size(world)) {
        bool is_first = f->kind[m] == m;
        if (plan->states[m] != DSTN_MEMBER_QUEUED || is_first) {
            bool is_longer = false;
            status = sweep->work.check(sweep, m, &is_longer, is_first && f->waits[m] ? &f->work[m] : NULL, err);
            f->longer[m] = is_longer && plan->states[m] == DSTN_MEMBER_DONE;
            if (status == DSTN_OK && f->longer[m] == 0) {
                search_tidy(sweep, m, plan->states[m]); /* of a launch that was to keep more, or died */
            }
        }
    }
    return status;
}

/* Every rank knows then what one has found. The work of a kind may be known from a round before. */
static dstn_status check_members(dstn_sweep *sweep, int64_t first, findings *f, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_sweep_plan *plan = sweep->plan;
    dstn_status status = dstn_group_agree(world, check_share(sweep, first, f, err), err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_group_sum(world, f->longer, plan->count);
    dstn_group_sum(world, f->work, plan->count);
    for (int64_t m = first; m < plan->count; m++) {
        int64_t kind = f->kind[m];
        plan->work[m] = kind < first ? plan->work[kind] : f->work[kind];
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
    findings f = new_findings(sweep->plan);
    dstn_status status = check_members(sweep, first, &f, err);
    if (status == DSTN_OK) {
        status = dstn_group_leads(world) ? write_queue(sweep, first, f.longer, err) : DSTN_OK;
        status = dstn_group_verdict(world, status, err);
    }
    if (status == DSTN_OK) {
        take_queue(sweep->plan, first, f.longer);
        status = open_ledger(sweep, err);
    }
    clear_findings(&f);
    return status;
}
