/* A run that goes on from where another one has ended, perhaps with other hyperparameters: the other's last checkpoint
 * and its record are taken whole, so that with the same config it is that run made longer, to the last bit. */
#include "checkpoint.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

enum { LONGEST_LINE = 10000 }; /* of runs that go on from each other; a longer one goes in a circle */

/* ---- what may differ --------------------------------------------------------------------------------------------- */

/* Beside what may on a resume: where a hyperparameter stands, and how long the steps are. */
static bool may_differ(const dstn_section *section, const dstn_option *option) {
    bool is_optimizer = strcmp(section->path, "optimizer") == 0 || strcmp(section->path, "hyper_optimizer") == 0;
    bool is_start = strcmp(section->path, "hyperparameters.*") == 0 && strcmp(option->key, "start") == 0;
    return option->may_differ || is_start || (is_optimizer && option->kind == DSTN_OPTION_REAL);
}

static dstn_option *options_of_fork(const dstn_section *section) {
    size_t count = 1;
    while (section->options[count - 1].key) {
        count++;
    }
    dstn_option *options = dstn_alloc(count, sizeof *options);
    memcpy(options, section->options, count * sizeof *options);
    for (size_t i = 0; options[i].key; i++) {
        options[i].may_differ = may_differ(section, &options[i]);
    }
    return options;
}

static bool differs_in_more(const dstn_job *job, dstn_doc *before, dstn_difference *found) {
    size_t count;
    dstn_section *sections = dstn_run_schema(&count);
    for (size_t s = 0; s < count; s++) {
        sections[s].options = options_of_fork(&sections[s]);
    }
    bool differs = dstn_schema_differs(sections, count, dstn_doc_root(before), dstn_doc_root(job->doc), found);
    for (size_t s = 0; s < count; s++) {
        free((dstn_option *)sections[s].options);
    }
    free(sections);
    return differs;
}

dstn_status dstn_job_may_go_on(const dstn_job *job, dstn_doc *before, dstn_error *err) {
    dstn_difference found;
    if (differs_in_more(job, before, &found)) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "%s: \"%s\" is not as in the run that is to be gone on from: %s there, %s here; only starting "
                         "values of hyperparameters, numbers of optimizers, lengths, checkpoint and logging keys may "
                         "differ",
                         dstn_doc_name(before), found.key, found.before, found.now);
    }
    return run_job_same_hyperparameters(job, before, err);
}

/* ---- what the configs say differently ---------------------------------------------------------------------------- */

/* λ of those hyperparameters that this config has start elsewhere than the other one; the rest stay where they were
 * left. own: λ at the start of this config, [h]. */
static dstn_status move_hyperparameters(const dstn_job *job, dstn_doc *before, const double *own, bool *has_moved,
                                        dstn_error *err) {
    dstn_space *there;
    dstn_status status = dstn_space_read(dstn_node_child(dstn_doc_root(before), "hyperparameters"), &there, err);
    if (status != DSTN_OK) {
        return status;
    }
    for (int i = 0; i < job->space->count; i++) {
        if (job->space->items[i].start != there->items[i].start) {
            job->space->lambda[i] = own[i];
            *has_moved = true;
        }
    }
    dstn_space_destroy(there);
    return DSTN_OK;
}

static dstn_status first_rate(dstn_doc *doc, const char *section, const char *name, double *rate, dstn_error *err) {
    dstn_schedule *schedule;
    dstn_node node = dstn_node_child(dstn_doc_root(doc), section);
    dstn_status status = dstn_schedule_read(node, section, name, &schedule, err);
    if (status == DSTN_OK) {
        *rate = dstn_schedule_first_rate(schedule);
        dstn_schedule_destroy(schedule);
    }
    return status;
}

static dstn_status take_rates(const dstn_job *job, dstn_doc *before, dstn_error *err) {
    double weights, hyper = 0;
    dstn_status status = first_rate(before, "optimizer", "sgd", &weights, err);
    if (status == DSTN_OK && job->method->tunes) {
        status = first_rate(before, "hyper_optimizer", "rmsprop", &hyper, err);
    }
    if (status == DSTN_OK) {
        dstn_trainer_take_rates(job->trainer, weights, hyper);
    }
    return status;
}

/* ---- the other run's end ----------------------------------------------------------------------------------------- */

/* Whether a record's run had the job's config, but for its length; next [out]: the folder of the run that it went on
 * from, or NULL; free with free(). */
static bool is_same_run(const dstn_job *job, const char *folder, char **next) {
    char *path = dstn_format("%s/run.h5", folder);
    dstn_reader *reader;
    dstn_error ignored;
    dstn_doc *doc = NULL;
    bool is_same = false;
    if (dstn_reader_open(path, DSTN_ERROR_RUN, &reader, &ignored) == DSTN_OK) {
        char *config = dstn_reader_text(reader, "provenance", "config");
        char *parent = dstn_reader_text(reader, "provenance", "parent");
        bool is_read = config && dstn_doc_parse(config, path, &doc, &ignored) == DSTN_OK;
        is_same = is_read && run_job_is_same(job, doc);
        *next = parent ? dstn_format("%s/../%s", folder, parent) : NULL;
        dstn_doc_destroy(doc);
        free(parent);
        free(config);
        dstn_reader_close(reader);
    }
    free(path);
    return is_same;
}

/* Whether all of the line that a run goes on from had the job's config: then a run from the start comes to the same. */
static bool is_one_run(const dstn_job *job, const char *parent) {
    char *folder = dstn_strdup(parent), *next = NULL;
    bool is_same = true;
    for (int length = 0; folder && is_same; length++) {
        is_same = length < LONGEST_LINE && is_same_run(job, folder, &next);
        free(folder);
        folder = next;
        next = NULL;
    }
    free(folder);
    return is_same;
}

/* Its last checkpoint, and no earlier one, which would make another run of it; free with free(). NULL: it has none any
 * more, and isn't needed. */
static dstn_status find_end(const dstn_job *job, const char *parent, char **path, dstn_error *err) {
    char *checkpoints = dstn_run_checkpoints(parent), **paths;
    int64_t count;
    dstn_status status = dstn_checkpoint_list(checkpoints, &count, &paths, err);
    free(checkpoints);
    if (status != DSTN_OK) {
        return status;
    }
    *path = count > 0 ? paths[0] : NULL;
    for (int64_t i = 1; i < count; i++) {
        free(paths[i]);
    }
    free(paths);
    return *path || is_one_run(job, parent) ? DSTN_OK
                                            : dstn_fail(err, DSTN_ERROR_CHECKPOINT,
                                                        "%s has no checkpoint to go on from; it is needed until all "
                                                        "runs that go on from it have ended",
                                                        parent);
}

static dstn_status check_end(const run_checkpointer *c, const char *path, const dstn_checkpoint_facts *about,
                             dstn_doc **before, dstn_error *err) {
    int64_t steps = dstn_trainer_progress(c->job->trainer)->steps;
    dstn_status status = dstn_doc_parse(about->config, path, before, err);
    if (status == DSTN_OK) {
        status = dstn_job_may_go_on(c->job, *before, err);
    }
    if (status == DSTN_OK && about->data_digest[0]) {
        status = run_job_has_data(c->job, about->data_digest, path, err);
    }
    if (status == DSTN_OK && about->step > steps) {
        status = dstn_fail(err, DSTN_ERROR_USAGE, "%s: that run has made %lld steps, more than the %lld of this one",
                           path, (long long)about->step, (long long)steps);
    }
    return status;
}

static dstn_status leader_takes(run_checkpointer *c, const char *parent, const char *path, bool *has_moved,
                                dstn_error *err) {
    dstn_job *job = c->job;
    size_t bytes = (size_t)job->space->count * sizeof(double);
    dstn_checkpoint_facts about = {0};
    dstn_doc *before = NULL;
    double *start = dstn_alloc((size_t)job->space->count + 1, sizeof *start);
    char *record = dstn_format("%s/run.h5", parent);
    memcpy(start, job->space->lambda, bytes);
    dstn_status status = dstn_checkpoint_describe(path, &about, err);
    if (status == DSTN_OK) {
        status = check_end(c, path, &about, &before, err);
    }
    if (status == DSTN_OK) {
        status = dstn_checkpoint_read(path, &c->whole, NULL, err);
    }
    if (status == DSTN_OK) {
        status = dstn_record_restore(c->record, record, about.step, err);
    }
    if (status == DSTN_OK) {
        status = take_rates(job, before, err);
    }
    if (status == DSTN_OK) {
        status = move_hyperparameters(job, before, start, has_moved, err);
    }
    free(record);
    free(start);
    dstn_doc_destroy(before);
    dstn_checkpoint_facts_clear(&about);
    return status;
}

dstn_status run_checkpointer_fork(run_checkpointer *c, const char *parent, run_fork *fork, dstn_error *err) {
    const dstn_group *group = c->job->group;
    char *path = NULL;
    *fork = (run_fork){false, false};
    dstn_status status = dstn_group_leads(group) ? find_end(c->job, parent, &path, err) : DSTN_OK;
    if (status == DSTN_OK && path) {
        fork->is_taken = true;
        status = leader_takes(c, parent, path, &fork->has_moved, err);
    }
    free(path);
    status = dstn_group_verdict(group, status, err);
    dstn_group_broadcast(group, fork, sizeof(*fork));
    return status == DSTN_OK && fork->is_taken ? run_checkpointer_spread(c, err) : status;
}

/* ---- what the record says of it ---------------------------------------------------------------------------------- */

static bool recorded_step(const char *record, double *step) {
    dstn_reader *reader;
    dstn_error ignored;
    if (access(record, F_OK) != 0 || dstn_reader_open(record, DSTN_ERROR_RUN, &reader, &ignored) != DSTN_OK) {
        return false;
    }
    bool found = dstn_reader_number(reader, "provenance", "parent_step", step);
    dstn_reader_close(reader);
    return found;
}

void run_fork_record(const run_checkpointer *c, const char *parent, bool is_new) {
    const char *slash = strrchr(parent, '/');
    double step = (double)dstn_trainer_progress(c->job->trainer)->step;
    dstn_record_text(c->record, "provenance", "parent", slash ? slash + 1 : parent);
    if (is_new || (dstn_group_leads(c->job->group) && recorded_step(c->record_path, &step))) {
        dstn_record_number(c->record, "provenance", "parent_step", step);
    }
}
