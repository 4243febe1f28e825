/* The checkpoints of a folder: which one is used, which are kept, and what a full disk leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_job.h"

#include <errno.h>
#include <sys/mount.h>

/* ---- which one is used ------------------------------------------------------------------------------------ */

static void spoil(const char *path) {
    size_t size = 0;
    unsigned char *bytes = scratch_read(path, &size);
    assert_non_null(bytes);
    bytes[size / 2] ^= 0x10;
    assert_true(scratch_write(path, bytes, size));
    free(bytes);
}

static char *warnings_of(const char *into, job *got, dstn_status want, bool *found, int64_t *step, dstn_error *err) {
    dstn_checkpoint_facts about = {.step = *step};
    char *text = NULL;
    size_t size = 0;
    dstn_log log = {.out = open_memstream(&text, &size), .level = DSTN_LOG_QUIET};
    assert_int_equal(dstn_checkpoint_newest(into, &got->list, &log, found, &about, err), want);
    *step = about.step;
    dstn_checkpoint_facts_clear(&about);
    fclose(log.out);
    return text;
}

static void the_newest_usable_one_is_read_and_damaged_ones_are_told(void **state) {
    (void)state;
    char *into = subfolder("newest"), *paths[3];
    for (int i = 0; i < 3; i++) {
        paths[i] = write_one(into, (i + 1) * 100, i + 1, 5);
    }
    for (int damaged = 0; damaged <= 3; damaged++) {
        if (damaged > 0) {
            spoil(paths[3 - damaged]);
        }
        job *got = new_job(9), *wanted = new_job(3 - damaged), *before = new_job(9);
        bool found = false;
        int64_t step = -1;
        dstn_error err = {0};
        char *told = warnings_of(into, got, damaged == 3 ? DSTN_ERROR_CHECKPOINT : DSTN_OK, &found, &step, &err);
        int lines = 0;
        for (char *c = told; *c; c++) {
            lines += *c == '\n';
        }
        assert_int_equal(lines, damaged);
        assert_int_equal(found, damaged < 3);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(strstr(told, paths[i]) != NULL, i >= 3 - damaged);
        }
        if (damaged < 3) {
            assert_int_equal(step, (3 - damaged) * 100);
            assert_true(same_job(got, wanted));
        } else {
            assert_non_null(strstr(err.message, "none of the 3 checkpoints"));
            assert_true(same_job(got, before));
        }
        free(told);
        free_job(got);
        free_job(wanted);
        free_job(before);
    }
    for (int i = 0; i < 3; i++) {
        free(paths[i]);
    }
    free(into);
}

/* ---- what can't be read and is not proven bad -------------------------------------------------------------------- */

static void make_newer_format(const char *path) {
    dstn_writer *writer;
    dstn_error err = {0};
    assert_int_equal(dstn_writer_open(path, &writer, &err), DSTN_OK);
    dstn_writer_integer(writer, "", "format", DSTN_CHECKPOINT_FORMAT + 1);
    assert_int_equal(dstn_writer_commit(writer, &err), DSTN_OK);
}

/* What another program has written into, or what has lost its last bytes and nothing else. */
static void take_seal(const char *path) {
    struct stat about;
    assert_int_equal(stat(path, &about), 0);
    assert_int_equal(truncate(path, about.st_size - 32), 0);
}

/* An open that fails for root too, as without permission. */
static void make_unreadable(const char *path) {
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink(strrchr(path, '/') + 1, path), 0);
}

static void make_other_state(const char *path) {
    double value = 1;
    dstn_state list = {0};
    dstn_error err = {0};
    dstn_state_add_values(&list, "other", DSTN_F64, 1, &value);
    assert_int_equal(dstn_checkpoint_save(path, 200, &list, &some_origin, &err), DSTN_OK);
    dstn_state_clear(&list);
}

static void the_newest_is_passed_over_only_if_it_is_proven_bad(void **state) {
    (void)state;
    static const struct {
        const char *name, *why;
        void (*change)(const char *path);
    } cases[] = {{"newer", "format 3, newer than", make_newer_format},
                 {"unsealed", "no seal", take_seal},
                 {"unreadable", "symbolic links", make_unreadable},
                 {"other", "has no state", make_other_state}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *into = subfolder(cases[i].name);
        free(write_one(into, 100, 1, 5));
        char *path = write_one(into, 200, 2, 5);
        cases[i].change(path);
        job *got = new_job(9), *before = new_job(9);
        bool found = true;
        int64_t step = -1;
        dstn_error err = {0};
        char *told = warnings_of(into, got, DSTN_ERROR_CHECKPOINT, &found, &step, &err);
        assert_false(found);
        assert_string_equal(told, "");
        if (!strstr(err.message, cases[i].why) || !strstr(err.message, path) || !strstr(err.message, "move it")) {
            fail_msg("'%s' is not in: %s", cases[i].why, err.message);
        }
        assert_true(same_job(got, before));
        free(write_one(into, 150, 1, 1)); /* nor does a later write remove it */
        struct stat about;
        assert_int_equal(lstat(path, &about), 0);
        free(told);
        free(path);
        free_job(got);
        free_job(before);
        free(into);
    }
}

static void no_checkpoint_at_all_is_no_error(void **state) {
    (void)state;
    char *into = subfolder("none"), *other = subfolder("none/step-1.h5");
    job *got = new_job(9);
    dstn_error err = {0};
    bool found = true;
    int64_t step = 0;
    free(warnings_of(into, got, DSTN_OK, &found, &step, &err));
    assert_false(found);
    assert_int_equal(dstn_store_make_folder(into, &err), DSTN_OK);
    assert_true(scratch_write(other, "not ours", 8));
    found = true;
    free(warnings_of(into, got, DSTN_OK, &found, &step, &err));
    assert_false(found);
    free_job(got);
    free(into);
    free(other);
}

static void expect_steps(const char *into, int count, const int64_t *steps) {
    int64_t found = 0;
    char **paths = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_checkpoint_list(into, &found, &paths, &err), DSTN_OK);
    assert_int_equal(found, count);
    for (int i = 0; i < count; i++) {
        char *want = dstn_format("%s/step-%08lld.h5", into, (long long)steps[i]);
        assert_string_equal(paths[i], want);
        free(want);
        free(paths[i]);
    }
    free(paths);
    assert_int_equal(entries_of(into), count);
}

static void the_newest_are_kept_and_remnants_removed(void **state) {
    (void)state;
    char *into = subfolder("kept"), *remnant = subfolder("kept/step-00000002.h5.tmp-99999.dstn");
    for (int i = 1; i <= 4; i++) {
        free(write_one(into, i, i, 2));
        if (i == 2) {
            assert_true(scratch_write(remnant, "killed while it was written", 27));
        }
    }
    expect_steps(into, 2, (const int64_t[]){4, 3});
    free(write_one(into, 123456789012, 5, 3)); /* beyond eight digits the order is still that of the numbers */
    expect_steps(into, 3, (const int64_t[]){123456789012, 4, 3});
    /* Nobody has shown that the later one is bad. */
    free(write_one(into, 5, 5, 2));
    expect_steps(into, 3, (const int64_t[]){123456789012, 5, 4});
    /* Resumed from before it, since it was. */
    char *later = dstn_format("%s/step-123456789012.h5", into);
    spoil(later);
    free(later);
    free(write_one(into, 5, 5, 2));
    expect_steps(into, 2, (const int64_t[]){5, 4});
    free(write_one(into, 6, 5, 0)); /* the one just written always stays */
    expect_steps(into, 1, (const int64_t[]){6});
    free(into);
    free(remnant);
}

/* ---- a full disk ------------------------------------------------------------------------------------------ */

/* That the one checkpoint of a folder, which has another file, is of this step. */
static void expect_listed(const char *into, int64_t step) {
    int64_t count;
    char **paths;
    dstn_error err = {0};
    assert_int_equal(dstn_checkpoint_list(into, &count, &paths, &err), DSTN_OK);
    assert_int_equal(count, 1);
    char *want = dstn_format("%s/step-%08lld.h5", into, (long long)step);
    assert_string_equal(paths[0], want);
    free(want);
    free(paths[0]);
    free(paths);
}

static void one_at_a_path_of_its_own_is_read_but_neither_listed_nor_removed(void **state) {
    (void)state;
    char *into = subfolder("aside"), *path = dstn_format("%s/best.h5", into);
    dstn_error err = {0};
    dstn_checkpoint_facts about;
    free(write_one(into, 10, 1, 1));
    job *best = new_job(7), *got = new_job(0);
    assert_int_equal(dstn_checkpoint_save(path, 20, &best->list, &some_origin, &err), DSTN_OK);
    expect_listed(into, 10);
    free(write_one(into, 30, 2, 1));
    expect_listed(into, 30);
    assert_int_equal(dstn_checkpoint_read(path, &got->list, &about, &err), DSTN_OK);
    assert_int_equal(about.step, 20);
    dstn_checkpoint_facts_clear(&about);
    assert_true(same_job(got, best));
    free_job(best);
    free_job(got);
    free(path);
    free(into);
}

static void a_full_disk_leaves_the_older_checkpoint(void **state) {
    (void)state;
    char *into = subfolder("small"), *fill = subfolder("small/filling");
    dstn_error err = {0};
    assert_int_equal(dstn_store_make_folder(into, &err), DSTN_OK);
    if (mount("tmpfs", into, "tmpfs", 0, "size=256k") != 0) {
        print_message("no file system can be mounted here: %s\n", strerror(errno));
        free(into);
        free(fill);
        skip();
    }
    char *path = write_one(into, 1, 1, 1);
    size_t room = 0; /* fills the disk up to a few kilobytes, less than a checkpoint needs */
    FILE *filling = fopen(fill, "wb");
    setvbuf(filling, NULL, _IONBF, 0);
    static const char block[4096];
    while (fwrite(block, 1, sizeof block, filling) == sizeof block) {
        room += sizeof block;
    }
    fclose(filling);
    assert_true(room > 8192);
    assert_int_equal(truncate(fill, (off_t)(room - 4096)), 0);
    job *stored = new_job(2), *got = new_job(9), *wanted = new_job(1);
    dstn_status status = dstn_checkpoint_write(into, 2, &stored->list, &some_origin, 1, &err);
    dstn_checkpoint_facts about = {0};
    bool found = false;
    dstn_error ignored;
    dstn_status read = dstn_checkpoint_newest(into, &got->list, NULL, &found, &about, &ignored);
    int entries = entries_of(into);
    dstn_error again = {0};
    int freed = truncate(fill, 0);
    dstn_status retried = dstn_checkpoint_write(into, 2, &stored->list, &some_origin, 1, &again);
    umount(into);
    assert_int_equal(status, DSTN_ERROR_RUN);
    assert_non_null(strstr(err.message, "No space left on device"));
    assert_non_null(strstr(err.message, "step-00000002.h5"));
    assert_int_equal(entries, 2);
    assert_int_equal(read, DSTN_OK);
    assert_true(found && about.step == 1 && same_job(got, wanted));
    assert_int_equal(freed, 0);
    assert_int_equal(retried, DSTN_OK);
    dstn_checkpoint_facts_clear(&about);
    free_job(stored);
    free_job(got);
    free_job(wanted);
    free(path);
    free(fill);
    free(into);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_newest_usable_one_is_read_and_damaged_ones_are_told),
        cmocka_unit_test(the_newest_is_passed_over_only_if_it_is_proven_bad),
        cmocka_unit_test(no_checkpoint_at_all_is_no_error),
        cmocka_unit_test(the_newest_are_kept_and_remnants_removed),
        cmocka_unit_test(one_at_a_path_of_its_own_is_read_but_neither_listed_nor_removed),
        cmocka_unit_test(a_full_disk_leaves_the_older_checkpoint),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
