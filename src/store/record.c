/* store: the record of a run: series that grow in memory, and what stands beside them. */
#include "record.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

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

static void clear_aside(store_aside *old) {
    for (int64_t i = 0; old->strings && i < old->count; i++) {
        free(old->strings[i]);
    }
    free(old->strings);
    free(old->integers);
    free(old->reals);
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

int64_t store_series_width(const store_series *of) {
    return of->columns > 0 ? of->columns : 1;
}

static size_t row_size(const store_series *of) {
    return (size_t)store_series_width(of) * dstn_scalar_size(of->scalar);
}

int dstn_record_series(dstn_record *record, const char *name, dstn_scalar scalar, int64_t columns) {
    record->series = grow(record->series, record->series_count, &record->series_capacity, sizeof *record->series);
    char *path = name[0] == '/' ? dstn_strdup(name + 1) : dstn_format("series/%s", name);
    record->series[record->series_count] = (store_series){.path = path, .scalar = scalar, .columns = columns};
    return record->series_count++;
}

void dstn_record_derived(dstn_record *record, const char *name, int64_t columns, int from, dstn_record_rule *rule,
                         const void *user) {
    int number = dstn_record_series(record, name, DSTN_F64, columns); /* the array of series may move */
    store_series *made = &record->series[number];
    made->rule = rule;
    made->user = user;
    made->from = from;
}

void store_series_reserve(store_series *of, int64_t rows) {
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
    store_series *to = &record->series[number];
    store_series_reserve(to, to->rows + 1);
    unsigned char *place = to->values + (size_t)to->rows * row_size(to);
    for (int64_t c = 0; c < store_series_width(to); c++) {
        put_value(to->scalar, place, c, row[c]);
    }
    to->rows++;
}

int64_t dstn_record_length(const dstn_record *record, int number) {
    return record->series[number].rows;
}

double dstn_record_last(const dstn_record *record, int number) {
    const store_series *of = &record->series[number];
    return of->rows ? get_value(of->scalar, of->values, (of->rows - 1) * store_series_width(of)) : (double)NAN;
}

/* ---- what stands beside ----------------------------------------------------------------------------------- */

static bool is_same_place(const store_aside *old, const char *place, const char *attribute) {
    if (strcmp(old->place, place) != 0 || !old->attribute != !attribute) {
        return false;
    }
    return !attribute || strcmp(old->attribute, attribute) == 0;
}

/* An empty one at this place, which takes that of an older one. */
static store_aside *new_aside(dstn_record *record, store_aside_kind kind, const char *place, const char *attribute) {
    int i = 0;
    while (i < record->aside_count && !is_same_place(&record->asides[i], place, attribute)) {
        i++;
    }
    store_aside made = {
        .kind = kind, .place = dstn_strdup(place), .attribute = attribute ? dstn_strdup(attribute) : NULL};
    if (i < record->aside_count) {
        clear_aside(&record->asides[i]);
    } else {
        record->asides = grow(record->asides, record->aside_count, &record->aside_capacity, sizeof *record->asides);
        record->aside_count++;
    }
    record->asides[i] = made;
    return &record->asides[i];
}

static void copy_strings(store_aside *to, int64_t count, const char *const *strings) {
    to->count = count;
    to->strings = dstn_alloc((size_t)count, sizeof *to->strings);
    for (int64_t i = 0; i < count; i++) {
        to->strings[i] = dstn_strdup(strings[i]);
    }
}

void dstn_record_text(dstn_record *record, const char *group, const char *attribute, const char *text) {
    char *copy = dstn_strdup(text); /* it may be the one that is replaced */
    copy_strings(new_aside(record, STORE_ASIDE_TEXT, group, attribute), 1, (const char *const[]){copy});
    free(copy);
}

void dstn_record_number(dstn_record *record, const char *group, const char *attribute, double value) {
    new_aside(record, STORE_ASIDE_NUMBER, group, attribute)->number = value;
}

void dstn_record_integers(dstn_record *record, const char *name, int64_t count, const int64_t *values) {
    store_aside *to = new_aside(record, STORE_ASIDE_INTEGERS, name, NULL);
    to->count = count;
    to->integers = dstn_alloc((size_t)count, sizeof *values);
    if (count) {
        memcpy(to->integers, values, (size_t)count * sizeof *values);
    }
}

void dstn_record_reals(dstn_record *record, const char *name, int64_t count, const double *values) {
    store_aside *to = new_aside(record, STORE_ASIDE_REALS, name, NULL);
    to->count = count;
    to->reals = dstn_alloc((size_t)count, sizeof *values);
    if (count) {
        memcpy(to->reals, values, (size_t)count * sizeof *values);
    }
}

void dstn_record_strings(dstn_record *record, const char *name, int64_t count, const char *const *strings) {
    copy_strings(new_aside(record, STORE_ASIDE_STRINGS, name, NULL), count, strings);
}

static size_t aside_memory(const store_aside *of) {
    size_t bytes = of->integers || of->reals ? (size_t)of->count * sizeof(int64_t) : 0;
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

static void write_aside(dstn_writer *writer, const store_aside *what) {
    switch (what->kind) {
    case STORE_ASIDE_TEXT:
        dstn_writer_text(writer, what->place, what->attribute, what->strings[0]);
        break;
    case STORE_ASIDE_NUMBER:
        dstn_writer_number(writer, what->place, what->attribute, what->number);
        break;
    case STORE_ASIDE_INTEGERS:
        dstn_writer_array(writer, what->place, DSTN_I64, 1, &what->count, what->integers);
        break;
    case STORE_ASIDE_REALS:
        dstn_writer_array(writer, what->place, DSTN_F64, 1, &what->count, what->reals);
        break;
    case STORE_ASIDE_STRINGS:
        dstn_writer_strings(writer, what->place, what->count, (const char *const *)what->strings);
        break;
    }
}

/* All rows of a series that follows from `from`; free with free(). */
static double *derive(const store_series *of, const store_series *from) {
    int64_t width = store_series_width(of), width_from = store_series_width(from);
    double *values = dstn_alloc((size_t)(from->rows * width) + 1, sizeof *values);
    for (int64_t row = 0; row < from->rows; row++) {
        of->rule(of->user, (const double *)from->values + row * width_from, values + row * width);
    }
    return values;
}

static void write_series(dstn_writer *writer, const dstn_record *record, const store_series *of) {
    const store_series *from = of->rule ? &record->series[of->from] : of;
    double *derived = of->rule ? derive(of, from) : NULL;
    int64_t shape[2] = {from->rows, of->columns};
    const void *values = of->values;
    dstn_writer_array(writer, of->path, of->scalar, of->columns > 0 ? 2 : 1, shape, derived ? derived : values);
    free(derived);
}

dstn_status dstn_record_write(const dstn_record *record, const char *path, dstn_error *err) {
    dstn_writer *writer;
    if (dstn_writer_open(path, &writer, err) != DSTN_OK) {
        return err->status;
    }
    for (int i = 0; i < record->series_count; i++) {
        write_series(writer, record, &record->series[i]);
    }
    for (int i = 0; i < record->aside_count; i++) {
        write_aside(writer, &record->asides[i]);
    }
    return dstn_writer_commit(writer, err);
}
