/* A trace's steps: what the trainer's listener hears, written down. */
#include "trace.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the passes of a step have in common ---- */

static void put_rows_of_source(tools_trace *trace, const dstn_batch *batch) {
    const int64_t *lines = trace->job->dataset->source_rows[batch->part]; /* NULL: a text, of which these are places */
    double *rows = dstn_alloc((size_t)batch->rows + 1, sizeof(double));
    for (int64_t b = 0; b < batch->rows; b++) {
        rows[b] = (double)(lines ? lines[batch->indices[b]] : batch->indices[b]);
    }
    tools_trace_put_rows(trace, batch, (dstn_shape){0}, rows, "rows");
    free(rows);
}

static void put_answers(tools_trace *trace, const dstn_batch *batch) {
    int64_t outputs = trace->job->dataset->outputs;
    if (batch->targets) {
        tools_trace_put_stored(trace, batch, (dstn_shape){.rank = 1, .dims = {outputs}}, batch->targets, "targets");
        return;
    }
    int64_t count = batch->rows * batch->steps;
    double *labels = dstn_alloc((size_t)count + 1, sizeof(double));
    for (int64_t r = 0; r < count; r++) {
        labels[r] = (double)batch->labels[r];
    }
    tools_trace_put_rows(trace, batch, tools_trace_steps(trace, batch, (dstn_shape){0}), labels, "labels");
    free(labels);
}

/* The examples as they were before augmentation. */
static void put_plain(tools_trace *trace, const dstn_batch *batch) {
    const dstn_job *job = trace->job;
    if (batch->part != DSTN_PART_TRAIN || dstn_augment_is_empty(job->augment)) {
        return;
    }
    dstn_batch plain;
    dstn_arena *arena = dstn_arena_new();
    if (dstn_batch_bind(&plain, job->dataset, job->kernel, batch->rows, 1, arena)) {
        dstn_batch_fill(&plain, job->dataset, job->kernel, batch->part, batch->indices, 1, batch->rows,
                        batch->first_row, batch->global_rows, NULL);
        tools_trace_put_stored(trace, batch, tools_trace_input(trace), plain.x, "plain");
    }
    dstn_arena_destroy(arena);
}

/* Whether no pass of the step takes more rows: those that are perturbed take all samples of its examples. */
static bool has_all_rows(const tools_trace *trace, const dstn_objective *objective) {
    return objective->perturbed || !trace->job->method->tunes;
}

static void put_batch(tools_trace *trace, const dstn_evaluation *evaluation) {
    dstn_shape hypers = {.rank = 1, .dims = {trace->job->space->count}};
    put_rows_of_source(trace, evaluation->batch);
    put_answers(trace, evaluation->batch);
    put_plain(trace, evaluation->batch);
    tools_trace_put_words(trace, evaluation->batch);
    tools_trace_put_kept(trace, evaluation->batch);
    if (evaluation->perturbation.noise) {
        tools_trace_put_rows(trace, evaluation->batch, hypers, evaluation->perturbation.noise, "noise");
        tools_trace_put_rows(trace, evaluation->batch, hypers, evaluation->perturbation.epsilon, "epsilon");
    }
}

/* ---- a pass ---- */

/* What a layer multiplied its input by at random in this pass; nothing where it doesn't. */
static void put_factors(tools_trace *trace, const dstn_evaluation *evaluation, const dstn_layer *layer) {
    if (!dstn_layer_factor(layer, NULL, 0, NULL)) {
        return;
    }
    const dstn_batch *batch = evaluation->batch;
    dstn_pass pass = {.training = true, .rows = batch->rows, .steps = batch->steps, .values = evaluation->values};
    int64_t rows = batch->rows * batch->steps, count = dstn_shape_count(layer->in);
    double *factors = dstn_alloc((size_t)(rows * count) + 1, sizeof(double));
    for (int64_t r = 0; r < rows; r++) {
        dstn_layer_factor(layer, &pass, r, factors + r * count);
    }
    tools_trace_put_rows(trace, batch, tools_trace_steps(trace, batch, layer->in), factors, "dropout/%s/%d",
                         evaluation->objective->name, layer->index);
    free(factors);
}

/* "weight", "h2h" of an LSTM's weights from step to step, or "words" of a table. */
static char *name_of_mask(const dstn_response_map *map) {
    const char *name = map->weight->name, *end = strstr(name, "general_weight");
    int length = (int)(end - name);
    return map->is_table ? dstn_strdup("words")
                         : dstn_format("%.*s", length > 0 ? length - 1 : 6, length > 0 ? name : "weight");
}

/* What was dropped of a layer's weights, which is the same for the whole batch; of words at each example's own rate. */
static void put_masks(tools_trace *trace, const dstn_evaluation *evaluation, const dstn_layer *layer) {
    const dstn_batch *batch = evaluation->batch;
    const dstn_pass pass = {.training = true, .rows = batch->rows, .steps = batch->steps, .values = evaluation->values};
    const dstn_response_map *map;
    for (int i = 0; (map = dstn_layer_map(layer, i)) != NULL; i++) {
        if (!dstn_response_map_mask(map, &pass, 0, NULL)) {
            continue;
        }
        const dstn_parameter *weight = map->weight;
        int64_t count = map->is_table ? map->in : weight->count, examples = map->is_table ? batch->rows : 1;
        double *factors = dstn_alloc((size_t)(examples * count) + 1, sizeof(double));
        char *name = name_of_mask(map);
        for (int64_t b = 0; b < examples; b++) {
            dstn_response_map_mask(map, &pass, b, factors + b * count);
        }
        if (map->is_table) {
            tools_trace_put_rows(trace, batch, (dstn_shape){.rank = 1, .dims = {count}}, factors, "dropout/%s/%d/%s",
                                 evaluation->objective->name, layer->index, name);
        } else {
            tools_trace_put_step(trace, weight->rank, weight->shape, factors, "dropout/%s/%d/%s",
                                 evaluation->objective->name, layer->index, name);
        }
        free(name);
        free(factors);
    }
}

static void put_pass(tools_trace *trace, const dstn_evaluation *evaluation) {
    const dstn_objective *objective = evaluation->objective;
    const dstn_batch *batch = evaluation->batch;
    dstn_model *model = trace->job->model;
    dstn_shape hypers = {.rank = 1, .dims = {trace->job->space->count}};
    if (batch->x) {
        tools_trace_put_stored(trace, batch, tools_trace_input(trace), batch->x, "x/%s", objective->name);
    }
    tools_trace_put_rows(trace, batch, hypers, evaluation->values, "values/%s", objective->name);
    for (int l = 0; objective->part == DSTN_PART_TRAIN && l < model->layer_count; l++) {
        put_factors(trace, evaluation, model->layers[l]);
        put_masks(trace, evaluation, model->layers[l]);
    }
    tools_trace_put_stored(trace, batch, model->out, dstn_model_output(model), "output/%s", objective->name);
    if (objective->kind == DSTN_PASS_LINEARIZED) {
        tools_trace_put_stored(trace, batch, model->out, dstn_model_tangent(model), "tangent");
    }
    double sums[] = {evaluation->loss, evaluation->penalty};
    dstn_group_sum(trace->job->group, sums, 2);
    tools_trace_put_step(trace, 0, NULL, &sums[0], "loss/%s", objective->name);
    tools_trace_put_step(trace, 0, NULL, &sums[1], "penalty/%s", objective->name);
    if (evaluation->dz) {
        tools_trace_put_rows(trace, batch, hypers, evaluation->dz, "dz/%s", objective->name);
    }
}

static void on_pass(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation) {
    (void)trainer;
    tools_trace *trace = self;
    if (trace->pass_count == 0) {
        snprintf(trace->group, sizeof(trace->group), "steps/%04lld", (long long)trace->steps);
    }
    if (has_all_rows(trace, evaluation->objective)) {
        put_batch(trace, evaluation);
    }
    trace->passes[trace->pass_count++] = evaluation->objective;
    put_pass(trace, evaluation);
}

/* ---- gradients and updates ---- */

static void put_weight_gradients(tools_trace *trace, const dstn_objective *objective) {
    const dstn_model *model = trace->job->model;
    char *prefix = dstn_format("%s/grad/%s", trace->group, objective->name);
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (objective->grad[r]) {
            tools_trace_put_range(trace, (dstn_range)r, model->gradient[r], prefix);
        }
    }
    free(prefix);
}

static void on_gradient(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    (void)trainer;
    tools_trace *trace = self;
    int64_t count = trace->job->space->count;
    if (gradient) {
        tools_trace_put_step(trace, 1, &count, gradient->lambda, "grad/lambda");
        tools_trace_put_step(trace, 1, &count, gradient->raw_scale, "grad/raw_scale");
        return;
    }
    for (int p = 0; p < trace->pass_count; p++) {
        put_weight_gradients(trace, trace->passes[p]);
    }
}

static void on_update(void *self, dstn_trainer *trainer) {
    tools_trace *trace = self;
    const dstn_space *space = trace->job->space;
    const dstn_progress *progress = dstn_trainer_progress(trainer);
    bool is_hyper = trace->passes[0]->part == DSTN_PART_VALID;
    int64_t count = space->count;
    const dstn_state_entry *rate =
        dstn_state_find(&trace->state, is_hyper ? "optimizer/lambda/rate" : "optimizer/general/rate");
    tools_trace_put_step(trace, 0, NULL, rate->data, "rate");
    tools_trace_put_step(trace, 1, &count, space->lambda, "lambda");
    tools_trace_put_step(trace, 1, &count, space->raw_scale, "raw_scale");
    if (trace->writer) {
        dstn_writer_text(trace->writer, trace->group, "kind", is_hyper ? "hyper" : "train");
        dstn_writer_integer(trace->writer, trace->group, "step", progress->step);
        dstn_writer_integer(trace->writer, trace->group, "hyper_step", progress->hyper_step);
        dstn_writer_integer(trace->writer, trace->group, "epoch", progress->epoch);
    }
    trace->pass_count = 0;
    trace->steps++;
}

dstn_listener tools_trace_listener(tools_trace *trace) {
    return (dstn_listener){trace, on_pass, on_gradient, on_update};
}
