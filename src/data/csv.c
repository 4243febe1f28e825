/* data: the source `csv`: a table of numbers with a header line; one column is the target, all others are features. */
#include "csv_reader.h"
#include "sources.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MIN_ROWS = 5, MAX_CLASSES = 100000 };

typedef struct csv_settings {
    const char *path, *target;
} csv_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", csv_settings, path, DSTN_REQUIRED, "the file, relative to the folder of the config that names it",
              DSTN_MAY_DIFFER),
    DSTN_TEXT("target", csv_settings, target, DSTN_REQUIRED, "name of the target's column"),
    DSTN_OPTIONS_END,
};

/* The table as it is read. */
typedef struct csv_table {
    csv_reader reader;
    char **names; /* [columns] */
    size_t columns, target;
    bool has_labels; /* the target's values are class labels */
    double *values;  /* [rows, columns] */
    size_t rows, capacity;
} csv_table;

/* ---- header ------------------------------------------------------------------------------------------------------ */

static dstn_status check_names(const csv_table *table, dstn_error *err) {
    const char *path = table->reader.path;
    for (size_t c = 0; c < table->columns; c++) {
        if (!table->names[c][0]) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s:1: column %zu has no name; accepted: a header with every name",
                             path, c + 1);
        }
        for (size_t before = 0; before < c; before++) {
            if (strcmp(table->names[before], table->names[c]) == 0) {
                return dstn_fail(err, DSTN_ERROR_DATA,
                                 "%s:1: column \"%s\": stands twice in the header, as columns %zu and %zu", path,
                                 table->names[c], before + 1, c + 1);
            }
        }
    }
    if (table->columns == 1) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s:1: column \"%s\": is the only one; accepted: a target and features, separated by commas",
                         path, table->names[0]);
    }
    return DSTN_OK;
}

static dstn_status fail_no_target(const csv_table *table, const char *target, dstn_error *err) {
    char *suggestion = dstn_suggestion(target, (const char *const *)table->names, table->columns, NULL);
    dstn_fail(err, DSTN_ERROR_DATA, "%s:1: column \"%s\": the target is not in the header; %s", table->reader.path,
              target, suggestion);
    free(suggestion);
    return err->status;
}

static dstn_status read_header(csv_table *table, dstn_node node, const char *target, dstn_error *err) {
    csv_reader *reader = &table->reader;
    bool found;
    dstn_status status = data_csv_next(reader, &found, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (!found) {
        return data_fail_at_key(node, "path", err, "%s:1: the file is empty; accepted: a header and at least %d rows",
                                reader->path, MIN_ROWS);
    }
    table->columns = reader->count;
    table->names = dstn_alloc(table->columns, sizeof *table->names);
    for (size_t c = 0; c < table->columns; c++) {
        table->names[c] = dstn_strdup(reader->fields[c]);
    }
    status = check_names(table, err);
    if (status != DSTN_OK) {
        return status;
    }
    while (table->target < table->columns && strcmp(table->names[table->target], target) != 0) {
        table->target++;
    }
    return table->target < table->columns ? DSTN_OK : fail_no_target(table, target, err);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Decimal numbers only. NULL, or what is wrong with the text. */
static const char *read_number(const char *text, double *out) {
    const char *digits = text + (*text == '-' || *text == '+');
    if (!*text) {
        return "the value is missing";
    }
    if (strcasecmp(digits, "nan") == 0 || strcasecmp(digits, "inf") == 0 || strcasecmp(digits, "infinity") == 0) {
        return "is not finite";
    }
    char *end = NULL;
    *out = strtod(text, &end);
    if (end == text || *end || text[strspn(text, "0123456789+-.eE")]) {
        return "is not a number";
    }
    return isfinite(*out) ? NULL : "is beyond all numbers";
}

static dstn_status read_value(const csv_table *table, size_t c, double *value, dstn_error *err) {
    const csv_reader *reader = &table->reader;
    const char *text = reader->fields[c], *accepted = "a finite number";
    const char *wrong = read_number(text, value);
    if (table->has_labels && c == table->target) {
        accepted = "an integer from 0 to 99999";
        if (!wrong && (*value != floor(*value) || *value < 0 || *value >= MAX_CLASSES)) {
            wrong = "is no class label";
        }
    }
    if (!wrong) {
        return DSTN_OK;
    }
    const char *quote = *text ? "\"" : "";
    return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: column \"%s\": %s%.40s%s%s%s; accepted: %s", reader->path,
                     (long long)reader->record_line, table->names[c], quote, text, quote, *text ? " " : "", wrong,
                     accepted);
}

static double *next_row(csv_table *table) {
    if (table->rows == table->capacity) {
        size_t capacity = table->capacity ? 2 * table->capacity : 256;
        double *values = dstn_alloc(capacity * table->columns, sizeof *values);
        if (table->rows) {
            memcpy(values, table->values, table->rows * table->columns * sizeof *values);
        }
        free(table->values);
        table->values = values;
        table->capacity = capacity;
    }
    return table->values + table->rows++ * table->columns;
}

static dstn_status read_row(csv_table *table, dstn_error *err) {
    const csv_reader *reader = &table->reader;
    if (reader->count != table->columns) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: expected %zu fields, as in the header, found %zu",
                         reader->path, (long long)reader->record_line, table->columns, reader->count);
    }
    double *row = next_row(table);
    for (size_t c = 0; c < table->columns; c++) {
        dstn_status status = read_value(table, c, &row[c], err);
        if (status != DSTN_OK) {
            return status;
        }
    }
    return DSTN_OK;
}

static dstn_status read_rows(csv_table *table, dstn_error *err) {
    bool found = true;
    while (found) {
        dstn_status status = data_csv_next(&table->reader, &found, err);
        if (status == DSTN_OK && found) {
            status = read_row(table, err);
        }
        if (status != DSTN_OK) {
            return status;
        }
    }
    if (table->rows >= MIN_ROWS) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_DATA,
                     "%s:%lld: the file ends after %zu rows; accepted: at least %d below the header",
                     table->reader.path, (long long)table->reader.line, table->rows, MIN_ROWS);
}

/* ---- the data set ------------------------------------------------------------------------------------------------ */

static int64_t count_classes(const csv_table *table) {
    double largest = 0;
    for (size_t r = 0; r < table->rows; r++) {
        largest = fmax(largest, table->values[r * table->columns + table->target]);
    }
    return (int64_t)largest + 1;
}

static dstn_dataset *make_dataset(const csv_table *table) {
    dstn_task task = table->has_labels ? DSTN_TASK_CLASSIFICATION : DSTN_TASK_REGRESSION;
    int64_t features = (int64_t)table->columns - 1;
    dstn_dataset *dataset =
        data_new(table->reader.path, task, 1, &features, table->has_labels ? count_classes(table) : 1);
    data_make_part(dataset, DSTN_PART_TRAIN, (int64_t)table->rows);
    dataset->target_name = dstn_strdup(table->names[table->target]);
    dataset->feature_names = dstn_alloc((size_t)features, sizeof(char *));
    for (size_t c = 0, f = 0; c < table->columns; c++) {
        if (c != table->target) {
            dataset->feature_names[f++] = dstn_strdup(table->names[c]);
        }
    }
    double *x = dataset->x[DSTN_PART_TRAIN];
    for (size_t r = 0; r < table->rows; r++) {
        const double *row = table->values + r * table->columns;
        for (size_t c = 0; c < table->columns; c++) {
            if (c != table->target) {
                *x++ = row[c];
            }
        }
        if (table->has_labels) {
            dataset->labels[DSTN_PART_TRAIN][r] = (int64_t)row[table->target];
        } else {
            dataset->targets[DSTN_PART_TRAIN][r] = row[table->target];
        }
    }
    return dataset;
}

static dstn_status read_csv(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                            dstn_dataset **out, dstn_error *err) {
    (void)log;
    const csv_settings *csv = settings;
    /* A path is looked up from the folder of the file it is written in, which may not be the section's. */
    char *path = dstn_doc_resolve_path(dstn_node_child(node, "path"), csv->path);
    csv_table table = {.has_labels = task == DSTN_TASK_CLASSIFICATION};
    int reason = data_csv_open(&table.reader, path);
    if (reason) {
        data_fail_at_key(node, "path", err, "%s: can't be read: %s", path, strerror(reason));
        free(path);
        return err->status;
    }
    dstn_status status = read_header(&table, node, csv->target, err);
    if (status == DSTN_OK) {
        status = read_rows(&table, err);
    }
    if (status == DSTN_OK) {
        *out = make_dataset(&table);
    }
    for (size_t c = 0; c < table.columns; c++) {
        free(table.names[c]);
    }
    free(table.names);
    free(table.values);
    data_csv_close(&table.reader);
    free(path);
    return status;
}

const dstn_data_source data_source_csv = {
    .name = "csv",
    .help = "a table of numbers with a header line, separated by commas",
    .options = options,
    .settings_size = sizeof(csv_settings),
    .example = "{target: y}",
    .read = read_csv,
};
