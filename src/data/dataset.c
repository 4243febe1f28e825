/* data: making, checking and freeing data sets. */
#include "sources.h"
#include "text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

dstn_dataset *data_new(const char *source, dstn_task task, int rank, const int64_t *shape, int64_t outputs) {
    dstn_dataset *dataset = dstn_alloc(1, sizeof *dataset);
    dataset->source = dstn_strdup(source);
    dataset->task = task;
    dataset->rank = rank;
    dataset->features = 1;
    for (int i = 0; i < rank; i++) {
        dataset->shape[i] = shape[i];
        dataset->features *= shape[i];
    }
    dataset->outputs = outputs;
    return dataset;
}

void data_add_file(dstn_dataset *dataset, const char *path) {
    char **longer = dstn_alloc((size_t)dataset->file_count + 1, sizeof *longer);
    if (dataset->file_count > 0) {
        memcpy(longer, dataset->files, (size_t)dataset->file_count * sizeof *longer);
    }
    free(dataset->files);
    dataset->files = longer;
    dataset->files[dataset->file_count++] = dstn_strdup(path);
}

/* Everything of a part but the examples themselves. */
static void make_answers(dstn_dataset *dataset, dstn_part part, int64_t rows) {
    size_t n = (size_t)rows;
    dataset->rows[part] = rows;
    if (dataset->task == DSTN_TASK_REGRESSION) {
        dataset->targets[part] = dstn_alloc(n * (size_t)dataset->outputs, sizeof(double));
    } else {
        dataset->labels[part] = dstn_alloc(n, sizeof(int64_t));
    }
    dataset->source_rows[part] = dstn_alloc(n, sizeof(int64_t));
    for (int64_t r = 0; r < rows; r++) {
        dataset->source_rows[part][r] = r;
    }
}

void data_make_part(dstn_dataset *dataset, dstn_part part, int64_t rows) {
    make_answers(dataset, part, rows);
    dataset->x[part] = dstn_alloc((size_t)rows * (size_t)dataset->features, sizeof(double));
}

void data_take_doubles(dstn_dataset *dataset, dstn_part part, int64_t rows, double *x) {
    make_answers(dataset, part, rows);
    dataset->x[part] = x;
}

void data_take_bytes(dstn_dataset *dataset, dstn_part part, int64_t rows, uint8_t *bytes) {
    make_answers(dataset, part, rows);
    dataset->bytes[part] = bytes;
}

void data_clear_part(dstn_dataset *dataset, dstn_part part) {
    free(dataset->x[part]);
    free(dataset->bytes[part]);
    free(dataset->tokens[part]);
    free(dataset->targets[part]);
    free(dataset->labels[part]);
    free(dataset->source_rows[part]);
    dataset->x[part] = dataset->targets[part] = NULL;
    dataset->bytes[part] = NULL;
    dataset->tokens[part] = NULL;
    dataset->labels[part] = dataset->source_rows[part] = NULL;
    dataset->rows[part] = 0;
}

void dstn_dataset_destroy(dstn_dataset *dataset) {
    if (!dataset) {
        return;
    }
    for (int part = 0; part < DSTN_PARTS; part++) {
        data_clear_part(dataset, part);
    }
    for (int64_t f = 0; dataset->feature_names && f < dataset->features; f++) {
        free(dataset->feature_names[f]);
    }
    free(dataset->feature_names);
    for (int64_t w = 0; dataset->vocabulary && w < dataset->words; w++) {
        free(dataset->vocabulary[w]);
    }
    free(dataset->vocabulary);
    for (int64_t f = 0; f < dataset->file_count; f++) {
        free(dataset->files[f]);
    }
    free(dataset->files);
    free(dataset->scale);
    free(dataset->shift);
    free(dataset->mean);
    free(dataset->deviation);
    free(dataset->source);
    free(dataset->target_name);
    free(dataset->summary);
    free(dataset);
}

static bool are_finite(const double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(values[i])) {
            return false;
        }
    }
    return true;
}

static bool are_labels(const int64_t *labels, int64_t count, int64_t classes) {
    for (int64_t i = 0; i < count; i++) {
        if (labels[i] < 0 || labels[i] >= classes) {
            return false;
        }
    }
    return true;
}

/* Bytes decode to finite numbers, in their order. */
static bool is_normalization_valid(const dstn_dataset *dataset) {
    if (!dataset->scale || !dataset->shift || dataset->channels < 1 || dataset->features % dataset->channels != 0) {
        return false;
    }
    for (int64_t c = 0; c < dataset->channels; c++) {
        if (!(dataset->scale[c] > 0) || !isfinite(dataset->scale[c]) || !isfinite(dataset->shift[c])) {
            return false;
        }
    }
    return true;
}

static bool are_examples_valid(const dstn_dataset *dataset, int part) {
    if (dataset->bytes[part]) {
        return !dataset->x[part] && is_normalization_valid(dataset);
    }
    return dataset->x[part] && are_finite(dataset->x[part], dataset->rows[part] * dataset->features);
}

static bool is_part_valid(const dstn_dataset *dataset, int part) {
    int64_t rows = dataset->rows[part];
    if (rows == 0) {
        return true;
    }
    if (rows < 0 || !dataset->source_rows[part] || !are_examples_valid(dataset, part)) {
        return false;
    }
    if (dataset->task == DSTN_TASK_REGRESSION) {
        return dataset->targets[part] && !dataset->labels[part] &&
               are_finite(dataset->targets[part], rows * dataset->outputs);
    }
    return dataset->labels[part] && !dataset->targets[part] &&
           are_labels(dataset->labels[part], rows, dataset->outputs);
}

bool dstn_dataset_is_valid(const dstn_dataset *dataset) {
    if (dataset->words > 0) {
        return data_is_text_valid(dataset);
    }
    if (dataset->rank < 1 || dataset->rank > 3 || dataset->outputs < 1 || dataset->rows[DSTN_PART_TRAIN] < 1) {
        return false;
    }
    int64_t features = 1;
    for (int i = 0; i < dataset->rank; i++) {
        features *= dataset->shape[i];
    }
    if (features < 1 || features != dataset->features) {
        return false;
    }
    for (int64_t f = 0; dataset->feature_names && f < features; f++) {
        if (!dataset->feature_names[f]) {
            return false;
        }
    }
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (!is_part_valid(dataset, part)) {
            return false;
        }
    }
    return true;
}

static size_t text_memory_used(const dstn_dataset *dataset) {
    size_t bytes = sizeof *dataset;
    for (int part = 0; part < DSTN_PARTS; part++) {
        bytes += (size_t)data_text_length(dataset, part) * sizeof(int32_t);
    }
    for (int64_t w = 0; dataset->vocabulary && w < dataset->words; w++) {
        bytes += sizeof(char *) + strlen(dataset->vocabulary[w]) + 1;
    }
    return bytes;
}

size_t dstn_dataset_memory_used(const dstn_dataset *dataset) {
    if (dataset->words > 0) {
        return text_memory_used(dataset);
    }
    size_t targets =
        dataset->task == DSTN_TASK_REGRESSION ? (size_t)dataset->outputs * sizeof(double) : sizeof(int64_t);
    size_t value = dataset->bytes[DSTN_PART_TRAIN] ? 1 : sizeof(double);
    size_t example = (size_t)dataset->features * value + targets + sizeof(int64_t);
    size_t rows = 0;
    for (int part = 0; part < DSTN_PARTS; part++) {
        rows += (size_t)dataset->rows[part];
    }
    return sizeof *dataset + rows * example;
}
