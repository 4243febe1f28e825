/* data: the random split into training and validation part. */
#include "prepare.h"
#include "sources.h"

#include <stdlib.h>
#include <string.h>

/* Moves the examples order[0 … rows-1] of `from` to a part of `to`. */
static void take_rows(dstn_dataset *to, dstn_part part, const dstn_dataset *from, const int64_t *order, int64_t rows) {
    size_t features = (size_t)from->features, outputs = (size_t)from->outputs;
    data_make_part(to, part, rows);
    for (int64_t r = 0; r < rows; r++) {
        size_t row = (size_t)r, source = (size_t)order[r];
        memcpy(to->x[part] + row * features, from->x[DSTN_PART_TRAIN] + source * features, features * sizeof(double));
        if (to->task == DSTN_TASK_REGRESSION)
            memcpy(to->targets[part] + row * outputs, from->targets[DSTN_PART_TRAIN] + source * outputs,
                   outputs * sizeof(double));
        else
            to->labels[part][row] = from->labels[DSTN_PART_TRAIN][source];
        to->source_rows[part][row] = from->source_rows[DSTN_PART_TRAIN][source];
    }
}

void data_split(dstn_dataset *dataset, int64_t valid, uint32_t seed) {
    dstn_dataset all = *dataset;
    dstn_part train = DSTN_PART_TRAIN;
    dataset->x[train] = dataset->targets[train] = NULL;
    dataset->labels[train] = dataset->source_rows[train] = NULL;
    int64_t rows = all.rows[train];
    int64_t *order = dstn_alloc((size_t)rows, sizeof *order);
    dstn_rng rng = {seed, DSTN_PURPOSE_SPLIT};
    dstn_rng_permutation(rng, 0, rows, order);
    take_rows(dataset, DSTN_PART_VALID, &all, order, valid);
    take_rows(dataset, train, &all, order + valid, rows - valid);
    data_clear_part(&all, train);
    free(order);
}
