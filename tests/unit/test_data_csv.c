/* data: CSV files, good ones in every dress and bad ones with the line and column that are at fault. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data_files.h"
#include "dstn/data.h"

static dstn_status read_file(const char *name, const char *more, dstn_dataset **out, dstn_error *err) {
    char section[256];
    snprintf(section, sizeof section, "path: tests/data/%s, target: y, standardize: false%s", name, more);
    return read_section(section, 1, NULL, out, err);
}

/* The good files hold these rows. */
static const double table[8][3] = {{1, 2, 0.5}, {2, 1, 1.5}, {3, 5, 2.25}, {4, 3, -1},
                                   {5, 8, 3},   {6, 0.5, 4}, {7, -2, 5.5}, {8, 4, 6}};

static void assert_is_table(const char *name) {
    dstn_dataset *dataset;
    dstn_error err;
    if (read_file(name, "", &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset));
    assert_int_equal(dataset->features, 2);
    assert_int_equal(dataset->rows[DSTN_PART_TRAIN], 6);
    assert_int_equal(dataset->rows[DSTN_PART_VALID], 2);
    for (int part = 0; part < 2; part++) {
        for (int64_t r = 0; r < dataset->rows[part]; r++) {
            const double *want = table[dataset->source_rows[part][r]];
            assert_true(dataset->x[part][2 * r] == want[0] && dataset->x[part][2 * r + 1] == want[1]);
            assert_true(dataset->targets[part][r] == want[2]);
        }
    }
    dstn_dataset_destroy(dataset);
}

static void a_table_reads_the_same_in_every_dress(void **state) {
    (void)state;
    assert_is_table("good.csv");
    assert_is_table("good-crlf-bom.csv");
    assert_is_table("good-no-newline.csv");
    assert_is_table("good-blank-end.csv");
    assert_is_table("good-quoted.csv");
}

static void quoted_names_keep_commas_and_quotes(void **state) {
    (void)state;
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_file("good-quoted.csv", "", &dataset, &err), DSTN_OK);
    assert_string_equal(dataset->feature_names[0], "a, with \"quotes\"");
    assert_string_equal(dataset->feature_names[1], "b");
    assert_string_equal(dataset->target_name, "y");
    dstn_dataset_destroy(dataset);
}

static void a_byte_order_mark_is_no_part_of_a_name(void **state) {
    (void)state;
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_file("good-crlf-bom.csv", "", &dataset, &err), DSTN_OK);
    assert_string_equal(dataset->feature_names[0], "a");
    dstn_dataset_destroy(dataset);
}

static void assert_bad(const char *name, const char *more, const char *const *parts) {
    dstn_dataset *dataset;
    dstn_error err;
    dstn_status status = read_file(name, more, &dataset, &err);
    if (status != DSTN_ERROR_DATA) {
        fail_msg("%s: status %d", name, status);
    }
    assert_int_equal(err.status, DSTN_ERROR_DATA);
    assert_null(dataset);
    assert_non_null(strstr(err.message, name));
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

#define BAD(name, more, ...) assert_bad(name, more, (const char *const[]){__VA_ARGS__, NULL})

static void bad_values_are_named_by_line_and_column(void **state) {
    (void)state;
    BAD("bad-missing.csv", "", "bad-missing.csv:4: column \"b\": the value is missing");
    BAD("bad-missing-last.csv", "", "bad-missing-last.csv:4: column \"y\": the value is missing");
    BAD("bad-text.csv", "", "bad-text.csv:5: column \"b\": \"three\" is not a number");
    BAD("bad-hex.csv", "", "bad-hex.csv:5: column \"b\": \"0x10\" is not a number");
    BAD("bad-nan.csv", "", "bad-nan.csv:6: column \"b\": \"NaN\" is not finite");
    BAD("bad-inf.csv", "", "bad-inf.csv:6: column \"b\": \"-inf\" is not finite");
    BAD("bad-overflow.csv", "", "bad-overflow.csv:6: column \"b\": \"1e999\"");
}

static void bad_rows_are_named_by_line(void **state) {
    (void)state;
    BAD("bad-ragged.csv", "", "bad-ragged.csv:7: expected 3 fields, as in the header, found 2");
    BAD("bad-ragged-long.csv", "", "bad-ragged-long.csv:7: expected 3 fields, as in the header, found 4");
    BAD("bad-blank-line.csv", "", "bad-blank-line.csv:7: the line is blank", "accepted: 3 fields");
    BAD("bad-quote.csv", "", "bad-quote.csv:3: column 2: its quotes don't close");
    BAD("bad-quote-text.csv", "", "bad-quote-text.csv:3: column 2: text behind closing quotes");
    BAD("bad-quoted-newline.csv", "", "bad-quoted-newline.csv:4: column \"b\": \"1 \"");
    BAD("bad-nul.csv", "", "bad-nul.csv:3: has a NUL byte");
}

static void too_little_is_refused(void **state) {
    (void)state;
    BAD("bad-empty.csv", "", "the file is empty");
    BAD("bad-header-only.csv", "", "after 0 rows", "at least 5");
    BAD("bad-few-rows.csv", "", "after 4 rows", "at least 5");
    BAD("bad-one-column.csv", "", "column \"y\": is the only one");
}

static void bad_headers_are_refused(void **state) {
    (void)state;
    BAD("bad-duplicate.csv", "", ":1: column \"a\"", "columns 1 and 3");
    BAD("bad-unnamed.csv", "", ":1: column 2 has no name");
}

static void a_wrong_target_lists_the_columns(void **state) {
    (void)state;
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_section("path: jobs/data/boston.csv, target: medw", 1, NULL, &dataset, &err),
                     DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "boston.csv:1: column \"medw\""));
    assert_non_null(strstr(err.message, "did you mean \"medv\"?"));
    assert_non_null(strstr(err.message, "crim, zn, indus"));
}

static void targets_and_features_must_vary(void **state) {
    (void)state;
    BAD("bad-constant-target.csv", "", "column \"y\"", "one value only");
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_section("path: tests/data/bad-constant-features.csv, target: y", 1, NULL, &dataset, &err),
                     DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "every feature is constant"));
}

static void a_file_that_is_not_there_is_named_with_its_key(void **state) {
    (void)state;
    BAD("no-such.csv", "", "job.yaml:1", "data.path", "tests/data/no-such.csv", "No such file");
    BAD("", "", "data.path", "tests/data/", "directory");
}

static void labels_are_counted_from_zero(void **state) {
    (void)state;
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_file("labels.csv", ", task: classification, valid_fraction: 0.25", &dataset, &err), DSTN_OK);
    assert_true(dstn_dataset_is_valid(dataset));
    assert_int_equal(dataset->task, DSTN_TASK_CLASSIFICATION);
    assert_int_equal(dataset->outputs, 3);
    assert_null(dataset->targets[DSTN_PART_TRAIN]);
    for (int part = 0; part < 2; part++) {
        for (int64_t r = 0; r < dataset->rows[part]; r++) {
            assert_int_equal(dataset->labels[part][r], dataset->source_rows[part][r] % 3);
        }
    }
    assert_non_null(strstr(dataset->summary, "target y of 3 classes"));
    dstn_dataset_destroy(dataset);
    BAD("bad-label.csv", ", task: classification", "bad-label.csv:5: column \"y\": \"1.5\" is no class label");
    BAD("bad-label-negative.csv", ", task: classification", "bad-label-negative.csv:8: column \"y\": \"-1\"");
}

/* Standardized labels would be no classes any more. */
static void standardization_leaves_labels_alone(void **state) {
    (void)state;
    dstn_dataset *dataset;
    dstn_error err;
    const char *section = "path: tests/data/labels.csv, target: y, task: classification, valid_fraction: 0.25";
    assert_int_equal(read_section(section, 1, NULL, &dataset, &err), DSTN_OK);
    double sum = 0, squares = 0;
    int64_t rows = dataset->rows[DSTN_PART_TRAIN], features = dataset->features;
    for (int64_t r = 0; r < rows; r++) {
        sum += dataset->x[DSTN_PART_TRAIN][r * features];
        squares += dataset->x[DSTN_PART_TRAIN][r * features] * dataset->x[DSTN_PART_TRAIN][r * features];
    }
    assert_true(fabs(sum) < 1e-12 * (double)rows && fabs(squares / (double)rows - 1) < 1e-12);
    for (int part = 0; part < 2; part++) {
        for (int64_t r = 0; r < dataset->rows[part]; r++) {
            assert_int_equal(dataset->labels[part][r], dataset->source_rows[part][r] % 3);
        }
    }
    dstn_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_reads_the_same_in_every_dress),
        cmocka_unit_test(quoted_names_keep_commas_and_quotes),
        cmocka_unit_test(a_byte_order_mark_is_no_part_of_a_name),
        cmocka_unit_test(bad_values_are_named_by_line_and_column),
        cmocka_unit_test(bad_rows_are_named_by_line),
        cmocka_unit_test(too_little_is_refused),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(a_wrong_target_lists_the_columns),
        cmocka_unit_test(targets_and_features_must_vary),
        cmocka_unit_test(a_file_that_is_not_there_is_named_with_its_key),
        cmocka_unit_test(labels_are_counted_from_zero),
        cmocka_unit_test(standardization_leaves_labels_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
