/* data: numbers that are very large or very small, marks that stand for missing values, and what f32 can't hold. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_files.h"

/* The file [ROWS, 2]: x[r][0] = r, x[r][1] = second[r], y[r] = target[r]. */
static void put_columns(const double *second, const double *target) {
    const hsize_t extent[] = {ROWS, 2}, line[] = {ROWS};
    double x[2 * ROWS];
    for (int r = 0; r < ROWS; r++) {
        x[2 * r] = r;
        x[2 * r + 1] = second[r];
    }
    hid_t file = create();
    put_doubles(file, "x", 2, extent, x);
    put_doubles(file, "y", 1, line, target);
    H5Fclose(file);
}

static const double plain[ROWS] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8};

/* Squares of such values neither overflow nor vanish. */
static void columns_of_any_size_are_standardized_alike(void **state) {
    (void)state;
    const double sizes[] = {1, 0x1p400, 0x1p-600, 0x1p-1000};
    double wanted[ROWS];
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double column[ROWS];
        for (int r = 0; r < ROWS; r++) {
            column[r] = sizes[i] * plain[r];
        }
        for (int is_target = 0; is_target < 2; is_target++) {
            put_columns(is_target ? plain : column, is_target ? column : plain);
            dstn_dataset *dataset = read_good(", split: end");
            assert_int_equal(dataset->features, 2);
            for (int64_t r = 0; r < dataset->rows[DSTN_PART_TRAIN]; r++) {
                double got = is_target ? dataset->targets[DSTN_PART_TRAIN][r] : dataset->x[DSTN_PART_TRAIN][2 * r + 1];
                wanted[r] = i == 0 && !is_target ? got : wanted[r];
                assert_true(got == wanted[r] && isfinite(got));
            }
            dstn_dataset_destroy(dataset);
        }
    }
}

static void marks_for_missing_values_are_named_by_column_and_row(void **state) {
    (void)state;
    const double marks[] = {3.4028234663852886e38, 9.969209968386869e36, -1e30, 1e100};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        for (int count = 1; count < 8; count += 3) {
            double column[ROWS];
            memcpy(column, plain, sizeof column);
            for (int r = 0; r < count; r++) {
                column[2 + r] = marks[i];
            }
            char says[64];
            snprintf(says, sizeof says, "row 2 (from 0): %g makes all other values vanish", marks[i]);
            put_columns(column, plain);
            BAD(", split: end", "column \"x1\"", says);
            put_columns(plain, column);
            BAD(", split: end", "column \"y\"", says);
            BAD(", split: end, standardize: false", "column \"y\"", says);
        }
    }
}

/* Luminosities, and probabilities: far apart, but of one kind. */
static void wide_columns_are_no_marks(void **state) {
    (void)state;
    double luminosity[ROWS], probability[ROWS], large[ROWS];
    for (int r = 0; r < ROWS; r++) {
        luminosity[r] = pow(10, 26 + 2 * r);
        probability[r] = pow(10, -20 * r);
        large[r] = r % 2 ? 1e44 : 0;
    }
    const double *const columns[] = {luminosity, probability, large};
    for (int i = 0; i < 3; i++) {
        put_columns(columns[i], plain);
        dstn_dataset_destroy(read_good(", split: end"));
    }
}

/* A mark that is not in the training part is no part of the moments. */
static void what_a_type_cannot_compute_with_is_named_by_column_and_row(void **state) {
    (void)state;
    double column[ROWS];
    memcpy(column, plain, sizeof column);
    column[11] = 1e39;
    dstn_error err = {0};
    for (int is_target = 0; is_target < 2; is_target++) {
        put_columns(is_target ? plain : column, is_target ? column : plain);
        dstn_dataset *dataset = read_good(", split: end");
        assert_int_equal(dstn_dataset_check_range(dataset, DSTN_F64, &err), DSTN_OK);
        assert_int_equal(dstn_dataset_check_range(dataset, DSTN_F32, &err), DSTN_ERROR_DATA);
        assert_non_null(strstr(err.message, is_target ? "column \"y\": row 11 (from 0): " : "column \"x1\": row 11"));
        assert_non_null(strstr(err.message, "which f32 can't compute with; accepted: up to 1.84e+19"));
        dstn_dataset_destroy(dataset);
    }
    /* Far beyond even f64's squares, by a training part that hardly varies. */
    for (int r = 0; r < ROWS; r++) {
        column[r] = r < 9 ? plain[r] * 1e-100 : 1e80;
    }
    put_columns(column, plain);
    BAD(", split: end", "column \"x1\": row 9 (from 0)", "which f64 can't compute with");
    BAD(", split: end, features: quadratic", "column \"x1\": row 9 (from 0)");
}

static void values_beyond_all_sums_are_named_where_they_are_read(void **state) {
    (void)state;
    double column[ROWS];
    memcpy(column, plain, sizeof column);
    column[4] = -1.7e308;
    put_columns(column, plain);
    BAD("", "x: row 4, element 1: -1.7e+308 is too large to compute with", "accepted: finite numbers, up to 1e140");
    put_columns(plain, column);
    BAD("", "y: row 4, element 0: -1.7e+308 is too large");
}

static void pixels_that_are_marks_are_named_by_channel_and_place(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 2, 3, 2};
    double x[ROWS * 12];
    int y[ROWS];
    for (int i = 0; i < ROWS * 12; i++) {
        x[i] = i % 7;
        y[i / 12] = i / 12 % 2;
    }
    x[3 * 12 + 6 + 3] = 1e39; /* row 3, channel 1, line 1, pixel 1 */
    hid_t file = create();
    put_doubles(file, "x", 4, extent, x);
    put_integers(file, "y", ROWS, y);
    H5Fclose(file);
    BAD(CLASSES ", split: end", "x, channel 1, pixel 1 of line 1: row 3 (from 0): 1e+39 makes all other");
    dstn_dataset *dataset = read_good(CLASSES ", split: end, mean: 0, std: 1");
    dstn_error err = {0};
    assert_int_equal(dstn_dataset_check_range(dataset, DSTN_F32, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "x, channel 1, pixel 1 of line 1: row 3 (from 0): comes to 1e+39"));
    dstn_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(columns_of_any_size_are_standardized_alike),
        TEST_CASE(marks_for_missing_values_are_named_by_column_and_row),
        TEST_CASE(wide_columns_are_no_marks),
        TEST_CASE(what_a_type_cannot_compute_with_is_named_by_column_and_row),
        TEST_CASE(values_beyond_all_sums_are_named_where_they_are_read),
        TEST_CASE(pixels_that_are_marks_are_named_by_channel_and_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
