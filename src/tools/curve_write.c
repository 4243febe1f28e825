/* A response curve as lines, as a record for figures, and as CSV. */
#include "curve.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/store.h"

static const char *const column_names[] = {
    "value", "lambda", "predicted", "predicted_accuracy", "retrained", "retrained_accuracy", "exact", "sigmas"};
enum { COLUMNS = sizeof column_names / sizeof column_names[0] };

/* sigmas: how far a point lies from λ0, in σ. */
static double column_of(const tools_curve *curve, const tools_curve_point *point, int column) {
    const double values[COLUMNS] = {point->value,     point->lambda,
                                    point->predicted, point->accuracy,
                                    point->retrained, point->retrained_accuracy,
                                    point->exact,     (point->lambda - curve->now.lambda) / curve->sigma};
    return values[column];
}

/* ---- lines ---- */

static void print_number(FILE *out, const char *before, double number, const char *missing) {
    if (isnan(number)) {
        fprintf(out, "%s%s", before, missing);
    } else {
        fprintf(out, "%s%.17g", before, number);
    }
}

void tools_curve_print(const tools_curve *curve, FILE *out) {
    static const int shown[] = {0, 1, 2, 4, 6, 7};
    const tools_curve_point *now = &curve->now;
    fprintf(out, "hyper %s\nmethod %s\nstep %lld\n", curve->request->hyper, curve->method, (long long)curve->step);
    fprintf(out, "current_value %.17g\ncurrent_lambda %.17g\nsigma %.17g\n", now->value, now->lambda, curve->sigma);
    fprintf(out, "band %.17g %.17g\nloss %.17g\n", curve->band[0], curve->band[1], now->predicted);
    if (!isnan(now->exact)) {
        fprintf(out, "exact %.17g\n", now->exact);
    }
    if (curve->request->retrain > 0) {
        fprintf(out, "retrain_steps %lld\nbaseline %.17g\n", (long long)curve->request->retrain_steps, now->retrained);
    }
    for (size_t c = 0; c < sizeof shown / sizeof shown[0]; c++) {
        fprintf(out, "%s%s", c ? " " : "", column_names[shown[c]]);
    }
    fputc('\n', out);
    for (int64_t i = 0; i < curve->count; i++) {
        for (size_t c = 0; c < sizeof shown / sizeof shown[0]; c++) {
            print_number(out, c ? " " : "", column_of(curve, &curve->points[i], shown[c]), "-");
        }
        fputc('\n', out);
    }
}

/* ---- CSV ---- */

static dstn_status write_csv(const tools_curve *curve, const char *path, dstn_error *err) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (int c = 0; out && c < COLUMNS; c++) {
        fprintf(out, "%s%s", c ? "," : "", column_names[c]);
    }
    for (int64_t i = 0; out && i < curve->count; i++) {
        for (int c = 0; c < COLUMNS; c++) {
            print_number(out, c ? "," : "\n", column_of(curve, &curve->points[i], c), "");
        }
    }
    bool good = out && fputc('\n', out) != EOF;
    good = out && fclose(out) == 0 && good;
    dstn_status status = good ? dstn_store_write_bytes(path, text, size, err)
                              : dstn_fail(err, DSTN_ERROR_RUN, "out of memory for %s", path);
    free(text);
    return status;
}

/* ---- HDF5 ---- */

static dstn_status write_record(const tools_curve *curve, const char *path, dstn_error *err) {
    dstn_writer *writer;
    const tools_curve_point *now = &curve->now;
    const struct {
        const char *name;
        double value;
    } numbers[] = {{"current_value", now->value}, {"current_lambda", now->lambda},
                   {"sigma", curve->sigma},       {"band_low", curve->band[0]},
                   {"band_high", curve->band[1]}, {"loss", now->predicted},
                   {"baseline", now->retrained},  {"exact", now->exact}};
    dstn_status status = dstn_writer_open(path, &writer, err);
    if (status != DSTN_OK) {
        return status;
    }
    double *column = dstn_alloc((size_t)curve->count, sizeof *column);
    for (int c = 0; c < COLUMNS; c++) {
        for (int64_t i = 0; i < curve->count; i++) {
            column[i] = column_of(curve, &curve->points[i], c);
        }
        char *name = dstn_format("curve/%s", column_names[c]);
        dstn_writer_array(writer, name, DSTN_F64, 1, &curve->count, column);
        free(name);
    }
    free(column);
    dstn_writer_text(writer, "", "hyper", curve->request->hyper);
    dstn_writer_text(writer, "", "method", curve->method);
    dstn_writer_text(writer, "", "config", curve->config);
    dstn_writer_integer(writer, "", "step", curve->step);
    dstn_writer_integer(writer, "", "retrain_steps", curve->request->retrain > 0 ? curve->request->retrain_steps : 0);
    for (size_t n = 0; n < sizeof numbers / sizeof numbers[0]; n++) {
        dstn_writer_number(writer, "", numbers[n].name, numbers[n].value);
    }
    return dstn_writer_commit(writer, err);
}

dstn_status tools_curve_write(const tools_curve *curve, const char *path, dstn_error *err) {
    size_t length = strlen(path);
    bool is_csv = length > 4 && strcmp(path + length - 4, ".csv") == 0;
    return (is_csv ? write_csv : write_record)(curve, path, err);
}
