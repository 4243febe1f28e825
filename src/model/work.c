/* What forward and adjoint passes share: rows of arrays, parts of a pass, blocks of a part. */
#include "model_private.h"

void *model_rows_of(const dstn_model *model, const void *array, int64_t row, dstn_shape shape) {
    return array ? (char *)array + (size_t)(row * dstn_shape_count(shape)) * model->kernel->size : NULL;
}

void *model_scratch_of(const dstn_model *model, int thread, int which) {
    size_t block = (size_t)model->chain->scratch_width * model->kernel->size;
    return (char *)model->chain->scratch + (size_t)(4 * thread + which) * block;
}

void model_settle(const dstn_model *model, int64_t rows, dstn_shape shape, const void *value, void *out) {
    if (value != out) {
        model->kernel->copy(model->kernel, rows * dstn_shape_count(shape), value, out);
    }
}

/* Whole examples of the pass, which may have fewer steps than the model was made for; at least one. */
static int64_t whole_examples(const dstn_pass *pass, int64_t rows) {
    int64_t steps = dstn_pass_steps(pass);
    return rows < steps ? steps : rows / steps * steps;
}

dstn_rows model_part_from(const dstn_pass *pass, const model_segment *segment, int64_t first) {
    int64_t left = dstn_pass_rows(pass).count - first;
    int64_t part = segment->part > 0 ? whole_examples(pass, segment->part) : left;
    bool is_last = part >= left;
    return (dstn_rows){.first = first, .count = is_last ? left : part, .last = is_last};
}

const void *model_segment_in(const dstn_model *model, int segment) {
    return segment == 0 ? model->chain->x : model->chain->segments[segment - 1].out;
}

const void *model_segment_in_tangent(const dstn_model *model, int segment) {
    const model_chain *chain = model->chain;
    bool moves = chain->steps[chain->segments[segment].first].in_moves;
    return moves && segment > 0 ? chain->segments[segment - 1].out_tangent : NULL;
}

void model_for_blocks(model_work *work, dstn_rows_work *run) {
    dstn_kernel_for_rows(work->part.count, whole_examples(work->pass, work->segment->block), run, work);
}
