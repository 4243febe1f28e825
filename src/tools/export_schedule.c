/* The schedule that a run's record holds of its hyperparameters, as CSV or JSON. */
#include "export.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"

/* Series [rows] and [rows, h] of a record. */
typedef struct schedule {
    int64_t rows, hypers;
    char **names;         /* [hypers] */
    double *step, *epoch; /* [rows] */
    double *tables[3];    /* [rows, hypers], in the order of table_names */
} schedule;

static const char *const table_names[] = {"value", "lambda", "sigma"};
enum { TABLES = sizeof table_names / sizeof table_names[0] };

/* ---- reading ---- */

static dstn_status read_vector(const dstn_reader *reader, const char *name, int64_t count, double **out,
                               dstn_error *err) {
    int64_t own;
    dstn_status status = dstn_reader_doubles(reader, name, &own, out, err);
    return status == DSTN_OK && own != count
               ? dstn_fail(err, DSTN_ERROR_DATA, "%s has %lld values, and is expected to have %lld", name,
                           (long long)own, (long long)count)
               : status;
}

static dstn_status check_kind(const dstn_reader *reader, const char *path, dstn_error *err) {
    if (dstn_reader_has(reader, "series/step") && dstn_reader_has(reader, "series/lambda")) {
        return DSTN_OK;
    }
    if (dstn_reader_has(reader, "members/name")) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s is the table of a sweep; accepted with --schedule: the record of one run, as its "
                         "members/NAME/run.h5",
                         path);
    }
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s has no schedule%s; accepted with --schedule: the record of a run with hyperparameters, run.h5",
                     path, dstn_reader_has(reader, "state") ? ": it is a checkpoint" : "");
}

static dstn_status read_schedule(const dstn_reader *reader, const char *path, schedule *out, dstn_error *err) {
    dstn_status status = check_kind(reader, path, err);
    if (status == DSTN_OK) {
        status = dstn_reader_doubles(reader, "series/step", &out->rows, &out->step, err);
    }
    if (status == DSTN_OK) {
        status = read_vector(reader, "series/epoch", out->rows, &out->epoch, err);
    }
    if (status == DSTN_OK) {
        status = dstn_reader_strings(reader, "hyper/names", &out->hypers, &out->names, err);
    }
    for (int t = 0; t < TABLES && status == DSTN_OK; t++) {
        char *name = dstn_format("series/%s", table_names[t]);
        status = read_vector(reader, name, out->rows * out->hypers, &out->tables[t], err);
        free(name);
    }
    return status;
}

static void clear(schedule *s) {
    for (int64_t i = 0; s->names && i < s->hypers; i++) {
        free(s->names[i]);
    }
    free(s->names);
    free(s->step);
    free(s->epoch);
    for (int t = 0; t < TABLES; t++) {
        free(s->tables[t]);
    }
}

/* ---- CSV: names of hyperparameters are of letters, digits and '_', and nothing needs quotes ---- */

static void print_csv(FILE *out, const schedule *s) {
    fputs("step,epoch", out);
    for (int64_t i = 0; i < TABLES * s->hypers; i++) {
        fprintf(out, ",%s.%s", table_names[i / s->hypers], s->names[i % s->hypers]);
    }
    fputc('\n', out);
    for (int64_t r = 0; r < s->rows; r++) {
        fprintf(out, "%.0f,%.17g", s->step[r], s->epoch[r]);
        for (int64_t i = 0; i < TABLES * s->hypers; i++) {
            fprintf(out, ",%.17g", s->tables[i / s->hypers][r * s->hypers + i % s->hypers]);
        }
        fputc('\n', out);
    }
}

/* ---- JSON ---- */

static void print_column(FILE *out, int64_t rows, int64_t stride, const double *values) {
    fputc('[', out);
    for (int64_t r = 0; r < rows; r++) {
        fputs(r ? "," : "", out);
        tools_json_number(out, values[r * stride]);
    }
    fputc(']', out);
}

static void print_json(FILE *out, const schedule *s) {
    fputs("{\"step\":", out);
    print_column(out, s->rows, 1, s->step);
    fputs(",\"epoch\":", out);
    print_column(out, s->rows, 1, s->epoch);
    for (int t = 0; t < TABLES; t++) {
        fprintf(out, ",\"%s\":{", table_names[t]);
        for (int64_t i = 0; i < s->hypers; i++) {
            fputs(i ? "," : "", out);
            tools_json_text(out, s->names[i]);
            fputc(':', out);
            print_column(out, s->rows, s->hypers, s->tables[t] + i);
        }
        fputc('}', out);
    }
    fputs("}\n", out);
}

/* ---- where it goes ---- */

static dstn_status write_file(const dstn_console *console, const schedule *s, bool json, const char *path,
                              dstn_error *err) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return dstn_fail(err, DSTN_ERROR_RUN, "out of memory for %s", path);
    }
    (json ? print_json : print_csv)(out, s);
    dstn_status status = fclose(out) == 0 ? dstn_store_write_bytes(path, text, size, err)
                                          : dstn_fail(err, DSTN_ERROR_RUN, "out of memory for %s", path);
    free(text);
    if (status == DSTN_OK) {
        fprintf(console->out, "rows %lld\n", (long long)s->rows);
        dstn_print_line(console->out, "schedule %s", path);
    }
    return status;
}

dstn_status tools_export_schedule(const dstn_console *console, const char *path, bool json, const char *out,
                                  dstn_error *err) {
    schedule s = {0};
    dstn_reader *reader;
    dstn_status status = dstn_reader_open(path, DSTN_ERROR_DATA, &reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = read_schedule(reader, path, &s, err);
    dstn_reader_close(reader);
    if (status == DSTN_OK && out && strcmp(out, "-") != 0) {
        status = write_file(console, &s, json, out, err);
    } else if (status == DSTN_OK) {
        (json ? print_json : print_csv)(console->out, &s);
    }
    clear(&s);
    return status;
}
