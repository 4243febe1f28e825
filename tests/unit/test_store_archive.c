/* HDF5 archives: what is written comes back, what is damaged is refused, what can't be written leaves the old file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/store.h"
#include "scratch.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static char *folder;

static char *path_of(const char *name) {
    return dstn_format("%s/%s", folder, name);
}

static dstn_reader *open_good(const char *path) {
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    if (dstn_reader_open(path, DSTN_ERROR_DATA, &reader, &err) != DSTN_OK)
        fail_msg("%s", err.message);
    return reader;
}

static void commit(dstn_writer *writer) {
    dstn_error err = {0};
    if (dstn_writer_commit(writer, &err) != DSTN_OK)
        fail_msg("%s", err.message);
}

static dstn_writer *start(const char *path) {
    dstn_writer *writer = NULL;
    dstn_error err = {0};
    if (dstn_writer_open(path, &writer, &err) != DSTN_OK)
        fail_msg("%s", err.message);
    return writer;
}

static int entries_of(const char *path) {
    DIR *open = opendir(path);
    int count = -2; /* . and .. */
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

static void free_strings(int64_t count, char **strings) {
    for (int64_t i = 0; i < count; i++)
        free(strings[i]);
    free(strings);
}

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
    for (int64_t i = 0; i < many; i++)
        u8[i] = (uint8_t)(i * 31);
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
    for (int i = 0; i < 1400000; i++)
        values[i] = i * 0.25;
    for (int i = 0; i < 3; i++)
        dstn_writer_array(writer, (const char *[]){"a", "b", "c"}[i], DSTN_F64, 3, shapes[i], values);
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
    for (int i = 0; i < 3; i++)
        assert_string_equal(back[i], strings[i]);
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
        for (size_t c = 0; c < lengths[i]; c++)
            text[c] = (char)('a' + c % 23);
        dstn_writer *writer = start(path);
        dstn_writer_text(writer, "provenance", "config", text);
        for (int a = 0; a < 20; a++) /* more than fit beside each other in an object's header */
            dstn_writer_integer(writer, "provenance", (const char[]){'k', (char)('a' + a), 0}, a);
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
        if (i == 0)
            sleep(1); /* a time in the file would differ by now */
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
    dstn_reader *reader = open_good(DSTN_SOURCE_DIR "/tests/fixtures/ridge_full_1h.h5");
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

/* ---- damage ----------------------------------------------------------------------------------------------- */

static void expect_refusal(const char *path, dstn_status status, const char *why) {
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_reader_open(path, status, &reader, &err), status);
    assert_null(reader);
    assert_int_equal(err.status, status);
    assert_non_null(strstr(err.message, path));
    if (!strstr(err.message, why))
        fail_msg("'%s' is not in: %s", why, err.message);
}

static void what_is_no_hdf5_file_is_refused_with_its_reason(void **state) {
    (void)state;
    char *path = path_of("wrong");
    expect_refusal(path, DSTN_ERROR_DATA, "No such file or directory");
    expect_refusal(folder, DSTN_ERROR_DATA, "folder");
    assert_true(scratch_write(path, "", 0));
    expect_refusal(path, DSTN_ERROR_CHECKPOINT, "empty");
    assert_true(scratch_write(path, "some text that is no HDF5 file, of some length\n", 47));
    expect_refusal(path, DSTN_ERROR_DATA, "signature");
    free(path);
}

static unsigned char *small_file(const char *path, size_t *size) {
    double values[600];
    for (int i = 0; i < 600; i++)
        values[i] = sin(i);
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "a/x", DSTN_F64, 2, (const int64_t[]){30, 20}, values);
    dstn_writer_strings(writer, "names", 2, (const char *const[]){"one", "two"});
    dstn_writer_text(writer, "a", "config", "seed: 1\n");
    commit(writer);
    return scratch_read(path, size);
}

static void every_truncation_is_refused_or_harmless(void **state) {
    (void)state;
    char *path = path_of("cut.h5");
    size_t size = 0;
    unsigned char *bytes = small_file(path, &size);
    enum { SEAL = 32 };
    for (size_t kept = 0; kept < size; kept += kept + SEAL + 8 < size ? 61 : 1) {
        assert_true(scratch_write(path, bytes, kept));
        if (kept < size - SEAL) {
            expect_refusal(path, DSTN_ERROR_CHECKPOINT, "");
            continue;
        }
        dstn_reader *reader = open_good(path); /* only the seal is gone: the HDF5 file is whole */
        double values[600];
        dstn_error err = {0};
        assert_int_equal(dstn_reader_array(reader, "a/x", DSTN_F64, 600, values, &err), DSTN_OK);
        assert_true(values[599] == sin(599));
        dstn_reader_close(reader);
    }
    free(bytes);
    free(path);
}

/* Whether a file is refused; one that isn't must hold what small_file wrote. */
static bool is_refused_or_whole(const char *path) {
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    if (dstn_reader_open(path, DSTN_ERROR_CHECKPOINT, &reader, &err) != DSTN_OK) {
        assert_int_equal(err.status, DSTN_ERROR_CHECKPOINT);
        return true;
    }
    double values[600];
    assert_int_equal(dstn_reader_array(reader, "a/x", DSTN_F64, 600, values, &err), DSTN_OK);
    for (int i = 0; i < 600; i++)
        assert_true(values[i] == sin(i));
    dstn_reader_close(reader);
    return false;
}

static void every_flipped_bit_is_refused_or_harmless(void **state) {
    (void)state;
    char *path = path_of("flip.h5");
    size_t size = 0, refused = 0;
    free(small_file(path, &size));
    for (size_t at = 0; at < size; at++) {
        unsigned char flip = (unsigned char)(1u << at % 8);
        assert_true(scratch_flip(path, at, flip));
        refused += is_refused_or_whole(path);
        assert_true(scratch_flip(path, at, flip));
    }
    assert_int_equal(refused, size - 16); /* all but flips in the mark of the seal */
    free(path);
}

/* Without its seal a file has only HDF5's own checksums: of metadata, and of each data set. */
static void data_sets_have_a_checksum_without_the_seal(void **state) {
    (void)state;
    char *path = path_of("unsealed.h5");
    size_t size = 0;
    unsigned char *bytes = small_file(path, &size);
    double wanted = sin(300);
    size_t at = 0;
    while (memcmp(bytes + at, &wanted, sizeof wanted) != 0)
        at++;
    bytes[at] ^= 1;
    assert_true(scratch_write(path, bytes, size - 32));
    dstn_reader *reader = open_good(path);
    double values[600];
    dstn_error err = {0};
    assert_int_equal(dstn_reader_array(reader, "a/x", DSTN_F64, 600, values, &err), DSTN_ERROR_DATA);
    assert_non_null(strstr(err.message, "a/x can't be read (HDF5: "));
    dstn_reader_close(reader);
    free(bytes);
    free(path);
}

/* ---- failures to write ------------------------------------------------------------------------------------ */

static void a_failed_write_names_its_reason(void **state) {
    (void)state;
    dstn_writer *writer = NULL;
    dstn_error err = {0};
    char *path = path_of("no/such/folder/x.h5");
    assert_int_equal(dstn_writer_open(path, &writer, &err), DSTN_ERROR_RUN);
    assert_null(writer);
    assert_non_null(strstr(err.message, path));
    assert_non_null(strstr(err.message, "No such file or directory"));
    free(path);
    if (geteuid() != 0) {
        assert_int_equal(chmod(folder, 0500), 0);
        path = path_of("x.h5");
        assert_int_equal(dstn_writer_open(path, &writer, &err), DSTN_ERROR_RUN);
        assert_non_null(strstr(err.message, "Permission denied"));
        assert_int_equal(chmod(folder, 0700), 0);
        free(path);
    }
}

static void the_first_failure_is_what_commit_reports(void **state) {
    (void)state;
    char *path = path_of("twice.h5");
    assert_true(scratch_write(path, "old", 3));
    int before = entries_of(folder);
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "a", DSTN_F64, 0, NULL, &(double){1});
    dstn_writer_array(writer, "a", DSTN_F64, 0, NULL, &(double){2});
    dstn_writer_array(writer, "a/b", DSTN_F64, 0, NULL, &(double){3});
    dstn_error err = {0};
    assert_int_equal(dstn_writer_commit(writer, &err), DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, "a can't be written (HDF5: "));
    size_t size = 0;
    unsigned char *old = scratch_read(path, &size);
    assert_true(size == 3 && memcmp(old, "old", 3) == 0);
    assert_int_equal(entries_of(folder), before);
    free(old);
    free(path);
}

static void nothing_is_there_before_commit_or_after_abandon(void **state) {
    (void)state;
    char *path = path_of("abandoned.h5");
    int before = entries_of(folder);
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "a", DSTN_F64, 0, NULL, &(double){1});
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(entries_of(folder), before + 1); /* the temporary name lies in the same folder */
    dstn_writer_abandon(writer);
    assert_int_equal(entries_of(folder), before);
    free(path);
}

/* A limit on file size fails in the middle of a file, as a quota does. */
static void a_limit_on_the_size_leaves_the_old_file(void **state) {
    (void)state;
    char *path = path_of("limited.h5");
    assert_true(scratch_write(path, "old", 3));
    int before = entries_of(folder);
    struct rlimit old_limit, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old_limit), 0);
    limit = old_limit;
    limit.rlim_cur = 20000;
    signal(SIGXFSZ, SIG_IGN);
    double *values = dstn_alloc(50000, sizeof *values);
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "a", DSTN_F64, 1, (const int64_t[]){50000}, values);
    dstn_error err = {0};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    dstn_status status = dstn_writer_commit(writer, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    assert_int_equal(status, DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, "File too large"));
    size_t size = 0;
    unsigned char *old = scratch_read(path, &size);
    assert_true(size == 3 && memcmp(old, "old", 3) == 0);
    assert_int_equal(entries_of(folder), before);
    free(old);
    free(values);
    free(path);
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

static int make_folder(void **state) {
    (void)state;
    folder = scratch_make();
    return folder ? 0 : -1;
}

static int remove_folder(void **state) {
    (void)state;
    scratch_remove(folder);
    return 0;
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
        cmocka_unit_test(what_is_no_hdf5_file_is_refused_with_its_reason),
        cmocka_unit_test(every_truncation_is_refused_or_harmless),
        cmocka_unit_test(every_flipped_bit_is_refused_or_harmless),
        cmocka_unit_test(data_sets_have_a_checksum_without_the_seal),
        cmocka_unit_test(a_failed_write_names_its_reason),
        cmocka_unit_test(the_first_failure_is_what_commit_reports),
        cmocka_unit_test(nothing_is_there_before_commit_or_after_abandon),
        cmocka_unit_test(a_limit_on_the_size_leaves_the_old_file),
        cmocka_unit_test(folders_and_texts_are_made_whole),
        cmocka_unit_test(version_names_both_libraries),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
