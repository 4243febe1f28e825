/* dstn trace: every quantity of some steps of the trainer, written down while it takes them, for an independent program
 * to compute again (analysis/retrace.py). The trainer is the one that `dstn train` runs; this only listens. */
#include "trace.h"

#include "dstn/tools.h"

#include <stdlib.h>

/* The observer that ends the run after enough steps. */
typedef struct trace_length {
    tools_trace *trace;
    int64_t last; /* training step */
} trace_length;

static dstn_status on_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    const trace_length *length = self;
    return dstn_trainer_progress(trainer)->step < length->last ? DSTN_OK : DSTN_STOPPED;
}

static dstn_status on_epoch(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)trainer;
    (void)err;
    tools_trace_put_epoch(((trace_length *)self)->trace);
    return DSTN_OK;
}

static void put_attributes(const tools_trace *trace) {
    const dstn_job *job = trace->job;
    dstn_writer *writer = trace->writer;
    char *config = dstn_job_config_text(job, NULL);
    dstn_writer_text(writer, "", "config", config);
    dstn_writer_text(writer, "", "method", job->method->name);
    dstn_writer_text(writer, "", "precision", dstn_scalar_name(job->kernel->scalar));
    dstn_writer_text(writer, "", "backend", job->kernel->backend);
    dstn_writer_integer(writer, "", "train_rows", job->dataset->rows[DSTN_PART_TRAIN]);
    dstn_writer_integer(writer, "", "valid_rows", job->dataset->rows[DSTN_PART_VALID]);
    dstn_writer_integer(writer, "", "ranks", dstn_group_size(job->group));
    free(config);
}

/* What images of bytes were normalized by, where they are augmented before that. */
static void put_normalization(tools_trace *trace) {
    const dstn_dataset *dataset = trace->job->dataset;
    if (dataset->bytes[DSTN_PART_TRAIN] && dataset->mean && !dstn_augment_is_empty(trace->job->augment)) {
        tools_trace_put(trace, "data/mean", 1, &dataset->channels, dataset->mean);
        tools_trace_put(trace, "data/std", 1, &dataset->channels, dataset->deviation);
    }
}

/* A run that diverges is traced to where it does. */
static dstn_status record(tools_trace *trace, int64_t steps, dstn_error *err) {
    dstn_trainer *trainer = trace->job->trainer;
    const dstn_progress *progress = dstn_trainer_progress(trainer);
    if (progress->step >= progress->steps) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "the run ends at step %lld, where the checkpoint stands; raise its length "
                         "with --set train.iterations=N",
                         (long long)progress->steps);
    }
    trace_length length = {trace, progress->step + steps};
    const dstn_observer observer = {&length, on_step, dstn_observer_ignore, on_epoch};
    const dstn_listener listener = tools_trace_listener(trace);
    if (trace->writer) {
        put_attributes(trace);
        put_normalization(trace);
        tools_trace_put_text(trace);
    }
    tools_trace_put_state(trace, "start");
    dstn_trainer_set_listener(trainer, &listener);
    dstn_status status = dstn_trainer_run(trainer, &observer, 1, err);
    dstn_trainer_set_listener(trainer, NULL);
    tools_trace_put_state(trace, "end");
    return status == DSTN_STOPPED ? DSTN_OK : status;
}

/* The leader's file, written whatever the run came to. */
static dstn_status commit(tools_trace *trace, dstn_status status, dstn_error *err) {
    dstn_error write_error = {DSTN_OK, ""};
    dstn_status written = DSTN_OK;
    if (trace->writer && (status == DSTN_OK || status == DSTN_DIVERGED)) {
        written = dstn_writer_commit(trace->writer, &write_error);
    } else if (trace->writer) {
        dstn_writer_abandon(trace->writer);
    }
    written = dstn_group_verdict(trace->job->group, written, &write_error);
    if (written != DSTN_OK) {
        *err = write_error;
    }
    return written != DSTN_OK ? written : status;
}

static dstn_status trace_job(const dstn_console *console, const dstn_trace_request *request, dstn_job *job,
                             dstn_error *err) {
    tools_trace trace = {.job = job};
    dstn_status status = DSTN_OK;
    if (job->train.shards > 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "reproducible: true takes a batch in shards, which a trace doesn't show; --set "
                         "reproducible=false traces the same steps but for rounding");
    }
    if (request->from) {
        status = dstn_job_has_data_of(job, request->from, err);
    }
    if (status == DSTN_OK && request->from) {
        status = dstn_job_continue(job, request->from, err);
    }
    if (status == DSTN_OK && dstn_group_leads(console->world)) {
        status = dstn_writer_open(request->path, &trace.writer, err);
    }
    status = dstn_group_agree(console->world, status, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_announce(console, job->dataset->summary);
    dstn_trainer_add_state(job->trainer, &trace.state);
    int64_t first = dstn_trainer_progress(job->trainer)->step;
    status = commit(&trace, record(&trace, request->steps, err), err);
    if (console->out && (status == DSTN_OK || status == DSTN_DIVERGED)) {
        fprintf(console->out, "training_steps %lld\nhyper_steps %lld\n",
                (long long)(dstn_trainer_progress(job->trainer)->step - first),
                (long long)(trace.steps - (dstn_trainer_progress(job->trainer)->step - first)));
        dstn_print_line(console->out, "trace %s", request->path);
    }
    dstn_state_clear(&trace.state);
    return status;
}

dstn_status dstn_trace(const dstn_console *console, const dstn_trace_request *request, dstn_error *err) {
    dstn_doc *doc;
    dstn_job *job;
    dstn_status status = dstn_job_load(request->config, request->set, &doc, err);
    status = dstn_group_agree(console->world, status, err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_TRAINER, &job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    status = trace_job(console, request, job, err);
    dstn_job_destroy(job);
    return status;
}
