/* data: HDF5 files of people's own, good ones and bad ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hdf5_files.h"

/* ---- good ones --------------------------------------------------------------------------------------------------- */

static void a_table_is_split_and_standardized_as_a_csv_is(void **state) {
    (void)state;
    hid_t file = create();
    put_table(file);
    H5Fclose(file);
    dstn_dataset *raw = read_good(CLASSES ", standardize: false"), *done = read_good(CLASSES);
    assert_int_equal(raw->rank, 1);
    assert_int_equal(raw->features, 2);
    assert_int_equal(raw->outputs, 3);
    assert_int_equal(raw->rows[DSTN_PART_TRAIN], 9);
    double sum = 0;
    for (int part = 0; part < 2; part++) {
        for (int64_t r = 0; r < raw->rows[part]; r++) {
            double row = (double)raw->source_rows[part][r];
            assert_true(raw->x[part][2 * r] == row && raw->x[part][2 * r + 1] == row * row);
            assert_int_equal(raw->labels[part][r], raw->source_rows[part][r] % 3);
            sum += part == DSTN_PART_TRAIN ? done->x[part][2 * r] : 0;
        }
    }
    assert_true(fabs(sum) < 1e-12);
    assert_non_null(strstr(raw->summary, "target y of 3 classes, split 1"));
    dstn_dataset_destroy(raw);
    dstn_dataset_destroy(done);
}

static void targets_of_a_regression_may_have_columns(void **state) {
    (void)state;
    hid_t file = create();
    const hsize_t x_extent[] = {ROWS, 1}, y_extent[] = {ROWS, 2};
    double x[ROWS], y[2 * ROWS];
    for (int r = 0; r < ROWS; r++) {
        x[r] = r;
        y[2 * r] = 10 * r;
        y[2 * r + 1] = -r;
    }
    put_doubles(file, "x", 2, x_extent, x);
    put_doubles(file, "y", 2, y_extent, y);
    H5Fclose(file);
    dstn_dataset *dataset = read_good(", standardize: false, split: end");
    assert_int_equal(dataset->outputs, 2);
    assert_int_equal(dataset->rows[DSTN_PART_VALID], 3);
    assert_true(dataset->targets[DSTN_PART_VALID][4] == 110 && dataset->targets[DSTN_PART_VALID][5] == -11);
    dstn_dataset_destroy(dataset);
}

static void the_files_own_split_is_taken(void **state) {
    (void)state;
    hid_t file = create();
    const int split[ROWS] = {2, 0, 1, 0, 0, 1, 0, 0, 2, 0, 0, 1};
    put_table(file);
    put_integers(file, "split", ROWS, split);
    H5Fclose(file);
    dstn_dataset *dataset = read_good(CLASSES ", standardize: false");
    const int64_t rows[DSTN_PARTS] = {7, 3, 2};
    for (int part = 0; part < DSTN_PARTS; part++) {
        assert_int_equal(dataset->rows[part], rows[part]);
        for (int64_t r = 0; r < rows[part]; r++) {
            int64_t row = dataset->source_rows[part][r];
            assert_int_equal(split[row], part);
            assert_true(dataset->x[part][2 * r] == (double)row);
            assert_int_equal(dataset->labels[part][r], row % 3);
        }
    }
    assert_non_null(strstr(dataset->summary, "7 training, 3 validation and 2 test rows"));
    assert_non_null(strstr(dataset->summary, ", split of the file"));
    dstn_dataset_destroy(dataset);
    assert_bad(DSTN_ERROR_USAGE, CLASSES ", split: random",
               (const char *const[]){"data.split", "accepted: auto", NULL});
}

static void a_split_without_validation_leaves_it_to_the_key(void **state) {
    (void)state;
    hid_t file = create();
    const int split[ROWS] = {2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 2};
    put_table(file);
    put_integers(file, "split", ROWS, split);
    H5Fclose(file);
    dstn_dataset *dataset = read_good(CLASSES ", standardize: false, split: end");
    assert_int_equal(dataset->rows[DSTN_PART_TRAIN], 6);
    assert_int_equal(dataset->rows[DSTN_PART_TEST], 4);
    assert_int_equal(dataset->source_rows[DSTN_PART_VALID][0], 7);
    assert_int_equal(dataset->source_rows[DSTN_PART_VALID][1], 9);
    assert_int_equal(dataset->source_rows[DSTN_PART_TEST][3], 11);
    dstn_dataset_destroy(dataset);
}

/* ---- the order of axes ------------------------------------------------------------------------------------------- */

enum { CHANNELS = 3, SIDE = 5, PLANE = SIDE * SIDE };

/* How a file keeps its images. */
typedef struct image_file {
    bool is_last, is_packed; /* channels last; in chunks, compressed */
    hid_t type;              /* in the file */
} image_file;

static double pixel_of(int row, int channel, int pixel) {
    return (7 * row + 80 * channel + pixel) % 256;
}

static void write_images(const image_file *how) {
    const hsize_t first[] = {ROWS, CHANNELS, SIDE, SIDE}, last[] = {ROWS, SIDE, SIDE, CHANNELS};
    double *x = dstn_alloc((size_t)ROWS * CHANNELS * PLANE, sizeof *x);
    for (int i = 0; i < ROWS * CHANNELS * PLANE; i++) {
        int row = i / (CHANNELS * PLANE), rest = i % (CHANNELS * PLANE);
        x[i] =
            how->is_last ? pixel_of(row, rest % CHANNELS, rest / CHANNELS) : pixel_of(row, rest / PLANE, rest % PLANE);
    }
    int y[ROWS];
    for (int r = 0; r < ROWS; r++) {
        y[r] = r % 3;
    }
    const hsize_t *extent = how->is_last ? last : first, chunk[] = {5, 2, 2, 2};
    hid_t file = create(), space = H5Screate_simple(4, extent, NULL), plist = H5Pcreate(H5P_DATASET_CREATE);
    if (how->is_packed) {
        assert_true(H5Pset_chunk(plist, 4, chunk) >= 0 && H5Pset_deflate(plist, 6) >= 0);
    }
    hid_t set = H5Dcreate2(file, "x", how->type, space, H5P_DEFAULT, plist, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, x) >= 0);
    put_integers(file, "y", ROWS, y);
    H5Dclose(set);
    H5Pclose(plist);
    H5Sclose(space);
    H5Fclose(file);
    free(x);
}

/* Reads the file with mean 0 and std 1; what was said into `said` [256]. */
static dstn_dataset *read_images(const char *more, char *said) {
    char section[512];
    snprintf(section, sizeof section, "source: hdf5, path: %s, split: end, mean: 0, std: 1" CLASSES "%s", path, more);
    memset(said, 0, 256);
    FILE *out = fmemopen(said, 255, "w");
    dstn_log log = {.out = out, .level = DSTN_LOG_NORMAL};
    dstn_dataset *dataset = NULL;
    dstn_error err;
    if (read_section(section, 1, &log, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    fclose(out);
    return dataset;
}

static void assert_is_images(const dstn_dataset *dataset) {
    assert_int_equal(dataset->shape[0], CHANNELS);
    assert_int_equal(dataset->shape[1], SIDE);
    for (int i = 0; i < CHANNELS * PLANE; i++) {
        double want = pixel_of(1, i % CHANNELS, i / CHANNELS);
        int at = CHANNELS * PLANE + i;
        assert_true(want == (dataset->bytes[0] ? (double)dataset->bytes[0][at] : dataset->x[0][at]));
    }
}

static void layout_says_where_channels_are_in_every_kind_of_file(void **state) {
    (void)state;
    const hid_t types[] = {H5T_STD_U8LE, H5T_IEEE_F64LE, H5T_STD_I16BE};
    char said[256];
    for (int i = 0; i < 12; i++) {
        const image_file how = {.is_last = i & 1, .is_packed = i & 2, .type = types[i / 4]};
        write_images(&how);
        dstn_dataset *dataset = read_images(how.is_last ? ", layout: nhwc" : "", said);
        assert_is_images(dataset);
        assert_string_equal(said, "");
        dstn_dataset_destroy(dataset);
    }
}

static void channels_that_seem_to_be_last_are_warned_of_until_the_key_says(void **state) {
    (void)state;
    const image_file last = {.is_last = true, .type = H5T_STD_U8LE};
    char said[256];
    write_images(&last);
    dstn_dataset *dataset = read_images("", said);
    assert_int_equal(dataset->shape[0], SIDE);
    assert_non_null(strstr(said, "warning: "));
    assert_non_null(strstr(said, "own.h5: x is read as images of 5 channels of 5 x 3 pixels"));
    assert_non_null(strstr(said, "data.layout: nhwc"));
    dstn_dataset_destroy(dataset);
    dstn_dataset_destroy(read_images(", layout: nchw", said));
    assert_string_equal(said, "");
}

/* [N, H, W] has one channel, wherever that would be, and a width of 3 is no reason to doubt it. */
static void images_without_channels_are_as_they_are_in_both_layouts(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 2, 3};
    double x[6 * ROWS];
    int y[ROWS];
    for (int i = 0; i < 6 * ROWS; i++) {
        x[i] = i;
        y[i / 6] = i / 6 % 3;
    }
    hid_t file = create();
    put_doubles(file, "x", 3, extent, x);
    put_integers(file, "y", ROWS, y);
    H5Fclose(file);
    char said[256];
    for (int i = 0; i < 2; i++) {
        dstn_dataset *dataset = read_images(i ? ", layout: nhwc" : "", said);
        assert_true(dataset->shape[0] == 1 && dataset->shape[1] == 2 && dataset->shape[2] == 3);
        assert_memory_equal(dataset->x[0], x, 6 * sizeof *x);
        assert_string_equal(said, "");
        dstn_dataset_destroy(dataset);
    }
}

/* ---- bad ones ---------------------------------------------------------------------------------------------------- */

static void files_that_are_no_hdf5_are_named(void **state) {
    (void)state;
    BAD("", "No such file", "data.path");
    assert_true(scratch_write(path, "not HDF5 at all", 15));
    BAD("", "is no HDF5 file", "data.path");
    assert_true(scratch_write(path, "", 0));
    BAD("", "is empty: no HDF5 file");
    hid_t file = create();
    put_table(file);
    H5Fclose(file);
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    assert_true(scratch_write(path, bytes, size / 2));
    BAD("", "cut off");
    free(bytes);
    remove(path);
    assert_int_equal(mkdir(path, 0777), 0);
    BAD("", "can't be read: Is a directory");
}

static void missing_arrays_are_named(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 1};
    double x[ROWS] = {1};
    hid_t file = create();
    H5Fclose(file);
    BAD("", "has no array x", "[N, H, W]");
    file = create();
    put_doubles(file, "x", 2, extent, x);
    H5Fclose(file);
    BAD("", "has no array y", "[N, k]");
    BAD(CLASSES, "has no array y", "a label for each row");
    file = create();
    H5Gclose(H5Gcreate2(file, "x", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    BAD("", "x is a group and no array");
}

static void wrong_ranks_and_rows_are_named(void **state) {
    (void)state;
    const hsize_t line[] = {ROWS}, deep[] = {ROWS, 1, 1, 1, 2}, column[] = {ROWS, 1}, none[] = {0, 3};
    double x[2 * ROWS] = {1};
    int y[ROWS + 1] = {1};
    const struct {
        int axes;
        const hsize_t *extent;
        const char *says;
    } cases[] = {{1, line, "x has 1 axes"}, {5, deep, "x has 5 dimensions"}, {2, none, "x is empty"}};
    for (int i = 0; i < 3; i++) {
        hid_t file = create();
        put_doubles(file, "x", cases[i].axes, cases[i].extent, x);
        put_integers(file, "y", ROWS, y);
        H5Fclose(file);
        BAD("", cases[i].says, "[N, features]");
    }
    hid_t file = create();
    put_doubles(file, "x", 2, column, x);
    put_integers(file, "y", ROWS + 1, y);
    H5Fclose(file);
    BAD("", "y has 13 rows, and x has 12");
    file = create();
    put_doubles(file, "x", 2, column, x);
    const hsize_t pairs[] = {ROWS, 2};
    put_doubles(file, "y", 2, pairs, x);
    H5Fclose(file);
    BAD(CLASSES, "y has 2 axes, 12 x 2", "a label for each row");
}

static void values_that_are_not_finite_are_named_by_row(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 2}, line[] = {ROWS};
    double x[2 * ROWS] = {1}, y[ROWS] = {1};
    for (int in_y = 0; in_y < 2; in_y++) {
        x[7] = in_y ? 0 : NAN;
        y[4] = in_y ? INFINITY : 0;
        hid_t file = create();
        put_doubles(file, "x", 2, extent, x);
        put_doubles(file, "y", 1, line, y);
        H5Fclose(file);
        if (in_y) {
            BAD("", "y: row 4, element 0: inf is not finite");
        } else {
            BAD("", "x: row 3, element 1: nan is not finite");
        }
    }
}

static void labels_out_of_range_are_named_by_row(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 1}, line[] = {ROWS};
    double x[ROWS] = {1}, y[ROWS] = {1};
    const double wrong[] = {1.5, -1, 100000};
    const char *const says[] = {"y: row 5: 1.5 is no class label", "y: row 5: -1 is", "y: row 5: 100000 is"};
    for (int i = 0; i < 3; i++) {
        y[5] = wrong[i];
        hid_t file = create();
        put_doubles(file, "x", 2, extent, x);
        put_doubles(file, "y", 1, line, y);
        H5Fclose(file);
        BAD(CLASSES, says[i], "from 0 to 99999");
    }
    hid_t file = create();
    put_table(file);
    H5Fclose(file);
    BAD(CLASSES ", classes: 2", "y: row 2: 2 is no class label", "from 0 to 1, by data.classes");
}

static void splits_that_name_no_part_are_refused(void **state) {
    (void)state;
    int split[ROWS] = {0, 0, 3};
    hid_t file = create();
    put_table(file);
    put_integers(file, "split", ROWS, split);
    H5Fclose(file);
    BAD(CLASSES, "split: row 2: 3 names no part", "0 training, 1 validation, 2 test");
    for (int r = 0; r < ROWS; r++) {
        split[r] = 1 + r % 2;
    }
    file = create();
    put_table(file);
    put_integers(file, "split", ROWS, split);
    H5Fclose(file);
    BAD(CLASSES, "no row is for training");
    file = create();
    put_table(file);
    put_integers(file, "split", ROWS - 1, split);
    H5Fclose(file);
    BAD(CLASSES, "split has 11 rows, and x has 12");
}

static void text_is_no_numbers(void **state) {
    (void)state;
    const hsize_t extent[] = {ROWS, 1};
    double x[ROWS] = {1};
    char y[ROWS][4] = {"cat", "dog"};
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 4);
    hid_t file = create();
    put_doubles(file, "x", 2, extent, x);
    put(file, "y", text, 1, extent, text, y);
    H5Fclose(file);
    H5Tclose(text);
    BAD(CLASSES, "y doesn't hold numbers");
}

/* Whoever uses HDF5 beside us keeps the messages they had. */
static void hdf5s_own_messages_come_back_afterwards(void **state) {
    (void)state;
    H5E_auto2_t before, after;
    void *client;
    H5Eget_auto2(H5E_DEFAULT, &before, &client);
    BAD("", "No such file");
    H5Eget_auto2(H5E_DEFAULT, &after, &client);
    assert_true(before == after && before);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST_CASE(a_table_is_split_and_standardized_as_a_csv_is),
        TEST_CASE(targets_of_a_regression_may_have_columns),
        TEST_CASE(the_files_own_split_is_taken),
        TEST_CASE(a_split_without_validation_leaves_it_to_the_key),
        TEST_CASE(layout_says_where_channels_are_in_every_kind_of_file),
        TEST_CASE(channels_that_seem_to_be_last_are_warned_of_until_the_key_says),
        TEST_CASE(images_without_channels_are_as_they_are_in_both_layouts),
        TEST_CASE(files_that_are_no_hdf5_are_named),
        TEST_CASE(missing_arrays_are_named),
        TEST_CASE(wrong_ranks_and_rows_are_named),
        TEST_CASE(values_that_are_not_finite_are_named_by_row),
        TEST_CASE(labels_out_of_range_are_named_by_row),
        TEST_CASE(splits_that_name_no_part_are_refused),
        TEST_CASE(text_is_no_numbers),
        TEST_CASE(hdf5s_own_messages_come_back_afterwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
