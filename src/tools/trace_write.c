/* A trace's arrays: gathered from the ranks, in canonical order. */
#include "trace.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void tools_trace_put(tools_trace *trace, const char *name, int rank, const int64_t *shape, const double *values) {
    if (trace->writer) {
        dstn_writer_array(trace->writer, name, DSTN_F64, rank, shape, values);
    }
}

/* GROUP/name of the step under way; free with free(). */
static char *step_name(const tools_trace *trace, const char *format, va_list arguments) {
    char name[DSTN_NAME_SIZE];
    vsnprintf(name, sizeof(name), format, arguments);
    return dstn_format("%s/%s", trace->group, name);
}

void tools_trace_put_step(tools_trace *trace, int rank, const int64_t *shape, const double *values, const char *name,
                          ...) {
    va_list arguments;
    va_start(arguments, name);
    char *path = step_name(trace, name, arguments);
    va_end(arguments);
    tools_trace_put(trace, path, rank, shape, values);
    free(path);
}

void tools_trace_gather(tools_trace *trace, tools_span span, dstn_shape shape, const double *rows, const char *path) {
    int64_t columns = dstn_shape_count(shape), total = span.total * columns;
    double *all = dstn_alloc((size_t)total + 1, sizeof(double));
    memcpy(all + span.first * columns, rows, (size_t)(span.rows * columns) * sizeof(double));
    dstn_group_sum(trace->job->group, all, total);
    int64_t dims[DSTN_MAX_RANK] = {span.total};
    memcpy(dims + 1, shape.dims, sizeof(shape.dims));
    tools_trace_put(trace, path, 1 + shape.rank, dims, all);
    free(all);
}

static tools_span span_of(const dstn_batch *batch) {
    return (tools_span){batch->first_row, batch->rows, batch->global_rows};
}

dstn_shape tools_trace_steps(const tools_trace *trace, const dstn_batch *batch, dstn_shape shape) {
    if (trace->job->dataset->words == 0) {
        return shape;
    }
    dstn_shape steps = {.rank = shape.rank + 1, .dims = {batch->steps}};
    memcpy(steps.dims + 1, shape.dims, (size_t)shape.rank * sizeof(*shape.dims));
    return steps;
}

void tools_trace_put_rows(tools_trace *trace, const dstn_batch *batch, dstn_shape shape, const double *rows,
                          const char *name, ...) {
    va_list arguments;
    va_start(arguments, name);
    char *path = step_name(trace, name, arguments);
    va_end(arguments);
    tools_trace_gather(trace, span_of(batch), shape, rows, path);
    free(path);
}

void tools_trace_canonical(const tools_trace *trace, dstn_shape shape, int64_t rows, const void *stored, double *out) {
    const dstn_kernel *kernel = trace->job->kernel;
    int64_t columns = dstn_shape_count(shape);
    double *values = dstn_alloc((size_t)(rows * columns) + 1, sizeof(double));
    kernel->to_double(kernel, rows * columns, stored, values);
    for (int64_t i = 0; i < columns; i++) {
        int64_t at = dstn_shape_stored_at(shape, i);
        for (int64_t r = 0; r < rows; r++) {
            out[r * columns + i] = values[r * columns + at];
        }
    }
    free(values);
}

void tools_trace_put_stored(tools_trace *trace, const dstn_batch *batch, dstn_shape shape, const void *stored,
                            const char *name, ...) {
    va_list arguments;
    va_start(arguments, name);
    char *path = step_name(trace, name, arguments);
    va_end(arguments);
    int64_t count = batch->rows * batch->steps;
    double *rows = dstn_alloc((size_t)(count * dstn_shape_count(shape)) + 1, sizeof(double));
    tools_trace_canonical(trace, shape, count, stored, rows);
    tools_trace_gather(trace, span_of(batch), tools_trace_steps(trace, batch, shape), rows, path);
    free(rows);
    free(path);
}

static void put_parameter(tools_trace *trace, const dstn_layer *layer, const dstn_parameter *parameter,
                          const void *array, const char *prefix) {
    const dstn_kernel *kernel = trace->job->kernel;
    double *values = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
    const char *bytes = array;
    dstn_parameter_export(parameter, kernel, bytes + (size_t)parameter->offset * kernel->size, values);
    char *name = dstn_format("%s/%d/%s", prefix, layer->index, parameter->name);
    tools_trace_put(trace, name, parameter->rank, parameter->shape, values);
    free(name);
    free(values);
}

void tools_trace_put_range(tools_trace *trace, dstn_range range, const void *array, const char *prefix) {
    const dstn_model *model = trace->job->model;
    for (int l = 0; trace->writer && l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            if (parameter->range == range && !dstn_parameter_is_shared(parameter)) {
                put_parameter(trace, layer, parameter, array, prefix);
            }
        }
    }
}
