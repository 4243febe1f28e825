/* data: mean 0 and (population) deviation 1 by the training part, for columns of features and targets. */
#include "prepare.h"

#include <stdlib.h>

#include "moments.h"

static void standardize(double *table, int64_t rows, int64_t cols, int64_t c, const data_moments *moments) {
    for (int64_t r = 0; r < rows; r++) {
        table[r * cols + c] = (table[r * cols + c] - moments->mean) / moments->deviation;
    }
}

/* ---- features ---------------------------------------------------------------------------------------------------- */

static void warn_of_dropped(const dstn_dataset *dataset, const data_moments *moments, const dstn_log *log) {
    const int64_t shown = 8;
    int64_t dropped = 0;
    char *names = dstn_strdup("");
    for (int64_t f = 0; f < dataset->features; f++) {
        if (!moments[f].is_constant || ++dropped > shown) {
            continue;
        }
        char *longer = dstn_format("%s%s%s", names, *names ? ", " : "", dataset->feature_names[f]);
        free(names);
        names = longer;
    }
    char more[40] = "";
    if (dropped > shown) {
        snprintf(more, sizeof more, " and %lld more", (long long)(dropped - shown));
    }
    if (dropped > 0) {
        dstn_log_warn(log, "%s: %lld column%s constant in the training part and dropped: %s%s", dataset->source,
                      (long long)dropped, dropped == 1 ? " is" : "s are", names, more);
    }
    free(names);
}

/* Closes the gaps that constant columns leave, in a table [rows, features] of which `kept` columns remain. */
static void close_gaps(double *x, int64_t rows, int64_t features, const data_moments *moments) {
    double *to = x;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t f = 0; f < features; f++) {
            if (!moments[f].is_constant) {
                *to++ = x[r * features + f];
            }
        }
    }
}

static void drop_constant(dstn_dataset *dataset, data_moments *moments) {
    int64_t kept = 0;
    for (int part = 0; part < DSTN_PARTS; part++) {
        close_gaps(dataset->x[part], dataset->rows[part], dataset->features, moments);
    }
    for (int64_t f = 0; f < dataset->features; f++) {
        if (moments[f].is_constant) {
            free(dataset->feature_names[f]);
            continue;
        }
        dataset->feature_names[kept] = dataset->feature_names[f];
        moments[kept++] = moments[f];
    }
    dataset->features = dataset->shape[0] = kept;
}

dstn_status data_standardize_features(dstn_dataset *dataset, const dstn_log *log, dstn_error *err) {
    int64_t features = dataset->features;
    data_moments *moments = dstn_alloc((size_t)features, sizeof *moments);
    for (int64_t f = 0; f < features; f++) {
        moments[f] = data_moments_of(dataset->x[DSTN_PART_TRAIN] + f, dataset->rows[DSTN_PART_TRAIN], features);
        if (moments[f].is_mark) {
            data_fail_mark(dataset, false, f, &moments[f], err);
            free(moments);
            return err->status;
        }
    }
    warn_of_dropped(dataset, moments, log);
    drop_constant(dataset, moments);
    for (int part = 0; part < DSTN_PARTS; part++) {
        for (int64_t f = 0; f < dataset->features; f++) {
            standardize(dataset->x[part], dataset->rows[part], dataset->features, f, &moments[f]);
        }
    }
    free(moments);
    if (dataset->features > 0) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s: every feature is constant in the training part; accepted: at least one that varies",
                     dataset->source);
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

void data_standardize_targets(dstn_dataset *dataset) {
    for (int64_t c = 0; dataset->task == DSTN_TASK_REGRESSION && c < dataset->outputs; c++) {
        data_moments moments =
            data_moments_of(dataset->targets[DSTN_PART_TRAIN] + c, dataset->rows[DSTN_PART_TRAIN], dataset->outputs);
        for (int part = 0; part < DSTN_PARTS; part++) {
            standardize(dataset->targets[part], dataset->rows[part], dataset->outputs, c, &moments);
        }
    }
}

static dstn_status fail_constant_target(const dstn_dataset *dataset, dstn_error *err) {
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s: column \"%s\": the target has one value only in the training part; accepted: one that varies",
                     dataset->source, dataset->target_name ? dataset->target_name : "target");
}

static bool are_labels_constant(const dstn_dataset *dataset) {
    const int64_t *labels = dataset->labels[DSTN_PART_TRAIN];
    int64_t r = 1;
    while (r < dataset->rows[DSTN_PART_TRAIN] && labels[r] == labels[0]) {
        r++;
    }
    return r >= dataset->rows[DSTN_PART_TRAIN];
}

dstn_status data_check_targets(const dstn_dataset *dataset, dstn_error *err) {
    if (dataset->task == DSTN_TASK_CLASSIFICATION) {
        return are_labels_constant(dataset) ? fail_constant_target(dataset, err) : DSTN_OK;
    }
    for (int64_t c = 0; c < dataset->outputs; c++) {
        data_moments moments =
            data_moments_of(dataset->targets[DSTN_PART_TRAIN] + c, dataset->rows[DSTN_PART_TRAIN], dataset->outputs);
        if (moments.is_mark) {
            return data_fail_mark(dataset, true, c, &moments, err);
        }
        if (moments.is_constant) {
            return fail_constant_target(dataset, err);
        }
    }
    return DSTN_OK;
}
