/* What the tests of HDF5 data sets share: the file of the test that runs, written and read. */
#ifndef TESTS_UNIT_HDF5_FILES_H
#define TESTS_UNIT_HDF5_FILES_H

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

#include "data_files.h"
#include "scratch.h"

enum { ROWS = 12 };

static char *folder, *path; /* of the test that runs */

static inline int start(void **state) {
    (void)state;
    folder = scratch_make();
    path = dstn_format("%s/own.h5", folder);
    return folder ? 0 : 1;
}

static inline int finish(void **state) {
    (void)state;
    free(path);
    scratch_remove(folder);
    return 0;
}

static inline hid_t create(void) {
    return H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
}

/* An array of any type in the file from one in memory; extents [axes]. */
static inline void put(hid_t file, const char *name, hid_t file_type, int axes, const hsize_t *extent,
                       hid_t memory_type, const void *values) {
    hid_t space = H5Screate_simple(axes, extent, NULL);
    hid_t set = H5Dcreate2(file, name, file_type, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(set >= 0 && H5Dwrite(set, memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
    H5Sclose(space);
}

static inline void put_doubles(hid_t file, const char *name, int axes, const hsize_t *extent, const double *values) {
    put(file, name, H5T_IEEE_F64LE, axes, extent, H5T_NATIVE_DOUBLE, values);
}

static inline void put_integers(hid_t file, const char *name, hsize_t rows, const int *values) {
    put(file, name, H5T_STD_I32LE, 1, &rows, H5T_NATIVE_INT, values);
}

/* x [ROWS, 2] with distinct values, and labels r mod 3. */
static inline void put_table(hid_t file) {
    const hsize_t extent[] = {ROWS, 2};
    double x[2 * ROWS];
    int y[ROWS];
    for (int r = 0; r < ROWS; r++) {
        x[2 * r] = r;
        x[2 * r + 1] = r * r;
        y[r] = r % 3;
    }
    put_doubles(file, "x", 2, extent, x);
    put_integers(file, "y", ROWS, y);
}

static inline dstn_status read_file(const char *more, dstn_dataset **out, dstn_error *err) {
    char section[512];
    snprintf(section, sizeof section, "source: hdf5, path: %s, valid_fraction: 0.25%s", path, more);
    return read_section(section, 1, NULL, out, err);
}

static inline dstn_dataset *read_good(const char *more) {
    dstn_dataset *dataset;
    dstn_error err;
    if (read_file(more, &dataset, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_dataset_is_valid(dataset));
    return dataset;
}

static inline void assert_bad(dstn_status status, const char *more, const char *const *parts) {
    dstn_dataset *dataset;
    dstn_error err = {0};
    dstn_status got = read_file(more, &dataset, &err);
    if (got != status) {
        fail_msg("status %d: %s", got, err.message);
    }
    assert_null(dataset);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
}

#define BAD(more, ...) assert_bad(DSTN_ERROR_DATA, more, (const char *const[]){"own.h5", __VA_ARGS__, NULL})
#define CLASSES ", task: classification"

#define TEST_CASE(name) cmocka_unit_test_setup_teardown(name, start, finish)

#endif
