/* data: folders of CIFAR-10 and CIFAR-100 in their binary version, good ones and every kind of bad one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data_files.h"
#include "scratch.h"

enum { BATCHES = 5, ROWS = 4, SIDE = 32, PLANE = SIDE * SIDE, PIXELS = 3 * PLANE };

static char *folder; /* of the test that runs */

/* ---- files ------------------------------------------------------------------------------------------------------- */

/* What record r of the whole training or test part has: no two bytes near each other are alike. */
static uint8_t pixel_of(int64_t row, int64_t channel, int64_t pixel) {
    return (uint8_t)(11 * row + 83 * channel + pixel % 251);
}

/* ROWS records, the first one the part's row `first`; labels row mod 10, or row mod 20 and row mod 100. */
static void write_batch(const char *name, int64_t first, int labels) {
    size_t each = (size_t)labels + PIXELS;
    uint8_t *bytes = dstn_alloc(ROWS, each);
    for (int64_t r = 0; r < ROWS; r++) {
        uint8_t *record = bytes + (size_t)r * each;
        record[0] = (uint8_t)((first + r) % (labels == 1 ? 10 : 20));
        record[labels - 1] = (uint8_t)((first + r) % (labels == 1 ? 10 : 100));
        for (int64_t i = 0; i < PIXELS; i++) {
            record[labels + i] = pixel_of(first + r, i / PLANE, i % PLANE);
        }
    }
    char *path = dstn_format("%s/%s", folder, name);
    assert_true(scratch_write(path, bytes, ROWS * each));
    free(path);
    free(bytes);
}

static void write_ten(const char *below) {
    for (int b = 0; b <= BATCHES; b++) {
        char *name =
            b < BATCHES ? dstn_format("%sdata_batch_%d.bin", below, b + 1) : dstn_format("%stest_batch.bin", below);
        write_batch(name, b < BATCHES ? b * ROWS : 90, 1);
        free(name);
    }
}

/* Training rows 18 to 21: their coarse and fine labels differ. */
static void write_hundred(void) {
    write_batch("train.bin", 18, 2);
    write_batch("test.bin", 90, 2);
}

static int start(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : 1;
}

static int finish(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
}

static void put(const char *name, const void *bytes, size_t size) {
    char *path = dstn_format("%s/%s", folder, name);
    assert_true(scratch_write(path, bytes, size));
    free(path);
}

static void drop(const char *name) {
    char *path = dstn_format("%s/%s", folder, name);
    assert_int_equal(remove(path), 0);
    free(path);
}

static void make_folder(const char *name) {
    char *path = dstn_format("%s/%s", folder, name);
    assert_int_equal(mkdir(path, 0777), 0);
    free(path);
}

/* Changes one byte of a file, or adds one behind its end. */
static void set_byte(const char *name, size_t place, uint8_t byte) {
    char *path = dstn_format("%s/%s", folder, name);
    size_t size = 0;
    uint8_t *bytes = scratch_read(path, &size), *all = dstn_alloc(size + 1, 1);
    memcpy(all, bytes, size);
    all[place] = byte;
    assert_true(scratch_write(path, all, place < size ? size : size + 1));
    free(all);
    free(bytes);
    free(path);
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static char said[2048]; /* by the last reading */

static dstn_status read_folder(const char *more, dstn_dataset **out, dstn_error *err) {
    char section[512];
    snprintf(section, sizeof section, "source: cifar, path: %s%s, task: classification", folder, more);
    memset(said, 0, sizeof said);
    FILE *file = fmemopen(said, sizeof said - 1, "w");
    dstn_log log = {.out = file, .level = DSTN_LOG_NORMAL};
    dstn_status status = read_section(section, 1, &log, out, err);
    fclose(file);
    return status;
}

static dstn_dataset *read_good(const char *more) {
    dstn_dataset *dataset;
    dstn_error err;
    if (read_folder(more, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset));
    return dataset;
}

static void assert_bad(dstn_status status, const char *more, const char *const *parts) {
    dstn_dataset *dataset;
    dstn_error err = {0};
    assert_int_equal(read_folder(more, &dataset, &err), status);
    assert_null(dataset);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

#define BAD(...) assert_bad(DSTN_ERROR_DATA, "", (const char *const[]){__VA_ARGS__, NULL})

static void assert_is(const dstn_dataset *dataset, const int64_t *first, int64_t modulus) {
    for (int part = 0; part < DSTN_PARTS; part++) {
        for (int64_t r = 0; r < dataset->rows[part]; r++) {
            int64_t row = first[part] + r;
            const uint8_t *image = dataset->bytes[part] + r * PIXELS;
            assert_int_equal(dataset->labels[part][r], row % modulus);
            for (int64_t i = 0; i < PIXELS; i++) {
                assert_int_equal(image[i], pixel_of(row, i % 3, i / 3));
            }
        }
    }
}

/* ---- good ones --------------------------------------------------------------------------------------------------- */

static void batches_follow_each_other_and_the_last_is_for_validation(void **state) {
    (void)state;
    write_ten("");
    dstn_dataset *dataset = read_good("");
    const int64_t first[DSTN_PARTS] = {0, 16, 90};
    const char *slash = strrchr(folder, '/');
    assert_is(dataset, first, 10);
    assert_int_equal(dataset->outputs, 10);
    assert_int_equal(dataset->source_rows[DSTN_PART_VALID][0], 16);
    assert_int_equal(dataset->source_rows[DSTN_PART_VALID][3], 19);
    assert_int_equal(dataset->source_rows[DSTN_PART_TEST][3], 3);
    assert_non_null(strstr(dataset->summary, slash + 1));
    assert_non_null(strstr(dataset->summary, "16 training, 4 validation and 4 test rows, 3x32x32 images, target label "
                                             "of 10 classes, validation from the end"));
    assert_int_equal(dataset->file_count, 6);
    assert_non_null(strstr(dataset->files[1], "/data_batch_2.bin"));
    assert_non_null(strstr(dataset->files[5], "/test_batch.bin"));
    dstn_dataset_destroy(dataset);
}

static void fewer_records_than_published_are_told_of(void **state) {
    (void)state;
    write_ten("");
    dstn_dataset_destroy(read_good(""));
    assert_non_null(strstr(said, "has 20 training and 4 test images, where CIFAR-10 as published has 50000 and 10000"));
}

static void hundred_has_fine_and_coarse_labels(void **state) {
    (void)state;
    write_hundred();
    const int64_t first[DSTN_PARTS] = {18, 21, 90};
    const struct {
        const char *more, *target;
        int64_t classes;
    } cases[] = {
        {"", "fine label", 100}, {", labels: fine", "fine label", 100}, {", labels: coarse", "coarse label", 20}};
    char digests[3][DSTN_DIGEST_SIZE];
    for (int i = 0; i < 3; i++) {
        dstn_dataset *dataset = read_good(cases[i].more);
        assert_int_equal(dataset->outputs, cases[i].classes);
        assert_string_equal(dataset->target_name, cases[i].target);
        assert_is(dataset, first, cases[i].classes);
        memcpy(digests[i], dataset->digest, DSTN_DIGEST_SIZE);
        dstn_dataset_destroy(dataset);
    }
    assert_string_equal(digests[0], digests[1]);
    assert_string_not_equal(digests[0], digests[2]);
    assert_true(dstn_data_key_is_read("labels"));
}

static void the_archives_folder_is_found_below(void **state) {
    (void)state;
    make_folder("cifar-10-batches-bin");
    write_ten("cifar-10-batches-bin/");
    put("cifar-10-binary.tar.gz", "", 0);
    dstn_dataset *dataset = read_good("//");
    assert_non_null(strstr(dataset->source, "/cifar-10-batches-bin"));
    assert_non_null(strstr(dataset->summary, "cifar-10-batches-bin: 16 training"));
    dstn_dataset *same = read_good("/cifar-10-batches-bin");
    assert_string_equal(dataset->digest, same->digest);
    dstn_dataset_destroy(dataset);
    dstn_dataset_destroy(same);
}

/* 125.3 of 255 and so on: the numbers that are published for CIFAR are of bytes, the keys' of 0 to 1. */
static void mean_and_deviation_have_a_number_for_each_channel(void **state) {
    (void)state;
    write_ten("");
    dstn_dataset *dataset = read_good(", mean: [0.491373, 0.482353, 0.446667], std: [0.247059, 0.243529, 0.261569]");
    const double mean[] = {125.3, 123.0, 113.9}, deviation[] = {63.0, 62.1, 66.7};
    assert_int_equal(dataset->channels, 3);
    for (int64_t f = 0; f < 6; f++) {
        double low, high, least = 255;
        for (int64_t r = 0; r < ROWS; r++) {
            least = fmin(least, dataset->bytes[DSTN_PART_TEST][r * PIXELS + f]);
        }
        dstn_dataset_range(dataset, DSTN_PART_TEST, f, &low, &high);
        assert_true(fabs(low - (least - mean[f % 3]) / deviation[f % 3]) < 1e-4);
    }
    dstn_dataset_destroy(dataset);
    assert_bad(DSTN_ERROR_USAGE, ", mean: [0.5, 0.5]", (const char *const[]){"data.mean", "a list of 3", NULL});
}

static void a_folder_without_test_file_has_no_test_part_and_says_so(void **state) {
    (void)state;
    write_ten("");
    drop("test_batch.bin");
    dstn_dataset *dataset = read_good("");
    assert_int_equal(dataset->rows[DSTN_PART_TEST], 0);
    assert_non_null(strstr(said, "warning: "));
    assert_non_null(strstr(said, "no test part: it has no test_batch.bin"));
    dstn_dataset_destroy(dataset);
}

/* ---- bad ones ---------------------------------------------------------------------------------------------------- */

static void a_missing_batch_is_named(void **state) {
    (void)state;
    write_ten("");
    drop("data_batch_3.bin");
    BAD("data.path", "has no file data_batch_3.bin", "data_batch_4.bin", "accepted: a folder with data_batch_1.bin");
    drop("data_batch_1.bin");
    BAD("has no file data_batch_1.bin");
}

static void a_size_that_is_no_whole_records_is_named(void **state) {
    (void)state;
    write_ten("");
    set_byte("data_batch_2.bin", ROWS * 3073, 0);
    BAD("data_batch_2.bin: has 12293 bytes, which are 4 records of 3073 bytes and 1 bytes more", "30730000 bytes");
    put("data_batch_2.bin", "", 0);
    BAD("data_batch_2.bin: has 0 bytes");
    write_hundred();
    BAD("has both CIFAR-10 and CIFAR-100", "cifar-10-batches-bin");
}

static void a_label_out_of_range_is_named_by_record_and_byte(void **state) {
    (void)state;
    write_ten("");
    set_byte("test_batch.bin", (size_t)2 * 3073, 10);
    BAD("test_batch.bin: record 2 (byte 6146): label 10; accepted: 0 to 9", "CIFAR-10");
}

static void either_label_of_hundred_out_of_range_is_named(void **state) {
    (void)state;
    write_hundred();
    set_byte("train.bin", (size_t)3 * 3074, 20);
    BAD("train.bin: record 3 (byte 9222): coarse label 20; accepted: 0 to 19", "CIFAR-100");
    write_hundred();
    set_byte("train.bin", 1, 100);
    BAD("train.bin: record 0 (byte 0): fine label 100; accepted: 0 to 99");
}

static void files_of_other_forms_are_known_by_their_first_bytes(void **state) {
    (void)state;
    write_ten("");
    set_byte("data_batch_1.bin", 0, 0x80);
    BAD("data_batch_1.bin: record 0", "Python pickle", "binary version");
    set_byte("data_batch_1.bin", 0, 0x1f);
    set_byte("data_batch_1.bin", 1, 0x8b);
    BAD("data_batch_1.bin: record 0", "gzip");
}

static void what_lies_there_in_place_of_the_files_is_named(void **state) {
    (void)state;
    const struct {
        const char *name, *says;
    } cases[] = {{"cifar-10-binary.tar.gz", "still packed"},
                 {"cifar-100-binary.tar", "still packed"},
                 {"cifar-10-python.tar.gz", "Python version"},
                 {"data_batch_1", "Python version"},
                 {"cifar-100-matlab.tar.gz", "MATLAB version"},
                 {"data_batch_5.mat", "MATLAB version"},
                 {"data_batch_1.bin.gz", "are packed"},
                 {"train.bin.xz", "are packed"},
                 {"train", "Python version"},
                 {"readme.html", "accepted"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        put(cases[i].name, "", 0);
        BAD("data.path", folder, "has no files of CIFAR-10 or CIFAR-100, but", cases[i].name, cases[i].says,
            "CIFAR-10, binary version");
        drop(cases[i].name);
    }
    put("cifar-10-binary.tar.gz", "", 0);
    assert_bad(DSTN_ERROR_DATA, "/cifar-10-binary.tar.gz",
               (const char *const[]){"data.path", "is a file, an archive that is still packed", NULL});
    put("cifar-10-batches-bin", "", 0);
    BAD("cifar-10-batches-bin can't be listed: Not a directory");
}

static void keys_of_the_other_form_are_refused(void **state) {
    (void)state;
    write_ten("");
    assert_bad(DSTN_ERROR_USAGE, ", labels: coarse", (const char *const[]){"data.labels", "CIFAR-100", NULL});
    drop("data_batch_4.bin");
    make_folder("data_batch_4.bin");
    BAD("data_batch_4.bin: can't be read: Is a directory");
}

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(batches_follow_each_other_and_the_last_is_for_validation),
        TEST_CASE(fewer_records_than_published_are_told_of),
        TEST_CASE(hundred_has_fine_and_coarse_labels),
        TEST_CASE(the_archives_folder_is_found_below),
        TEST_CASE(mean_and_deviation_have_a_number_for_each_channel),
        TEST_CASE(a_folder_without_test_file_has_no_test_part_and_says_so),
        TEST_CASE(a_missing_batch_is_named),
        TEST_CASE(a_size_that_is_no_whole_records_is_named),
        TEST_CASE(a_label_out_of_range_is_named_by_record_and_byte),
        TEST_CASE(either_label_of_hundred_out_of_range_is_named),
        TEST_CASE(files_of_other_forms_are_known_by_their_first_bytes),
        TEST_CASE(what_lies_there_in_place_of_the_files_is_named),
        TEST_CASE(keys_of_the_other_form_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
