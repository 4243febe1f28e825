/* One run: observers hung on a trainer, from the start or from a checkpoint to the end or to a stop. */
#include "dstn/run.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "checkpoint.h"
#include "drill_hook.h"
#include "dstn/kernel.h"
#include "files.h"
#include "observers.h"
#include "version.h"
#include "watchdog.h"

/* Everything that a run hangs on its trainer. */
typedef struct run {
    dstn_job *job;
    char *config;      /* as resolved */
    char *checkpoints; /* their folder */
    dstn_record *record;
    run_recorder *recorder;
    run_epoch_recorder *epochs;  /* NULL: epochs are not evaluated */
    run_best *best;              /* NULL: not kept */
    run_oracle_observer *oracle; /* NULL: no closed form */
    run_checkpointer *checkpointer;
    run_progress_observer *progress;
    dstn_observer observers[9];
    int observer_count;
    dstn_profile before; /* what was counted before this run */
} run;

/* In the order in which they are called: whatever writes into the record comes before the checkpoint. */
static dstn_status start_observers(run *r, dstn_job *job, const dstn_run_request *request, dstn_error *err) {
    r->job = job;
    r->config = dstn_job_config_text(job, request->folder);
    r->checkpoints = run_checkpoint_folder(request->folder, request->is_member);
    r->record = dstn_record_new();
    r->observers[r->observer_count++] = run_watchdog_observer();
    if (run_drill_kills_at_step()) {
        r->observers[r->observer_count++] = run_drill_observer();
    }
    r->recorder = run_recorder_new(job, r->record);
    r->observers[r->observer_count++] = run_recorder_observer(r->recorder);
    if (job->oracle) {
        r->oracle = run_oracle_observer_new(job, r->record);
        r->observers[r->observer_count++] = run_oracle_observer_as_observer(r->oracle);
    }
    if (dstn_trainer_evaluates_epochs(job->trainer)) {
        r->epochs = run_epoch_recorder_new(job, r->record);
        r->observers[r->observer_count++] = run_epoch_recorder_observer(r->epochs);
    }
    if (run_job_keeps_best(job)) {
        dstn_status status = run_best_new(job, r->checkpoints, r->config, &r->best, err);
        status = dstn_group_agree(job->group, status, err);
        if (status != DSTN_OK) {
            return status;
        }
        r->observers[r->observer_count++] = run_best_observer(r->best);
    }
    r->checkpointer = run_checkpointer_new(job, r->record, r->best, request->folder, r->checkpoints, r->config);
    r->observers[r->observer_count++] = run_digest_observer(r->checkpointer);
    r->observers[r->observer_count++] = run_checkpoint_observer(r->checkpointer);
    return DSTN_OK;
}

/* The progress counts from where the run stands, so it comes once that is known. */
static void start_progress(run *r, const dstn_run_request *request) {
    r->progress = run_progress_observer_new(r->job, request);
    memmove(r->observers + 1, r->observers, (size_t)r->observer_count * sizeof(r->observers[0]));
    r->observers[0] = run_progress_observer_as_observer(r->progress);
    r->observer_count++;
}

static void stop_observers(run *r) {
    run_progress_observer_destroy(r->progress);
    run_checkpointer_destroy(r->checkpointer);
    run_best_destroy(r->best);
    run_epoch_recorder_destroy(r->epochs);
    run_oracle_observer_destroy(r->oracle);
    run_recorder_destroy(r->recorder);
    dstn_record_destroy(r->record);
    free(r->config);
    free(r->checkpoints);
}

static void record_provenance(run *r, const char *data_section) {
    const dstn_job *job = r->job;
    const char *host;
    dstn_group_hosts(job->group, &host);
    char *libraries = dstn_version_text();
    dstn_record_text(r->record, "provenance", "version", DSTN_VERSION);
    dstn_record_text(r->record, "provenance", "commit", DSTN_COMMIT);
    dstn_record_text(r->record, "provenance", "libraries", libraries);
    dstn_record_text(r->record, "provenance", "host", host);
    dstn_record_text(r->record, "provenance", "instruction_set", dstn_kernel_version());
    dstn_record_text(r->record, "provenance", "backend", job->kernel->backend);
    dstn_record_number(r->record, "provenance", "winograd_maps", dstn_model_winograd_maps(job->model));
    dstn_record_text(r->record, "provenance", "method", job->method->name);
    dstn_record_text(r->record, "provenance", "data", job->dataset->summary);
    dstn_record_text(r->record, "provenance", "data_digest", job->dataset->digest);
    if (data_section) {
        dstn_record_text(r->record, "provenance", "data_section", data_section);
    }
    dstn_record_text(r->record, "provenance", "config", r->config);
    dstn_record_number(r->record, "provenance", "seed", (double)job->settings.seed);
    dstn_record_number(r->record, "provenance", "ranks", dstn_group_size(job->group));
    dstn_record_number(r->record, "provenance", "threads", dstn_kernel_threads());
    free(libraries);

    const char **names = dstn_alloc((size_t)job->space->count + 1, sizeof(char *));
    for (int i = 0; i < job->space->count; i++) {
        names[i] = job->space->items[i].name;
    }
    dstn_record_strings(r->record, "hyper/names", job->space->count, names);
    free(names);
    const dstn_dataset *dataset = job->dataset;
    if (dataset->source_rows[DSTN_PART_VALID]) { /* a text's are places in a row */
        dstn_record_integers(r->record, "data/valid_rows", dataset->rows[DSTN_PART_VALID],
                             dataset->source_rows[DSTN_PART_VALID]);
    }
}

static void record_oracle(run *r) {
    const dstn_oracle *oracle = r->job->oracle;
    if (!oracle) {
        return;
    }
    const dstn_hyper *hyper = &r->job->space->items[0];
    double start = hyper->transform->inverse(hyper->start, hyper->low, hyper->high);
    dstn_record_text(r->record, "oracle", "name", dstn_oracle_name(oracle));
    dstn_record_text(r->record, "oracle", "edge", dstn_edge_name(dstn_oracle_edge(oracle)));
    dstn_record_number(r->record, "oracle", "lambda_star", dstn_oracle_lambda_star(oracle));
    dstn_record_number(r->record, "oracle", "best_loss", dstn_oracle_best_loss(oracle));
    dstn_record_number(r->record, "oracle", "regret_start", dstn_oracle_regret(oracle, start));
}

static void record_known_number(run *r, const char *name, double value) {
    if (!isnan(value)) {
        dstn_record_number(r->record, "result", name, value);
    }
}

static void record_best(run *r) {
    const run_best *best = r->best;
    if (!best || best->step < 0) {
        return;
    }
    record_known_number(r, "best_step", (double)best->step);
    record_known_number(r, "best_epoch", (double)best->epoch);
    record_known_number(r, "best_valid_loss", best->loss[DSTN_PART_VALID]);
    record_known_number(r, "best_valid_accuracy", best->accuracy[DSTN_PART_VALID]);
    if (dstn_trainer_reads_text(r->job->trainer)) {
        record_known_number(r, "best_valid_perplexity", exp(best->loss[DSTN_PART_VALID]));
        record_known_number(r, "best_test_perplexity", exp(best->loss[DSTN_PART_TEST]));
    }
    record_known_number(r, "best_test_loss", best->loss[DSTN_PART_TEST]);
    record_known_number(r, "best_test_accuracy", best->accuracy[DSTN_PART_TEST]);
}

/* How often clipping acted: fractions of the updates. */
static void record_clipping(run *r) {
    static const char *const names[DSTN_CLIPPED] = {
        [DSTN_CLIPPED_GENERAL] = "clipped_general",
        [DSTN_CLIPPED_RESPONSE] = "clipped_response",
        [DSTN_CLIPPED_LAMBDA] = "clipped_lambda",
        [DSTN_CLIPPED_SCALE] = "clipped_scale",
    };
    const dstn_progress *progress = dstn_trainer_progress(r->job->trainer);
    for (int i = 0; i < DSTN_CLIPPED; i++) {
        bool is_hyper = i == DSTN_CLIPPED_LAMBDA || i == DSTN_CLIPPED_SCALE;
        int64_t updates = is_hyper ? progress->hyper_step : progress->step;
        dstn_record_number(r->record, "result", names[i],
                           updates > 0 ? (double)progress->clipped[i] / (double)updates : 0);
    }
}

static void record_result(run *r, const char *status, const char *message, double seconds, int64_t checkpoints) {
    dstn_record_text(r->record, "result", "status", status);
    dstn_record_text(r->record, "result", "message", message);
    char digest[33];
    run_checkpointer_digest(r->checkpointer, digest);
    dstn_record_text(r->record, "result", "digest", digest);
    dstn_record_number(r->record, "result", "seconds", seconds);
    dstn_record_number(r->record, "result", "checkpoints", (double)checkpoints);
    dstn_record_number(r->record, "result", "checkpoint_seconds", r->checkpointer->cost);
    record_clipping(r);
    record_best(r);
}

/* Bit-identity holds for one build and instruction set: a resume elsewhere goes on, but says so. */
static void warn_of_changes(const run *r) {
    const char *const now[][2] = {{"commit", DSTN_COMMIT}, {"instruction_set", dstn_kernel_version()}};
    dstn_reader *reader;
    dstn_error ignored;
    if (!dstn_group_leads(r->job->group) ||
        dstn_reader_open(r->checkpointer->record_path, DSTN_ERROR_RUN, &reader, &ignored) != DSTN_OK) {
        return;
    }
    for (size_t i = 0; i < sizeof(now) / sizeof(now[0]); i++) {
        char *before = dstn_reader_text(reader, "provenance", now[i][0]);
        if (before && strcmp(before, now[i][1]) != 0) {
            dstn_log_warn(r->job->log, "%s: %s was %s and is %s: the run goes on, but perhaps not to the last bit",
                          r->checkpointer->folder, now[i][0], before, now[i][1]);
        }
        free(before);
    }
    double ranks, threads;
    bool counts = r->job->train.shards == 0; /* else the number of ranks changes nothing */
    if (dstn_reader_number(reader, "provenance", "ranks", &ranks) && counts &&
        ranks != dstn_group_size(r->job->group)) {
        dstn_log_warn(r->job->log, "%s: ranks were %.0f and are %d: the run goes on, but not to the last bit",
                      r->checkpointer->folder, ranks, dstn_group_size(r->job->group));
    }
    if (dstn_reader_number(reader, "provenance", "threads", &threads) && threads != dstn_kernel_threads()) {
        dstn_log_warn(r->job->log, "%s: threads were %.0f and are %d: the run goes on, but perhaps not to the last bit",
                      r->checkpointer->folder, threads, dstn_kernel_threads());
    }
    dstn_reader_close(reader);
}

/* The row of the step at which the run begins. */
static void append_row(run *r) {
    run_recorder_append(r->recorder);
    if (r->oracle) {
        run_oracle_observer_append(r->oracle);
    }
}

/* From where this run was stopped. */
static dstn_status resume(run *r, const dstn_run_request *request, bool *found, dstn_error *err) {
    dstn_status status = run_checkpointer_resume(r->checkpointer, r->job->log, found, err);
    if (status == DSTN_OK && *found) {
        warn_of_changes(r);
        dstn_log_info(r->job->log, "%s: resumed at step %lld", request->name,
                      (long long)dstn_trainer_progress(r->job->trainer)->step);
    } else if (status == DSTN_OK && !request->is_member) {
        dstn_log_info(r->job->log, "%s: no checkpoint yet, starts at the beginning", request->name);
    }
    return status;
}

/* From another run's end. Where λ is another one from here on, a second row of that step has it. */
static dstn_status fork_off(run *r, const dstn_run_request *request, dstn_error *err) {
    run_fork fork;
    dstn_status status = run_checkpointer_fork(r->checkpointer, request->parent, &fork, err);
    if (status == DSTN_OK && (!fork.is_taken || fork.has_moved)) {
        append_row(r);
    }
    if (status == DSTN_OK && !fork.is_taken) {
        dstn_log_info(r->job->log, "%s: %s has no checkpoint any more, and the same config: starts at the beginning",
                      request->name, request->parent);
    } else if (status == DSTN_OK) {
        dstn_log_info(r->job->log, "%s: goes on from %s at step %lld", request->name, request->parent,
                      (long long)dstn_trainer_progress(r->job->trainer)->step);
    }
    return status;
}

/* From the start, or from another run's checkpoint. */
static dstn_status begin(run *r, const dstn_run_request *request, dstn_error *err) {
    dstn_status status = request->init ? dstn_job_start_from(r->job, request->init, NULL, err) : DSTN_OK;
    if (status == DSTN_OK) {
        append_row(r);
    }
    return status;
}

static dstn_status start(run *r, const dstn_run_request *request, dstn_error *err) {
    bool found = false;
    dstn_status status = request->resume ? resume(r, request, &found, err) : DSTN_OK;
    if (status == DSTN_OK && !found) {
        status = request->parent ? fork_off(r, request, err) : begin(r, request, err);
    }
    if (status == DSTN_OK && request->parent) {
        run_fork_record(r->checkpointer, request->parent, !found);
    }
    return status;
}

/* Once it is certain that the run goes on with this config. Only the leader writes; its verdict is everybody's. */
static dstn_status write_config(const run *r, const char *folder, dstn_error *err) {
    dstn_status status = DSTN_OK;
    if (dstn_group_leads(r->job->group)) {
        char *path = dstn_format("%s/config.yaml", folder);
        status = dstn_store_make_folder(folder, err);
        if (status == DSTN_OK) {
            status = dstn_store_write_text(path, r->config, err);
        }
        free(path);
    }
    return dstn_group_verdict(r->job->group, status, err);
}

/* The record, and the best epoch of a run that has no last checkpoint. */
static dstn_status write_end(run *r, dstn_error *err) {
    dstn_status status = dstn_record_write(r->record, r->checkpointer->record_path, err);
    return status == DSTN_OK && r->best ? run_best_write(r->best, err) : status;
}

char *dstn_run_ended_early(const dstn_job *job) {
    const dstn_progress *progress = dstn_trainer_progress(job->trainer);
    if (progress->step >= progress->steps || !dstn_trainer_is_over(job->trainer)) {
        return NULL;
    }
    return dstn_format("the learning rate fell below %g (train.stop_below_rate) after epoch %lld, step %lld of %lld",
                       job->train.stop_below_rate, (long long)progress->epoch, (long long)progress->step,
                       (long long)progress->steps);
}

/* What the run came to goes into its record: with a last checkpoint where it is done, without where it diverged (the
 * state is of no use) or where the stop has written one. */
static dstn_status finish(run *r, dstn_status status, double seconds, dstn_error *err) {
    dstn_error write_error = {DSTN_OK, ""};
    dstn_status written;
    if (dstn_profile_is_on()) {
        run_record_profile(r->record, r->job->group, &r->before);
    }
    if (status == DSTN_OK) {
        char *why = dstn_run_ended_early(r->job);
        record_result(r, dstn_member_state_name(DSTN_MEMBER_DONE), why ? why : "", seconds,
                      r->checkpointer->count + 1); /* with the one that comes now */
        free(why);
        written = run_checkpointer_write(r->checkpointer, &write_error);
    } else {
        bool recorded = status == DSTN_DIVERGED || status == DSTN_STOPPED;
        /* A member that is preempted has a run that was stopped. */
        const char *word = status == DSTN_STOPPED ? "stopped" : dstn_member_state_name(dstn_member_state_after(status));
        record_result(r, word, err->message, seconds, r->checkpointer->count);
        written = recorded && dstn_group_leads(r->job->group) ? write_end(r, &write_error) : DSTN_OK;
        written = dstn_group_verdict(r->job->group, written, &write_error);
    }
    if (written != DSTN_OK) {
        *err = write_error;
        return written;
    }
    return status;
}

/* The last update may have broken the weights after their loss was seen to be finite. */
static dstn_status check_end(run *r, double *valid_loss, dstn_error *err) {
    double loss, accuracy;
    dstn_trainer_evaluate(r->job->trainer, DSTN_PART_VALID, &loss, &accuracy);
    if (valid_loss) {
        *valid_loss = loss;
    }
    record_known_number(r, "valid_loss", loss);
    return isfinite(loss) ? DSTN_OK
                          : dstn_fail(err, DSTN_DIVERGED, "diverged: the validation loss at the end is %g", loss);
}

static dstn_status train(run *r, const dstn_run_request *request, dstn_error *err) {
    double start_time = dstn_seconds();
    dstn_profile_read(&r->before);
    record_provenance(r, request->data_section);
    record_oracle(r);
    record_result(r, dstn_member_state_name(DSTN_MEMBER_RUNNING), "", 0, 0);
    dstn_status status = start(r, request, err);
    if (status == DSTN_OK) {
        status = write_config(r, request->folder, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (r->epochs) {
        run_epoch_recorder_start(r->epochs);
    }
    start_progress(r, request);
    run_watchdog_watch(request->name, dstn_trainer_progress(r->job->trainer)->step);
    status = dstn_trainer_run(r->job->trainer, r->observers, r->observer_count, err);
    if (status == DSTN_OK) {
        status = check_end(r, request->valid_loss, err);
    }
    if (request->best_valid_loss && r->best && r->best->step >= 0) {
        *request->best_valid_loss = r->best->loss[DSTN_PART_VALID];
    }
    status = finish(r, status, dstn_seconds() - start_time, err);
    run_watchdog_release();
    return status;
}

dstn_status dstn_run(dstn_job *job, const dstn_run_request *request, dstn_error *err) {
    run r = {0};
    dstn_status status = dstn_job_add_oracle(job, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = start_observers(&r, job, request, err);
    status = dstn_group_agree(job->group, status, err);
    if (status == DSTN_OK) {
        status = train(&r, request, err);
    }
    stop_observers(&r);
    return status;
}
