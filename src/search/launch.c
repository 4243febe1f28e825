/* search: a launch of a sweep: a population of runs, drawn by groups of ranks from one queue, each restartable. */
#include "plan.h"
#include "sweep.h"

#include <stdlib.h>
#include <string.h>

/* ---- one member ---- */

static const double short_time = 0.002; /* enough to tell long members from short ones */

static dstn_status check_objective(const dstn_sweep *sweep, const dstn_job *job, dstn_error *err) {
    bool has_best = dstn_switch_is(job->settings.checkpoint_best, dstn_trainer_evaluates_epochs(job->trainer));
    return sweep->plan->objective == DSTN_OBJECTIVE_VALID_LOSS || has_best
               ? DSTN_OK
               : dstn_fail(err, DSTN_ERROR_USAGE,
                           "\"objective\" is best_valid_loss, and no epoch is evaluated; accepted: valid_loss, or "
                           "train.evaluate: true in a run of epochs");
}

/* Errors of its data are the member's own, and come to light when it runs. */
static dstn_status check_member(const dstn_sweep *sweep, int64_t index, bool *longer, double *work, dstn_error *err) {
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
        status = dstn_job_check_ranks(job, sweep->ranks_per_member, err);
    }
    if (status == DSTN_OK) {
        status = check_objective(sweep, job, err);
    }
    if (status == DSTN_OK) {
        status = dstn_job_same_config(job, folder, longer, err);
    }
    if (status == DSTN_OK) {
        status = dstn_job_same_data(job, folder, err);
    }
    if (status == DSTN_OK && work) {
        *work = (double)dstn_trainer_progress(job->trainer)->steps * search_time_step(job, short_time).least;
    }
    dstn_job_destroy(job);
    dstn_group_destroy(self);
    free(folder);
    return status == DSTN_ERROR_USAGE ? dstn_fail_in(err, "member %s", name) : DSTN_OK;
}

/* Assembles a member's job, of the data that all members with its section have: section [out]. */
static dstn_status open_member(const dstn_sweep *sweep, int64_t index, const dstn_group *group,
                               char section[DSTN_DIGEST_SIZE], dstn_job **out, dstn_error *err) {
    dstn_doc *doc = NULL;
    dstn_status status = dstn_group_agree(group, search_member_config(sweep, index, &doc, err), err);
    if (status != DSTN_OK) {
        dstn_doc_destroy(doc);
        return status;
    }
    search_data_section(&sweep->plan->members[index], doc, section);
    const dstn_log *log = dstn_display_log(sweep->display, dstn_group_leads(group));
    status = dstn_job_new(doc, group, log, DSTN_JOB_TRAINER, out, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_group_leads(group) ? search_same_data(sweep, index, section, *out, err) : DSTN_OK;
    status = dstn_group_verdict(group, status, err);
    if (status != DSTN_OK) {
        dstn_job_destroy(*out);
    }
    return status;
}

static dstn_status train_member(const dstn_sweep *sweep, int64_t index, const char *folder, const dstn_group *group,
                                double *value, dstn_error *err) {
    char section[DSTN_DIGEST_SIZE];
    dstn_job *job;
    dstn_status status = open_member(sweep, index, group, section, &job, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (dstn_group_leads(group)) {
        dstn_store_remove_remnants(folder);
    }
    int64_t parent = sweep->plan->members[index].parent;
    char *parent_folder =
        parent < 0 ? NULL : dstn_format("%s/members/%s", sweep->folder, sweep->plan->members[parent].name);
    bool is_best = sweep->plan->objective == DSTN_OBJECTIVE_BEST_VALID_LOSS;
    dstn_run_request request = {.folder = folder,
                                .name = sweep->plan->members[index].name,
                                .data_section = section,
                                .parent = parent_folder,
                                .resume = true,
                                .is_member = true,
                                .member = index,
                                .valid_loss = is_best ? NULL : value,
                                .best_valid_loss = is_best ? value : NULL,
                                .display = sweep->display};
    status = dstn_run(job, &request, err);
    free(parent_folder);
    dstn_job_destroy(job);
    return status;
}

const search_work search_training = {check_member, train_member, search_check_space};

/* ---- the command ---- */

/* How much of the ranks' time was of use, on every rank. */
static void add_up(dstn_sweep *sweep) {
    double seconds = sweep->own_seconds;
    dstn_group_sum(sweep->console->world, &seconds, 1);
    sweep->member_seconds = seconds;
}

static dstn_status run_all(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_status status = search_run_members(sweep, err);
    dstn_display_destroy(sweep->display);
    sweep->display = NULL;
    if (status == DSTN_OK || status == DSTN_MEMBERS_FAILED || status == DSTN_STOPPED) {
        dstn_error table_error = {DSTN_OK, ""};
        bool is_stopped = status == DSTN_STOPPED;
        add_up(sweep);
        dstn_status written = dstn_group_leads(world) ? search_report(sweep, is_stopped, &table_error) : DSTN_OK;
        if (dstn_group_verdict(world, written, &table_error) != DSTN_OK) {
            *err = table_error;
            return table_error.status;
        }
    }
    return status;
}

/* Once, before anything is in the ledger. */
static dstn_status check_space(const dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    bool is_new = !sweep->resumes || (!search_plan_is_planned(sweep->plan) && sweep->plan->count == 0);
    if (!is_new) {
        return DSTN_OK;
    }
    return dstn_group_verdict(world, dstn_group_leads(world) ? sweep->work.check_space(sweep, err) : DSTN_OK, err);
}

static dstn_status launch(dstn_sweep *sweep, dstn_error *err) {
    sweep->display = dstn_display_new(sweep->console);
    char *what = dstn_format("%s%lld members to %s", search_plan_is_planned(sweep->plan) ? "" : "up to ",
                             (long long)search_plan_most(sweep->plan), sweep->folder);
    dstn_announce(sweep->console, what);
    free(what);
    if (dstn_group_leads(sweep->console->world)) {
        search_clear_notes(sweep->folder);
    }
    dstn_status status = search_compare_file(sweep, err);
    if (status == DSTN_OK) {
        status = search_history_replay(sweep, err);
    }
    if (status == DSTN_OK) {
        status = check_space(sweep, err);
    }
    sweep->table_is_old = sweep->resumes && search_table_is_old(sweep);
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

/* Every rank reads its own files. */
static dstn_status compare_ranks(dstn_sweep *sweep, dstn_error *err) {
    const dstn_group *world = sweep->console->world;
    dstn_doc *base = NULL;
    dstn_status status = dstn_ranks_have_same_config(sweep->doc, world, err);
    if (status == DSTN_OK) {
        status = dstn_group_agree(world, dstn_job_load(sweep->plan->base, (dstn_assignments){0}, &base, err), err);
    }
    if (status == DSTN_OK) {
        sweep->base = dstn_doc_text(base);
        status = dstn_ranks_have_same_config(base, world, err);
    }
    dstn_doc_destroy(base);
    return status;
}

dstn_status dstn_sweep_open(const dstn_console *console, const char *path, dstn_assignments set,
                            int64_t ranks_per_member, dstn_sweep **out, dstn_error *err) {
    dstn_sweep *sweep = dstn_alloc(1, sizeof(*sweep));
    sweep->console = console;
    sweep->set = set;
    sweep->work = search_training;
    dstn_status status = search_load_sweep(path, set, &sweep->doc, err);
    if (status == DSTN_OK) {
        status = dstn_sweep_plan_read(dstn_doc_root(sweep->doc), &sweep->plan, err);
    }
    if (status == DSTN_OK) {
        sweep->ranks_per_member = ranks_per_member > 0 ? ranks_per_member : sweep->plan->ranks_per_member;
        status = check_groups(sweep, err);
    }
    status = dstn_group_agree(console->world, status, err);
    if (status == DSTN_OK) {
        status = compare_ranks(sweep, err);
    }
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
    sweep->began = dstn_seconds();
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
    free(sweep->is_bare);
    free(sweep->known);
    free(sweep->base);
    free(sweep);
}
