/* HDF5 archives: what is damaged is refused, what can't be written leaves the old file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "archive_files.h"

#include <math.h>
#include <signal.h>
#include <sys/resource.h>

static void expect_refusal(const char *path, dstn_status status, const char *why) {
    dstn_reader *reader = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_reader_open(path, status, &reader, &err), status);
    assert_null(reader);
    assert_int_equal(err.status, status);
    assert_non_null(strstr(err.message, path));
    if (!strstr(err.message, why)) {
        fail_msg("'%s' is not in: %s", why, err.message);
    }
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
    for (int i = 0; i < 600; i++) {
        values[i] = sin(i);
    }
    dstn_writer *writer = start(path);
    dstn_writer_array(writer, "a/x", DSTN_F64, 2, (const int64_t[]){30, 20}, values);
    dstn_writer_strings(writer, "names", 2, (const char *const[]){"one", "two"});
    dstn_writer_text(writer, "a", "config", "seed: 1\n");
    commit(writer);
    return scratch_read(path, size);
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    char *path = path_of("cut.h5");
    size_t size = 0;
    unsigned char *bytes = small_file(path, &size);
    enum { SEAL = 32 };
    for (size_t kept = 0; kept < size; kept += kept + SEAL + 8 < size ? 61 : 1) {
        assert_true(scratch_write(path, bytes, kept));
        expect_refusal(path, DSTN_ERROR_CHECKPOINT, kept == size - SEAL ? "no seal" : kept ? "damaged" : "empty");
    }
    free(bytes);
    free(path);
}

static void every_flipped_bit_is_refused(void **state) {
    (void)state;
    char *path = path_of("flip.h5");
    size_t size = 0;
    free(small_file(path, &size));
    for (size_t at = 0; at < size; at++) {
        unsigned char flip = (unsigned char)(1u << at % 8);
        assert_true(scratch_flip(path, at, flip));
        expect_refusal(path, DSTN_ERROR_CHECKPOINT, "damaged");
        assert_true(scratch_flip(path, at, flip));
    }
    dstn_reader_close(open_good(path));
    free(path);
}

/* HDF5 reads that heap without looking, and it has no checksums. */
static void no_text_of_ours_needs_the_global_heap(void **state) {
    (void)state;
    char *path = path_of("heapless.h5");
    size_t size = 0;
    unsigned char *bytes = small_file(path, &size);
    for (size_t at = 0; at + 4 <= size; at++) {
        assert_true(memcmp(bytes + at, "GCOL", 4) != 0);
    }
    free(bytes);
    free(path);
}

/* Another program's reader sees HDF5's own checksums: of metadata, and of each data set. */
static void data_sets_have_a_checksum_without_the_seal(void **state) {
    (void)state;
    char *path = path_of("unsealed.h5");
    size_t size = 0;
    unsigned char *bytes = small_file(path, &size);
    double wanted = sin(300);
    size_t at = 0;
    while (memcmp(bytes + at, &wanted, sizeof wanted) != 0) {
        at++;
    }
    bytes[at] ^= 1;
    assert_true(scratch_write(path, bytes, size - 32));
    dstn_reader *reader = open_foreign(path, NULL);
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_hdf5_file_is_refused_with_its_reason),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(no_text_of_ours_needs_the_global_heap),
        cmocka_unit_test(data_sets_have_a_checksum_without_the_seal),
        cmocka_unit_test(a_failed_write_names_its_reason),
        cmocka_unit_test(the_first_failure_is_what_commit_reports),
        cmocka_unit_test(nothing_is_there_before_commit_or_after_abandon),
        cmocka_unit_test(a_limit_on_the_size_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
