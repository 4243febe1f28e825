/* A trace of a network that reads words: the text, where batches stand in it, and what layers keep from one to the
 * next.
 */
#include "trace.h"

#include <stdlib.h>

void tools_trace_put_text(tools_trace *trace) {
    const dstn_dataset *dataset = trace->job->dataset;
    static const char *const names[] = {"text/train", "text/valid"};
    for (int part = DSTN_PART_TRAIN; part <= DSTN_PART_VALID; part++) {
        int64_t count = dataset->tokens[part] ? dataset->rows[part] + 1 : 0;
        double *words = dstn_alloc((size_t)count + 1, sizeof(double));
        for (int64_t i = 0; i < count; i++) {
            words[i] = dataset->tokens[part][i];
        }
        if (count > 0) {
            tools_trace_put(trace, names[part], 1, &count, words);
        }
        free(words);
    }
}

void tools_trace_put_words(tools_trace *trace, const dstn_batch *batch) {
    if (!batch->tokens) {
        return;
    }
    int64_t count = batch->rows * batch->steps;
    double steps = (double)batch->steps, carried = batch->carried;
    double *words = dstn_alloc((size_t)count + 1, sizeof(double));
    for (int64_t r = 0; r < count; r++) {
        words[r] = (double)batch->tokens[r];
    }
    tools_trace_put_rows(trace, batch, tools_trace_steps(trace, batch, (dstn_shape){0}), words, "tokens");
    tools_trace_put_step(trace, 0, NULL, &steps, "steps");
    tools_trace_put_step(trace, 0, NULL, &carried, "carried");
    free(words);
}

/* Rows of a state in double; zeros where there is none. Free with free(). */
static double *rows_of(const dstn_layer *layer, const dstn_row_state *state, const void *rows, int64_t count) {
    double *values = dstn_alloc((size_t)(count * state->count) + 1, sizeof(double));
    if (rows) {
        layer->kernel->to_double(layer->kernel, count * state->count, rows, values);
    }
    return values;
}

void tools_trace_put_kept(tools_trace *trace, const dstn_batch *batch) {
    const dstn_model *model = trace->job->model;
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int s = 0; s < layer->state_count; s++) {
            const dstn_row_state *state = &layer->states[s];
            double *rows = rows_of(layer, state, batch->carried ? state->value[batch->part] : NULL, batch->rows);
            tools_trace_put_rows(trace, batch, (dstn_shape){.rank = 1, .dims = {state->count}}, rows, "state/%d/%s",
                                 layer->index, state->name);
            free(rows);
        }
    }
}

/* The rows of a stream that this rank has, of all: in the order of the ranks. */
static tools_span span_of_stream(const tools_trace *trace, int stream) {
    const dstn_group *group = trace->job->group;
    tools_span span = {.rows = trace->job->model->stream_rows[stream]};
    double total = (double)span.rows;
    int64_t own;
    dstn_group_sum(group, &total, 1);
    span.total = (int64_t)total;
    dstn_group_share(group, span.total, &span.first, &own);
    return span;
}

void tools_trace_put_streams(tools_trace *trace, const char *group) {
    static const char *const names[] = {"train", "valid"};
    const dstn_model *model = trace->job->model;
    for (int part = DSTN_PART_TRAIN; part <= DSTN_PART_VALID; part++) {
        tools_span span = span_of_stream(trace, part);
        for (int l = 0; l < model->layer_count; l++) {
            const dstn_layer *layer = model->layers[l];
            for (int s = 0; s < layer->state_count; s++) {
                const dstn_row_state *state = &layer->states[s];
                double *rows = rows_of(layer, state, state->value[part], span.rows);
                char *path = dstn_format("%s/state/%s/%d/%s", group, names[part], layer->index, state->name);
                tools_trace_gather(trace, span, (dstn_shape){.rank = 1, .dims = {state->count}}, rows, path);
                free(path);
                free(rows);
            }
        }
    }
}
