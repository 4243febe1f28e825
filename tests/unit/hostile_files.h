/* What the tests of other people's files share: HDF5 files as a stranger, an enemy or another program writes them. */
#ifndef DSTN_TEST_HOSTILE_FILES_H
#define DSTN_TEST_HOSTILE_FILES_H

#include "archive_files.h"

#include <hdf5.h>
#include <xxhash.h>

static inline hid_t new_file(const char *path) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
    H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
    assert_true(file >= 0);
    return file;
}

/* A data set with nothing in it yet; chunk NULL: contiguous. */
static inline hid_t new_set(hid_t file, const char *name, hid_t type, int rank, const hsize_t *shape,
                            const hsize_t *chunk) {
    hid_t space = rank ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t properties = H5Pcreate(H5P_DATASET_CREATE);
    if (chunk) {
        H5Pset_chunk(properties, rank, chunk);
    }
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Pclose(properties);
    H5Sclose(space);
    return set;
}

static inline void put_set(hid_t file, const char *name, hid_t type, hid_t memory, int rank, const hsize_t *shape,
                           const void *values) {
    hid_t set = new_set(file, name, type, rank, shape, NULL);
    assert_true(H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(set);
}

static inline void put_attribute(hid_t owner, const char *name, hid_t type, int rank, const hsize_t *shape,
                                 const void *values) {
    hid_t space = rank ? H5Screate_simple(rank, shape, NULL) : H5Screate(H5S_SCALAR);
    hid_t made = H5Acreate2(owner, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(made >= 0 && H5Awrite(made, type, values) >= 0);
    H5Aclose(made);
    H5Sclose(space);
}

static inline hid_t new_group(hid_t owner, const char *name) {
    hid_t group = H5Gcreate2(owner, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(group >= 0);
    return group;
}

static inline hid_t variable_text(void) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, H5T_VARIABLE);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

/* Puts the seal of a file of ours behind any bytes, as an enemy can who knows how it is made. */
static inline void seal_file(const char *path) {
    static const unsigned char mark[16] = {0x89, 'd', 's', 't', 'n',  '-',  's',  'e',
                                           'a',  'l', '-', '1', '\r', '\n', 0x1a, 0xd5};
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    XXH128_canonical_t hash;
    XXH128_canonicalFromHash(&hash, XXH3_128bits(bytes, size));
    FILE *file = fopen(path, "ab");
    assert_true(file && fwrite(mark, 1, 16, file) == 16 && fwrite(hash.digest, 1, 16, file) == 16);
    fclose(file);
    free(bytes);
}

/* Why a data set can't be read; owned by the reader. */
static inline const char *reason_of(const dstn_reader *reader, const char *name) {
    dstn_data_set about;
    dstn_error err = {0};
    if (dstn_reader_describe(reader, name, &about, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    return about.why;
}

static inline void expect_reason(const dstn_reader *reader, const char *name, const char *part) {
    int64_t count;
    double *values;
    dstn_error err = {0};
    if (!strstr(reason_of(reader, name), part)) {
        fail_msg("'%s' is not in: %s", part, reason_of(reader, name));
    }
    assert_int_equal(dstn_reader_doubles(reader, name, &count, &values, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, name));
    assert_null(values);
}

#endif
