/* The forward pass and the tangent pass, from the input up: in each segment first what its batch layer does with a part
 * of the rows, then the rest for a block of rows at a time. */
#include "model_private.h"

/* Rows `rows` of the pass; those of the part's arrays begin at `at`. */
typedef struct step_call {
    const model_work *work;
    const model_step *step;
    dstn_rows rows;
    int64_t at;
} step_call;

/* Rows of an array that a branch keeps. */
static void *kept(const step_call *call, void *array, dstn_shape shape) {
    return model_rows_of(call->work->model, array, call->rows.first, shape);
}

static void keep(const step_call *call, dstn_shape shape, const void *value, void *array) {
    model_settle(call->work->model, call->rows.count, shape, value, kept(call, array, shape));
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void add(const step_call *call, const void *value, const void *other, void *out) {
    const dstn_kernel *kernel = call->work->model->kernel;
    int64_t count = call->rows.count * dstn_shape_count(call->step->out);
    kernel->copy(kernel, count, value, out);
    kernel->axpy(kernel, count, 1, other, out);
}

/* One step, from `in` to `target` if it writes anything; returns where its output is. */
static const void *value_of(const step_call *call, const void *in, void *target) {
    const model_step *step = call->step;
    const model_branch *branch = step->branch;
    dstn_layer *layer = step->layer;
    switch (step->kind) {
    case STEP_BATCH:
        layer->type->batch.forward_rows(layer, call->work->pass, call->rows, in, target);
        return target;
    case STEP_ROWS:
        layer->type->rows.forward(layer, call->work->pass, call->rows, in, target);
        return target;
    case STEP_SHAPE:
        return in;
    case STEP_FORK:
        keep(call, step->in, in, branch->value);
        return in;
    case STEP_TURN:
        keep(call, step->in, in, branch->main);
        return kept(call, branch->value, step->out);
    case STEP_JOIN:
        add(call, in, kept(call, branch->has_shortcut ? branch->main : branch->value, step->out), target);
        return target;
    case STEP_TAP:
        keep(call, step->in, in, step->tap->value);
        return in;
    }
    return in;
}

/* ---- tangents ---------------------------------------------------------------------------------------------------- */

/* The sum of those of the two tangents that there are. */
static const void *join_tangents(const step_call *call, const void *in, void *target) {
    const model_step *step = call->step;
    const model_branch *branch = step->branch;
    bool has_other = branch->has_shortcut ? branch->main_moves : branch->in_moves;
    const void *other = kept(call, branch->has_shortcut ? branch->main_tangent : branch->tangent, step->out);
    if (step->in_moves && has_other) {
        add(call, in, other, target);
    } else {
        model_settle(call->work->model, call->rows.count, step->out, step->in_moves ? in : other, target);
    }
    return target;
}

/* What regularizers look at is o + ȯ (Sec. 3.3). */
static void tap_tangent(const step_call *call, const void *in) {
    const model_step *step = call->step;
    const dstn_kernel *kernel = call->work->model->kernel;
    kernel->axpy(kernel, call->rows.count * dstn_shape_count(step->in), 1, in, kept(call, step->tap->value, step->in));
}

/* Likewise for the tangent; NULL where it is zero. `x` is the input itself. */
static const void *tangent_of(const step_call *call, const void *x, const void *in, void *target) {
    const model_step *step = call->step;
    const model_branch *branch = step->branch;
    dstn_layer *layer = step->layer;
    if (step->kind == STEP_TURN) {
        if (branch->main_moves) {
            keep(call, step->in, in, branch->main_tangent);
        }
        return branch->in_moves ? kept(call, branch->tangent, step->out) : NULL;
    }
    if (!step->out_moves) {
        return NULL;
    }
    switch (step->kind) {
    case STEP_BATCH:
        layer->type->batch.tangent_rows(layer, call->work->pass, call->rows, x, in, target);
        return target;
    case STEP_ROWS:
        layer->type->rows.tangent(layer, call->work->pass, call->rows, in, target);
        return target;
    case STEP_FORK:
        keep(call, step->in, in, branch->tangent);
        return in;
    case STEP_JOIN:
        return join_tangents(call, in, target);
    case STEP_TAP:
        tap_tangent(call, in);
        return in;
    default:
        return in;
    }
}

/* ---- segments ---------------------------------------------------------------------------------------------------- */

/* Where step i writes: the segment's output, what its batch layer left, or one of two scratch arrays. */
static void *target_of(const model_work *work, int i, int64_t at, int thread, int turn, bool is_tangent) {
    const model_chain *chain = work->model->chain;
    dstn_shape shape = chain->steps[i].out;
    if (i == work->segment->writer) {
        return model_rows_of(work->model, is_tangent ? work->out_tangent : work->out, at, shape);
    }
    if (chain->steps[i].kind == STEP_BATCH) {
        return model_rows_of(work->model, is_tangent ? work->product_tangent : work->product, at, shape);
    }
    return model_scratch_of(work->model, thread, 2 * is_tangent + turn);
}

static bool writes_scratch(const model_step *step) {
    return step->kind == STEP_ROWS || step->kind == STEP_JOIN;
}

static void forward_block(void *context, int64_t at, int64_t count, int thread) {
    const model_work *work = context;
    const dstn_model *model = work->model;
    const model_segment *segment = work->segment;
    const model_step *steps = model->chain->steps;
    dstn_shape in = steps[segment->first].in, out = steps[segment->last].out;
    const void *value = model_rows_of(model, work->in, at, in),
               *tangent = model_rows_of(model, work->in_tangent, at, in);
    bool is_linearized = work->pass->kind == DSTN_PASS_LINEARIZED;
    step_call call = {.work = work, .rows = {.first = work->part.first + at, .count = count, .at = at}};
    int turn = 0; /* scratch arrays alternate from one step that writes to the next */
    for (int i = segment->first; i <= segment->last; i++) {
        const void *x = value;
        call.step = &steps[i];
        value = value_of(&call, x, target_of(work, i, at, thread, turn, false));
        if (is_linearized) {
            tangent = tangent_of(&call, x, tangent, target_of(work, i, at, thread, turn, true));
        }
        turn ^= writes_scratch(&steps[i]);
    }
    model_settle(model, count, out, value, model_rows_of(model, work->out, at, out));
    if (tangent) {
        model_settle(model, count, out, tangent, model_rows_of(model, work->out_tangent, at, out));
    }
}

static void forward_part(model_work *work) {
    const model_chain *chain = work->model->chain;
    const model_segment *segment = work->segment;
    const model_step *head = &chain->steps[segment->first];
    dstn_layer *layer = head->layer;
    if (head->kind == STEP_BATCH) {
        bool is_writer = segment->writer == segment->first;
        work->product = is_writer ? work->out : chain->product[0];
        work->product_tangent = is_writer ? work->out_tangent : chain->product[1];
        layer->type->batch.forward(layer, work->pass, work->part, work->in, work->product);
        if (work->pass->kind == DSTN_PASS_LINEARIZED && head->out_moves) {
            layer->type->batch.tangent(layer, work->pass, work->part, work->in, work->in_tangent,
                                       work->product_tangent);
        }
    }
    model_for_blocks(work, forward_block);
}

static void forward_segment(const dstn_model *model, const dstn_pass *pass, int index) {
    const model_chain *chain = model->chain;
    const model_segment *segment = &chain->segments[index];
    dstn_shape in = chain->steps[segment->first].in, out = chain->steps[segment->last].out;
    const void *x = model_segment_in(model, index);
    const void *tangent = pass->kind == DSTN_PASS_LINEARIZED ? model_segment_in_tangent(model, index) : NULL;
    model_work work = {.model = model, .pass = pass, .segment = segment};
    int64_t rows = dstn_pass_rows(pass).count;
    for (int64_t first = 0; first < rows; first += work.part.count) {
        work.part = model_part_from(pass, segment, first);
        work.in = model_rows_of(model, x, first, in);
        work.in_tangent = model_rows_of(model, tangent, first, in);
        work.out = model_rows_of(model, segment->out, first, out);
        work.out_tangent = model_rows_of(model, segment->out_tangent, first, out);
        forward_part(&work);
    }
}

const void *dstn_model_forward(dstn_model *model, const dstn_pass *pass, const void *x) {
    model_chain *chain = model->chain;
    const dstn_kernel *kernel = model->kernel;
    chain->x = x;
    chain->is_linearized = pass->kind == DSTN_PASS_LINEARIZED;
    for (int l = 0; l < model->layer_count; l++) {
        dstn_layer_begin(model->layers[l], pass);
    }
    for (int i = 0; i < chain->tap_count; i++) {
        chain->taps[i]->has_adjoint = false;
    }
    for (int i = 0; i < chain->segment_count; i++) {
        forward_segment(model, pass, i);
    }
    if (chain->is_linearized) {
        int64_t count = dstn_pass_rows(pass).count * dstn_shape_count(model->out);
        kernel->copy(kernel, count, dstn_model_output(model), chain->prediction);
        kernel->axpy(kernel, count, 1, dstn_model_tangent(model), chain->prediction);
    }
    return dstn_model_prediction(model);
}

/* ---- what it left ------------------------------------------------------------------------------------------------ */

const void *dstn_model_output(const dstn_model *model) {
    return model->chain->segments[model->chain->segment_count - 1].out;
}

const void *dstn_model_tangent(const dstn_model *model) {
    return model->chain->segments[model->chain->segment_count - 1].out_tangent;
}

const void *dstn_model_prediction(const dstn_model *model) {
    return model->chain->is_linearized ? model->chain->prediction : dstn_model_output(model);
}
