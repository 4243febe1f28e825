/* Segments: where the list of layers is cut, and what each piece keeps. */
#include "model_private.h"

/* Values that a block of rows should have at most, so that it stays in the second-level cache with its masks. */
enum { BLOCK_VALUES = 1 << 13 };

int model_first_source(const dstn_model *model) {
    int first = 0;
    while (first < model->layer_count - 1 && !dstn_layer_is_source(model->layers[first])) {
        first++;
    }
    return first;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The most values of an example between two layers of the segment. */
static int64_t width_within(const dstn_model *model, const dstn_segment *segment) {
    int64_t width = 1;
    for (int l = segment->first; l <= segment->last; l++) {
        width = larger(width, dstn_shape_count(model->layers[l]->out));
    }
    return width;
}

/* A new segment begins with every layer that has a stage of all rows. */
static void cut(dstn_model *model) {
    model->segments = dstn_alloc((size_t)model->layer_count, sizeof(dstn_segment));
    for (int l = 0; l < model->layer_count; l++) {
        if (l == 0 || model->layers[l]->type->forward) {
            model->segments[model->segment_count++].first = l;
        }
        model->segments[model->segment_count - 1].last = l;
    }
}

static bool bind_segment(dstn_model *model, dstn_segment *segment) {
    size_t row = (size_t)model->max_rows * model->kernel->size;
    size_t bytes = row * (size_t)dstn_shape_count(model->layers[segment->last]->out);
    int64_t width = width_within(model, segment), fit = BLOCK_VALUES / width;
    segment->block = fit < 1 ? 1 : fit < model->max_rows ? fit : model->max_rows;
    model->scratch_width = larger(model->scratch_width, segment->block * width);
    segment->out = dstn_arena_take(model->arena, bytes);
    segment->out_tangent = dstn_arena_take(model->arena, bytes);
    return segment->out && segment->out_tangent;
}

/* Values of what the first layer of a segment leaves for the layers above it. */
static int64_t largest_product(const dstn_model *model) {
    int64_t most = 0;
    for (int i = 0; i < model->segment_count; i++) {
        const dstn_segment *segment = &model->segments[i];
        const dstn_layer *first = model->layers[segment->first];
        int64_t rows = first->part > 0 ? first->part : model->max_rows;
        most = segment->last > segment->first ? larger(most, rows * dstn_shape_count(first->out)) : most;
    }
    return most;
}

/* Of the inputs and outputs of segments. */
static int64_t widest(const dstn_model *model) {
    int64_t width = dstn_shape_count(model->in);
    for (int i = 0; i < model->segment_count; i++) {
        width = larger(width, dstn_shape_count(model->layers[model->segments[i].last]->out));
    }
    return width;
}

bool model_bind_segments(dstn_model *model) {
    size_t row = (size_t)model->max_rows * model->kernel->size;
    cut(model);
    for (int i = 0; i < model->segment_count; i++) {
        if (!bind_segment(model, &model->segments[i])) {
            return false;
        }
    }
    for (int l = 0; l < model->layer_count; l++) {
        if (!model->layers[l]->type->bind(model->layers[l], model->arena)) {
            return false;
        }
    }
    for (int r = 0; r < model->regularizer_count; r++) {
        if (!model->regularizers[r]->type->bind(model->regularizers[r], model->arena)) {
            return false;
        }
    }
    for (int i = 0; i < 2; i++) {
        model->delta[i] = dstn_arena_take(model->arena, row * (size_t)widest(model));
    }
    for (int i = 0; i < 3; i++) {
        model->product[i] = dstn_arena_take(model->arena, (size_t)largest_product(model) * model->kernel->size);
    }
    model->prediction = dstn_arena_take(model->arena, row * (size_t)dstn_shape_count(model->out));
    size_t block = (size_t)model->scratch_width * model->kernel->size;
    model->scratch = dstn_arena_take(model->arena, 4 * block * (size_t)dstn_kernel_threads());
    return model->prediction && model->delta[0] && model->delta[1] && model->product[0] && model->product[1] &&
           model->product[2] && model->scratch;
}
