/* data: the four tables as they are prepared: split, standardization, quadratic features, dropped columns. */
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

static const struct {
    const char *file, *target;
    int64_t rows, features;
} tables[] = {
    {"boston.csv", "medv", 506, 13},
    {"diabetes.csv", "progression", 442, 10},
    {"concrete.csv", "compressive_strength", 1030, 8},
    {"ames.csv", "Sale_Price", 2930, 33},
};

static dstn_dataset *read_table(int i, const char *more, uint32_t seed) {
    char section[256];
    snprintf(section, sizeof section, "path: jobs/data/%s, target: %s%s", tables[i].file, tables[i].target, more);
    dstn_dataset *dataset;
    dstn_error err;
    if (read_section(section, seed, NULL, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset));
    return dataset;
}

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

/* Mean and population deviation of a column, in long double. */
static void moments(const double *x, int64_t rows, int64_t cols, int64_t c, double *mean, double *deviation) {
    long double sum = 0, squares = 0;
    for (int64_t r = 0; r < rows; r++) {
        sum += x[r * cols + c];
    }
    for (int64_t r = 0; r < rows; r++) {
        squares += (x[r * cols + c] - sum / rows) * (x[r * cols + c] - sum / rows);
    }
    *mean = (double)(sum / rows);
    *deviation = (double)sqrtl(squares / rows);
}

static void assert_standardized(const double *x, int64_t rows, int64_t cols) {
    for (int64_t c = 0; c < cols; c++) {
        double mean, deviation;
        moments(x, rows, cols, c, &mean, &deviation);
        assert_near(mean, 0, 1e-12);
        assert_near(deviation, 1, 1e-12);
    }
}

static void all_rows_and_columns_are_there(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        dstn_dataset *dataset = read_table(i, "", 3);
        int64_t rows = tables[i].rows, valid = llround(0.2 * (double)rows);
        assert_int_equal(dataset->rows[DSTN_PART_TRAIN], rows - valid);
        assert_int_equal(dataset->rows[DSTN_PART_VALID], valid);
        assert_int_equal(dataset->rows[DSTN_PART_TEST], 0);
        assert_int_equal(dataset->features, tables[i].features);
        assert_int_equal(dataset->shape[0], tables[i].features);
        assert_int_equal(dataset->outputs, 1);
        assert_true(dstn_dataset_memory_used(dataset) >= (size_t)(rows * (tables[i].features + 2)) * 8);
        bool *seen = calloc((size_t)rows, 1);
        for (int part = 0; part < 2; part++) {
            for (int64_t r = 0; r < dataset->rows[part]; r++) {
                assert_false(seen[dataset->source_rows[part][r]]);
                seen[dataset->source_rows[part][r]] = true;
            }
        }
        free(seen);
        dstn_dataset_destroy(dataset);
    }
}

static void training_columns_have_mean_0_and_deviation_1(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        dstn_dataset *dataset = read_table(i, "", 3);
        assert_standardized(dataset->x[DSTN_PART_TRAIN], dataset->rows[DSTN_PART_TRAIN], dataset->features);
        assert_standardized(dataset->targets[DSTN_PART_TRAIN], dataset->rows[DSTN_PART_TRAIN], 1);
        dstn_dataset_destroy(dataset);
    }
}

/* Validation rows must not leak into means and deviations: they get the training part's. */
static void validation_takes_the_training_parts_scale(void **state) {
    (void)state;
    dstn_dataset *raw = read_table(0, ", standardize: false", 3), *done = read_table(0, "", 3);
    int64_t n = raw->rows[DSTN_PART_TRAIN], d = raw->features;
    assert_int_equal(done->features, d);
    for (int64_t f = 0; f < d; f++) {
        double mean, deviation;
        moments(raw->x[DSTN_PART_TRAIN], n, d, f, &mean, &deviation);
        for (int64_t r = 0; r < raw->rows[DSTN_PART_VALID]; r++) {
            assert_near(done->x[DSTN_PART_VALID][r * d + f], (raw->x[DSTN_PART_VALID][r * d + f] - mean) / deviation,
                        1e-11);
        }
    }
    double mean, deviation;
    moments(raw->targets[DSTN_PART_TRAIN], n, 1, 0, &mean, &deviation);
    for (int64_t r = 0; r < raw->rows[DSTN_PART_VALID]; r++) {
        assert_near(done->targets[DSTN_PART_VALID][r], (raw->targets[DSTN_PART_VALID][r] - mean) / deviation, 1e-11);
    }
    dstn_dataset_destroy(raw);
    dstn_dataset_destroy(done);
}

static void the_split_is_the_permutation_of_its_seed(void **state) {
    (void)state;
    dstn_dataset *by_run = read_table(1, "", 8), *by_key = read_table(1, ", split_seed: 8", 1);
    dstn_dataset *other = read_table(1, ", split_seed: 0", 8);
    int64_t order[442];
    dstn_rng_permutation((dstn_rng){8, DSTN_PURPOSE_SPLIT}, 0, 442, order);
    int64_t valid = by_run->rows[DSTN_PART_VALID], train = by_run->rows[DSTN_PART_TRAIN];
    assert_int_equal(valid, 88);
    assert_memory_equal(by_run->source_rows[DSTN_PART_VALID], order, sizeof(int64_t) * (size_t)valid);
    assert_memory_equal(by_run->source_rows[DSTN_PART_TRAIN], order + valid, sizeof(int64_t) * (size_t)train);
    assert_memory_equal(by_key->source_rows[DSTN_PART_VALID], order, sizeof(int64_t) * (size_t)valid);
    assert_memory_not_equal(other->source_rows[DSTN_PART_VALID], order, sizeof(int64_t) * (size_t)valid);
    dstn_dataset_destroy(by_run);
    dstn_dataset_destroy(by_key);
    dstn_dataset_destroy(other);
}

static void the_summary_says_what_was_found(void **state) {
    (void)state;
    dstn_dataset *dataset = read_table(0, "", 3);
    assert_string_equal(dataset->summary,
                        "boston.csv: 405 training and 101 validation rows, 13 features, target medv, split 3");
    assert_string_equal(dataset->feature_names[12], "lstat");
    dstn_dataset_destroy(dataset);
}

/* Features are standardized, multiplied, standardized again, and only then clipped. */
static void quadratic_features_are_clipped_standardized_products(void **state) {
    (void)state;
    dstn_dataset *plain = read_table(0, "", 3), *quadratic = read_table(0, ", features: quadratic", 3);
    int64_t d = plain->features, all = d + d * (d + 1) / 2, column = d, clipped = 0;
    int64_t n = plain->rows[DSTN_PART_TRAIN], v = plain->rows[DSTN_PART_VALID];
    assert_int_equal(quadratic->features, all);
    double *product = malloc(sizeof(double) * (size_t)(n + v));
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = i; j < d; j++, column++) {
            for (int64_t r = 0; r < n + v; r++) {
                const double *row = r < n ? plain->x[DSTN_PART_TRAIN] + r * d : plain->x[DSTN_PART_VALID] + (r - n) * d;
                product[r] = row[i] * row[j];
            }
            double mean, deviation;
            moments(product, n, 1, 0, &mean, &deviation);
            for (int64_t r = 0; r < n + v; r++) {
                double got = r < n ? quadratic->x[DSTN_PART_TRAIN][r * all + column]
                                   : quadratic->x[DSTN_PART_VALID][(r - n) * all + column];
                double want = (product[r] - mean) / deviation;
                clipped += fabs(want) > 6;
                assert_near(got, fmax(-6, fmin(6, want)), 1e-10);
            }
        }
    }
    assert_true(clipped > 0);
    free(product);
    dstn_dataset_destroy(plain);
    dstn_dataset_destroy(quadratic);
}

static void quadratic_names_say_which_product(void **state) {
    (void)state;
    dstn_dataset *dataset = read_table(2, ", features: quadratic", 3);
    assert_int_equal(dataset->features, 44);
    assert_string_equal(dataset->feature_names[0], "cement");
    assert_string_equal(dataset->feature_names[8], "cement^2");
    assert_string_equal(dataset->feature_names[9], "cement*blast_furnace_slag");
    assert_string_equal(dataset->feature_names[43], "age^2");
    dstn_dataset_destroy(dataset);
}

static void quadratic_tables_stay_within_the_clip(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        dstn_dataset *dataset = read_table(i, ", features: quadratic", 3);
        for (int part = 0; part < 2; part++) {
            for (int64_t k = 0; k < dataset->rows[part] * dataset->features; k++) {
                assert_true(fabs(dataset->x[part][k]) <= 6);
            }
        }
        dstn_dataset_destroy(dataset);
    }
}

/* Reads with the log in `said` [size]. */
static dstn_dataset *read_with_log(const char *section, uint32_t seed, char *said, size_t size) {
    dstn_dataset *dataset;
    dstn_error err;
    memset(said, 0, size);
    FILE *out = fmemopen(said, size, "w");
    dstn_log log = {.out = out, .level = DSTN_LOG_NORMAL};
    if (read_section(section, seed, &log, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    fclose(out);
    return dataset;
}

static void a_constant_column_is_dropped_by_name(void **state) {
    (void)state;
    char said[512];
    dstn_dataset *dataset = read_with_log("path: tests/data/constant-column.csv, target: y", 1, said, sizeof said);
    assert_non_null(strstr(said, "warning: "));
    assert_non_null(strstr(said, "1 column is constant in the training part and dropped: fixed"));
    assert_int_equal(dataset->features, 2);
    assert_string_equal(dataset->feature_names[0], "a");
    assert_string_equal(dataset->feature_names[1], "b");
    assert_true(dstn_dataset_is_valid(dataset));
    assert_standardized(dataset->x[DSTN_PART_TRAIN], dataset->rows[DSTN_PART_TRAIN], 2);
    dstn_dataset_destroy(dataset);
}

/* A binary column with as many of one value as of the other has a square that is 1 but for rounding. */
static void the_square_of_a_balanced_binary_column_is_dropped(void **state) {
    (void)state;
    int dropped = 0;
    for (uint32_t seed = 0; seed < 20; seed++) {
        char said[512];
        dstn_dataset *raw =
            read_with_log("path: tests/data/binary.csv, target: y, standardize: false", seed, said, sizeof said);
        double ones = 0;
        for (int64_t r = 0; r < 8; r++) {
            ones += raw->x[DSTN_PART_TRAIN][2 * r] == 0.7;
        }
        dstn_dataset *dataset =
            read_with_log("path: tests/data/binary.csv, target: y, features: quadratic", seed, said, sizeof said);
        assert_int_equal(dataset->features, ones == 4 ? 4 : 5);
        assert_int_equal(strstr(said, "dropped: flag^2") != NULL, ones == 4);
        dropped += ones == 4;
        dstn_dataset_destroy(raw);
        dstn_dataset_destroy(dataset);
    }
    assert_true(dropped > 0 && dropped < 20);
}

static void assert_usage(const char *section, const char *const *parts) {
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_section(section, 1, NULL, &dataset, &err), DSTN_ERROR_USAGE);
    assert_null(dataset);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

static void bad_sections_are_refused_by_key(void **state) {
    (void)state;
#define FILE_AND "path: tests/data/good.csv, target: y"
#define USAGE(text, ...) assert_usage(text, (const char *const[]){__VA_ARGS__, NULL})
    USAGE(FILE_AND ", source: csw", "job.yaml:1: data.source", "did you mean \"csv\"?");
    USAGE(FILE_AND ", source: postgres", "data.source", "accepted: csv");
    USAGE(FILE_AND ", source: [csv]", "data.source");
    USAGE("path: tests/data/good.csv", "data.target", "missing");
    USAGE("target: y", "data.path", "missing");
    USAGE(FILE_AND ", feature: raw", "data.feature", "did you mean \"features\"?");
    USAGE(FILE_AND ", features: cubic", "data.features", "raw, quadratic");
    USAGE(FILE_AND ", features: quadratic, standardize: false", "data.standardize", "quadratic");
    USAGE(FILE_AND ", valid_fraction: 0", "data.valid_fraction");
    USAGE(FILE_AND ", valid_fraction: 1", "data.valid_fraction", "none for training");
    USAGE(FILE_AND ", valid_fraction: 0.05", "data.valid_fraction", "none for validation");
    USAGE(FILE_AND ", split_seed: -2", "data.split_seed");
    USAGE(FILE_AND ", split_seed: 4294967296", "data.split_seed");
    USAGE(FILE_AND ", split: start", "data.split", "auto, random, end");
    USAGE(FILE_AND ", task: clustering", "data.task");
#undef USAGE
}

static void the_resolved_section_shows_every_default(void **state) {
    (void)state;
    dstn_doc *doc;
    dstn_error err;
    dstn_dataset *dataset;
    assert_int_equal(dstn_doc_parse("data: {" FILE_AND "}\n", DSTN_SOURCE_DIR "/job.yaml", &doc, &err), DSTN_OK);
    assert_int_equal(dstn_dataset_read(dstn_node_child(dstn_doc_root(doc), "data"), 1, NULL, &dataset, &err), DSTN_OK);
    char *text = dstn_doc_text(doc);
    const char *const keys[] = {"source: csv",         "task: regression", "features: raw", "standardize: true",
                                "valid_fraction: 0.2", "split_seed: -1",   "split: auto"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        assert_non_null(strstr(text, keys[i]));
    }
    free(text);
    dstn_dataset_destroy(dataset);
    dstn_doc_destroy(doc);
}

static void a_split_from_the_end_keeps_the_order_of_the_file(void **state) {
    (void)state;
    dstn_dataset *dataset = read_table(0, ", split: end, valid_fraction: 0.1", 3);
    int64_t train = dataset->rows[DSTN_PART_TRAIN], valid = dataset->rows[DSTN_PART_VALID];
    assert_int_equal(valid, 51);
    for (int64_t r = 0; r < train; r++) {
        assert_int_equal(dataset->source_rows[DSTN_PART_TRAIN][r], r);
    }
    for (int64_t r = 0; r < valid; r++) {
        assert_int_equal(dataset->source_rows[DSTN_PART_VALID][r], train + r);
    }
    assert_non_null(strstr(dataset->summary, ", validation from the end"));
    dstn_dataset_destroy(dataset);
}

static void the_registry_finds_its_sources(void **state) {
    (void)state;
    assert_ptr_equal(dstn_data_source_find("csv"), dstn_data_source_at(0));
    assert_null(dstn_data_source_find("cs"));
    size_t count = 0;
    while (dstn_data_source_at(count)) {
        count++;
    }
    assert_int_equal(count, 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_rows_and_columns_are_there),
        cmocka_unit_test(training_columns_have_mean_0_and_deviation_1),
        cmocka_unit_test(validation_takes_the_training_parts_scale),
        cmocka_unit_test(the_split_is_the_permutation_of_its_seed),
        cmocka_unit_test(the_summary_says_what_was_found),
        cmocka_unit_test(quadratic_features_are_clipped_standardized_products),
        cmocka_unit_test(quadratic_names_say_which_product),
        cmocka_unit_test(quadratic_tables_stay_within_the_clip),
        cmocka_unit_test(a_constant_column_is_dropped_by_name),
        cmocka_unit_test(the_square_of_a_balanced_binary_column_is_dropped),
        cmocka_unit_test(bad_sections_are_refused_by_key),
        cmocka_unit_test(the_resolved_section_shows_every_default),
        cmocka_unit_test(a_split_from_the_end_keeps_the_order_of_the_file),
        cmocka_unit_test(the_registry_finds_its_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
