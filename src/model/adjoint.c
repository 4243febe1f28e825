/* The adjoint pass, from the loss's gradient down: in each segment first row by row what lies above its batch layer, a
 * block at a time, then what that layer does with a part of the rows. */
#include "model_private.h"

typedef struct adjoint_call {
    const model_work *work;
    const model_step *step;
    dstn_rows rows;
} adjoint_call;

static void *kept(const adjoint_call *call, void *array, dstn_shape shape) {
    return model_rows_of(call->work->model, array, call->rows.first, shape);
}

static void keep(const adjoint_call *call, dstn_shape shape, const void *delta, void *array) {
    model_settle(call->work->model, call->rows.count, shape, delta, kept(call, array, shape));
}

/* Both branches get δ: the one that lies below in the chain takes it from here, the other where it ends. */
static void *adjoint_of_join(const adjoint_call *call, void *dy) {
    const model_step *step = call->step;
    const model_branch *branch = step->branch;
    if (!branch->has_shortcut && branch->in_moves) {
        keep(call, step->out, dy, branch->adjoint);
    }
    if (branch->has_shortcut && branch->main_moves) {
        keep(call, step->out, dy, branch->main_adjoint);
    }
    return step->in_moves ? dy : NULL;
}

/* The shortcut is done: on with the list of layers. */
static void *adjoint_of_turn(const adjoint_call *call, const void *dy) {
    const model_step *step = call->step;
    const model_branch *branch = step->branch;
    if (branch->in_moves) {
        keep(call, step->out, dy, branch->adjoint);
    }
    return branch->main_moves ? kept(call, branch->main_adjoint, step->in) : NULL;
}

static void *adjoint_of_fork(const adjoint_call *call, const void *dy, void *target) {
    const dstn_kernel *kernel = call->work->model->kernel;
    int64_t count = call->rows.count * dstn_shape_count(call->step->in);
    kernel->copy(kernel, count, dy, target);
    kernel->axpy(kernel, count, 1, kept(call, call->step->branch->adjoint, call->step->in), target);
    return target;
}

/* In place: nobody else wants the adjoint that passes through here. */
static void *adjoint_of_tap(const adjoint_call *call, void *dy) {
    const model_step *step = call->step;
    const dstn_kernel *kernel = call->work->model->kernel;
    if (step->tap->has_adjoint) {
        kernel->axpy(kernel, call->rows.count * dstn_shape_count(step->in), 1, kept(call, step->tap->adjoint, step->in),
                     dy);
    }
    return dy;
}

/* One step above the batch layer, from `dy` (NULL: none is wanted) to `target` if it writes anything; returns where the
 * adjoint of its input is. */
static void *adjoint_of(const adjoint_call *call, void *dy, void *target) {
    const model_step *step = call->step;
    if (step->kind == STEP_TURN) {
        return adjoint_of_turn(call, dy);
    }
    if (!step->out_moves) {
        return NULL;
    }
    switch (step->kind) {
    case STEP_ROWS:
        step->layer->type->rows.adjoint(step->layer, call->work->pass, call->rows, dy, target);
        return target;
    case STEP_FORK:
        return adjoint_of_fork(call, dy, target);
    case STEP_JOIN:
        return adjoint_of_join(call, dy);
    case STEP_TAP:
        return adjoint_of_tap(call, dy);
    default:
        return dy;
    }
}

static bool writes_scratch(const model_step *step) {
    return step->kind == STEP_ROWS || step->kind == STEP_FORK;
}

static void adjoint_block(void *context, int64_t at, int64_t count, int thread) {
    const model_work *work = context;
    const dstn_model *model = work->model;
    const model_segment *segment = work->segment;
    const model_step *steps = model->chain->steps, *head = &steps[segment->first];
    void *dy = steps[segment->last].out_moves ? model_rows_of(model, work->dy, at, steps[segment->last].out) : NULL;
    void *below = model_rows_of(model, work->below, at, head->out);
    adjoint_call call = {.work = work, .rows = {.first = work->part.first + at, .count = count, .at = at}};
    int turn = 0;
    for (int i = segment->last; i > segment->first; i--) {
        call.step = &steps[i];
        dy = adjoint_of(&call, dy, i == segment->adjoint_writer ? below : model_scratch_of(model, thread, turn));
        turn ^= writes_scratch(&steps[i]);
    }
    if (head->out_moves) {
        model_settle(model, count, head->out, dy, below);
        head->layer->type->batch.adjoint_rows(head->layer, work->pass, call.rows, below);
    }
}

/* From dy, one of the two arrays of adjoints, to that of the segment's input, which is returned. */
static void *adjoint_segment(const dstn_model *model, const dstn_pass *pass, int index, void *dy) {
    const model_chain *chain = model->chain;
    const model_segment *segment = &chain->segments[index];
    const model_step *head = &chain->steps[segment->first];
    const void *x = model_segment_in(model, index);
    void *dx = dy == chain->delta[0] ? chain->delta[1] : chain->delta[0];
    model_work work = {.model = model, .pass = pass, .segment = segment};
    int64_t rows = dstn_pass_rows(pass).count;
    for (int64_t first = 0; first < rows; first += work.part.count) {
        work.part = model_part_from(pass, segment, first);
        work.dy = model_rows_of(model, dy, first, chain->steps[segment->last].out);
        work.below = segment->keeps_dy ? work.dy : chain->product[2];
        model_for_blocks(&work, adjoint_block);
        if (head->out_moves) {
            head->layer->type->batch.adjoint(head->layer, pass, work.part, model_rows_of(model, x, first, head->in),
                                             work.below,
                                             head->in_moves ? model_rows_of(model, dx, first, head->in) : NULL);
        }
    }
    return dx;
}

/* The gradients of a layer's own parameters are final: all layers that share them come later in the list, and were
 * before it on the way down. What nothing has added to is zero. */
static void announce(const dstn_model *model, const dstn_pass *pass, dstn_layer *layer, dstn_range range) {
    int64_t first = -1, count = 0;
    for (int p = 0; p < layer->parameter_count; p++) {
        dstn_parameter *parameter = &layer->parameters[p];
        if (parameter->range == range && !dstn_parameter_is_shared(parameter)) {
            dstn_parameter_open(parameter, model->kernel);
            first = first < 0 || parameter->offset < first ? parameter->offset : first;
            count += parameter->count;
        }
    }
    if (count > 0 && pass->on_gradient_ready) {
        pass->on_gradient_ready(pass->user, range, first, count);
    }
}

/* A headless segment, the first one, has nothing below it that moves. */
static bool has_adjoint(const model_chain *chain, const model_segment *segment) {
    for (int i = segment->first; i <= segment->last; i++) {
        if (chain->steps[i].out_moves || (chain->steps[i].kind == STEP_TURN && chain->steps[i].in_moves)) {
            return true;
        }
    }
    return false;
}

void dstn_model_adjoint(dstn_model *model, const dstn_pass *pass) {
    const model_chain *chain = model->chain;
    void *dy = chain->delta[0];
    for (int i = chain->segment_count - 1; i >= 0; i--) {
        if (!has_adjoint(chain, &chain->segments[i])) {
            continue;
        }
        dy = adjoint_segment(model, pass, i, dy);
        for (int r = 0; r < DSTN_RANGES; r++) {
            dstn_layer *layer = chain->steps[chain->segments[i].first].layer;
            if (dstn_pass_wants(pass, (dstn_range)r)) {
                announce(model, pass, layer, (dstn_range)r);
            }
        }
    }
}
