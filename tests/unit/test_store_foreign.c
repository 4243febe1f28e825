/* HDF5 files that anybody may have written: what they hold is read with bounds, or said to be unreadable. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hostile_files.h"

#include <fcntl.h>
#include <sys/resource.h>

/* ---- claims ------------------------------------------------------------------------------------------------------ */

static void what_is_claimed_and_not_stored_takes_no_memory(void **state) {
    (void)state;
    char *path = path_of("claim.h5");
    hid_t file = new_file(path);
    H5Dclose(new_set(file, "rows", H5T_NATIVE_DOUBLE, 2, (const hsize_t[]){1 << 27, 2}, (const hsize_t[]){16, 2}));
    H5Dclose(new_set(file, "plain", H5T_NATIVE_DOUBLE, 1, (const hsize_t[]){1 << 28}, NULL));
    H5Dclose(new_set(file, "product", H5T_NATIVE_UINT8, 2, (const hsize_t[]){(hsize_t)1 << 32, (hsize_t)1 << 32},
                     (const hsize_t[]){16, 4}));
    H5Dclose(
        new_set(file, "wide", H5T_NATIVE_DOUBLE, 2, (const hsize_t[]){(hsize_t)1 << 62, 4}, (const hsize_t[]){16, 4}));
    H5Dclose(new_set(file, "axes", H5T_NATIVE_DOUBLE, 5, (const hsize_t[]){1, 1, 1, 1, 1}, NULL));
    hid_t growing = H5Screate_simple(1, (const hsize_t[]){4}, (const hsize_t[]){H5S_UNLIMITED});
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 1, (const hsize_t[]){(hsize_t)1 << 28});
    H5Dclose(H5Dcreate2(file, "chunk", H5T_NATIVE_DOUBLE, growing, H5P_DEFAULT, chunked, H5P_DEFAULT));
    H5Pclose(chunked);
    H5Sclose(growing);
    H5Fclose(file);
    struct rusage before, after;
    getrusage(RUSAGE_CHILDREN, &before);
    dstn_reader *reader = open_foreign(path, NULL);
    getrusage(RUSAGE_CHILDREN, &after);
    assert_true(after.ru_maxrss < 300 << 10); /* KB */
    expect_reason(reader, "rows", "claims 2147483648 bytes of values where 0 bytes are stored");
    expect_reason(reader, "plain", "where 0 bytes are stored");
    expect_reason(reader, "product", "more elements than can be counted");
    expect_reason(reader, "wide", "more elements than can be counted");
    expect_reason(reader, "axes", "5 dimensions");
    expect_reason(reader, "chunk", "claims");
    dstn_reader_close(reader);
    free(path);
}

/* What HDF5 would fill in is told apart from what was written. */
static void chunks_that_nobody_wrote_are_counted(void **state) {
    (void)state;
    char *path = path_of("unwritten.h5");
    hid_t file = new_file(path);
    hid_t set = new_set(file, "x", H5T_NATIVE_DOUBLE, 1, (const hsize_t[]){80}, (const hsize_t[]){16});
    hid_t half = H5Screate_simple(1, (const hsize_t[]){40}, NULL), space = H5Dget_space(set);
    double values[80];
    for (int i = 0; i < 80; i++) {
        values[i] = i + 1;
    }
    H5Sselect_hyperslab(space, H5S_SELECT_SET, (const hsize_t[]){0}, NULL, (const hsize_t[]){40}, NULL);
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, half, space, H5P_DEFAULT, values) >= 0);
    H5Sclose(half);
    H5Sclose(space);
    H5Dclose(set);
    H5Dclose(new_set(file, "never", H5T_NATIVE_INT, 1, (const hsize_t[]){8}, NULL));
    H5Fclose(file);
    dstn_reader *reader = open_foreign(path, NULL);
    dstn_data_set about;
    dstn_error err = {0};
    assert_int_equal(dstn_reader_describe(reader, "x", &about, &err), DSTN_OK);
    assert_true(about.pieces == 5 && about.missing == 2 && about.why[0] == 0);
    double got[80];
    assert_int_equal(dstn_reader_array(reader, "x", DSTN_F64, 80, got, &err), DSTN_OK);
    assert_true(got[39] == 40 && got[79] == 0);
    assert_int_equal(dstn_reader_describe(reader, "never", &about, &err), DSTN_OK);
    assert_true(about.pieces == 1 && about.missing == 1);
    dstn_reader_close(reader);
    free(path);
}

/* ---- types ------------------------------------------------------------------------------------------------------- */

static void types_are_read_as_what_holds_all_their_values(void **state) {
    (void)state;
    char *path = path_of("types.h5");
    hid_t file = new_file(path), boolean = H5Tenum_create(H5T_NATIVE_INT8), colour = H5Tenum_create(H5T_NATIVE_INT8);
    hid_t pair = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_INT);
    H5Tenum_insert(boolean, "FALSE", &(int8_t){0});
    H5Tenum_insert(boolean, "TRUE", &(int8_t){1});
    H5Tenum_insert(colour, "RED", &(int8_t){0});
    H5Tenum_insert(colour, "GREEN", &(int8_t){1});
    const hsize_t three[] = {3};
    const int8_t small[] = {-1, 0, 1}, truth[] = {1, 0, 1};
    const int pairs[] = {1, 2, 3, 4, 5, 6};
    put_set(file, "bool", boolean, boolean, 1, three, truth);
    put_set(file, "bits", H5T_STD_B8LE, H5T_NATIVE_B8, 1, three, truth);
    put_set(file, "colour", colour, colour, 1, three, truth);
    put_set(file, "i8", H5T_STD_I8LE, H5T_NATIVE_INT8, 1, three, small);
    put_set(file, "i32", H5T_STD_I32BE, H5T_NATIVE_INT8, 1, three, small);
    put_set(file, "u16", H5T_STD_U16LE, H5T_NATIVE_UINT16, 1, three, (const uint16_t[]){1, 2, 65535});
    put_set(file, "u64", H5T_STD_U64LE, H5T_NATIVE_UINT64, 1, three, (const uint64_t[]){1, 2, UINT64_MAX});
    put_set(file, "f32", H5T_IEEE_F32BE, H5T_NATIVE_FLOAT, 1, three, (const float[]){0.5F, 1, 2});
    put_set(file, "pairs", pair, pair, 1, three, pairs);
    H5Fclose(file);
    H5Tclose(boolean);
    H5Tclose(colour);
    H5Tclose(pair);
    static const struct {
        const char *name, *what;
        dstn_scalar scalar;
        double values[3];
    } cases[] = {
        {"bool", "an enumeration FALSE, TRUE", DSTN_U8, {1, 0, 1}},
        {"bits", "a bit field of 8 bits", DSTN_U8, {1, 0, 1}},
        {"i8", "8-bit integers", DSTN_I64, {-1, 0, 1}},
        {"i32", "32-bit integers", DSTN_I64, {-1, 0, 1}},
        {"u16", "unsigned 16-bit integers", DSTN_I64, {1, 2, 65535}},
        {"u64", "unsigned 64-bit integers", DSTN_F64, {1, 2, 0x1p64}},
        {"f32", "32-bit floating-point numbers", DSTN_F32, {0.5, 1, 2}},
    };
    dstn_reader *reader = open_foreign(path, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dstn_data_set about;
        dstn_error err = {0};
        double values[3];
        assert_int_equal(dstn_reader_describe(reader, cases[i].name, &about, &err), DSTN_OK);
        assert_string_equal(about.what, cases[i].what);
        assert_true(about.is_numbers && about.scalar == cases[i].scalar && about.count == 3);
        assert_int_equal(dstn_reader_array(reader, cases[i].name, DSTN_F64, 3, values, &err), DSTN_OK);
        assert_memory_equal(values, cases[i].values, sizeof values);
    }
    expect_reason(reader, "colour", "an enumeration RED, GREEN");
    expect_reason(reader, "pairs", "compound values");
    dstn_reader_close(reader);
    free(path);
}

/* An attribute of many elements must not be read into the place of one. */
static void attributes_of_many_elements_are_not_read(void **state) {
    (void)state;
    char *path = path_of("attributes.h5");
    hid_t file = new_file(path), text = variable_text();
    double *many = dstn_alloc(4096, sizeof *many);
    const char *texts[500];
    for (int i = 0; i < 500; i++) {
        texts[i] = "abc";
    }
    put_attribute(file, "many", H5T_NATIVE_DOUBLE, 1, (const hsize_t[]){4096}, many);
    put_attribute(file, "texts", text, 1, (const hsize_t[]){500}, texts);
    put_attribute(file, "one", text, 1, (const hsize_t[]){1}, (const char *const[]){"λ"});
    H5Fclose(file);
    H5Tclose(text);
    dstn_reader *reader = open_foreign(path, NULL);
    double number = 7;
    int64_t whole = 7;
    assert_false(dstn_reader_number(reader, "", "many", &number));
    assert_false(dstn_reader_integer(reader, "", "many", &whole));
    assert_true(number == 7 && whole == 7);
    assert_null(dstn_reader_text(reader, "", "texts"));
    char *one = dstn_reader_text(reader, "", "one");
    assert_string_equal(one, "λ");
    free(one);
    dstn_reader_close(reader);
    free(many);
    free(path);
}

static size_t invert(unsigned flags, size_t parameters, const unsigned *values, size_t size, size_t *capacity,
                     void **bytes) {
    (void)flags;
    (void)parameters;
    (void)values;
    (void)capacity;
    for (size_t i = 0; i < size; i++) {
        ((unsigned char *)*bytes)[i] ^= 0xff;
    }
    return size;
}

static void a_filter_that_is_missing_is_named(void **state) {
    (void)state;
    char *path = path_of("filter.h5");
    const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, 32999, 1, 1, "squeeze", NULL, NULL, invert};
    hid_t file = new_file(path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){4}, NULL);
    assert_true(H5Zregister(&filter) >= 0);
    H5Pset_chunk(properties, 1, (const hsize_t[]){4});
    H5Pset_filter(properties, 32999, 0, 0, NULL);
    hid_t set = H5Dcreate2(file, "x", H5T_NATIVE_INT, space, H5P_DEFAULT, properties, H5P_DEFAULT);
    assert_true(H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, (const int[]){1, 2, 3, 4}) >= 0);
    H5Fclose(file);
    H5Pclose(properties);
    H5Sclose(space);
    assert_true(H5Zunregister(32999) >= 0);
    dstn_reader *reader = open_foreign(path, NULL);
    expect_reason(reader, "x", "packed by the filter squeeze (number 32999)");
    dstn_reader_close(reader);
    free(path);
}

/* ---- links and other places -------------------------------------------------------------------------------------- */

static void groups_within_themselves_are_walked_once(void **state) {
    (void)state;
    char *path = path_of("cycle.h5");
    hid_t file = new_file(path), group = new_group(file, "g");
    H5Lcreate_hard(group, ".", group, "self", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "/", group, "root", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/g", group, "soft", H5P_DEFAULT, H5P_DEFAULT);
    put_set(group, "x", H5T_NATIVE_INT, H5T_NATIVE_INT, 0, NULL, &(int){7});
    H5Lcreate_hard(group, "x", file, "again", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    dstn_reader *reader = open_foreign(path, NULL);
    dstn_error err = {0};
    double values[2];
    assert_true(dstn_reader_is_group(reader, "g/self") && dstn_reader_is_group(reader, "g/root"));
    assert_true(dstn_reader_is_group(reader, "g/soft"));
    assert_false(dstn_reader_has(reader, "g/self/x"));
    assert_int_equal(dstn_reader_array(reader, "g/x", DSTN_F64, 1, &values[0], &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "again", DSTN_F64, 1, &values[1], &err), DSTN_OK);
    assert_true(values[0] == 7 && values[1] == 7);
    dstn_reader_close(reader);
    free(path);
}

static void a_pipe_by_a_files_name_is_not_waited_for(void **state) {
    (void)state;
    char *path = path_of("links.h5"), *pipe = path_of("pipe.h5");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    hid_t file = new_file(path);
    H5Lcreate_external(pipe, "/x", file, "elsewhere", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/elsewhere", file, "around", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/nothing", file, "dangling", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    alarm(20);
    dstn_reader *reader = open_foreign(path, NULL);
    expect_reason(reader, "elsewhere", "pipe.h5:/x");
    expect_reason(reader, "around", "a soft link to /elsewhere");
    expect_reason(reader, "dangling", "a soft link to /nothing");
    dstn_reader_close(reader);
    dstn_error err = {0};
    assert_int_equal(dstn_reader_open_foreign(pipe, NULL, DSTN_ERROR_DATA, &reader, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "no regular file"));
    assert_int_equal(dstn_reader_open(pipe, DSTN_ERROR_CHECKPOINT, &reader, &err), DSTN_ERROR_CHECKPOINT);
    alarm(0);
    free(path);
    free(pipe);
}

static void external_storage_is_read_only_when_asked_for(void **state) {
    (void)state;
    char *path = path_of("external.h5"), *other = path_of("secret.bin");
    assert_true(scratch_write(other, "secret", 6));
    hid_t file = new_file(path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){6}, NULL);
    H5Pset_external(properties, other, 0, 6);
    H5Dclose(H5Dcreate2(file, "x", H5T_NATIVE_UINT8, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(properties);
    H5Sclose(space);
    dstn_reader *reader = open_foreign(path, NULL);
    expect_reason(reader, "x", "secret.bin");
    dstn_reader_close(reader);
    reader = open_foreign(path, &(const dstn_foreign){.external = true});
    dstn_error err = {0};
    uint8_t bytes[6];
    assert_int_equal(dstn_reader_array(reader, "x", DSTN_U8, 6, bytes, &err), DSTN_OK);
    assert_memory_equal(bytes, "secret", 6);
    dstn_reader_close(reader);
    free(path);
    free(other);
}

static void make_virtual(const char *path, const char *const sources[2]) {
    hid_t file = new_file(path), properties = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(1, (const hsize_t[]){9}, NULL);
    hid_t source = H5Screate_simple(1, (const hsize_t[]){4}, NULL);
    for (hsize_t i = 0; i < 2; i++) {
        H5Sselect_hyperslab(space, H5S_SELECT_SET, (const hsize_t[]){4 * i}, NULL, (const hsize_t[]){4}, NULL);
        H5Pset_virtual(properties, space, sources[i], "part", source);
    }
    H5Dclose(H5Dcreate2(file, "x", H5T_NATIVE_INT, space, H5P_DEFAULT, properties, H5P_DEFAULT));
    H5Fclose(file);
    H5Pclose(properties);
    H5Sclose(space);
    H5Sclose(source);
}

static void sources_of_virtual_data_sets_must_be_there(void **state) {
    (void)state;
    char *path = path_of("virtual.h5"), *parts[2] = {path_of("part0.h5"), path_of("part1.h5")};
    make_virtual(path, (const char *const[]){"part0.h5", "part1.h5"});
    for (int i = 0; i < 2; i++) {
        dstn_reader *reader = open_foreign(path, &(const dstn_foreign){.external = true});
        expect_reason(reader, "x", parts[i]);
        dstn_reader_close(reader);
        reader = open_foreign(path, NULL);
        expect_reason(reader, "x", "a virtual data set: part0.h5:part, part1.h5:part");
        dstn_reader_close(reader);
        hid_t file = new_file(parts[i]); /* there, but with another data set */
        put_set(file, "other", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, (const hsize_t[]){4}, (const int[]){1, 2, 3, 4});
        H5Fclose(file);
        reader = open_foreign(path, &(const dstn_foreign){.external = true});
        expect_reason(reader, "x", "no HDF5 file with that data set");
        dstn_reader_close(reader);
        file = new_file(parts[i]);
        put_set(file, "part", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, (const hsize_t[]){4}, (const int[]){1, 2, 3, 4});
        H5Fclose(file);
    }
    dstn_reader *reader = open_foreign(path, &(const dstn_foreign){.external = true});
    dstn_data_set about;
    dstn_error err = {0};
    int64_t values[9];
    assert_int_equal(dstn_reader_describe(reader, "x", &about, &err), DSTN_OK);
    assert_int_equal(about.missing, 1);
    assert_int_equal(dstn_reader_array(reader, "x", DSTN_I64, 9, values, &err), DSTN_OK);
    assert_true(values[3] == 4 && values[7] == 4);
    dstn_reader_close(reader);
    for (int i = 0; i < 2; i++) {
        free(parts[i]);
    }
    free(path);
}

static void what_hdf5_cannot_open_says_hdf5s_reason(void **state) {
    (void)state;
    char *path = path_of("version.h5");
    hid_t file = new_file(path);
    H5Fclose(file);
    assert_true(scratch_flip(path, 8, 0x40)); /* the version of the superblock */
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_reader_open_foreign(path, NULL, DSTN_ERROR_DATA, &reader, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "(HDF5: "));
    assert_null(strstr(err.message, "(HDF5: )"));
    free(path);
}

/* ---- what is wanted ---------------------------------------------------------------------------------------------- */

static void only_what_is_wanted_is_read(void **state) {
    (void)state;
    char *path = path_of("wanted.h5");
    hid_t file = new_file(path), inner = new_group(file, "inner"), deeper = new_group(inner, "deeper");
    const hsize_t two[] = {2};
    put_set(file, "x", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, two, (const int[]){1, 2});
    put_set(file, "z", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, two, (const int[]){3, 4});
    put_set(inner, "y", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, two, (const int[]){5, 6});
    put_set(deeper, "w", H5T_NATIVE_INT, H5T_NATIVE_INT, 1, two, (const int[]){7, 8});
    put_attribute(file, "note", H5T_NATIVE_INT, 0, NULL, &(int){1});
    H5Fclose(file);
    const char *const wanted[] = {"x", "inner/y", NULL};
    dstn_reader *reader = open_foreign(path, &(const dstn_foreign){.wanted = wanted});
    dstn_error err = {0};
    double values[2];
    int64_t whole;
    assert_int_equal(dstn_reader_array(reader, "x", DSTN_F64, 2, values, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "inner/y", DSTN_F64, 2, values, &err), DSTN_OK);
    assert_true(values[0] == 5 && values[1] == 6);
    assert_true(dstn_reader_has(reader, "z") && dstn_reader_is_group(reader, "inner/deeper"));
    assert_false(dstn_reader_has(reader, "inner/deeper/w"));
    assert_int_equal(dstn_reader_array(reader, "z", DSTN_F64, 2, values, &err), DSTN_ERROR_DATA);
    assert_false(dstn_reader_integer(reader, "", "note", &whole));
    dstn_reader_close(reader);
    free(path);
}

/* Blocks go through a pipe, in whole chunks; none is lost or moved. */
static void arrays_of_many_blocks_come_through(void **state) {
    (void)state;
    char *path = path_of("large.h5");
    enum { ROWS = 300000, COLUMNS = 17 };
    hid_t file = new_file(path);
    hid_t set = new_set(file, "x", H5T_NATIVE_DOUBLE, 2, (const hsize_t[]){ROWS, COLUMNS}, (const hsize_t[]){4099, 5});
    double *values = dstn_alloc((size_t)ROWS * COLUMNS, sizeof *values), *got = NULL;
    for (int64_t i = 0; i < (int64_t)ROWS * COLUMNS; i++) {
        values[i] = (double)i * 0.5;
    }
    assert_true(H5Dwrite(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Fclose(file);
    dstn_reader *reader = open_foreign(path, NULL);
    dstn_error err = {0};
    int64_t count = 0;
    assert_int_equal(dstn_reader_doubles(reader, "x", &count, &got, &err), DSTN_OK);
    assert_int_equal(count, (int64_t)ROWS * COLUMNS);
    assert_memory_equal(got, values, (size_t)count * sizeof *got);
    dstn_reader_close(reader);
    free(values);
    free(got);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_claimed_and_not_stored_takes_no_memory),
        cmocka_unit_test(chunks_that_nobody_wrote_are_counted),
        cmocka_unit_test(types_are_read_as_what_holds_all_their_values),
        cmocka_unit_test(attributes_of_many_elements_are_not_read),
        cmocka_unit_test(a_filter_that_is_missing_is_named),
        cmocka_unit_test(groups_within_themselves_are_walked_once),
        cmocka_unit_test(a_pipe_by_a_files_name_is_not_waited_for),
        cmocka_unit_test(external_storage_is_read_only_when_asked_for),
        cmocka_unit_test(sources_of_virtual_data_sets_must_be_there),
        cmocka_unit_test(what_hdf5_cannot_open_says_hdf5s_reason),
        cmocka_unit_test(only_what_is_wanted_is_read),
        cmocka_unit_test(arrays_of_many_blocks_come_through),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
