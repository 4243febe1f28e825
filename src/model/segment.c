/* Segments: where the chain of steps is cut, and what each piece keeps. */
#include "model_private.h"

/* Values that a block of rows should have at most, so that it stays in the second-level cache with its masks; and those
 * of a part of images for each thread. */
enum { BLOCK_VALUES = 1 << 13, PART_VALUES = 1 << 17 };

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* ---- cutting ----------------------------------------------------------------------------------------------------- */

/* A new segment begins with every batch layer. */
static void cut(model_chain *chain) {
    chain->segments = dstn_alloc((size_t)chain->step_count, sizeof(model_segment));
    for (int i = 0; i < chain->step_count; i++) {
        if (i == 0 || chain->steps[i].kind == STEP_BATCH) {
            chain->segments[chain->segment_count++].first = i;
        }
        chain->segments[chain->segment_count - 1].last = i;
    }
}

/* Values pass through these steps as they are, on the way up and on the way down. */
static bool passes_up(const model_step *step) {
    return step->kind == STEP_SHAPE || step->kind == STEP_FORK || step->kind == STEP_TAP;
}

static bool passes_down(const model_step *step) {
    return step->kind == STEP_SHAPE || step->kind == STEP_JOIN || step->kind == STEP_TAP;
}

static void find_writers(const model_chain *chain, model_segment *segment) {
    int up = segment->last, down = segment->first + 1;
    while (up >= segment->first && passes_up(&chain->steps[up])) {
        up--;
    }
    while (down <= segment->last && passes_down(&chain->steps[down])) {
        down++;
    }
    segment->writer = up;
    segment->adjoint_writer = down;
    segment->keeps_dy = down > segment->last;
}

/* ---- how many rows at a time ------------------------------------------------------------------------------------- */

static int64_t data_rows(const dstn_model *model) {
    return model->max_rows * model->max_steps;
}

/* Whole examples, at least one and at most all. */
static int64_t whole_examples(const dstn_model *model, int64_t rows) {
    int64_t whole = rows / model->max_steps * model->max_steps;
    return whole < model->max_steps ? model->max_steps : whole < data_rows(model) ? whole : data_rows(model);
}

/* The most values of a row between two steps of the segment. */
static int64_t width_within(const dstn_model *model, const model_segment *segment) {
    int64_t width = 1;
    for (int i = segment->first; i <= segment->last; i++) {
        width = larger(width, dstn_shape_count(model->chain->steps[i].out));
    }
    return width;
}

/* As many rows as fill the caches of all threads, in parts of nearly one size; 0: all, in one. */
static int64_t choose_part(const dstn_model *model, int64_t values, int64_t wanted) {
    int64_t rows = data_rows(model);
    int64_t fit = wanted > 0 ? wanted : values > 0 ? dstn_kernel_threads() * PART_VALUES / values : rows;
    if (values == 0 || fit >= rows) {
        return 0;
    }
    int64_t parts = fit < 1 ? rows : (rows + fit - 1) / fit;
    return whole_examples(model, (rows + parts - 1) / parts);
}

static void choose_rows(dstn_model *model, model_segment *segment, const dstn_model_request *request) {
    dstn_layer *head = model->chain->steps[segment->first].layer;
    int64_t fit = request->block > 0 ? request->block : BLOCK_VALUES / width_within(model, segment);
    segment->block = whole_examples(model, fit);
    if (model->chain->steps[segment->first].kind == STEP_BATCH) {
        segment->part = head->part = choose_part(model, head->type->batch.part_values(head), request->part);
    }
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static void *take(const dstn_model *model, int64_t rows, int64_t width) {
    return dstn_arena_take(model->arena, (size_t)(rows * width) * model->kernel->size);
}

static bool bind_segment(dstn_model *model, model_segment *segment) {
    model_chain *chain = model->chain;
    int64_t width = dstn_shape_count(chain->steps[segment->last].out);
    chain->scratch_width = larger(chain->scratch_width, segment->block * width_within(model, segment));
    segment->out = take(model, data_rows(model), width);
    segment->out_tangent = take(model, data_rows(model), width);
    return segment->out && segment->out_tangent;
}

static bool bind_branch(const dstn_model *model, model_branch *branch) {
    int64_t rows = data_rows(model), in = dstn_shape_count(branch->in), out = dstn_shape_count(branch->out);
    branch->value = take(model, rows, in);
    branch->tangent = take(model, rows, in);
    branch->adjoint = take(model, rows, in);
    if (branch->has_shortcut) {
        branch->main = take(model, rows, out);
        branch->main_tangent = take(model, rows, out);
        branch->main_adjoint = take(model, rows, out);
    }
    bool has_main = branch->main && branch->main_tangent && branch->main_adjoint;
    return branch->value && branch->tangent && branch->adjoint && (has_main || !branch->has_shortcut);
}

static bool bind_tap(const dstn_model *model, dstn_tap *tap) {
    int64_t width = dstn_shape_count(tap->layer->out);
    tap->value = take(model, data_rows(model), width);
    tap->adjoint = take(model, data_rows(model), width);
    return tap->value && tap->adjoint;
}

/* Values of what the batch layer of a segment leaves for the steps above it. */
static int64_t largest_product(const dstn_model *model) {
    const model_chain *chain = model->chain;
    int64_t most = 0;
    for (int i = 0; i < chain->segment_count; i++) {
        const model_segment *segment = &chain->segments[i];
        int64_t rows = segment->part > 0 ? segment->part : data_rows(model);
        int64_t values = rows * dstn_shape_count(chain->steps[segment->first].out);
        most = segment->last > segment->first ? larger(most, values) : most;
    }
    return most;
}

/* Of the inputs and outputs of segments. */
static int64_t widest(const dstn_model *model) {
    int64_t width = dstn_shape_count(model->in);
    for (int i = 0; i < model->chain->segment_count; i++) {
        width = larger(width, dstn_shape_count(model->chain->steps[model->chain->segments[i].last].out));
    }
    return width;
}

static bool bind_chain(dstn_model *model) {
    model_chain *chain = model->chain;
    for (int i = 0; i < 2; i++) {
        chain->delta[i] = take(model, data_rows(model), widest(model));
    }
    for (int i = 0; i < 3; i++) {
        chain->product[i] = take(model, largest_product(model), 1);
    }
    chain->prediction = take(model, data_rows(model), dstn_shape_count(model->out));
    chain->scratch = take(model, dstn_kernel_threads(), 4 * chain->scratch_width);
    return chain->prediction && chain->delta[0] && chain->delta[1] && chain->product[0] && chain->product[1] &&
           chain->product[2] && chain->scratch;
}

bool model_bind_segments(dstn_model *model, const dstn_model_request *request) {
    model_chain *chain = model->chain;
    bool is_bound = true;
    cut(chain);
    for (int i = 0; i < chain->segment_count; i++) {
        find_writers(chain, &chain->segments[i]);
        choose_rows(model, &chain->segments[i], request);
        is_bound = is_bound && bind_segment(model, &chain->segments[i]);
    }
    for (int i = 0; i < chain->branch_count; i++) {
        is_bound = is_bound && bind_branch(model, chain->branches[i]);
    }
    for (int i = 0; i < chain->tap_count; i++) {
        is_bound = is_bound && bind_tap(model, chain->taps[i]);
    }
    for (int l = 0; l < model->layer_count; l++) {
        is_bound = is_bound && dstn_layer_bind(model->layers[l], model->arena);
    }
    for (int r = 0; r < model->regularizer_count; r++) {
        is_bound = is_bound && model->regularizers[r]->type->bind(model->regularizers[r], model->arena);
    }
    return is_bound && bind_chain(model);
}
