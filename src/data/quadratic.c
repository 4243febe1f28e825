/* data: `features: quadratic`: columns with all their squares and products, which makes the best hyperparameters
 * interior and sharp. */
#include "prepare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Far values of products would let a run diverge. */
static const double clip = 6;

int64_t data_quadratic_features(int64_t features) {
    return features + features * (features + 1) / 2;
}

/* One example: to [quadratic features] from [features]. */
static void expand_row(const double *from, int64_t features, double *to) {
    memcpy(to, from, (size_t)features * sizeof(double));
    to += features;
    for (int64_t i = 0; i < features; i++) {
        for (int64_t j = i; j < features; j++) {
            *to++ = from[i] * from[j];
        }
    }
}

static char **expand_names(char **from, int64_t features) {
    char **names = dstn_alloc((size_t)data_quadratic_features(features), sizeof *names);
    int64_t count = 0;
    for (; count < features; count++) {
        names[count] = from[count];
    }
    for (int64_t i = 0; i < features; i++) {
        for (int64_t j = i; j < features; j++) {
            names[count++] = i == j ? dstn_format("%s^2", from[i]) : dstn_format("%s*%s", from[i], from[j]);
        }
    }
    free(from);
    return names;
}

dstn_status data_make_quadratic(dstn_dataset *dataset, const dstn_log *log, dstn_error *err) {
    int64_t features = dataset->features, expanded = data_quadratic_features(features);
    for (int part = 0; part < DSTN_PARTS; part++) {
        int64_t rows = dataset->rows[part];
        double *x = dstn_alloc((size_t)(rows * expanded), sizeof *x);
        for (int64_t r = 0; r < rows; r++) {
            expand_row(dataset->x[part] + r * features, features, x + r * expanded);
        }
        free(dataset->x[part]);
        dataset->x[part] = x;
    }
    dataset->feature_names = expand_names(dataset->feature_names, features);
    dataset->features = dataset->shape[0] = expanded;
    dstn_status status = data_standardize_features(dataset, log, err);
    for (int part = 0; part < DSTN_PARTS; part++) {
        for (int64_t i = 0; i < dataset->rows[part] * dataset->features; i++) {
            dataset->x[part][i] = fmax(-clip, fmin(clip, dataset->x[part][i]));
        }
    }
    return status;
}
