/* data: a data set of noise, for benchmarks. */
#include "normalize.h"
#include "sources.h"
#include "text.h"

#include <math.h>

enum { STEP_X, STEP_TARGETS, STEP_LABELS, STEP_WORDS }; /* tell the draws apart */

/* Standard normals for one row [count] of a table. */
static void fill_row(dstn_rng rng, uint64_t step, int64_t row, int64_t count, double *values) {
    for (int64_t i = 0; i < count; i += 2) {
        double pair[2];
        dstn_rng_normals(rng, step, (uint64_t)row, (uint64_t)i / 2, pair);
        values[i] = pair[0];
        if (i + 1 < count) {
            values[i + 1] = pair[1];
        }
    }
}

static int64_t draw_label(dstn_rng rng, int64_t row, int64_t classes) {
    double uniforms[2];
    dstn_rng_uniforms(rng, STEP_LABELS, (uint64_t)row, 0, uniforms);
    int64_t label = (int64_t)floor(uniforms[0] * (double)classes);
    return label < classes ? label : classes - 1;
}

/* Uniform bytes for one row [count]. */
static void fill_bytes(dstn_rng rng, int64_t row, int64_t count, uint8_t *bytes) {
    for (int64_t i = 0; i < count; i += 16) {
        uint32_t block[4];
        dstn_rng_bits(rng, STEP_X, (uint64_t)row, (uint64_t)i / 16, block);
        for (int64_t k = 0; k < 16 && i + k < count; k++) {
            bytes[i + k] = (uint8_t)(block[k / 4] >> (k % 4 * 8));
        }
    }
}

static void fill_part(dstn_dataset *dataset, dstn_part part, int64_t first_row, dstn_rng rng) {
    for (int64_t r = 0; r < dataset->rows[part]; r++) {
        int64_t row = first_row + r;
        if (dataset->bytes[part]) {
            fill_bytes(rng, row, dataset->features, dataset->bytes[part] + r * dataset->features);
        } else {
            fill_row(rng, STEP_X, row, dataset->features, dataset->x[part] + r * dataset->features);
        }
        if (dataset->task == DSTN_TASK_REGRESSION) {
            fill_row(rng, STEP_TARGETS, row, dataset->outputs, dataset->targets[part] + r * dataset->outputs);
        } else {
            dataset->labels[part][r] = draw_label(rng, row, dataset->outputs);
        }
        dataset->source_rows[part][r] = row;
    }
}

static void make_part(dstn_dataset *dataset, dstn_part part, int64_t rows, bool has_bytes) {
    if (has_bytes) {
        data_take_bytes(dataset, part, rows, dstn_alloc((size_t)rows * (size_t)dataset->features, 1));
    } else {
        data_make_part(dataset, part, rows);
    }
}

static dstn_dataset *make(dstn_dataset *dataset, int64_t rows, uint32_t seed, bool has_bytes) {
    dstn_rng rng = {seed, DSTN_PURPOSE_TEST};
    int64_t train = rows - rows / 4;
    make_part(dataset, DSTN_PART_TRAIN, train, has_bytes);
    make_part(dataset, DSTN_PART_VALID, rows - train, has_bytes);
    fill_part(dataset, DSTN_PART_TRAIN, 0, rng);
    fill_part(dataset, DSTN_PART_VALID, train, rng);
    dataset->summary =
        dstn_format("synthetic: %lld training and %lld validation rows, %lld features, %lld outputs", (long long)train,
                    (long long)(rows - train), (long long)dataset->features, (long long)dataset->outputs);
    return dataset;
}

dstn_dataset *dstn_dataset_synthetic(dstn_task task, int rank, const int64_t *shape, int64_t outputs, int64_t rows,
                                     uint32_t seed) {
    return make(data_new("synthetic", task, rank, shape, outputs), rows, seed, false);
}

dstn_dataset *dstn_dataset_synthetic_bytes(dstn_task task, int rank, const int64_t *shape, int64_t outputs,
                                           int64_t rows, uint32_t seed) {
    dstn_dataset *dataset = data_new("synthetic", task, rank, shape, outputs);
    /* 0 … 255, each as likely as the others: mean 127.5, variance (256² − 1)/12. */
    double *mean = dstn_alloc(1, sizeof *mean), *deviation = dstn_alloc(1, sizeof *deviation);
    *mean = 0.5;
    *deviation = sqrt((256. * 256 - 1) / 12) / 255;
    make(dataset, rows, seed, true);
    data_set_normalization(dataset, 1, mean, deviation);
    return dataset;
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* About as often as in a language (Zipf): the chance of the word k is log((k + 2)/(k + 1))/log(words + 1). */
static int32_t draw_word(dstn_rng rng, int64_t place, int64_t words) {
    double uniforms[2];
    dstn_rng_uniforms(rng, STEP_WORDS, (uint64_t)place, 0, uniforms);
    int64_t word = (int64_t)floor(exp(uniforms[0] * log((double)words + 1))) - 1;
    return (int32_t)(word < words ? word : words - 1);
}

static void make_text(dstn_dataset *dataset, dstn_part part, int64_t first, int64_t rows, dstn_rng rng) {
    int32_t *tokens = dstn_alloc((size_t)rows + 1, sizeof *tokens);
    for (int64_t i = 0; i <= rows; i++) {
        tokens[i] = draw_word(rng, first + i, dataset->words);
    }
    data_take_text(dataset, part, rows + 1, tokens);
}

dstn_dataset *dstn_dataset_synthetic_text(int64_t words, int64_t rows, uint32_t seed) {
    dstn_dataset *dataset = data_new_text("synthetic", words, NULL);
    dstn_rng rng = {seed, DSTN_PURPOSE_TEST};
    int64_t train = rows - rows / 4;
    make_text(dataset, DSTN_PART_TRAIN, 0, train, rng);
    make_text(dataset, DSTN_PART_VALID, train + 1, rows - train, rng);
    dataset->summary = data_summarize_text(dataset, false);
    return dataset;
}
