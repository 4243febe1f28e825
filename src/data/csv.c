/* data: the source `csv`: a table of numbers with a header line; one column is the target, all others are features. */
#include "csv_reader.h"
#include "moments.h"
#include "sources.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MIN_ROWS = 5, MAX_CLASSES = 100000 };

typedef struct csv_settings {
    const char *path, *target, *separator, *decimal;
} csv_settings;

static const dstn_option options[] = {
    DSTN_TEXT("path", csv_settings, path, DSTN_REQUIRED, "the file, relative to the folder of the config that names it",
              DSTN_MAY_DIFFER),
    DSTN_TEXT("target", csv_settings, target, DSTN_REQUIRED, "name of the target's column"),
    DSTN_TEXT(
        "separator", csv_settings, separator, "auto",
        "what stands between fields: comma, semicolon, tab, bar, space (any number of blanks) or a character; auto: "
        "the one of these that the first lines agree on"),
    DSTN_TEXT("decimal", csv_settings, decimal, "auto",
              "point or comma; auto: a point where commas separate fields, else what the first number has that has "
              "either"),
    DSTN_OPTIONS_END,
};

/* The table as it is read. */
typedef struct csv_table {
    data_csv_reader reader;
    char **names; /* [columns] */
    size_t columns, target;
    bool has_labels; /* the target's values are class labels */
    char decimal;    /* '.' or ','; 0: the first number that has either decides */
    int64_t inexact; /* whole numbers too large to be held to the last digit */
    bool is_guessed; /* separator or decimal were not given */
    double *values;  /* [rows, columns] */
    size_t rows, capacity;
} csv_table;

/* ---- header ------------------------------------------------------------------------------------------------------ */

typedef struct csv_name {
    const char *text;
    size_t column;
} csv_name;

static int compare_names(const void *a, const void *b) {
    const csv_name *left = a, *right = b;
    int order = strcmp(left->text, right->text);
    return order ? order : (left->column > right->column) - (left->column < right->column);
}

/* The first column whose name stands before it, with that of the other in *before; else the number of columns. */
static size_t find_repeated(const csv_table *table, size_t *before) {
    csv_name *names = dstn_alloc(table->columns, sizeof *names);
    for (size_t c = 0; c < table->columns; c++) {
        names[c] = (csv_name){table->names[c], c};
    }
    qsort(names, table->columns, sizeof *names, compare_names);
    size_t found = table->columns;
    for (size_t i = 1; i < table->columns; i++) {
        if (names[i].column < found && strcmp(names[i - 1].text, names[i].text) == 0) {
            found = names[i].column;
            *before = names[i - 1].column;
        }
    }
    free(names);
    return found;
}

static dstn_status check_names(const csv_table *table, dstn_error *err) {
    const char *path = table->reader.path;
    for (size_t c = 0; c < table->columns; c++) {
        if (!table->names[c][0]) {
            return dstn_fail(err, DSTN_ERROR_DATA, "%s:1: column %zu has no name; accepted: a header with every name",
                             path, c + 1);
        }
    }
    size_t before = 0, repeated = find_repeated(table, &before);
    if (repeated < table->columns) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s:1: column \"%s\": stands twice in the header, as columns %zu and %zu", path,
                         table->names[repeated], before + 1, repeated + 1);
    }
    if (table->columns == 1) {
        return dstn_fail(err, DSTN_ERROR_DATA,
                         "%s:1: column \"%s\": is the only one; accepted: a target and features, with data.separator "
                         "between them",
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
    data_csv_reader *reader = &table->reader;
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

/* Decimal numbers only, with a point. NULL, or what is wrong with the text. */
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
    return isfinite(*out) ? fabs(*out) <= DATA_LARGEST ? NULL : "is too large to compute with"
                          : "is beyond all numbers";
}

/* The same, with the table's decimal sign, which the first number that has either settles. */
static const char *read_decimal(csv_table *table, char *text, double *out) {
    char *comma = strchr(text, ','), *point = strchr(text, '.');
    if (!table->decimal && (comma || point)) {
        table->decimal = comma ? ',' : '.';
    }
    if (table->decimal != ',') {
        const char *wrong = read_number(text, out);
        return wrong && comma && !strchr(comma + 1, ',') && table->is_guessed
                   ? "is not a number (if its comma is a decimal sign, set data.decimal: comma)"
                   : wrong;
    }
    if (point) {
        return "has a point, and decimals have commas here";
    }
    if (comma) {
        *comma = '.';
    }
    const char *wrong = read_number(text, out);
    if (comma) {
        *comma = ',';
    }
    return wrong;
}

static dstn_status read_value(csv_table *table, size_t c, double *value, dstn_error *err) {
    const data_csv_reader *reader = &table->reader;
    char *text = reader->fields[c];
    const char *accepted = "a finite number, up to 1e140", *wrong = read_decimal(table, text, value);
    if (table->has_labels && c == table->target) {
        accepted = "an integer from 0 to 99999";
        if (!wrong && (*value != floor(*value) || *value < 0 || *value >= MAX_CLASSES)) {
            wrong = "is no class label";
        }
    }
    if (!wrong) {
        table->inexact += fabs(*value) >= DATA_LARGEST_EXACT && text[strspn(text, "+-0123456789")] == '\0';
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
    const data_csv_reader *reader = &table->reader;
    if (reader->count == 1 && !reader->fields[0][0] && table->columns > 1) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s:%lld: the line is blank, and others follow; accepted: %zu fields",
                         reader->path, (long long)reader->record_line, table->columns);
    }
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
    data_add_file(dataset, table->reader.path);
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

/* ---- the dialect ------------------------------------------------------------------------------------------------- */

/* What a key names: a character itself, or one by its name; NUL: neither. */
static char read_character(const char *text) {
    static const struct {
        const char *name;
        char character;
    } names[] = {{"comma", ','}, {"semicolon", ';'}, {"tab", '\t'}, {"bar", '|'}, {"space", ' '}, {"point", '.'}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(text, names[i].name) == 0) {
            return names[i].character;
        }
    }
    return strlen(text) == 1 ? text[0] : '\0';
}

/* A character that no number and no quoted name has at its edges. */
static bool may_separate(char c) {
    return c == '\t' || (c >= ' ' && c < 127 && !strchr("+-.\"", c) && !isalnum((unsigned char)c));
}

static dstn_status choose_dialect(dstn_node node, const csv_settings *csv, csv_table *table, dstn_error *err) {
    bool guesses_separator = strcmp(csv->separator, "auto") == 0, guesses_decimal = strcmp(csv->decimal, "auto") == 0;
    char separator = read_character(csv->separator), decimal = read_character(csv->decimal);
    if (!guesses_separator && !may_separate(separator)) {
        return dstn_node_fail(
            dstn_node_child(node, "separator"), err,
            "\"%s\" can't separate fields; accepted: auto, comma, semicolon, tab, bar, space, or a character such as ;",
            csv->separator);
    }
    if (!guesses_decimal && decimal != '.' && decimal != ',') {
        return dstn_node_fail(dstn_node_child(node, "decimal"), err,
                              "\"%s\" is unknown; accepted: auto, point or comma", csv->decimal);
    }
    table->is_guessed = guesses_separator || guesses_decimal;
    char said = data_csv_skip_preface(&table->reader);
    table->reader.separator = !guesses_separator ? separator : said ? said : data_csv_guess_separator(&table->reader);
    table->decimal = !guesses_decimal ? decimal : table->reader.separator == ',' ? '.' : '\0';
    return DSTN_OK;
}

/* What a double can't hold is not what the file says. */
static void warn_of_inexact(const csv_table *table, const dstn_log *log) {
    if (table->inexact > 0) {
        dstn_log_warn(log, "%s: %lld whole numbers are 2^53 or more and may lose their last digits", table->reader.path,
                      (long long)table->inexact);
    }
}

/* What was guessed is said, where it is not what such a table is named for. */
static void describe_dialect(const csv_table *table, const dstn_log *log) {
    char separator = table->reader.separator;
    if (!table->is_guessed || (separator == ',' && table->decimal != ',')) {
        return;
    }
    char quoted[4] = {'"', separator, '"', '\0'};
    dstn_log_info(log, "%s: fields are separated by %s, decimals by %s", table->reader.path,
                  separator == '\t'  ? "tabs"
                  : separator == ' ' ? "blanks"
                                     : quoted,
                  table->decimal == ',' ? "commas" : "points");
}

static dstn_status read_table(dstn_node node, const csv_settings *csv, const dstn_log *log, csv_table *table,
                              dstn_error *err) {
    dstn_status status = data_csv_check_text(&table->reader, err);
    if (status == DSTN_OK) {
        status = choose_dialect(node, csv, table, err);
    }
    if (status == DSTN_OK) {
        status = read_header(table, node, csv->target, err);
    }
    if (status == DSTN_OK) {
        status = read_rows(table, err);
    }
    if (status == DSTN_OK) {
        describe_dialect(table, log);
        warn_of_inexact(table, log);
    }
    return status;
}

static dstn_status read_csv(const void *settings, dstn_node node, dstn_task task, const dstn_log *log,
                            dstn_dataset **out, dstn_error *err) {
    const csv_settings *csv = settings;
    /* A path is looked up from the folder of the file it is written in, which may not be the section's. */
    char *path = dstn_doc_resolve_path(dstn_node_child(node, "path"), csv->path);
    csv_table table = {.has_labels = task == DSTN_TASK_CLASSIFICATION};
    const char *reason = data_why_unreadable(path);
    int failure = reason ? 0 : data_csv_open(&table.reader, path);
    if (reason || failure) {
        data_fail_at_key(node, "path", err, "%s: can't be read: %s", path, reason ? reason : strerror(failure));
        free(path);
        return err->status;
    }
    dstn_status status = read_table(node, csv, log, &table, err);
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
    .help = "a table of numbers with a header line",
    .options = options,
    .settings_size = sizeof(csv_settings),
    .example = "{target: y}",
    .read = read_csv,
};
