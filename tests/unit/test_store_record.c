/* The record of a run: series that grow, the file they are written to, and resuming from it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/store.h"
#include "scratch.h"

#include <math.h>

enum { ROWS = 1000, COLUMNS = 3 };

static char *folder;

/* A record with series of every kind, and the numbers of its series. */
typedef struct run {
    dstn_record *record;
    int step, loss, lambda, hash_step, hash;
} run;

static run new_run(void) {
    run made = {.record = dstn_record_new()};
    made.step = dstn_record_series(made.record, "step", DSTN_I64, 0);
    made.loss = dstn_record_series(made.record, "train_loss", DSTN_F64, 0);
    made.lambda = dstn_record_series(made.record, "lambda", DSTN_F32, COLUMNS);
    made.hash_step = dstn_record_series(made.record, "/digest/step", DSTN_I64, 0);
    made.hash = dstn_record_series(made.record, "/digest/hash", DSTN_U8, 16);
    return made;
}

static void append_row(const run *to, int64_t row) {
    const double lambda[COLUMNS] = {(double)row, 0.5 * (double)row, -(double)row};
    dstn_record_append(to->record, to->step, &(double){10.0 * (double)row});
    dstn_record_append(to->record, to->loss, &(double){row == 7 ? (double)NAN : 1.0 / (double)(row + 1)});
    dstn_record_append(to->record, to->lambda, lambda);
    if (row % 5 == 0) {
        double hash[16];
        for (int i = 0; i < 16; i++) {
            hash[i] = (double)((row + i) % 256);
        }
        dstn_record_append(to->record, to->hash_step, &(double){10.0 * (double)row});
        dstn_record_append(to->record, to->hash, hash);
    }
}

static void add_asides(dstn_record *record) {
    const int64_t rows[] = {4, 9, INT64_C(1) << 40};
    dstn_record_text(record, "provenance", "config", "seed: 0\n");
    dstn_record_text(record, "provenance", "config", "seed: 1\n");
    dstn_record_number(record, "result", "seconds", 1);
    dstn_record_number(record, "result", "seconds", 2.5);
    dstn_record_integers(record, "data/valid_rows", 2, rows);
    dstn_record_integers(record, "data/valid_rows", 3, rows);
    dstn_record_strings(record, "hyper/names", 1, (const char *const[]){"old"});
    dstn_record_strings(record, "hyper/names", COLUMNS, (const char *const[]){"a", "b", "c"});
}

static char *write_run(int64_t rows) {
    run made = new_run();
    for (int64_t row = 0; row < rows; row++) {
        append_row(&made, row);
    }
    add_asides(made.record);
    char *path = dstn_format("%s/run.h5", folder);
    dstn_error err = {0};
    if (dstn_record_write(made.record, path, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    dstn_record_destroy(made.record);
    return path;
}

static void series_grow_and_tell_their_last_value(void **state) {
    (void)state;
    run made = new_run();
    assert_true(isnan(dstn_record_last(made.record, made.lambda)));
    size_t empty = dstn_record_memory_used(made.record);
    for (int64_t row = 0; row < ROWS; row++) {
        append_row(&made, row);
    }
    assert_int_equal(dstn_record_length(made.record, made.lambda), ROWS);
    assert_int_equal(dstn_record_length(made.record, made.hash), ROWS / 5);
    assert_true(dstn_record_last(made.record, made.step) == 10.0 * (ROWS - 1));
    assert_true(dstn_record_last(made.record, made.lambda) == ROWS - 1);
    assert_true(dstn_record_last(made.record, made.hash) == (ROWS - 5) % 256);
    size_t values = ROWS * (8 + 8 + 4 * COLUMNS) + ROWS / 5 * (8 + 16);
    assert_in_range(dstn_record_memory_used(made.record) - empty, values, 2 * values + 4096);
    dstn_record_destroy(made.record);
}

static void values_out_of_a_types_range_end_at_its_limits(void **state) {
    (void)state;
    dstn_record *record = dstn_record_new();
    int integers = dstn_record_series(record, "i", DSTN_I64, 0), bytes = dstn_record_series(record, "b", DSTN_U8, 0);
    const double given[] = {1e300, -1e300, (double)NAN, 300, -4};
    const double as_integer[] = {0x1p63, -0x1p63, -0x1p63, 300, -4}, as_byte[] = {255, 0, 0, 255, 0};
    for (int i = 0; i < 5; i++) {
        dstn_record_append(record, integers, &given[i]);
        dstn_record_append(record, bytes, &given[i]);
        assert_true(dstn_record_last(record, integers) == as_integer[i]);
        assert_true(dstn_record_last(record, bytes) == as_byte[i]);
    }
    dstn_record_destroy(record);
}

static void everything_stands_in_the_file_where_the_layout_says(void **state) {
    (void)state;
    char *path = write_run(ROWS);
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_reader_open(path, DSTN_ERROR_DATA, &reader, &err), DSTN_OK);
    int rank = 0;
    int64_t shape[DSTN_MAX_RANK], rows[3], *steps = dstn_alloc(ROWS, sizeof *steps), count = 0;
    assert_int_equal(dstn_reader_shape(reader, "series/lambda", &rank, shape, &err), DSTN_OK);
    assert_true(rank == 2 && shape[0] == ROWS && shape[1] == COLUMNS);
    assert_int_equal(dstn_reader_shape(reader, "series/train_loss", &rank, shape, &err), DSTN_OK);
    assert_true(rank == 1 && shape[0] == ROWS);
    assert_int_equal(dstn_reader_shape(reader, "digest/hash", &rank, shape, &err), DSTN_OK);
    assert_true(rank == 2 && shape[0] == ROWS / 5 && shape[1] == 16);
    assert_int_equal(dstn_reader_array(reader, "series/step", DSTN_I64, ROWS, steps, &err), DSTN_OK);
    assert_int_equal(steps[999], 9990);
    double *losses = NULL;
    assert_int_equal(dstn_reader_doubles(reader, "series/train_loss", &count, &losses, &err), DSTN_OK);
    assert_true(isnan(losses[7]) && losses[999] == 1.0 / 1000);
    assert_int_equal(dstn_reader_array(reader, "data/valid_rows", DSTN_I64, 3, rows, &err), DSTN_OK);
    assert_true(rows[2] == INT64_C(1) << 40);
    char **names = NULL, *config = dstn_reader_text(reader, "provenance", "config");
    assert_string_equal(config, "seed: 1\n");
    double seconds = 0;
    assert_true(dstn_reader_number(reader, "result", "seconds", &seconds));
    assert_true(seconds == 2.5);
    assert_int_equal(dstn_reader_strings(reader, "hyper/names", &count, &names, &err), DSTN_OK);
    assert_int_equal(count, COLUMNS);
    for (int i = 0; i < COLUMNS; i++) {
        assert_string_equal(names[i], ((const char *const[]){"a", "b", "c"}[i]));
        free(names[i]);
    }
    free(names);
    free(config);
    free(losses);
    free(steps);
    dstn_reader_close(reader);
    free(path);
}

static void an_empty_record_is_a_file_too(void **state) {
    (void)state;
    char *path = write_run(0);
    run made = new_run();
    dstn_error err = {0};
    assert_int_equal(dstn_record_restore(made.record, path, 100, &err), DSTN_OK);
    assert_int_equal(dstn_record_length(made.record, made.lambda), 0);
    dstn_record_destroy(made.record);
    free(path);
}

/* A run that is cut back and goes on must leave the same file as one that never stopped. */
static void resuming_leaves_no_trace(void **state) {
    (void)state;
    char *path = write_run(ROWS);
    size_t size = 0, size_resumed = 0;
    unsigned char *whole = scratch_read(path, &size);
    const int64_t lasts[] = {-1, 0, 9, 10, 5004, 10 * ROWS};
    for (int i = 0; i < 6; i++) {
        run resumed = new_run();
        dstn_error err = {0};
        append_row(&resumed, 12345); /* what is there already is replaced */
        if (dstn_record_restore(resumed.record, path, lasts[i], &err) != DSTN_OK) {
            fail_msg("%s", err.message);
        }
        int64_t rows = lasts[i] < 0 ? 0 : lasts[i] / 10 + 1 < ROWS ? lasts[i] / 10 + 1 : ROWS;
        assert_int_equal(dstn_record_length(resumed.record, resumed.loss), rows);
        assert_int_equal(dstn_record_length(resumed.record, resumed.hash), (rows + 4) / 5);
        for (int64_t row = rows; row < ROWS; row++) {
            append_row(&resumed, row);
        }
        add_asides(resumed.record);
        assert_int_equal(dstn_record_write(resumed.record, path, &err), DSTN_OK);
        unsigned char *bytes = scratch_read(path, &size_resumed);
        assert_int_equal(size, size_resumed);
        assert_memory_equal(whole, bytes, size);
        free(bytes);
        dstn_record_destroy(resumed.record);
    }
    free(whole);
    free(path);
}

static void twice(const void *user, const double *from, double *to) {
    for (int64_t c = 0; c < COLUMNS; c++) {
        to[c] = *(const double *)user * from[c];
    }
}

/* Series with a value a step, of so many that their array has moved, and one that follows from "value". */
enum { VALUE = 1, PLAIN = 22 };
static dstn_record *new_plain(bool derives, const double *factor) {
    dstn_record *record = dstn_record_new();
    dstn_record_series(record, "step", DSTN_I64, 0);
    dstn_record_series(record, "value", DSTN_F64, COLUMNS);
    for (int i = 2; i < PLAIN; i++) {
        char *name = dstn_format("other-%d", i);
        dstn_record_series(record, name, DSTN_F64, 0);
        free(name);
    }
    if (derives) {
        dstn_record_derived(record, "twice", COLUMNS, VALUE, twice, factor);
    }
    return record;
}

static void append_plain(dstn_record *record, int64_t step) {
    const double row[COLUMNS] = {(double)step, -2, 0.5};
    dstn_record_append(record, 0, &(double){(double)step});
    for (int series = VALUE; series < PLAIN; series++) {
        dstn_record_append(record, series, row);
    }
}

/* Also in a record that an older build has made without it. */
static void a_derived_series_follows_from_its_source(void **state) {
    (void)state;
    char *path = dstn_format("%s/derived.h5", folder);
    const double factor = 2, expected[] = {0, -4, 1, 2, -4, 1, 14, -4, 1};
    dstn_error err = {0};
    dstn_record *before = new_plain(false, &factor), *after = new_plain(true, &factor);
    for (int64_t step = 0; step < 3; step++) {
        append_plain(before, step);
    }
    assert_int_equal(dstn_record_write(before, path, &err), DSTN_OK);
    assert_int_equal(dstn_record_restore(after, path, 1, &err), DSTN_OK);
    append_plain(after, 7);
    for (int i = 0; i < 2; i++) { /* and once more of a record that has it */
        assert_int_equal(dstn_record_write(after, path, &err), DSTN_OK);
        dstn_reader *reader = NULL;
        double values[9];
        assert_int_equal(dstn_reader_open(path, DSTN_ERROR_DATA, &reader, &err), DSTN_OK);
        assert_int_equal(dstn_reader_array(reader, "series/twice", DSTN_F64, 9, values, &err), DSTN_OK);
        assert_memory_equal(values, expected, sizeof expected);
        dstn_reader_close(reader);
        assert_int_equal(dstn_record_restore(after, path, 7, &err), DSTN_OK);
    }
    dstn_record_destroy(before);
    dstn_record_destroy(after);
    free(path);
}

static void a_record_that_does_not_fit_changes_nothing(void **state) {
    (void)state;
    char *path = write_run(ROWS);
    const char *const names[] = {"unknown", "lambda", "train_loss", "/result/x"};
    const int64_t columns[] = {0, COLUMNS + 1, 2, 0};
    for (int i = 0; i < 4; i++) {
        dstn_record *record = dstn_record_new();
        dstn_error err = {0};
        int step = dstn_record_series(record, "step", DSTN_I64, 0);
        dstn_record_series(record, names[i], DSTN_F64, columns[i]);
        dstn_record_append(record, step, &(double){77});
        assert_int_equal(dstn_record_restore(record, path, 100, &err), DSTN_ERROR_CHECKPOINT);
        assert_non_null(strstr(err.message, path));
        assert_non_null(strstr(err.message, i == 3 ? "result/step" : names[i]));
        assert_int_equal(dstn_record_length(record, step), 1);
        assert_true(dstn_record_last(record, step) == 77);
        dstn_record_destroy(record);
    }
    free(path);
}

static void a_damaged_or_missing_record_is_refused(void **state) {
    (void)state;
    char *path = write_run(20), *none = dstn_format("%s/none.h5", folder);
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    bytes[size / 2] ^= 4;
    assert_true(scratch_write(path, bytes, size));
    run made = new_run();
    dstn_error err = {0};
    assert_int_equal(dstn_record_restore(made.record, path, 100, &err), DSTN_ERROR_CHECKPOINT);
    assert_non_null(strstr(err.message, "damaged"));
    assert_int_equal(dstn_record_restore(made.record, none, 100, &err), DSTN_ERROR_CHECKPOINT);
    assert_non_null(strstr(err.message, "No such file"));
    dstn_record_destroy(made.record);
    free(bytes);
    free(none);
    free(path);
}

/* What a run that goes on without its record says, and that nothing is thrown away. */
static void a_run_goes_on_without_its_record_and_says_so(void **state) {
    (void)state;
    char *path = write_run(20), *kept[2] = {dstn_format("%s.damaged", path), dstn_format("%s.damaged-2", path)};
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    bytes[size / 2] ^= 4;
    dstn_error err = {0};
    for (int i = 0; i < 5; i++) {
        char *text = NULL;
        size_t length = 0;
        dstn_log log = {.out = open_memstream(&text, &length), .level = DSTN_LOG_QUIET};
        run made = new_run();
        if (i < 2) {
            assert_true(scratch_write(path, bytes, i ? size - 32 : size)); /* damaged; without its seal */
        } else if (i == 3) {
            free(write_run(20));
        } else if (i == 4) {
            assert_int_equal(unlink(path), 0);
            assert_int_equal(mkdir(path, 0700), 0);
        }
        assert_int_equal(dstn_record_recover(made.record, path, 50, &log, &err),
                         i == 4 ? DSTN_ERROR_CHECKPOINT : DSTN_OK);
        fclose(log.out);
        assert_int_equal(dstn_record_length(made.record, made.loss), i == 3 ? 6 : 0);
        if (i < 3) {
            assert_non_null(strstr(text, "the series begin after step 50"));
            assert_non_null(strstr(text, i == 2 ? "is lost" : kept[i]));
            assert_int_not_equal(access(path, F_OK), 0);
        } else {
            assert_string_equal(text, "");
        }
        free(text);
        dstn_record_destroy(made.record);
    }
    size_t kept_size = 0;
    unsigned char *kept_bytes = scratch_read(kept[0], &kept_size);
    assert_true(kept_size == size && memcmp(kept_bytes, bytes, size) == 0);
    assert_int_equal(rmdir(path), 0);
    free(kept_bytes);
    free(bytes);
    free(kept[0]);
    free(kept[1]);
    free(path);
}

static int make_folder(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(series_grow_and_tell_their_last_value),
        cmocka_unit_test(values_out_of_a_types_range_end_at_its_limits),
        cmocka_unit_test(everything_stands_in_the_file_where_the_layout_says),
        cmocka_unit_test(an_empty_record_is_a_file_too),
        cmocka_unit_test(resuming_leaves_no_trace),
        cmocka_unit_test(a_derived_series_follows_from_its_source),
        cmocka_unit_test(a_record_that_does_not_fit_changes_nothing),
        cmocka_unit_test(a_damaged_or_missing_record_is_refused),
        cmocka_unit_test(a_run_goes_on_without_its_record_and_says_so),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
