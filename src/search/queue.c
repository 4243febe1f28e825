/* A sweep's ledger: what is queued when a launch begins. At every moment the members planned are those queued, running,
 * preempted, failed, diverged and done together. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

static dstn_outcome outcome_of(const dstn_ledger_member *member) {
    static const dstn_outcome outcomes[DSTN_LEDGER_STATES] = {
        [DSTN_LEDGER_QUEUED] = DSTN_OUTCOME_QUEUED,       [DSTN_LEDGER_RUNNING] = DSTN_OUTCOME_RUNNING,
        [DSTN_LEDGER_PREEMPTED] = DSTN_OUTCOME_PREEMPTED, [DSTN_LEDGER_FAILED] = DSTN_OUTCOME_FAILED,
        [DSTN_LEDGER_DIVERGED] = DSTN_OUTCOME_DIVERGED,   [DSTN_LEDGER_DONE] = DSTN_OUTCOME_DONE};
    return member ? outcomes[member->state] : DSTN_OUTCOME_QUEUED;
}

dstn_status search_standing(const dstn_sweep *sweep, dstn_outcome *outcomes, dstn_error *err) {
    dstn_ledger_book *book;
    dstn_status status = dstn_ledger_read(sweep->folder, &sweep->console->log, &book, err);
    if (status != DSTN_OK) {
        return status;
    }
    for (int64_t m = 0; m < sweep->plan->count; m++) {
        outcomes[m] = outcome_of(dstn_ledger_find(book, sweep->plan->members[m].name));
    }
    dstn_ledger_book_destroy(book);
    return DSTN_OK;
}

/* ---- what may have changed ---- */

static bool is_planned(const dstn_sweep_plan *plan, const char *name) {
    for (int64_t m = 0; m < plan->count; m++) {
        if (strcmp(plan->members[m].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static dstn_status check_plan(const dstn_sweep *sweep, const dstn_ledger_book *book, dstn_error *err) {
    for (int64_t i = 0; i < book->member_count; i++) {
        if (!is_planned(sweep->plan, book->members[i].name)) {
            return dstn_fail(err, DSTN_ERROR_USAGE,
                             "%s: member %s was planned when the sweep started and is not now; members may be added on "
                             "resume, not taken away",
                             sweep->folder, book->members[i].name);
        }
    }
    return DSTN_OK;
}

/* Config errors and changed configs of a member, before anything is queued. Errors of its data are the member's own,
 * and come to light when it runs. longer [out]: it has more steps to go than when it ran. */
static dstn_status check_member(const dstn_sweep *sweep, int64_t index, bool *longer, dstn_error *err) {
    const char *name = sweep->plan->members[index].name;
    char *folder = dstn_format("%s/members/%s", sweep->folder, name);
    dstn_group *self = dstn_group_self();
    dstn_doc *doc;
    dstn_job *job = NULL;
    dstn_status status = search_member_config(sweep, index, &doc, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, self, NULL, DSTN_JOB_TRAINER, &job, err);
    }
    if (status == DSTN_OK) {
        status = dstn_job_same_config(job, folder, longer, err);
    }
    dstn_job_destroy(job);
    dstn_group_destroy(self);
    free(folder);
    return status == DSTN_ERROR_USAGE ? dstn_fail_in(err, "member %s", name) : DSTN_OK;
}

/* Whether a member must be looked at: it has been run, or is the first of its kind. */
static bool is_checked(const dstn_sweep *sweep, int64_t index) {
    return sweep->before[index] != DSTN_OUTCOME_QUEUED || search_first_of_kind(sweep->plan, index) == index;
}

/* Every rank looks at its share of the members. */
static dstn_status check_members(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    int64_t count = sweep->plan->count;
    double *goes_on = dstn_alloc((size_t)count + 1, sizeof(double));
    dstn_status status = DSTN_OK;
    for (int64_t m = dstn_group_rank(world); m < count && status == DSTN_OK; m += dstn_group_size(world)) {
        if (is_checked(sweep, m)) {
            bool longer = false;
            status = check_member(sweep, m, &longer, err);
            goes_on[m] = longer && sweep->before[m] == DSTN_OUTCOME_DONE;
        }
    }
    status = dstn_group_agree(world, status, err);
    if (status == DSTN_OK) {
        dstn_group_sum(world, goes_on, count);
        for (int64_t m = 0; m < count; m++) {
            sweep->before[m] = goes_on[m] > 0 ? DSTN_OUTCOME_QUEUED : sweep->before[m];
        }
    }
    free(goes_on);
    return status;
}

/* ---- the queue of a launch ---- */

static dstn_status read_before(dstn_sweep *sweep, dstn_error *err) {
    dstn_ledger_book *book;
    dstn_status status = dstn_ledger_read(sweep->folder, &sweep->console->log, &book, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = check_plan(sweep, book, err);
    dstn_ledger_book_destroy(book);
    return status == DSTN_OK ? search_standing(sweep, sweep->before, err) : status;
}

/* Why a member is put into the queue, or NULL where it stays as it is. */
static const char *queue_reason(const dstn_ledger_member *in_ledger, dstn_outcome now) {
    if (!in_ledger) {
        return "new";
    }
    switch (in_ledger->state) {
    case DSTN_LEDGER_RUNNING:
        return "its launch died";
    case DSTN_LEDGER_FAILED:
        return "tried again";
    case DSTN_LEDGER_DONE:
        return now == DSTN_OUTCOME_QUEUED ? "made longer" : NULL;
    default:
        return NULL;
    }
}

static dstn_status write_queue(dstn_sweep *sweep, dstn_error *err) {
    dstn_ledger_book *book = NULL;
    dstn_ledger *planner = NULL;
    int64_t fresh = 0, again = 0, kept = 0;
    dstn_status status = dstn_ledger_read(sweep->folder, NULL, &book, err);
    if (status == DSTN_OK) {
        status = dstn_ledger_open(sweep->folder, "planner", &planner, err);
    }
    for (int64_t m = 0; m < sweep->plan->count && status == DSTN_OK; m++) {
        const char *name = sweep->plan->members[m].name;
        const dstn_ledger_member *in_ledger = dstn_ledger_find(book, name);
        const char *reason = queue_reason(in_ledger, sweep->before[m]);
        bool ended = sweep->before[m] == DSTN_OUTCOME_DONE || sweep->before[m] == DSTN_OUTCOME_DIVERGED;
        fresh += !in_ledger;
        kept += ended;
        again += in_ledger && !ended;
        if (reason) {
            status = dstn_ledger_append(planner, name, DSTN_LEDGER_QUEUED, reason, err);
        }
    }
    if (status == DSTN_OK && sweep->resumes) {
        dstn_log_info(&sweep->console->log, "resume: keeps %lld members, goes on with %lld, %lld are new",
                      (long long)kept, (long long)again, (long long)fresh);
    }
    dstn_ledger_close(planner);
    dstn_ledger_book_destroy(book);
    return status;
}

dstn_status search_queue_members(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    bool leads = dstn_group_leads(world);
    sweep->before = dstn_alloc((size_t)sweep->plan->count + 1, sizeof(dstn_outcome));
    dstn_status status = dstn_group_verdict(world, leads ? read_before(sweep, err) : DSTN_OK, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_group_broadcast(world, sweep->before, (size_t)sweep->plan->count * sizeof(dstn_outcome));
    status = check_members(sweep, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_group_verdict(world, leads ? write_queue(sweep, err) : DSTN_OK, err);
    if (status != DSTN_OK) {
        return status;
    }
    char *writer = dstn_format("rank-%04d", dstn_group_rank(world));
    status = dstn_group_agree(world, dstn_ledger_open(sweep->folder, writer, &sweep->ledger, err), err);
    free(writer);
    return status;
}
