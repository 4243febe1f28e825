/* dstn sweep SWEEP.yaml: a population of runs, drawn by groups of ranks from one queue, each restartable. */
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* ---- configs ---- */

/* --set of a key that a sweep file has changes the sweep; any other goes to the config of every member. */
static bool is_for_sweep(const char *assignment) {
    size_t length = strcspn(assignment, ".=");
    for (const dstn_option *option = dstn_sweep_options; option->key; option++) {
        if (strlen(option->key) == length && strncmp(option->key, assignment, length) == 0) {
            return true;
        }
    }
    return false;
}

static dstn_status load_sweep(const char *path, dstn_assignments set, dstn_doc **out, dstn_error *err) {
    const char **own = dstn_alloc((size_t)set.count + 1, sizeof(char *));
    int count = 0;
    for (int i = 0; i < set.count; i++) {
        if (is_for_sweep(set.items[i])) {
            own[count++] = set.items[i];
        }
    }
    dstn_status status = dstn_job_load(path, (dstn_assignments){own, count}, out, err);
    free(own);
    return status;
}

dstn_status search_member_config(const dstn_sweep *sweep, int64_t index, dstn_doc **out, dstn_error *err) {
    dstn_doc *doc;
    dstn_status status = dstn_doc_load(sweep->plan->base, &doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_member_apply(&sweep->plan->members[index], doc, err);
    for (int i = 0; i < sweep->set.count && status == DSTN_OK; i++) {
        if (!is_for_sweep(sweep->set.items[i])) {
            status = dstn_doc_set(doc, sweep->set.items[i], err);
        }
    }
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    *out = doc;
    return DSTN_OK;
}

/* ---- one member ---- */

static const double least_seconds = 2; /* no member starts that can't reach a checkpoint in the time left */

/* Whether any rank of the group has been asked to stop, or time runs out. The first member of a launch starts all the
 * same: a launch that did nothing could be repeated for ever. */
static bool must_not_start(dstn_sweep *sweep, const dstn_group *group) {
    bool stop = sweep->has_started && (dstn_stop_asked() || dstn_stop_seconds_left() < least_seconds);
    sweep->has_started = true;
    return dstn_group_max(group, stop) > 0;
}

static dstn_status note(const dstn_sweep *sweep, const dstn_group *group, int64_t index, dstn_ledger_state state,
                        const char *detail, dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(group)) {
        status = dstn_ledger_append(sweep->ledger, sweep->plan->members[index].name, state, detail, err);
    }
    return dstn_group_verdict(group, status, err);
}

static dstn_ledger_state state_after(dstn_status status) {
    return status == DSTN_OK         ? DSTN_LEDGER_DONE
           : status == DSTN_DIVERGED ? DSTN_LEDGER_DIVERGED
           : status == DSTN_STOPPED  ? DSTN_LEDGER_PREEMPTED
                                     : DSTN_LEDGER_FAILED;
}

static dstn_status train_member(const dstn_sweep *sweep, int64_t index, const char *folder, const dstn_group *group,
                                dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_group_agree(group, search_member_config(sweep, index, &doc, err), err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, group, &sweep->console->log, DSTN_JOB_TRAINER, &job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (dstn_group_leads(group)) {
        dstn_store_remove_remnants(folder);
    }
    dstn_run_request request = {.folder = folder,
                                .name = sweep->plan->members[index].name,
                                .resume = true,
                                .is_member = true,
                                .display = sweep->display};
    status = dstn_run(job, &request, err);
    dstn_job_destroy(job);
    return status;
}

/* Every transition is in the ledger before what follows it begins. */
static dstn_status run_member(void *user, const dstn_sweep_plan *plan, int64_t index, const char *folder,
                              const dstn_group *group, dstn_error *err) {
    (void)plan;
    dstn_sweep *sweep = user;
    if (must_not_start(sweep, group)) {
        return dstn_fail(err, DSTN_STOPPED, "stopped by %s", dstn_stop_reason());
    }
    dstn_status status = note(sweep, group, index, DSTN_LEDGER_RUNNING, NULL, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = train_member(sweep, index, folder, group, err);
    dstn_error ledger_error = {DSTN_OK, ""};
    if (note(sweep, group, index, state_after(status), status == DSTN_OK ? NULL : err->message, &ledger_error) !=
        DSTN_OK) {
        *err = ledger_error;
        return ledger_error.status;
    }
    return status;
}

/* ---- the command ---- */

/* The table, and what became of all members, as the ledger has it. */
static dstn_status report(dstn_sweep *sweep, dstn_error *err) {
    int64_t counts[DSTN_OUTCOME_DONE + 1] = {0}, count = sweep->plan->count;
    dstn_outcome *outcomes = dstn_alloc((size_t)count + 1, sizeof(dstn_outcome));
    dstn_status status = search_standing(sweep, outcomes, err);
    if (status == DSTN_OK) {
        status = search_write_table(sweep, outcomes, err);
    }
    for (int64_t m = 0; m < count; m++) {
        counts[outcomes[m]]++;
    }
    if (status == DSTN_OK && sweep->console->out) {
        fprintf(sweep->console->out, "members %lld\n", (long long)count);
        for (int o = 0; o <= DSTN_OUTCOME_DONE; o++) {
            fprintf(sweep->console->out, "%s %lld\n", dstn_outcome_name((dstn_outcome)o), (long long)counts[o]);
        }
        fprintf(sweep->console->out, "table %s/sweep.h5\n", sweep->folder);
    }
    free(outcomes);
    return status;
}

static dstn_status run_all(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_sweep_result result = {0};
    dstn_status status = dstn_sweep_run(sweep->plan, world, (int)sweep->ranks_per_member, sweep->folder, sweep->before,
                                        run_member, sweep, &result, err);
    dstn_display_destroy(sweep->display);
    sweep->display = NULL;
    for (int64_t m = 0; m < result.count; m++) {
        if (result.messages[m] && result.messages[m][0]) {
            dstn_log_warn(&sweep->console->log, "%s: %s", sweep->plan->members[m].name, result.messages[m]);
        }
    }
    dstn_sweep_result_clear(&result);
    if (status == DSTN_OK || status == DSTN_MEMBERS_FAILED || status == DSTN_STOPPED) {
        dstn_error table_error = {DSTN_OK, ""};
        dstn_status written = dstn_group_leads(world) ? report(sweep, &table_error) : DSTN_OK;
        if (dstn_group_verdict(world, written, &table_error) != DSTN_OK) {
            *err = table_error;
            return table_error.status;
        }
    }
    return status;
}

static dstn_status launch(dstn_sweep *sweep, dstn_error *err) {
    sweep->display = dstn_display_new(sweep->console);
    char *what = dstn_format("%lld members to %s", (long long)sweep->plan->count, sweep->folder);
    dstn_announce(sweep->console, what);
    free(what);
    dstn_status status = search_queue_members(sweep, err);
    return status == DSTN_OK ? run_all(sweep, err) : status;
}

static dstn_status check_groups(const dstn_sweep *sweep, dstn_error *err) {
    int64_t ranks = dstn_group_size(sweep->console->world), each = sweep->ranks_per_member;
    if (ranks % each != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%lld ranks make no groups of %lld ranks per member; start a multiple",
                         (long long)ranks, (long long)each);
    }
    return DSTN_OK;
}

dstn_status dstn_sweep_open(const dstn_console *console, const char *path, dstn_assignments set,
                            int64_t ranks_per_member, dstn_sweep **out, dstn_error *err) {
    dstn_sweep *sweep = dstn_alloc(1, sizeof(*sweep));
    sweep->console = console;
    sweep->set = set;
    dstn_status status = load_sweep(path, set, &sweep->doc, err);
    if (status == DSTN_OK) {
        status = dstn_sweep_plan_read(dstn_doc_root(sweep->doc), &sweep->plan, err);
    }
    if (status == DSTN_OK) {
        sweep->ranks_per_member = ranks_per_member > 0 ? ranks_per_member : sweep->plan->ranks_per_member;
        status = check_groups(sweep, err);
    }
    status = dstn_group_agree(console->world, status, err);
    if (status != DSTN_OK) {
        dstn_sweep_close(sweep);
        return status;
    }
    *out = sweep;
    return DSTN_OK;
}

dstn_status dstn_sweep_launch(dstn_sweep *sweep, const char *folder, bool resumes, dstn_error *err) {
    sweep->folder = folder;
    sweep->resumes = resumes;
    dstn_status status = launch(sweep, err);
    dstn_ledger_close(sweep->ledger);
    sweep->ledger = NULL;
    return status;
}

void dstn_sweep_close(dstn_sweep *sweep) {
    if (!sweep) {
        return;
    }
    dstn_display_destroy(sweep->display);
    dstn_sweep_plan_destroy(sweep->plan);
    dstn_doc_destroy(sweep->doc);
    free(sweep->before);
    free(sweep);
}
