/* HDF5 archives: what is written comes back, whoever wrote it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive_files.h"

#include <math.h>

static void every_scalar_type_comes_back_bit_for_bit(void **state) {
    (void)state;
    char *path = path_of("types.h5");
    const int64_t shape[4] = {2, 3, 1, 2}, many = 700001;
    float f32[12];
    double f64[12];
    int64_t i64[12];
    uint8_t *u8 = dstn_alloc((size_t)many, 1), *u8_back = dstn_alloc((size_t)many, 1);
    for (int i = 0; i < 12; i++) {
        f32[i] = (float)(1.0 / (i + 3));
        f64[i] = i == 5 ? (double)NAN : i == 6 ? -(double)INFINITY : 1.0 / (i + 7);
        i64[i] = INT64_MAX - i * INT64_C(1234567890123);
    }
    for (int64_t i = 0; i < many; i++) {
        u8[i] = (uint8_t)(i * 31);
    }
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "a/b/f32", DSTN_F32, 4, shape, f32);
    dstn_writer_array(writer, "a/f64", DSTN_F64, 2, (const int64_t[]){3, 4}, f64);
    dstn_writer_array(writer, "i64", DSTN_I64, 1, (const int64_t[]){12}, i64);
    dstn_writer_array(writer, "scalar", DSTN_F64, 0, NULL, &f64[3]);
    dstn_writer_array(writer, "empty", DSTN_F32, 2, (const int64_t[]){0, 7}, NULL);
    dstn_writer_array(writer, "bytes", DSTN_U8, 1, &many, u8);
    commit(writer);

    dstn_reader *reader = open_good(path);
    dstn_error err = {0};
    float f32_back[12];
    double f64_back[12], scalar = 0;
    int64_t i64_back[12], got[DSTN_MAX_RANK];
    int rank = -1;
    assert_int_equal(dstn_reader_shape(reader, "a/b/f32", &rank, got, &err), DSTN_OK);
    assert_int_equal(rank, 4);
    assert_memory_equal(got, shape, sizeof shape);
    assert_int_equal(dstn_reader_shape(reader, "scalar", &rank, got, &err), DSTN_OK);
    assert_int_equal(rank, 0);
    assert_int_equal(dstn_reader_shape(reader, "empty", &rank, got, &err), DSTN_OK);
    assert_true(rank == 2 && got[0] == 0 && got[1] == 7);
    assert_int_equal(dstn_reader_array(reader, "a/b/f32", DSTN_F32, 12, f32_back, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "a/f64", DSTN_F64, 12, f64_back, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "i64", DSTN_I64, 12, i64_back, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "bytes", DSTN_U8, many, u8_back, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "scalar", DSTN_F64, 1, &scalar, &err), DSTN_OK);
    assert_int_equal(dstn_reader_array(reader, "empty", DSTN_F32, 0, NULL, &err), DSTN_OK);
    assert_memory_equal(f32_back, f32, sizeof f32);
    assert_memory_equal(f64_back, f64, sizeof f64);
    assert_memory_equal(i64_back, i64, sizeof i64);
    assert_memory_equal(u8_back, u8, (size_t)many);
    assert_true(scalar == f64[3]);
    const char *names[] = {"a/b/f32", "a/f64", "i64", "bytes"};
    const dstn_scalar scalars[] = {DSTN_F32, DSTN_F64, DSTN_I64, DSTN_U8};
    for (int i = 0; i < 4; i++) {
        dstn_scalar scalar_type = DSTN_F32;
        assert_true(dstn_reader_scalar(reader, names[i], &scalar_type));
        assert_int_equal(scalar_type, scalars[i]);
    }
    dstn_reader_close(reader);
    free(u8);
    free(u8_back);
    free(path);
}

static void arrays_of_many_chunks_come_back(void **state) {
    (void)state;
    char *path = path_of("chunks.h5");
    const int64_t shapes[][3] = {{3, 300001, 1}, {1000, 700, 2}, {1, 1, 900000}};
    dstn_writer *writer = start(path);
    double *values = dstn_alloc(1400000, sizeof *values);
    for (int i = 0; i < 1400000; i++) {
        values[i] = i * 0.25;
    }
    for (int i = 0; i < 3; i++) {
        dstn_writer_array(writer, (const char *[]){"a", "b", "c"}[i], DSTN_F64, 3, shapes[i], values);
    }
    commit(writer);
    dstn_reader *reader = open_good(path);
    for (int i = 0; i < 3; i++) {
        int64_t count = 0;
        double *back = NULL;
        dstn_error err = {0};
        assert_int_equal(dstn_reader_doubles(reader, (const char *[]){"a", "b", "c"}[i], &count, &back, &err), DSTN_OK);
        assert_int_equal(count, shapes[i][0] * shapes[i][1] * shapes[i][2]);
        assert_memory_equal(back, values, (size_t)count * sizeof *back);
        free(back);
    }
    dstn_reader_close(reader);
    free(values);
    free(path);
}

static void strings_and_attributes_come_back(void **state) {
    (void)state;
    char *path = path_of("texts.h5");
    const char *const strings[] = {"λ", "", "a longer one with spaces "};
    dstn_writer *writer = start(path);
    dstn_writer_strings(writer, "hyper/names", 3, strings);
    dstn_writer_strings(writer, "hyper/none", 0, NULL);
    dstn_writer_text(writer, "", "axes", "first");
    dstn_writer_text(writer, "", "axes", "dataset,method");
    dstn_writer_text(writer, "provenance/deeper", "config", "a: 1\nb: \"ä\"\n");
    dstn_writer_text(writer, "provenance", "empty", "");
    dstn_writer_number(writer, "hyper", "strength", 0.1);
    dstn_writer_integer(writer, "hyper/names", "seed", INT64_MIN + 3);
    commit(writer);

    dstn_reader *reader = open_good(path);
    dstn_error err = {0};
    int64_t count = 0;
    char **back = NULL;
    assert_int_equal(dstn_reader_strings(reader, "hyper/names", &count, &back, &err), DSTN_OK);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++) {
        assert_string_equal(back[i], strings[i]);
    }
    free_strings(count, back);
    assert_int_equal(dstn_reader_strings(reader, "hyper/none", &count, &back, &err), DSTN_OK);
    assert_int_equal(count, 0);
    free_strings(count, back);

    const char *const wanted[][3] = {{"", "axes", "dataset,method"},
                                     {"provenance/deeper", "config", "a: 1\nb: \"ä\"\n"},
                                     {"provenance", "empty", ""}};
    for (int i = 0; i < 3; i++) {
        char *text = dstn_reader_text(reader, wanted[i][0], wanted[i][1]);
        assert_non_null(text);
        assert_string_equal(text, wanted[i][2]);
        free(text);
    }
    double number = 0;
    int64_t integer = 0;
    assert_true(dstn_reader_number(reader, "hyper", "strength", &number));
    assert_true(number == 0.1);
    assert_true(dstn_reader_integer(reader, "hyper/names", "seed", &integer));
    assert_true(integer == INT64_MIN + 3);
    assert_null(dstn_reader_text(reader, "", "nothing"));
    assert_null(dstn_reader_text(reader, "no/such/group", "axes"));
    assert_null(dstn_reader_text(reader, "hyper", "strength"));
    assert_false(dstn_reader_number(reader, "", "axes", &number));
    assert_true(dstn_reader_has(reader, "provenance/deeper"));
    assert_true(dstn_reader_has(reader, ""));
    assert_false(dstn_reader_has(reader, "provenance/deeper/still/more"));
    assert_int_equal(dstn_reader_list(reader, "", &count, &back, &err), DSTN_OK);
    assert_int_equal(count, 2);
    assert_string_equal(back[0], "hyper");
    assert_string_equal(back[1], "provenance");
    free_strings(count, back);
    dstn_reader_close(reader);
    free(path);
}

static void configs_beyond_64_kilobytes_fit_into_an_attribute(void **state) {
    (void)state;
    char *path = path_of("long.h5");
    const size_t lengths[] = {65535, 65536, 3000000};
    for (int i = 0; i < 3; i++) {
        char *text = dstn_alloc(lengths[i] + 1, 1);
        for (size_t c = 0; c < lengths[i]; c++) {
            text[c] = (char)('a' + c % 23);
        }
        dstn_writer *writer = start(path);
        dstn_writer_text(writer, "provenance", "config", text);
        for (int a = 0; a < 20; a++) { /* more than fit beside each other in an object's header */
            dstn_writer_integer(writer, "provenance", (const char[]){'k', (char)('a' + a), 0}, a);
        }
        commit(writer);
        dstn_reader *reader = open_good(path);
        char *back = dstn_reader_text(reader, "provenance", "config");
        assert_non_null(back);
        assert_string_equal(back, text);
        int64_t last = 0;
        assert_true(dstn_reader_integer(reader, "provenance", "kt", &last));
        assert_int_equal(last, 19);
        free(back);
        free(text);
        dstn_reader_close(reader);
    }
    free(path);
}

static void names_are_listed_in_order_however_many(void **state) {
    (void)state;
    char *path = path_of("members.h5");
    enum { MEMBERS = 500 };
    dstn_writer *writer = start(path);
    for (int i = MEMBERS - 1; i >= 0; i--) {
        char name[32];
        snprintf(name, sizeof name, "runs/m%04d/loss", i);
        dstn_writer_array(writer, name, DSTN_I64, 0, NULL, &(int64_t){i});
    }
    commit(writer);
    dstn_reader *reader = open_good(path);
    dstn_error err = {0};
    int64_t count = 0;
    char **names = NULL;
    assert_int_equal(dstn_reader_list(reader, "runs", &count, &names, &err), DSTN_OK);
    assert_int_equal(count, MEMBERS);
    for (int i = 0; i < MEMBERS; i++) {
        char want[16];
        snprintf(want, sizeof want, "m%04d", i);
        assert_string_equal(names[i], want);
    }
    free_strings(count, names);
    assert_int_equal(dstn_reader_list(reader, "nothing", &count, &names, &err), DSTN_ERROR_DATA);
    assert_int_equal(dstn_reader_list(reader, "runs/m0000/loss", &count, &names, &err), DSTN_ERROR_DATA);
    dstn_reader_close(reader);
    free(path);
}

static void the_same_content_makes_the_same_bytes(void **state) {
    (void)state;
    char *paths[2] = {path_of("same1.h5"), path_of("same2.h5")};
    unsigned char *bytes[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        dstn_writer *writer = start(paths[i]);
        dstn_writer_array(writer, "a/x", DSTN_F64, 1, (const int64_t[]){3}, (const double[]){1, 2, 3});
        dstn_writer_text(writer, "a", "note", "text");
        commit(writer);
        bytes[i] = scratch_read(paths[i], &sizes[i]);
        if (i == 0) {
            sleep(1); /* a time in the file would differ by now */
        }
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    for (int i = 0; i < 2; i++) {
        free(bytes[i]);
        free(paths[i]);
    }
}

static void values_are_converted_between_types(void **state) {
    (void)state;
    char *path = path_of("converted.h5");
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "i", DSTN_I64, 1, (const int64_t[]){3}, (const int64_t[]){-1, 0, 7});
    dstn_writer_strings(writer, "s", 1, (const char *const[]){"x"});
    commit(writer);
    dstn_reader *reader = open_good(path);
    dstn_error err = {0};
    float values[3];
    assert_int_equal(dstn_reader_array(reader, "i", DSTN_F32, 3, values, &err), DSTN_OK);
    assert_true(values[0] == -1 && values[1] == 0 && values[2] == 7);
    assert_int_equal(dstn_reader_array(reader, "i", DSTN_F32, 4, values, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "3 elements where 4"));
    assert_int_equal(dstn_reader_array(reader, "s", DSTN_F32, 1, values, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "doesn't hold numbers"));
    assert_int_equal(dstn_reader_array(reader, "none/at/all", DSTN_F32, 1, values, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "no data set none/at/all"));
    char **strings = NULL;
    int64_t count = 0;
    assert_int_equal(dstn_reader_strings(reader, "i", &count, &strings, &err), DSTN_ERROR_DATA);
    dstn_reader_close(reader);
    free(path);
}

static void fixtures_of_another_program_are_read(void **state) {
    (void)state;
    dstn_reader *reader = open_foreign(DSTN_SOURCE_DIR "/tests/fixtures/ridge_full_1h.h5", NULL);
    const char *const wanted[][2] = {{"layers", "linear 13 1"}, {"loss", "mse"}, {"response", "full"}};
    for (int i = 0; i < 3; i++) {
        char *text = dstn_reader_text(reader, "", wanted[i][0]);
        assert_non_null(text);
        assert_string_equal(text, wanted[i][1]);
        free(text);
    }
    double weight = 0, loss = NAN;
    assert_true(dstn_reader_number(reader, "", "entropy_weight", &weight));
    assert_true(weight == 0.01);
    dstn_error err = {0};
    assert_int_equal(dstn_reader_array(reader, "expect/delta_general/loss", DSTN_F64, 1, &loss, &err), DSTN_OK);
    assert_true(isfinite(loss));
    int64_t count = 0;
    char **names = NULL;
    assert_int_equal(dstn_reader_list(reader, "params", &count, &names, &err), DSTN_OK);
    assert_int_equal(count, 1);
    assert_string_equal(names[0], "0");
    free_strings(count, names);
    dstn_reader_close(reader);
}

static void folders_and_texts_are_made_whole(void **state) {
    (void)state;
    dstn_error err = {0};
    char *path = path_of("p/q//r/"), *file = path_of("p/q/r/config.yaml"), *below = path_of("p/q/r/config.yaml/x");
    assert_int_equal(dstn_store_make_folder(path, &err), DSTN_OK);
    assert_int_equal(dstn_store_make_folder(path, &err), DSTN_OK);
    assert_false(dstn_store_folder_is_filled(path));
    assert_false(dstn_store_folder_is_filled(file));
    assert_int_equal(dstn_store_write_text(file, "seed: 1\n", &err), DSTN_OK);
    assert_int_equal(dstn_store_write_text(file, "seed: 2\n", &err), DSTN_OK);
    assert_true(dstn_store_folder_is_filled(path));
    assert_int_equal(entries_of(path), 1);
    size_t size = 0;
    char *text = (char *)scratch_read(file, &size);
    assert_string_equal(text, "seed: 2\n");
    assert_int_equal(dstn_store_make_folder(below, &err), DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, "Not a directory"));
    free(text);
    free(path);
    free(file);
    free(below);
}

static void version_names_both_libraries(void **state) {
    (void)state;
    assert_non_null(strstr(dstn_store_version(), "HDF5 1."));
    assert_non_null(strstr(dstn_store_version(), "xxHash 0."));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_scalar_type_comes_back_bit_for_bit),
        cmocka_unit_test(arrays_of_many_chunks_come_back),
        cmocka_unit_test(strings_and_attributes_come_back),
        cmocka_unit_test(configs_beyond_64_kilobytes_fit_into_an_attribute),
        cmocka_unit_test(names_are_listed_in_order_however_many),
        cmocka_unit_test(the_same_content_makes_the_same_bytes),
        cmocka_unit_test(values_are_converted_between_types),
        cmocka_unit_test(fixtures_of_another_program_are_read),
        cmocka_unit_test(folders_and_texts_are_made_whole),
        cmocka_unit_test(version_names_both_libraries),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
