/* data: folders of IDX files, plain and gzipped, good ones and every kind of bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "idx_files.h"

/* ---- good ones --------------------------------------------------------------------------------------------------- */

static void assert_is_folder(const dstn_dataset *dataset) {
    const int64_t rows[DSTN_PARTS] = {9, 3, TEST}, first[DSTN_PARTS] = {0, 9, 0};
    assert_int_equal(dataset->rank, 3);
    assert_int_equal(dataset->shape[0], 1);
    assert_int_equal(dataset->shape[1], HEIGHT);
    assert_int_equal(dataset->shape[2], WIDTH);
    assert_int_equal(dataset->outputs, CLASSES);
    for (int part = 0; part < DSTN_PARTS; part++) {
        assert_int_equal(dataset->rows[part], rows[part]);
        assert_null(dataset->x[part]);
        for (int64_t r = 0; r < rows[part]; r++) {
            int64_t row = first[part] + r;
            assert_int_equal(dataset->source_rows[part][r], row);
            assert_int_equal(dataset->labels[part][r], row % CLASSES);
            for (int64_t p = 0; p < PIXELS; p++) {
                assert_int_equal(dataset->bytes[part][r * PIXELS + p], row * PIXELS + p);
            }
        }
    }
}

static void plain_and_gzipped_folders_read_alike_with_validation_from_the_end(void **state) {
    (void)state;
    dstn_dataset *dataset = read_good("");
    assert_is_folder(dataset);
    assert_non_null(strstr(dataset->summary, "9 training, 3 validation and 4 test rows, 1x2x3 images, target label of "
                                             "3 classes, validation from the end"));
    dstn_dataset_destroy(dataset);
    const char *const names[] = {TRAIN_IMAGES, TRAIN_LABELS, TEST_IMAGES, TEST_LABELS};
    for (int i = 0; i < 4; i++) {
        remove_file(names[i]);
    }
    write_folder(true);
    dataset = read_good("");
    assert_is_folder(dataset);
    assert_true(dstn_dataset_memory_used(dataset) < 16 * (PIXELS + 16) + sizeof *dataset + 1);
    dstn_dataset_destroy(dataset);
}

static void mean_and_deviation_normalize_pixels(void **state) {
    (void)state;
    dstn_dataset *dataset = read_good(", mean: 0.5, std: 0.25");
    double low, high;
    dstn_dataset_range(dataset, DSTN_PART_TRAIN, -1, &low, &high);
    assert_true(fabs(low - -2) < 1e-12 && fabs(high - (53 / 255. - 0.5) / 0.25) < 1e-12);
    dstn_dataset_range(dataset, DSTN_PART_VALID, 1, &low, &high);
    assert_true(fabs(low - (55 / 255. - 0.5) / 0.25) < 1e-12 && fabs(high - (67 / 255. - 0.5) / 0.25) < 1e-12);
    int64_t counts[CLASSES];
    dstn_dataset_class_rows(dataset, DSTN_PART_TEST, counts);
    assert_true(counts[0] == 2 && counts[1] == 1 && counts[2] == 1);
    dstn_dataset_destroy(dataset);
}

static void a_random_split_keeps_each_image_with_its_label(void **state) {
    (void)state;
    dstn_dataset *dataset = read_good(", split: random");
    bool seen[TRAIN] = {false}, is_shuffled = false;
    for (int part = 0; part < DSTN_PART_TEST; part++) {
        for (int64_t r = 0; r < dataset->rows[part]; r++) {
            int64_t row = dataset->source_rows[part][r];
            assert_false(seen[row]);
            seen[row] = true;
            is_shuffled = is_shuffled || (part == DSTN_PART_VALID && row < 9);
            assert_int_equal(dataset->bytes[part][r * PIXELS], row * PIXELS);
            assert_int_equal(dataset->labels[part][r], row % CLASSES);
        }
    }
    assert_true(is_shuffled);
    assert_int_equal(dataset->rows[DSTN_PART_TEST], TEST);
    dstn_dataset_destroy(dataset);
}

static void a_folder_without_test_files_has_no_test_part_and_says_so(void **state) {
    (void)state;
    remove_file(TEST_IMAGES);
    remove_file(TEST_LABELS);
    char said[1024] = "";
    FILE *out = fmemopen(said, sizeof said, "w");
    dstn_log log = {.out = out, .level = DSTN_LOG_NORMAL};
    dstn_dataset *dataset;
    dstn_error err;
    assert_int_equal(read_folder("", &log, &dataset, &err), DSTN_OK);
    fclose(out);
    assert_int_equal(dataset->rows[DSTN_PART_TEST], 0);
    assert_non_null(strstr(said, "no test part"));
    dstn_dataset_destroy(dataset);
}

static void a_class_without_examples_is_warned_of(void **state) {
    (void)state;
    char said[1024] = "";
    FILE *out = fmemopen(said, sizeof said, "w");
    dstn_log log = {.out = out, .level = DSTN_LOG_NORMAL};
    dstn_dataset *dataset;
    dstn_error err;
    char section[512];
    snprintf(section, sizeof section, "source: idx, path: %s, task: classification", folder);
    assert_int_equal(read_section(section, 1, &log, &dataset, &err), DSTN_OK);
    fclose(out);
    assert_int_equal(dataset->outputs, 10);
    assert_non_null(strstr(said, "7 of 10 classes (the first: 3) have no training example"));
    dstn_dataset_destroy(dataset);
}

/* ---- bad ones ---------------------------------------------------------------------------------------------------- */

static void a_wrong_magic_number_is_named_with_the_right_one(void **state) {
    (void)state;
    idx_plan images = images_of(TRAIN_IMAGES, TRAIN), labels = labels_of(TEST_LABELS, TEST);
    images.magic = 0x801;
    labels.magic = 0xd01;
    BAD_FILE(images, TRAIN_IMAGES, "0x00000801", "accepted: 0x00000803");
    BAD_FILE(labels, TEST_LABELS, "0x00000d01", "accepted: 0x00000801");
}

static void a_truncated_file_says_expected_and_found(void **state) {
    (void)state;
    idx_plan images = images_of(TRAIN_IMAGES, TRAIN), labels = labels_of(TRAIN_LABELS, TRAIN);
    images.bytes -= 5;
    labels.bytes = 0;
    BAD_FILE(images, TRAIN_IMAGES, "expected 72 bytes (12 x 2 x 3)", "found 67");
    BAD_FILE(labels, TRAIN_LABELS, "expected 12 bytes", "found 0");
}

/* Cut anywhere, the stream is refused, be it in its header, its data or its checksum. */
static void a_cut_gzip_stream_is_refused_wherever_it_is_cut(void **state) {
    (void)state;
    idx_plan images = images_of(TRAIN_IMAGES, TRAIN);
    write_idx(&images, true);
    remove_file(TRAIN_IMAGES);
    char *path = path_of(TRAIN_IMAGES, ".gz");
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    for (size_t cut = 0; cut < size; cut++) {
        assert_true(scratch_write(path, bytes, cut));
        BAD(TRAIN_IMAGES ".gz");
    }
    assert_true(scratch_write(path, bytes, size - 3));
    BAD(TRAIN_IMAGES ".gz: its gzip stream is cut off");
    bytes[size - 6] ^= 1; /* in the checksum */
    assert_true(scratch_write(path, bytes, size));
    BAD(TRAIN_IMAGES ".gz: its gzip stream is damaged");
    free(bytes);
    free(path);
}

static void a_file_cut_within_its_header_is_refused(void **state) {
    (void)state;
    const uint8_t header[12] = {0, 0, 8, 3, 0, 0, 0, TRAIN, 0, 0, 0, 2};
    char *path = path_of(TRAIN_IMAGES, "");
    for (size_t cut = 1; cut < sizeof header; cut++) {
        assert_true(scratch_write(path, header, cut));
        BAD(TRAIN_IMAGES ": ends after", "of the 16 bytes");
    }
    assert_true(scratch_write(path, header, 0));
    BAD(TRAIN_IMAGES ": is empty");
    free(path);
}

static void trailing_bytes_are_refused(void **state) {
    (void)state;
    idx_plan images = images_of(TEST_IMAGES, TEST), labels = labels_of(TRAIN_LABELS, TRAIN);
    images.bytes++;
    labels.bytes += 1000;
    BAD_FILE(images, TEST_IMAGES, "expected 24 bytes", "found more");
    BAD_FILE(labels, TRAIN_LABELS, "expected 12 bytes", "found more");
}

/* A false header must not make the program ask for terabytes. */
static void absurd_extents_are_refused_by_what_the_file_has(void **state) {
    (void)state;
    idx_plan images = images_of(TRAIN_IMAGES, TRAIN);
    images.extent[0] = UINT32_MAX;
    images.extent[1] = images.extent[2] = 16384;
    BAD_FILE(images, TRAIN_IMAGES, "found 72");
    images.extent[1] = UINT32_MAX;
    BAD_FILE(images, TRAIN_IMAGES, "4294967295 x 16384", "accepted: 1 to 16384");
    images.extent[1] = 0;
    BAD_FILE(images, TRAIN_IMAGES, "0 x 16384");
    images.extent[0] = 0;
    images.extent[1] = 1;
    BAD_FILE(images, TRAIN_IMAGES, "no image");
}

static void a_label_out_of_range_is_named_by_row(void **state) {
    (void)state;
    idx_plan labels = labels_of(TEST_LABELS, TEST);
    labels.first = 1;
    BAD_FILE(labels, TEST_LABELS, ": row 2: label 3", "accepted: 0 to 2", "data.classes");
}

static void counts_that_differ_are_refused(void **state) {
    (void)state;
    BAD_FILE(labels_of(TRAIN_LABELS, TRAIN - 1), TRAIN_LABELS, ": has 11 labels", TRAIN_IMAGES " has 12 images");
    idx_plan images = images_of(TEST_IMAGES, TEST);
    images.extent[1] = WIDTH;
    images.extent[2] = HEIGHT;
    BAD_FILE(images, TEST_IMAGES, ": has images of 3 x 2", "accepted: 2 x 3");
}

static void missing_files_are_named(void **state) {
    (void)state;
    const char *const names[] = {TEST_LABELS, TEST_IMAGES, TRAIN_LABELS, TRAIN_IMAGES};
    for (int i = 0; i < 4; i++) {
        remove_file(names[i]);
        if (i != 1) { /* without both test files there is a data set */
            BAD("data.path", folder, names[i], "plain or with .gz");
        }
    }
}

static void missing_folders_are_named_with_key_and_package(void **state) {
    (void)state;
    dstn_dataset *dataset;
    dstn_error err;
    const char *section = "source: idx, task: classification, path: tests/data/nowhere";
    assert_int_equal(read_section(section, 1, NULL, &dataset, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "tests/data/nowhere can't be read: No such file"));
    assert_non_null(strstr(err.message, "data.path"));
    assert_non_null(strstr(err.message, "dataset-fashion-mnist"));
    section = "source: idx, task: classification, path: tests/data/good.csv";
    assert_int_equal(read_section(section, 1, NULL, &dataset, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "good.csv is a file"));
}

static void keys_that_do_not_fit_images_are_refused(void **state) {
    (void)state;
    assert_bad(DSTN_ERROR_USAGE, ", features: quadratic", (const char *const[]){"data.features", "raw", NULL});
    assert_bad(DSTN_ERROR_USAGE, ", mean: [0.5, 0.25]", (const char *const[]){"data.mean: has 2 numbers", NULL});
    assert_bad(DSTN_ERROR_USAGE, ", std: 0", (const char *const[]){"data.std", NULL});
    assert_bad(DSTN_ERROR_USAGE, ", split: middle", (const char *const[]){"data.split", "auto, random, end", NULL});
    char section[512];
    dstn_dataset *dataset;
    dstn_error err;
    snprintf(section, sizeof section, "source: idx, path: %s", folder);
    assert_int_equal(read_section(section, 1, NULL, &dataset, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "data.task"));
    assert_non_null(strstr(err.message, "accepted: classification"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(plain_and_gzipped_folders_read_alike_with_validation_from_the_end),
        TEST_CASE(mean_and_deviation_normalize_pixels),
        TEST_CASE(a_random_split_keeps_each_image_with_its_label),
        TEST_CASE(a_folder_without_test_files_has_no_test_part_and_says_so),
        TEST_CASE(a_class_without_examples_is_warned_of),
        TEST_CASE(a_wrong_magic_number_is_named_with_the_right_one),
        TEST_CASE(a_truncated_file_says_expected_and_found),
        TEST_CASE(a_cut_gzip_stream_is_refused_wherever_it_is_cut),
        TEST_CASE(a_file_cut_within_its_header_is_refused),
        TEST_CASE(trailing_bytes_are_refused),
        TEST_CASE(absurd_extents_are_refused_by_what_the_file_has),
        TEST_CASE(a_label_out_of_range_is_named_by_row),
        TEST_CASE(counts_that_differ_are_refused),
        TEST_CASE(missing_files_are_named),
        TEST_CASE(missing_folders_are_named_with_key_and_package),
        TEST_CASE(keys_that_do_not_fit_images_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
