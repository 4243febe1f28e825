/* data: mean and (population) deviation of columns and channels. */
#include "moments.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* Values of one number that were rounded differently count as the same: the square of a balanced binary column. */
static const double rounding = 1e-13;

/* A power of two that brings a number near 1, so that no square of values of its size is lost, and none of their digits
 * either. */
static double scale_of(double largest) {
    const int most = 1000;
    int exponent = largest > 0 ? ilogb(largest) : 0;
    return ldexp(1, -(exponent < -most ? -most : exponent));
}

/* Whether the values are of two kinds: those of the largest's size, and those that are nothing beside it. */
static bool is_mark(const double *values, int64_t count, int64_t stride, double largest) {
    const double size_of_marks = 1e30, near = 1e-6, nothing = 1e-12;
    int64_t between = 0, vanishing = 0;
    for (int64_t i = 0; largest >= size_of_marks && i < count; i++) {
        double size = fabs(values[i * stride]) / largest;
        between += size >= nothing && size < near;
        vanishing += size > 0 && size < nothing;
    }
    return vanishing > 0 && between == 0;
}

data_moments data_moments_of(const double *values, int64_t count, int64_t stride) {
    data_moments moments = {0};
    double sum = 0, rest = 0, squares = 0, largest = 0;
    for (int64_t i = 0; i < count; i++) {
        double value = values[i * stride];
        sum += value;
        if (fabs(value) > largest) {
            largest = fabs(value);
            moments.largest = value;
            moments.place = i;
        }
    }
    double mean = sum / (double)count, scale = scale_of(largest);
    for (int64_t i = 0; i < count; i++) {
        rest += values[i * stride] - mean;
    }
    mean += rest / (double)count;
    for (int64_t i = 0; i < count; i++) {
        double difference = scale * (values[i * stride] - mean);
        squares += difference * difference;
    }
    moments.mean = mean;
    moments.deviation = sqrt(squares / (double)count) / scale;
    moments.is_constant = moments.deviation <= rounding * largest;
    moments.is_mark = is_mark(values, count, stride, largest);
    return moments;
}

char *data_name_value(const dstn_dataset *dataset, bool is_target, int64_t f) {
    if (is_target) {
        const char *name = dataset->target_name ? dataset->target_name : "target";
        return dataset->outputs > 1 ? dstn_format("column %lld of target \"%s\"", (long long)f, name)
                                    : dstn_format("column \"%s\"", name);
    }
    if (dataset->rank == 3) {
        int64_t channels = dataset->shape[0], width = dataset->shape[2], pixel = f / channels;
        return dstn_format("x, channel %lld, pixel %lld of line %lld", (long long)(f % channels),
                           (long long)(pixel % width), (long long)(pixel / width));
    }
    return dataset->feature_names ? dstn_format("column \"%s\"", dataset->feature_names[f])
                                  : dstn_format("column %lld", (long long)f);
}

dstn_status data_fail_mark(const dstn_dataset *dataset, bool is_target, int64_t f, const data_moments *moments,
                           dstn_error *err) {
    int64_t stride = is_target ? dataset->outputs : dataset->rank == 3 ? dataset->shape[0] : dataset->features;
    int64_t element = f + moments->place * stride, each = is_target ? dataset->outputs : dataset->features;
    char *name = data_name_value(dataset, is_target, element % each);
    dstn_fail(
        err, DSTN_ERROR_DATA,
        "%s: %s: row %lld (from 0): %g makes all other values vanish; accepted: numbers without such a mark for a "
        "missing value",
        dataset->source, name, (long long)dataset->source_rows[DSTN_PART_TRAIN][element / each], moments->largest);
    free(name);
    return err->status;
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static dstn_status check_values(const dstn_dataset *dataset, dstn_part part, bool is_target, double most,
                                const char *holder, dstn_error *err) {
    const double *values = is_target ? dataset->targets[part] : dataset->x[part];
    int64_t each = is_target ? dataset->outputs : dataset->features, i = 0;
    while (values && i < dataset->rows[part] * each && fabs(values[i]) <= most) {
        i++;
    }
    if (!values || i == dataset->rows[part] * each) {
        return DSTN_OK;
    }
    char *name = data_name_value(dataset, is_target, i % each);
    dstn_fail(err, DSTN_ERROR_DATA,
              "%s: %s: row %lld (from 0): comes to %g, as prepared, which %s can't compute with; accepted: up to %.3g",
              dataset->source, name, (long long)dataset->source_rows[part][i / each], values[i], holder, most);
    free(name);
    return err->status;
}

dstn_status data_check_range(const dstn_dataset *dataset, double most, const char *holder, dstn_error *err) {
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (check_values(dataset, (dstn_part)part, false, most, holder, err) != DSTN_OK ||
            check_values(dataset, (dstn_part)part, true, most, holder, err) != DSTN_OK) {
            return err->status;
        }
    }
    return DSTN_OK;
}

dstn_status dstn_dataset_check_range(const dstn_dataset *dataset, dstn_scalar scalar, dstn_error *err) {
    return scalar == DSTN_F32 ? data_check_range(dataset, sqrt(FLT_MAX), "f32", err)
                              : data_check_range(dataset, DATA_LARGEST, "f64", err);
}
