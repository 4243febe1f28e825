/* data: the mini-batch: examples by their row numbers, augmented and normalized, in the kernel's scalar type. */
#include "augmentations.h"

#include <string.h>

bool dstn_batch_bind(dstn_batch *batch, const dstn_dataset *dataset, const dstn_kernel *kernel, int64_t max_rows,
                     int64_t max_steps, dstn_arena *arena) {
    size_t rows = (size_t)max_rows, features = (size_t)dataset->features;
    bool regresses = dataset->task == DSTN_TASK_REGRESSION;
    bool has_images = dataset->rank == 3, has_pixels = has_images && dataset->bytes[DSTN_PART_TRAIN];
    *batch = (dstn_batch){.steps = 1};
    if (dataset->words > 0) {
        batch->tokens = dstn_arena_take(arena, rows * (size_t)max_steps * sizeof *batch->tokens);
        batch->labels = dstn_arena_take(arena, rows * (size_t)max_steps * sizeof *batch->labels);
        return batch->tokens && batch->labels;
    }
    batch->x = dstn_arena_take(arena, rows * features * kernel->size);
    if (regresses) {
        batch->targets = dstn_arena_take(arena, rows * (size_t)dataset->outputs * kernel->size);
    } else {
        batch->labels = dstn_arena_take(arena, rows * sizeof *batch->labels);
    }
    if (has_pixels) {
        batch->pixels = dstn_arena_take(arena, rows * features);
    }
    if (has_images) {
        batch->spare =
            dstn_arena_take(arena, (size_t)dstn_kernel_threads() * features * (has_pixels ? 1 : kernel->size));
    }
    return batch->x && (regresses ? batch->targets != NULL : batch->labels != NULL) && (!has_pixels || batch->pixels) &&
           (!has_images || batch->spare);
}

/* to[i, :] = from[indices[i], :], of `cols` columns. */
static void gather_rows(const double *from, const int64_t *indices, int64_t count, int64_t cols,
                        const dstn_kernel *kernel, void *to) {
    for (int64_t i = 0; i < count; i++) {
        kernel->from_double(kernel, cols, from + indices[i] * cols, (char *)to + (size_t)(i * cols) * kernel->size);
    }
}

/* Bytes to normalized values, of `count` examples. */
static void decode(const dstn_dataset *dataset, const dstn_kernel *kernel, int64_t count, const uint8_t *bytes,
                   void *to) {
    int64_t values = count * dataset->features, channels = dataset->channels;
    if (channels == 1) {
        kernel->from_bytes(kernel, values, dataset->scale[0], dataset->shift[0], bytes, to);
        return;
    }
    kernel->from_bytes(kernel, values, 1, 0, bytes, to);
    kernel->column_affine(kernel, values / channels, channels, dataset->scale, to, NULL, NULL, dataset->shift, to);
}

/* to[i, :] = the example indices[i], decoded where it is bytes. */
static void gather_examples(const dstn_dataset *dataset, dstn_part part, const int64_t *indices, int64_t count,
                            const dstn_kernel *kernel, void *to) {
    int64_t cols = dataset->features;
    if (!dataset->bytes[part]) {
        gather_rows(dataset->x[part], indices, count, cols, kernel, to);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        decode(dataset, kernel, 1, dataset->bytes[part] + indices[i] * cols,
               (char *)to + (size_t)(i * cols) * kernel->size);
    }
}

static void gather_answers(const dstn_dataset *dataset, dstn_part part, const int64_t *indices, int64_t count,
                           const dstn_kernel *kernel, void *targets, int64_t *labels) {
    if (dataset->task == DSTN_TASK_REGRESSION) {
        gather_rows(dataset->targets[part], indices, count, dataset->outputs, kernel, targets);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        labels[i] = dataset->labels[part][indices[i]];
    }
}

static void gather_words(dstn_batch *batch, const int32_t *text) {
    int64_t steps = batch->steps;
    for (int64_t i = 0; i < batch->rows * steps; i++) {
        int64_t place = batch->indices[i / steps] + i % steps;
        batch->tokens[i] = text[place];
        batch->labels[i] = text[place + 1];
    }
}

/* Images of bytes, augmented before they are decoded. */
static void fill_from_pixels(dstn_batch *batch, const dstn_dataset *dataset, const dstn_kernel *kernel,
                             const dstn_augmenting *augmenting, dstn_images images) {
    int64_t cols = dataset->features;
    for (int64_t i = 0; i < batch->rows; i++) {
        memcpy(batch->pixels + i * cols, dataset->bytes[batch->part] + batch->indices[i] * cols, (size_t)cols);
    }
    images.pixels = batch->pixels;
    data_augment(augmenting, DSTN_STAGE_PIXELS, images);
    decode(dataset, kernel, batch->rows, batch->pixels, batch->x);
}

static void fill_augmented(dstn_batch *batch, const dstn_dataset *dataset, const dstn_kernel *kernel,
                           const dstn_augmenting *augmenting) {
    dstn_images images = {.kernel = kernel,
                          .rows = batch->rows,
                          .first_row = batch->first_row,
                          .drawn_rows = batch->drawn_rows,
                          .spare = batch->spare};
    bool changes_pixels = data_augment_has(augmenting->augment, DSTN_STAGE_PIXELS);
    if (dataset->bytes[batch->part] && changes_pixels) {
        fill_from_pixels(batch, dataset, kernel, augmenting, images);
        images.x = batch->x;
    } else {
        gather_examples(dataset, batch->part, batch->indices, batch->rows, kernel, batch->x);
        images.x = batch->x;
        data_augment(augmenting, DSTN_STAGE_PIXELS, images);
    }
    data_augment(augmenting, DSTN_STAGE_VALUES, images);
}

void dstn_batch_fill(dstn_batch *batch, const dstn_dataset *dataset, const dstn_kernel *kernel, dstn_part part,
                     const int64_t *indices, int64_t steps, int64_t rows, int64_t first_row, int64_t global_rows,
                     const dstn_augmenting *augmenting) {
    batch->part = part;
    batch->stream = (int)part;
    batch->indices = indices;
    batch->steps = steps;
    batch->rows = rows;
    batch->first_row = first_row;
    batch->global_rows = global_rows;
    if (dataset->words > 0) {
        gather_words(batch, dataset->tokens[part]);
        return;
    }
    if (augmenting && !dstn_augment_is_empty(augmenting->augment)) {
        fill_augmented(batch, dataset, kernel, augmenting);
    } else {
        gather_examples(dataset, part, indices, rows, kernel, batch->x);
    }
    gather_answers(dataset, part, indices, rows, kernel, batch->targets, batch->labels);
}
