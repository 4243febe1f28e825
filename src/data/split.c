/* data: the split into training and validation part: random, from the end, or as the source has it. */
#include "prepare.h"
#include "sources.h"

#include <stdlib.h>
#include <string.h>

/* Doubles or bytes, as `from` has them. */
static void take_examples(dstn_dataset *to, dstn_part part, const dstn_dataset *from, const int64_t *order,
                          int64_t rows) {
    bool has_bytes = from->bytes[DSTN_PART_TRAIN] != NULL;
    size_t size = (size_t)from->features * (has_bytes ? 1 : sizeof(double));
    char *examples = dstn_alloc((size_t)rows, size);
    const char *all = has_bytes ? (const char *)from->bytes[DSTN_PART_TRAIN] : (const char *)from->x[DSTN_PART_TRAIN];
    for (int64_t r = 0; r < rows; r++) {
        memcpy(examples + (size_t)r * size, all + (size_t)order[r] * size, size);
    }
    if (has_bytes) {
        data_take_bytes(to, part, rows, (uint8_t *)examples);
    } else {
        data_take_doubles(to, part, rows, (double *)(void *)examples);
    }
}

/* Copies the examples order[0 … rows-1] of the training part of `from` to a part of `to`. */
static void take_rows(dstn_dataset *to, dstn_part part, const dstn_dataset *from, const int64_t *order, int64_t rows) {
    size_t outputs = (size_t)from->outputs;
    take_examples(to, part, from, order, rows);
    for (int64_t r = 0; r < rows; r++) {
        size_t row = (size_t)r, source = (size_t)order[r];
        if (to->task == DSTN_TASK_REGRESSION) {
            memcpy(to->targets[part] + row * outputs, from->targets[DSTN_PART_TRAIN] + source * outputs,
                   outputs * sizeof(double));
        } else {
            to->labels[part][row] = from->labels[DSTN_PART_TRAIN][source];
        }
        to->source_rows[part][row] = from->source_rows[DSTN_PART_TRAIN][source];
    }
}

void data_divide(dstn_dataset *dataset, const int64_t *const orders[DSTN_PARTS], const int64_t rows[DSTN_PARTS]) {
    dstn_dataset all = *dataset;
    dstn_part train = DSTN_PART_TRAIN;
    dataset->x[train] = dataset->targets[train] = NULL;
    dataset->bytes[train] = NULL;
    dataset->labels[train] = dataset->source_rows[train] = NULL;
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (rows[part] > 0) {
            take_rows(dataset, (dstn_part)part, &all, orders[part], rows[part]);
        }
    }
    data_clear_part(&all, train);
}

void data_split_random(dstn_dataset *dataset, int64_t valid, uint32_t seed) {
    int64_t rows = dataset->rows[DSTN_PART_TRAIN];
    int64_t *order = dstn_alloc((size_t)rows, sizeof *order);
    dstn_rng rng = {seed, DSTN_PURPOSE_SPLIT};
    dstn_rng_permutation(rng, 0, rows, order);
    const int64_t counts[DSTN_PARTS] = {rows - valid, valid, 0};
    const int64_t *const orders[DSTN_PARTS] = {order + valid, order, NULL};
    data_divide(dataset, orders, counts);
    free(order);
}

void data_split_end(dstn_dataset *dataset, int64_t valid) {
    int64_t rows = dataset->rows[DSTN_PART_TRAIN];
    int64_t *order = dstn_alloc((size_t)rows, sizeof *order);
    for (int64_t r = 0; r < rows; r++) {
        order[r] = r;
    }
    const int64_t counts[DSTN_PARTS] = {rows - valid, valid, 0};
    const int64_t *const orders[DSTN_PARTS] = {order, order + rows - valid, NULL};
    data_divide(dataset, orders, counts);
    free(order);
}
