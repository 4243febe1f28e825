/* data: images from HDF5 files, and their means and deviations, one for all channels or one for each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_files.h"

static void bytes_stay_bytes_and_images_become_channels_last(void **state) {
    (void)state;
    enum { C = 3, H = 2, W = 2, PIXELS = H * W };
    const hsize_t extent[] = {ROWS, C, H, W};
    uint8_t x[ROWS][C * PIXELS];
    double as_doubles[ROWS][C * PIXELS];
    int y[ROWS];
    for (int r = 0; r < ROWS; r++) {
        y[r] = r % 2;
        for (int i = 0; i < C * PIXELS; i++) {
            as_doubles[r][i] = x[r][i] = (uint8_t)(20 * r + i);
        }
    }
    for (int doubles = 0; doubles < 2; doubles++) {
        hid_t file = create();
        if (doubles) {
            put_doubles(file, "x", 4, extent, &as_doubles[0][0]);
        } else {
            put(file, "x", H5T_STD_U8LE, 4, extent, H5T_NATIVE_UINT8, x);
        }
        put_integers(file, "y", ROWS, y);
        H5Fclose(file);
        dstn_dataset *dataset = read_good(CLASSES ", split: end, mean: 0.25, std: 0.5");
        assert_int_equal(dataset->rank, 3);
        assert_true(dataset->shape[0] == C && dataset->shape[1] == H && dataset->shape[2] == W);
        for (int64_t r = 0; r < dataset->rows[DSTN_PART_TRAIN]; r++) {
            for (int i = 0; i < C * PIXELS; i++) {
                int c = i % C, pixel = i / C;
                int64_t at = r * C * PIXELS + i;
                if (doubles) {
                    assert_true(dataset->x[DSTN_PART_TRAIN][at] == (as_doubles[r][c * PIXELS + pixel] - 0.25) / 0.5);
                } else {
                    assert_int_equal(dataset->bytes[DSTN_PART_TRAIN][at], x[r][c * PIXELS + pixel]);
                }
            }
        }
        double low, high;
        dstn_dataset_range(dataset, DSTN_PART_TRAIN, -1, &low, &high);
        assert_true(doubles || (fabs(low + 0.5) < 1e-12 && fabs(high - (171 / 255. - 0.25) / 0.5) < 1e-12));
        dstn_dataset_destroy(dataset);
    }
}

/* Of the part's first row, from bytes as a batch sees them, or from numbers: x [pixels, 3]. */
static void gather_row(const dstn_dataset *dataset, int64_t row, double *x) {
    const dstn_kernel *kernel;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &kernel, &err), DSTN_OK);
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    assert_true(dstn_batch_bind(&batch, dataset, kernel, 1, 1, arena));
    dstn_batch_fill(&batch, dataset, kernel, DSTN_PART_TRAIN, &row, 1, 1, 0, 1, NULL);
    memcpy(x, batch.x, (size_t)dataset->features * sizeof *x);
    dstn_arena_destroy(arena);
}

static void put_images(bool as_bytes) {
    const hsize_t extent[] = {ROWS, 3, 2, 2};
    uint8_t bytes[ROWS * 12];
    double numbers[ROWS * 12];
    int y[ROWS];
    for (int i = 0; i < ROWS * 12; i++) {
        numbers[i] = bytes[i] = (uint8_t)(7 * i);
        y[i / 12] = i / 12 % 2;
    }
    hid_t file = create();
    put(file, "x", as_bytes ? H5T_STD_U8LE : H5T_IEEE_F64LE, 4, extent, as_bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_DOUBLE,
        as_bytes ? (const void *)bytes : (const void *)numbers);
    put_integers(file, "y", ROWS, y);
    H5Fclose(file);
}

static void each_channel_has_its_own_mean_and_deviation(void **state) {
    (void)state;
    const double mean[] = {0.5, -1, 0.25}, deviation[] = {0.5, 2, 0.125};
    for (int as_bytes = 0; as_bytes < 2; as_bytes++) {
        put_images(as_bytes);
        dstn_dataset *dataset = read_good(CLASSES ", split: end, mean: [0.5, -1, 0.25], std: [0.5, 2, 0.125]");
        assert_true(dstn_dataset_is_valid(dataset));
        double x[12], low, high;
        for (int64_t row = 0; row < 2; row++) {
            gather_row(dataset, row, x);
            for (int i = 0; i < 12; i++) {
                int c = i % 3;
                double stored = (uint8_t)(7 * (row * 12 + c * 4 + i / 3)) / (as_bytes ? 255. : 1.);
                assert_true(fabs(x[i] - (stored - mean[c]) / deviation[c]) < 1e-12);
            }
        }
        dstn_dataset_range(dataset, DSTN_PART_TRAIN, 1, &low, &high);
        assert_true(low >= 0.5 && (!as_bytes || high <= 1));
        dstn_dataset_destroy(dataset);
    }
}

/* One number for one of the two keys, as most data sets have it, and lists that fit no image. */
static void means_and_deviations_are_one_or_as_many_as_channels(void **state) {
    (void)state;
    put_images(true);
    dstn_dataset *dataset = read_good(CLASSES ", split: end, mean: [0.5, -1, 0.25], std: 0.5");
    double x[12];
    gather_row(dataset, 0, x);
    assert_true(fabs(x[1] - (28 / 255. + 1) / 0.5) < 1e-12 && fabs(x[2] - (56 / 255. - 0.25) / 0.5) < 1e-12);
    dstn_dataset_destroy(dataset);
    dataset = read_good(CLASSES ", split: end, mean: [0.5], std: 1");
    assert_int_equal(dataset->channels, 1);
    dstn_dataset_destroy(dataset);
    assert_bad(DSTN_ERROR_USAGE, CLASSES ", mean: [1, 2]",
               (const char *const[]){"data.mean: has 2 numbers", "accepted: one number, a list of 3", NULL});
    assert_bad(DSTN_ERROR_USAGE, CLASSES ", mean: [1, 2, 3], std: [1, 2, 3, 4]",
               (const char *const[]){"data.std: has 4 numbers", "accepted: one number, a list of 3", NULL});
    assert_bad(DSTN_ERROR_USAGE, CLASSES ", std: []",
               (const char *const[]){"data.std: has 0 numbers", "accepted: one number, a list of 3", NULL});
    hid_t file = create();
    put_table(file);
    H5Fclose(file);
    assert_bad(DSTN_ERROR_USAGE, CLASSES ", mean: [1, 2]",
               (const char *const[]){"data.mean: has 2 numbers; accepted: one number, there being one channel, or auto",
                                     NULL});
}

static void images_without_channels_have_one(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 2, 3};
    uint8_t x[ROWS * 6] = {1, 2, 3};
    int y[ROWS] = {1};
    hid_t file = create();
    put(file, "x", H5T_STD_U8LE, 3, extent, H5T_NATIVE_UINT8, x);
    put_integers(file, "y", ROWS, y);
    H5Fclose(file);
    dstn_dataset *dataset = read_good(CLASSES ", split: end, mean: 0, std: 1");
    assert_int_equal(dataset->rank, 3);
    assert_true(dataset->shape[0] == 1 && dataset->shape[1] == 2 && dataset->shape[2] == 3);
    assert_true(dataset->channels == 1 && fabs(dataset->scale[0] * 255 - 1) < 1e-15 && dataset->shift[0] == 0);
    dstn_dataset_destroy(dataset);
}

/* ---- auto -------------------------------------------------------------------------------------------------------- */

/* Images [ROWS, 3, 2, 2] of bytes or the same numbers, in which channel c has the value 100 c everywhere but for rows
 * and pixels that differ by `step`. */
static void put_steps(bool as_bytes, const int step[3]) {
    const hsize_t extent[] = {ROWS, 3, 2, 2};
    uint8_t bytes[ROWS * 12];
    double numbers[ROWS * 12];
    int y[ROWS];
    for (int i = 0; i < ROWS * 12; i++) {
        int c = i / 4 % 3, r = i / 12;
        numbers[i] = bytes[i] = (uint8_t)(100 * c + step[c] * (r * r % 7 + i % 4));
        y[r] = r % 2;
    }
    hid_t file = create();
    put(file, "x", as_bytes ? H5T_STD_U8LE : H5T_IEEE_F64LE, 4, extent, as_bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_DOUBLE,
        as_bytes ? (const void *)bytes : (const void *)numbers);
    put_integers(file, "y", ROWS, y);
    H5Fclose(file);
}

/* Mean and deviation of channel c over the rows of the training part, as numbers, or as bytes from 0 to 1. */
static void expected_moments(const dstn_dataset *dataset, bool as_bytes, int step, int c, double *mean,
                             double *deviation) {
    double values[4 * ROWS], sum = 0, squares = 0;
    int64_t rows = dataset->rows[DSTN_PART_TRAIN];
    for (int64_t i = 0; i < 4 * rows; i++) {
        int64_t r = dataset->source_rows[DSTN_PART_TRAIN][i / 4];
        values[i] = (double)(100 * c + step * (r * r % 7 + i % 4)) / (as_bytes ? 255 : 1);
        sum += values[i];
    }
    *mean = sum / (double)(4 * rows);
    for (int64_t i = 0; i < 4 * rows; i++) {
        squares += (values[i] - *mean) * (values[i] - *mean);
    }
    *deviation = sqrt(squares / (double)(4 * rows));
}

static void auto_stands_for_the_training_parts_moments_of_each_channel(void **state) {
    (void)state;
    const int step[] = {1, 3, 5};
    const char *const splits[] = {", split: end", ", split: random"};
    for (int i = 0; i < 4; i++) {
        bool as_bytes = i % 2;
        put_steps(as_bytes, step);
        char more[128];
        snprintf(more, sizeof more, CLASSES "%s%s", splits[i / 2], i < 2 ? "" : ", mean: auto");
        dstn_dataset *dataset = read_good(more);
        assert_true(dataset->is_measured && dataset->channels == 3);
        for (int c = 0; c < 3; c++) {
            double mean, deviation, x[12];
            expected_moments(dataset, as_bytes, step[c], c, &mean, &deviation);
            assert_true(fabs(dataset->mean[c] - mean) < 1e-14 * (1 + mean));
            assert_true(fabs(dataset->deviation[c] - deviation) < 1e-14 * (1 + deviation));
            int64_t r = dataset->source_rows[DSTN_PART_TRAIN][1];
            double stored = (double)(100 * c + step[c] * (r * r % 7 + 2)) / (as_bytes ? 255 : 1);
            gather_row(dataset, 1, x);
            assert_true(fabs(x[3 * 2 + c] - (stored - mean) / deviation) < 1e-12);
        }
        dstn_dataset_destroy(dataset);
    }
}

static void one_key_may_be_auto_and_the_other_a_number(void **state) {
    (void)state;
    const int step[] = {1, 3, 5};
    put_steps(true, step);
    dstn_dataset *dataset = read_good(CLASSES ", split: end, std: 0.5");
    double mean, deviation;
    expected_moments(dataset, true, step[2], 2, &mean, &deviation);
    assert_true(dataset->deviation[2] == 0.5 && fabs(dataset->mean[2] - mean) < 1e-14);
    dstn_dataset_destroy(dataset);
    dataset = read_good(CLASSES ", split: end, mean: 0.5, std: 0.25");
    assert_true(!dataset->is_measured && dataset->mean[0] == 0.5 && dataset->deviation[0] == 0.25);
    dstn_dataset_destroy(dataset);
}

/* Divided by its deviation, it would be no numbers. */
static void a_constant_channel_is_warned_of_and_becomes_zero(void **state) {
    (void)state;
    const int step[] = {2, 0, 1}, none[] = {0, 0, 0};
    for (int as_bytes = 0; as_bytes < 2; as_bytes++) {
        put_steps(as_bytes, step);
        char said[1024] = "", section[512];
        FILE *out = fmemopen(said, sizeof said, "w");
        dstn_log log = {.out = out, .level = DSTN_LOG_NORMAL};
        dstn_dataset *dataset;
        dstn_error err;
        snprintf(section, sizeof section, "source: hdf5, path: %s, valid_fraction: 0.25" CLASSES, path);
        assert_int_equal(read_section(section, 1, &log, &dataset, &err), DSTN_OK);
        fclose(out);
        assert_non_null(strstr(said, "own.h5: channel 1 is "));
        assert_null(strstr(said, "channel 0"));
        double x[12];
        gather_row(dataset, 0, x);
        assert_true(dataset->deviation[1] == 1 && fabs(x[1]) < 1e-15 && fabs(x[4]) < 1e-15 &&
                    dstn_dataset_is_valid(dataset));
        dstn_dataset_destroy(dataset);
        put_steps(as_bytes, none);
        BAD(CLASSES, "every channel is constant in the training part");
    }
}

/* Whose columns are standardized, or are to stay as they are. */
static void auto_leaves_tables_of_numbers_alone(void **state) {
    (void)state;
    hid_t file = create();
    put_table(file);
    H5Fclose(file);
    dstn_dataset *dataset = read_good(CLASSES ", standardize: false, split: end");
    assert_true(!dataset->mean && dataset->x[DSTN_PART_TRAIN][2 * 3] == 3 &&
                dataset->x[DSTN_PART_TRAIN][2 * 3 + 1] == 9);
    dstn_dataset_destroy(dataset);
    dataset = read_good(CLASSES ", standardize: false, split: end, mean: 1");
    assert_true(dataset->deviation[0] == 1 && dataset->x[DSTN_PART_TRAIN][2 * 3] == 2);
    dstn_dataset_destroy(dataset);
    dataset = read_good(CLASSES ", standardize: false, split: end, mean: 1, std: 2");
    assert_true(dataset->x[DSTN_PART_TRAIN][2 * 3] == 1 && dataset->x[DSTN_PART_TRAIN][2 * 3 + 1] == 4);
    dstn_dataset_destroy(dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(bytes_stay_bytes_and_images_become_channels_last),
        TEST_CASE(each_channel_has_its_own_mean_and_deviation),
        TEST_CASE(means_and_deviations_are_one_or_as_many_as_channels),
        TEST_CASE(images_without_channels_have_one),
        TEST_CASE(auto_stands_for_the_training_parts_moments_of_each_channel),
        TEST_CASE(one_key_may_be_auto_and_the_other_a_number),
        TEST_CASE(a_constant_channel_is_warned_of_and_becomes_zero),
        TEST_CASE(auto_leaves_tables_of_numbers_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
