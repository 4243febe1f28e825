/* data: what a data set holds, for people to look at. */
#include "text.h"

#include <math.h>

/* Element i of a part, as gathered. */
static double element(const dstn_dataset *dataset, dstn_part part, int64_t i) {
    if (dataset->bytes[part]) {
        int64_t c = i % dataset->channels;
        return dataset->scale[c] * dataset->bytes[part][i] + dataset->shift[c];
    }
    return dataset->x[part][i];
}

static void text_range(const dstn_dataset *dataset, dstn_part part, double *low, double *high) {
    const int32_t *tokens = dataset->tokens[part];
    *low = *high = tokens[0];
    for (int64_t i = 1; i < data_text_length(dataset, part); i++) {
        *low = fmin(*low, tokens[i]);
        *high = fmax(*high, tokens[i]);
    }
}

void dstn_dataset_range(const dstn_dataset *dataset, dstn_part part, int64_t feature, double *low, double *high) {
    if (dataset->words > 0) {
        text_range(dataset, part, low, high);
        return;
    }
    int64_t first = feature < 0 ? 0 : feature, stride = feature < 0 ? 1 : dataset->features;
    *low = *high = element(dataset, part, first);
    for (int64_t i = first; i < dataset->rows[part] * dataset->features; i += stride) {
        double value = element(dataset, part, i);
        *low = fmin(*low, value);
        *high = fmax(*high, value);
    }
}

void dstn_dataset_class_rows(const dstn_dataset *dataset, dstn_part part, int64_t *counts) {
    for (int64_t c = 0; c < dataset->outputs; c++) {
        counts[c] = 0;
    }
    for (int64_t r = 0; r < dataset->rows[part]; r++) {
        counts[dataset->words > 0 ? dataset->tokens[part][r + 1] : dataset->labels[part][r]]++;
    }
}
