/* store: the record of a run: series that grow in memory, and what stands beside them. */
#include "dstn/store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct series {
    char *path; /* in the file */
    dstn_scalar scalar;
    int64_t columns; /* 0: one value a row, and rank 1 */
    int64_t rows, capacity;
    unsigned char *values; /* [capacity, width] of the scalar type */
} series;

/* Something beside the series, replaced when it is given again. */
typedef enum aside_kind { ASIDE_TEXT, ASIDE_NUMBER, ASIDE_INTEGERS, ASIDE_STRINGS } aside_kind;

typedef struct aside {
    aside_kind kind;
    char *place;     /* group of an attribute, or name of a data set */
    char *attribute; /* NULL for a data set */
    double number;
    int64_t count;
    int64_t *integers; /* [count] */
    char **strings;    /* [count]; a text is one */
} aside;

struct dstn_record {
    series *series; /* [series_count] */
    int series_count, series_capacity;
    aside *asides; /* [aside_count] */
    int aside_count, aside_capacity;
};

/* Room for one more element at the end of an array that doubles. */
static void *grow(void *array, int count, int *capacity, size_t element) {
    if (count < *capacity) {
        return array;
    }
    *capacity = *capacity ? 2 * *capacity : 8;
    void *larger = dstn_alloc((size_t)*capacity, element);
    if (count) {
        memcpy(larger, array, (size_t)count * element);
    }
    free(array);
    return larger;
}

dstn_record *dstn_record_new(void) {
    return dstn_alloc(1, sizeof(dstn_record));
}

static void clear_aside(aside *old) {
    for (int64_t i = 0; old->strings && i < old->count; i++) {
        free(old->strings[i]);
    }
    free(old->strings);
    free(old->integers);
    free(old->attribute);
    free(old->place);
}

void dstn_record_destroy(dstn_record *record) {
    if (!record) {
        return;
    }
    for (int i = 0; i < record->series_count; i++) {
        free(record->series[i].path);
        free(record->series[i].values);
    }
    for (int i = 0; i < record->aside_count; i++) {
        clear_aside(&record->asides[i]);
    }
    free(record->series);
    free(record->asides);
    free(record);
}

/* ---- series ----------------------------------------------------------------------------------------------- */

static int64_t width_of(const series *of) {
    return of->columns > 0 ? of->columns : 1;
}

static size_t row_size(const series *of) {
    return (size_t)width_of(of) * dstn_scalar_size(of->scalar);
}

int dstn_record_series(dstn_record *record, const char *name, dstn_scalar scalar, int64_t columns) {
    record->series = grow(record->series, record->series_count, &record->series_capacity, sizeof *record->series);
    char *path = name[0] == '/' ? dstn_strdup(name + 1) : dstn_format("series/%s", name);
    record->series[record->series_count] = (series){.path = path, .scalar = scalar, .columns = columns};
    return record->series_count++;
}

static void reserve_rows(series *of, int64_t rows) {
    if (rows <= of->capacity) {
        return;
    }
    int64_t capacity = of->capacity ? of->capacity : 64;
    while (capacity < rows) {
        capacity *= 2;
    }
    unsigned char *larger = dstn_alloc((size_t)capacity, row_size(of));
    if (of->rows) {
        memcpy(larger, of->values, (size_t)of->rows * row_size(of));
    }
    free(of->values);
    of->values = larger;
    of->capacity = capacity;
}

/* Conversions that C leaves undefined (out of range, NaN) end at the type's limits. */
static int64_t to_integer(double value) {
    if (value >= 0x1p63) {
        return INT64_MAX;
    }
    return value >= -0x1p63 ? (int64_t)value : INT64_MIN;
}

static uint8_t to_byte(double value) {
    if (value >= UINT8_MAX) {
        return UINT8_MAX;
    }
    return value > 0 ? (uint8_t)value : 0;
}

static void put_value(dstn_scalar scalar, void *values, int64_t i, double value) {
    switch (scalar) {
    case DSTN_F32:
        ((float *)values)[i] = (float)value;
        break;
    case DSTN_F64:
        ((double *)values)[i] = value;
        break;
    case DSTN_I64:
        ((int64_t *)values)[i] = to_integer(value);
        break;
    case DSTN_U8:
        ((uint8_t *)values)[i] = to_byte(value);
        break;
    }
}

static double get_value(dstn_scalar scalar, const void *values, int64_t i) {
    switch (scalar) {
    case DSTN_F32:
        return ((const float *)values)[i];
    case DSTN_F64:
        return ((const double *)values)[i];
    case DSTN_I64:
        return (double)((const int64_t *)values)[i];
    case DSTN_U8:
        break;
    }
    return ((const uint8_t *)values)[i];
}

void dstn_record_append(dstn_record *record, int number, const double *row) {
    series *to = &record->series[number];
    reserve_rows(to, to->rows + 1);
    unsigned char *place = to->values + (size_t)to->rows * row_size(to);
    for (int64_t c = 0; c < width_of(to); c++) {
        put_value(to->scalar, place, c, row[c]);
    }
    to->rows++;
}

int64_t dstn_record_length(const dstn_record *record, int number) {
    return record->series[number].rows;
}

double dstn_record_last(const dstn_record *record, int number) {
    const series *of = &record->series[number];
    return of->rows ? get_value(of->scalar, of->values, (of->rows - 1) * width_of(of)) : (double)NAN;
}

/* ---- what stands beside ----------------------------------------------------------------------------------- */

static bool is_same_place(const aside *old, const char *place, const char *attribute) {
    if (strcmp(old->place, place) != 0 || !old->attribute != !attribute) {
        return false;
    }
    return !attribute || strcmp(old->attribute, attribute) == 0;
}

/* An empty one at this place, which takes that of an older one. */
static aside *new_aside(dstn_record *record, aside_kind kind, const char *place, const char *attribute) {
    int i = 0;
    while (i < record->aside_count && !is_same_place(&record->asides[i], place, attribute)) {
        i++;
    }
    aside made = {.kind = kind, .place = dstn_strdup(place), .attribute = attribute ? dstn_strdup(attribute) : NULL};
    if (i < record->aside_count) {
        clear_aside(&record->asides[i]);
    } else {
        record->asides = grow(record->asides, record->aside_count, &record->aside_capacity, sizeof *record->asides);
        record->aside_count++;
    }
    record->asides[i] = made;
    return &record->asides[i];
}

static void copy_strings(aside *to, int64_t count, const char *const *strings) {
    to->count = count;
    to->strings = dstn_alloc((size_t)count, sizeof *to->strings);
    for (int64_t i = 0; i < count; i++) {
        to->strings[i] = dstn_strdup(strings[i]);
    }
}

void dstn_record_text(dstn_record *record, const char *group, const char *attribute, const char *text) {
    char *copy = dstn_strdup(text); /* it may be the one that is replaced */
    copy_strings(new_aside(record, ASIDE_TEXT, group, attribute), 1, (const char *const[]){copy});
    free(copy);
}

void dstn_record_number(dstn_record *record, const char *group, const char *attribute, double value) {
    new_aside(record, ASIDE_NUMBER, group, attribute)->number = value;
}

void dstn_record_integers(dstn_record *record, const char *name, int64_t count, const int64_t *values) {
    aside *to = new_aside(record, ASIDE_INTEGERS, name, NULL);
    to->count = count;
    to->integers = dstn_alloc((size_t)count, sizeof *values);
    if (count) {
        memcpy(to->integers, values, (size_t)count * sizeof *values);
    }
}

void dstn_record_strings(dstn_record *record, const char *name, int64_t count, const char *const *strings) {
    copy_strings(new_aside(record, ASIDE_STRINGS, name, NULL), count, strings);
}

static size_t aside_memory(const aside *of) {
    size_t bytes = of->integers ? (size_t)of->count * sizeof(int64_t) : 0;
    for (int64_t i = 0; of->strings && i < of->count; i++) {
        bytes += sizeof(char *) + strlen(of->strings[i]) + 1;
    }
    return bytes;
}

size_t dstn_record_memory_used(const dstn_record *record) {
    size_t bytes = sizeof *record + (size_t)record->series_capacity * sizeof *record->series +
                   (size_t)record->aside_capacity * sizeof *record->asides;
    for (int i = 0; i < record->series_count; i++) {
        bytes += (size_t)record->series[i].capacity * row_size(&record->series[i]);
    }
    for (int i = 0; i < record->aside_count; i++) {
        bytes += aside_memory(&record->asides[i]);
    }
    return bytes;
}

/* ---- file ------------------------------------------------------------------------------------------------- */

static void write_aside(dstn_writer *writer, const aside *what) {
    switch (what->kind) {
    case ASIDE_TEXT:
        dstn_writer_text(writer, what->place, what->attribute, what->strings[0]);
        break;
    case ASIDE_NUMBER:
        dstn_writer_number(writer, what->place, what->attribute, what->number);
        break;
    case ASIDE_INTEGERS:
        dstn_writer_array(writer, what->place, DSTN_I64, 1, &what->count, what->integers);
        break;
    case ASIDE_STRINGS:
        dstn_writer_strings(writer, what->place, what->count, (const char *const *)what->strings);
        break;
    }
}

dstn_status dstn_record_write(const dstn_record *record, const char *path, dstn_error *err) {
    dstn_writer *writer;
    if (dstn_writer_open(path, &writer, err) != DSTN_OK) {
        return err->status;
    }
    for (int i = 0; i < record->series_count; i++) {
        const series *of = &record->series[i];
        int64_t shape[2] = {of->rows, of->columns};
        dstn_writer_array(writer, of->path, of->scalar, of->columns > 0 ? 2 : 1, shape, of->values);
    }
    for (int i = 0; i < record->aside_count; i++) {
        write_aside(writer, &record->asides[i]);
    }
    return dstn_writer_commit(writer, err);
}

/* ---- restoring -------------------------------------------------------------------------------------------- */

/* How many rows of a series' group belong to steps up to last_step; steps only rise. */
static dstn_status count_rows(const dstn_reader *reader, const char *path, int64_t last_step, int64_t *kept,
                              int64_t *rows, dstn_error *err) {
    int length = (int)(strrchr(path, '/') ? strrchr(path, '/') - path + 1 : 0);
    char *name = dstn_format("%.*sstep", length, path);
    double *steps;
    if (dstn_reader_doubles(reader, name, rows, &steps, err) == DSTN_OK) {
        *kept = 0;
        while (*kept < *rows && steps[*kept] <= (double)last_step) {
            ++*kept;
        }
        free(steps);
        err->status = DSTN_OK;
    }
    free(name);
    return err->status;
}

static dstn_status restore_series(const dstn_reader *reader, const char *path, int64_t last_step, series *to,
                                  dstn_error *err) {
    int64_t kept = 0, rows = 0, shape[DSTN_MAX_RANK] = {0};
    int rank = 0;
    if (count_rows(reader, to->path, last_step, &kept, &rows, err) != DSTN_OK ||
        dstn_reader_shape(reader, to->path, &rank, shape, err) != DSTN_OK) {
        return err->status;
    }
    bool fits = to->columns > 0 ? rank == 2 && shape[1] == to->columns : rank == 1;
    if (!fits || shape[0] != rows) {
        return dstn_fail(err, DSTN_ERROR_CHECKPOINT, "%s: data set %s is not %lld rows of %lld values", path, to->path,
                         (long long)rows, (long long)width_of(to));
    }
    reserve_rows(to, rows);
    if (dstn_reader_array(reader, to->path, to->scalar, rows * width_of(to), to->values, err) != DSTN_OK) {
        return err->status;
    }
    to->rows = kept;
    return DSTN_OK;
}

dstn_status dstn_record_restore(dstn_record *record, const char *path, int64_t last_step, dstn_error *err) {
    dstn_reader *reader;
    if (dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, err) != DSTN_OK) {
        return err->status;
    }
    /* Everything is read aside first: a record that can't be read whole is not read at all. */
    series *restored = dstn_alloc((size_t)record->series_count, sizeof *restored);
    dstn_status status = DSTN_OK;
    for (int i = 0; status == DSTN_OK && i < record->series_count; i++) {
        const series *old = &record->series[i];
        restored[i] = (series){.path = old->path, .scalar = old->scalar, .columns = old->columns};
        status = restore_series(reader, path, last_step, &restored[i], err);
    }
    dstn_reader_close(reader);
    for (int i = 0; i < record->series_count; i++) {
        free(status == DSTN_OK ? record->series[i].values : restored[i].values);
        if (status == DSTN_OK) {
            record->series[i] = restored[i];
        }
    }
    free(restored);
    return status;
}
