/* data: a data set of noise, for benchmarks. */
#include "sources.h"

#include <math.h>

enum { STEP_X, STEP_TARGETS, STEP_LABELS }; /* tell the draws apart */

/* Standard normals for one row [count] of a table. */
static void fill_row(dstn_rng rng, uint64_t step, int64_t row, int64_t count, double *values) {
    for (int64_t i = 0; i < count; i += 2) {
        double pair[2];
        dstn_rng_normals(rng, step, (uint64_t)row, (uint64_t)i / 2, pair);
        values[i] = pair[0];
        if (i + 1 < count)
            values[i + 1] = pair[1];
    }
}

static int64_t draw_label(dstn_rng rng, int64_t row, int64_t classes) {
    double uniforms[2];
    dstn_rng_uniforms(rng, STEP_LABELS, (uint64_t)row, 0, uniforms);
    int64_t label = (int64_t)floor(uniforms[0] * (double)classes);
    return label < classes ? label : classes - 1;
}

static void fill_part(dstn_dataset *dataset, dstn_part part, int64_t first_row, dstn_rng rng) {
    for (int64_t r = 0; r < dataset->rows[part]; r++) {
        int64_t row = first_row + r;
        fill_row(rng, STEP_X, row, dataset->features, dataset->x[part] + r * dataset->features);
        if (dataset->task == DSTN_TASK_REGRESSION)
            fill_row(rng, STEP_TARGETS, row, dataset->outputs, dataset->targets[part] + r * dataset->outputs);
        else
            dataset->labels[part][r] = draw_label(rng, row, dataset->outputs);
        dataset->source_rows[part][r] = row;
    }
}

dstn_dataset *dstn_dataset_synthetic(dstn_task task, int rank, const int64_t *shape, int64_t outputs, int64_t rows,
                                     uint32_t seed) {
    dstn_dataset *dataset = data_new("synthetic", task, rank, shape, outputs);
    dstn_rng rng = {seed, DSTN_PURPOSE_TEST};
    int64_t train = rows - rows / 4;
    data_make_part(dataset, DSTN_PART_TRAIN, train);
    data_make_part(dataset, DSTN_PART_VALID, rows - train);
    fill_part(dataset, DSTN_PART_TRAIN, 0, rng);
    fill_part(dataset, DSTN_PART_VALID, train, rng);
    dataset->summary =
        dstn_format("synthetic: %lld training and %lld validation rows, %lld features, %lld outputs", (long long)train,
                    (long long)(rows - train), (long long)dataset->features, (long long)outputs);
    return dataset;
}
