/* A trace's start and end: the whole state of the trainer; and the ends of epochs. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

dstn_shape tools_trace_input(const tools_trace *trace) {
    const dstn_dataset *dataset = trace->job->dataset;
    return (dstn_shape){.rank = dataset->rank, .dims = {dataset->shape[0], dataset->shape[1], dataset->shape[2]}};
}

/* ---- the state ---- */

/* An entry of the state as it stands: numbers of optimizers and schedules. */
static void put_entry(tools_trace *trace, const char *group, const dstn_state_entry *entry) {
    char *name = dstn_format("%s/%s", group, entry->name);
    dstn_writer_array(trace->writer, name, entry->scalar, entry->rank, entry->shape, entry->data);
    free(name);
}

/* Moments of weights are arrays over a whole range. Returns false where the entry is none. */
static bool put_weight_moments(tools_trace *trace, const char *group, const dstn_state_entry *entry) {
    const char *const prefixes[DSTN_RANGES] = {"optimizer/general/moment-", "optimizer/response/moment-"};
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (strncmp(entry->name, prefixes[r], strlen(prefixes[r])) == 0) {
            char *prefix = dstn_format("%s/%s", group, entry->name);
            tools_trace_put_range(trace, (dstn_range)r, entry->data, prefix);
            free(prefix);
            return true;
        }
    }
    return false;
}

/* Statistics of a flattened image's values are stored as these are; those of channels in their own order. */
static void put_buffer(tools_trace *trace, const char *group, const dstn_layer *layer, const dstn_buffer *buffer) {
    bool is_by_value = buffer->count == dstn_shape_count(layer->in);
    double *values = dstn_alloc((size_t)buffer->count + 1, sizeof(double));
    for (int64_t i = 0; i < buffer->count; i++) {
        values[i] = buffer->value[is_by_value ? dstn_shape_stored_at(layer->in, i) : i];
    }
    char *name = dstn_format("%s/buffers/%d/%s", group, layer->index, buffer->name);
    tools_trace_put(trace, name, 1, &buffer->count, values);
    free(name);
    free(values);
}

static void put_space(tools_trace *trace, const char *group) {
    const dstn_space *space = trace->job->space;
    const double *const arrays[] = {space->lambda, space->raw_scale};
    const char *const names[] = {"lambda", "raw_scale"};
    int64_t count = space->count;
    for (int i = 0; i < 2; i++) {
        char *name = dstn_format("%s/%s", group, names[i]);
        tools_trace_put(trace, name, 1, &count, arrays[i]);
        free(name);
    }
}

void tools_trace_put_state(tools_trace *trace, const char *group) {
    const dstn_model *model = trace->job->model;
    dstn_trainer_gather_state(trace->job->trainer);
    tools_trace_put_streams(trace, group);
    if (!trace->writer) {
        return;
    }
    char *prefix = dstn_format("%s/params", group);
    for (int r = 0; r < DSTN_RANGES; r++) {
        tools_trace_put_range(trace, (dstn_range)r, model->value[r], prefix);
    }
    free(prefix);
    for (int l = 0; l < model->layer_count; l++) {
        for (int b = 0; b < model->layers[l]->buffer_count; b++) {
            put_buffer(trace, group, model->layers[l], &model->layers[l]->buffers[b]);
        }
    }
    put_space(trace, group);
    for (size_t i = 0; i < trace->state.count; i++) {
        const dstn_state_entry *entry = &trace->state.entries[i];
        bool is_own = strncmp(entry->name, "model/", 6) == 0 || strncmp(entry->name, "hyper/", 6) == 0;
        if (!is_own && !put_weight_moments(trace, group, entry)) {
            put_entry(trace, group, entry);
        }
    }
}

/* ---- epochs ---- */

/* The whole validation part, as evaluations see it. Only on the leader, which has all of it like every rank. */
static void put_valid(tools_trace *trace) {
    const dstn_job *job = trace->job;
    const dstn_dataset *dataset = job->dataset;
    dstn_shape input = tools_trace_input(trace);
    int64_t rows = dataset->rows[DSTN_PART_VALID], columns = dstn_shape_count(input);
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    int64_t *indices = dstn_arena_take(arena, (size_t)rows * sizeof(*indices));
    double *x = dstn_arena_take(arena, (size_t)(rows * columns) * sizeof(*x));
    if (indices && x && dstn_batch_bind(&batch, dataset, job->kernel, rows, 1, arena)) {
        for (int64_t r = 0; r < rows; r++) {
            indices[r] = r;
        }
        dstn_batch_fill(&batch, dataset, job->kernel, DSTN_PART_VALID, indices, 1, rows, 0, rows, NULL);
        tools_trace_canonical(trace, input, rows, batch.x, x);
        int64_t shape[DSTN_MAX_RANK] = {rows, dataset->shape[0], dataset->shape[1], dataset->shape[2]};
        tools_trace_put(trace, "valid/x", 1 + dataset->rank, shape, x);
        int64_t targets[] = {rows, dataset->outputs};
        if (dataset->labels[DSTN_PART_VALID]) {
            dstn_writer_array(trace->writer, "valid/labels", DSTN_I64, 1, &rows, dataset->labels[DSTN_PART_VALID]);
        } else {
            tools_trace_put(trace, "valid/targets", 2, targets, dataset->targets[DSTN_PART_VALID]);
        }
    }
    dstn_arena_destroy(arena);
}

void tools_trace_put_epoch(tools_trace *trace) {
    const dstn_trainer *trainer = trace->job->trainer;
    if (!trace->writer || !dstn_trainer_evaluates_epochs(trainer)) {
        return;
    }
    if (!trace->has_valid && trace->job->dataset->words == 0) {
        put_valid(trace);
        trace->has_valid = true;
    }
    const dstn_epoch *epoch = dstn_trainer_last_epoch(trainer);
    char *group = dstn_format("epochs/%04lld", (long long)epoch->epoch);
    dstn_writer_number(trace->writer, group, "train_loss", epoch->train_loss);
    dstn_writer_number(trace->writer, group, "valid_loss", epoch->loss[DSTN_PART_VALID]);
    dstn_writer_number(trace->writer, group, "valid_accuracy", epoch->accuracy[DSTN_PART_VALID]);
    dstn_writer_number(trace->writer, group, "rate", epoch->rate);
    free(group);
}
