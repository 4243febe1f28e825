/* Passes over a whole model: forward and tangent from the input up, loss and penalties, adjoint from the output down.
 */
#include "model_private.h"

/* One segment of one pass, as the work on its rows sees it. */
typedef struct segment_work {
    const dstn_model *model;
    const dstn_pass *pass;
    const dstn_segment *segment;
    int source;     /* model_first_source */
    dstn_rows part; /* the rows that the arrays below begin with and are worked on now */
    const void *in, *in_tangent;
    void *product, *product_tangent; /* what its first layer left; NULL: that works row by row too */
    void *out, *out_tangent;
} segment_work;

static void *rows_of(const dstn_model *model, const void *array, int64_t row, dstn_shape shape) {
    return array ? (char *)array + (size_t)(row * dstn_shape_count(shape)) * model->kernel->size : NULL;
}

/* Scratch array 0 … 3 of a thread, for a block of rows between two layers. */
static void *scratch_of(const dstn_model *model, int thread, int which) {
    size_t block = (size_t)model->scratch_width * model->kernel->size;
    return (char *)model->scratch + (size_t)(4 * thread + which) * block;
}

/* ---- forward and tangent ----------------------------------------------------------------------------------------- */

/* One layer on some rows, from x to y; returns where the output is. */
static const void *forward_one(const segment_work *work, dstn_layer *layer, dstn_rows rows, const void *x, void *y) {
    if (!layer->type->forward_rows) {
        return layer->type->forward ? y : x;
    }
    layer->type->forward_rows(layer, work->pass, rows, x, y);
    return y;
}

static const void *tangent_one(const segment_work *work, dstn_layer *layer, dstn_rows rows, const void *x, void *y) {
    if (!layer->type->tangent_rows) {
        return layer->type->tangent ? y : x;
    }
    if (!x && !layer->type->tangent) {
        work->model->kernel->fill(work->model->kernel, rows.count * dstn_shape_count(layer->out), 0, y);
        return y;
    }
    layer->type->tangent_rows(layer, work->pass, rows, x, y);
    return y;
}

/* Where a layer of the segment writes: what its first layer left, one of two scratch arrays, or the output. */
static void *target_of(const segment_work *work, int l, dstn_rows rows, int thread, int turn, bool is_tangent) {
    const dstn_model *model = work->model;
    dstn_shape shape = model->layers[l]->out;
    int64_t at = rows.first - work->part.first;
    if (l == work->segment->last) {
        return rows_of(model, is_tangent ? work->out_tangent : work->out, at, shape);
    }
    if (l == work->segment->first && work->product) {
        return rows_of(model, is_tangent ? work->product_tangent : work->product, at, shape);
    }
    return scratch_of(model, thread, 2 * is_tangent + turn);
}

/* What only changes shape may end a segment; its output is copied then. */
static void settle(const dstn_model *model, dstn_rows rows, dstn_shape shape, const void *value, void *out) {
    if (value != out) {
        model->kernel->copy(model->kernel, rows.count * dstn_shape_count(shape), value, out);
    }
}

static void forward_block(void *context, int64_t at, int64_t count, int thread) {
    const segment_work *work = context;
    const dstn_model *model = work->model;
    const dstn_segment *segment = work->segment;
    dstn_rows rows = {work->part.first + at, count};
    dstn_shape shape = model->layers[segment->first]->in, end = model->layers[segment->last]->out;
    const void *value = rows_of(model, work->in, at, shape), *tangent = rows_of(model, work->in_tangent, at, shape);
    bool is_linearized = work->pass->kind == DSTN_PASS_LINEARIZED && segment->last >= work->source;
    int turn = 0; /* scratch arrays alternate from one layer that writes to the next */
    for (int l = segment->first; l <= segment->last; l++) {
        dstn_layer *layer = model->layers[l];
        value = forward_one(work, layer, rows, value, target_of(work, l, rows, thread, turn, false));
        if (is_linearized && l >= work->source) {
            tangent = tangent_one(work, layer, rows, tangent, target_of(work, l, rows, thread, turn, true));
        }
        turn ^= layer->type->forward_rows != NULL;
    }
    settle(model, rows, end, value, rows_of(model, work->out, at, end));
    if (is_linearized) {
        settle(model, rows, end, tangent, rows_of(model, work->out_tangent, at, end));
    }
}

static void forward_part(segment_work *work) {
    const dstn_segment *segment = work->segment;
    const dstn_pass *pass = work->pass;
    dstn_layer *head = work->model->layers[segment->first];
    if (head->type->forward) {
        bool is_alone = segment->first == segment->last;
        work->product = is_alone ? work->out : work->model->product[0];
        work->product_tangent = is_alone ? work->out_tangent : work->model->product[1];
        head->type->forward(head, pass, work->part, work->in, work->product);
        if (pass->kind == DSTN_PASS_LINEARIZED && segment->first >= work->source) {
            head->type->tangent(head, pass, work->part, work->in_tangent, work->product_tangent);
        }
    }
    dstn_kernel_for_rows(work->part.count, segment->block, forward_block, work);
}

/* Part `first` … of the pass's rows, as the first layer of the segment wants them. */
static dstn_rows part_from(const dstn_model *model, const dstn_pass *pass, const dstn_segment *segment, int64_t first) {
    int64_t part = model->layers[segment->first]->part, left = pass->rows - first;
    return (dstn_rows){first, part > 0 && part < left ? part : left};
}

static void forward_segment(const dstn_model *model, const dstn_pass *pass, int index, const void *x,
                            const void *x_tangent) {
    const dstn_segment *segment = &model->segments[index];
    dstn_shape in = model->layers[segment->first]->in, out = model->layers[segment->last]->out;
    segment_work work = {.model = model, .pass = pass, .segment = segment, .source = model_first_source(model)};
    for (int64_t first = 0; first < pass->rows; first += work.part.count) {
        work.part = part_from(model, pass, segment, first);
        work.in = rows_of(model, x, first, in);
        work.in_tangent = rows_of(model, x_tangent, first, in);
        work.out = rows_of(model, segment->out, first, out);
        work.out_tangent = rows_of(model, segment->out_tangent, first, out);
        forward_part(&work);
    }
}

const void *dstn_model_forward(dstn_model *model, const dstn_pass *pass, const void *x) {
    int source = model_first_source(model);
    const void *tangent = NULL;
    for (int i = 0; i < model->segment_count; i++) {
        forward_segment(model, pass, i, x, tangent);
        x = model->segments[i].out;
        tangent = model->segments[i].last >= source ? model->segments[i].out_tangent : NULL;
    }
    if (pass->kind != DSTN_PASS_LINEARIZED) {
        return x;
    }
    int64_t count = pass->rows * dstn_shape_count(model->out);
    model->kernel->copy(model->kernel, count, x, model->prediction);
    model->kernel->axpy(model->kernel, count, 1, tangent, model->prediction);
    return model->prediction;
}

const void *dstn_model_output(const dstn_model *model) {
    return model->segments[model->segment_count - 1].out;
}

const void *dstn_model_tangent(const dstn_model *model) {
    return model->segments[model->segment_count - 1].out_tangent;
}

/* ---- loss and penalties ------------------------------------------------------------------------------------------ */

double dstn_model_loss(dstn_model *model, const dstn_pass *pass, const void *targets, const int64_t *labels,
                       int64_t *correct) {
    const dstn_kernel *kernel = model->kernel;
    const void *prediction = pass->kind == DSTN_PASS_LINEARIZED ? model->prediction : dstn_model_output(model);
    int64_t cols = dstn_shape_count(model->out);
    double weight = 1.0 / (double)pass->batch_rows;
    double sum =
        model->loss == DSTN_LOSS_MSE
            ? kernel->squared_error(kernel, pass->rows, cols, weight, prediction, targets, model->delta[0])
            : kernel->cross_entropy(kernel, pass->rows, cols, weight, prediction, labels, model->delta[0], correct);
    return sum * weight;
}

double dstn_model_penalty(dstn_model *model, const dstn_pass *pass) {
    double sum = 0;
    for (int r = 0; r < model->regularizer_count; r++) {
        sum += model->regularizers[r]->type->penalize(model->regularizers[r], pass);
    }
    return sum;
}

/* ---- adjoint ----------------------------------------------------------------------------------------------------- */

/* Adjoints of one segment on their way down. */
typedef struct adjoint_work {
    const dstn_model *model;
    const dstn_pass *pass;
    const dstn_segment *segment;
    int lowest;     /* the last layer whose adjoint is taken row by row, but for the first one's share */
    dstn_rows part; /* the rows that the arrays below begin with and are worked on now */
    void *dy;       /* of the segment's output */
    void *below;    /* of what its first layer left, or of its input where that works row by row too */
} adjoint_work;

static void adjoint_block(void *context, int64_t at, int64_t count, int thread) {
    const adjoint_work *work = context;
    const dstn_model *model = work->model;
    const dstn_segment *segment = work->segment;
    dstn_rows rows = {work->part.first + at, count};
    void *dy = rows_of(model, work->dy, at, model->layers[segment->last]->out);
    int turn = 0;
    for (int l = segment->last; l >= work->lowest; l--) {
        dstn_layer *layer = model->layers[l];
        void *dx = l == work->lowest ? rows_of(model, work->below, at, layer->in) : scratch_of(model, thread, turn);
        if (layer->type->adjoint_rows) {
            layer->type->adjoint_rows(layer, work->pass, rows, dy, dx);
            dy = dx;
            turn ^= 1;
        } else if (l == work->lowest) {
            settle(model, rows, layer->in, dy, dx);
        }
    }
    dstn_layer *head = model->layers[segment->first];
    if (head->type->forward && head->type->adjoint_rows) {
        head->type->adjoint_rows(head, work->pass, rows, rows_of(model, work->below, at, head->out), NULL);
    }
}

/* From dy, one of the two arrays of adjoints, to that of the segment's input, which is returned. */
static void *adjoint_segment(const dstn_model *model, const dstn_pass *pass, int index, void *dy) {
    const dstn_segment *segment = &model->segments[index];
    dstn_layer *head = model->layers[segment->first];
    int source = model_first_source(model);
    bool has_head = head->type->forward != NULL, is_alone = segment->first == segment->last;
    void *dx = dy == model->delta[0] ? model->delta[1] : model->delta[0];
    adjoint_work work = {.model = model, .pass = pass, .segment = segment};
    work.lowest = has_head ? segment->first + 1 : segment->first > source ? segment->first : source;
    for (int64_t first = 0; first < pass->rows; first += work.part.count) {
        work.part = part_from(model, pass, segment, first);
        work.dy = rows_of(model, dy, first, model->layers[segment->last]->out);
        void *dx_part = rows_of(model, dx, first, head->in);
        work.below = !has_head  ? rows_of(model, dx, first, model->layers[work.lowest]->in)
                     : is_alone ? work.dy
                                : model->product[2];
        dstn_kernel_for_rows(work.part.count, segment->block, adjoint_block, &work);
        if (has_head) {
            head->type->adjoint(head, pass, work.part, work.below, segment->first > source ? dx_part : NULL);
        }
    }
    return dx;
}

void dstn_model_adjoint(dstn_model *model, const dstn_pass *pass) {
    int source = model_first_source(model);
    void *dy = model->delta[0];
    for (int i = model->segment_count - 1; i >= 0 && model->segments[i].last >= source; i--) {
        dy = adjoint_segment(model, pass, i, dy);
    }
}

void dstn_model_zero_gradient(dstn_model *model, dstn_range range) {
    model->kernel->fill(model->kernel, model->count[range], 0, model->gradient[range]);
}

/* Products of one layer in units of its forward product: ordinary 3, response pass 6 (both gradients) or 4 (none),
 * linearized pass 5; less what the first layer, which has no input adjoint or tangent, saves. */
static double layer_products(const dstn_model *model, const dstn_pass *pass, bool is_first) {
    double terms = model->response == DSTN_RESPONSE_FULL ? (double)model->hypers : 1;
    double input = is_first ? 0 : 1;
    double gradients = pass->grad[DSTN_RANGE_GENERAL] + terms * pass->grad[DSTN_RANGE_RESPONSE];
    switch (pass->kind) {
    case DSTN_PASS_GENERAL:
        return 1 + input + pass->grad[DSTN_RANGE_GENERAL];
    case DSTN_PASS_RESPONSE:
        return (1 + terms) * (1 + input) + gradients;
    case DSTN_PASS_LINEARIZED:
        return 1 + terms + 2 * input + gradients;
    }
    return 0;
}

double dstn_model_flops(const dstn_model *model, const dstn_pass *pass) {
    int first = model_first_source(model);
    double flops = 0;
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        double product = layer->type->product_flops ? layer->type->product_flops(layer) : 0;
        flops += product * (double)pass->rows * layer_products(model, pass, l == first);
    }
    return flops;
}
