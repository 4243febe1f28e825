/* What a crash in the middle of a write leaves, and that it is removed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/store.h"
#include "scratch.h"

static char *folder;

static char *in_folder(const char *name) {
    return dstn_format("%s/%s", folder, name);
}

static bool is_there(const char *name) {
    char *path = in_folder(name);
    bool found = access(path, F_OK) == 0;
    free(path);
    return found;
}

static void make(const char *name) {
    char *path = in_folder(name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("old", file);
    fclose(file);
    free(path);
}

static void a_remnant_is_removed_and_nothing_else(void **state) {
    (void)state;
    static const char *const kept[] = {"run.h5",        "thesis.tmp-2024", "run.h5.tmp-.dstn", "run.h5.tmp-12a.dstn",
                                       ".tmp-12.dstn",  "tmp-12.dstn",     "run.tmp-12.h5",    "run.h5.tmp-12.dstn.bak",
                                       "run.tmp-1dstn", "a.dstn"};
    static const char *const removed[] = {"run.h5.tmp-1.dstn", "config.yaml.tmp-4194304.dstn", "a.tmp-b.tmp-3.dstn"};
    enum { KEPT = sizeof kept / sizeof kept[0], REMOVED = sizeof removed / sizeof removed[0] };
    for (int i = 0; i < KEPT; i++) {
        make(kept[i]);
    }
    for (int i = 0; i < REMOVED; i++) {
        make(removed[i]);
    }
    dstn_store_remove_remnants(folder);
    for (int i = 0; i < KEPT; i++) {
        assert_true(is_there(kept[i]));
    }
    for (int i = 0; i < REMOVED; i++) {
        assert_false(is_there(removed[i]));
    }
    dstn_store_remove_remnants("/nowhere/at/all");
}

static char seen[256];
static bool old_was_there, temporary_was_there;

static void look(const char *path) {
    char *temporary = dstn_format("%s.tmp-%ld.dstn", path, (long)getpid());
    char text[8] = "";
    FILE *file = fopen(path, "r");
    old_was_there = file && fgets(text, sizeof text, file) && strcmp(text, "old") == 0;
    if (file) {
        fclose(file);
    }
    temporary_was_there = access(temporary, F_OK) == 0;
    snprintf(seen, sizeof seen, "%s", path);
    free(temporary);
}

static void the_hook_sees_the_old_file_and_the_new_one_beside_it(void **state) {
    (void)state;
    dstn_error err;
    char *path = in_folder("text");
    make("text");
    dstn_store_set_write_hook(look);
    assert_int_equal(dstn_store_write_text(path, "new", &err), DSTN_OK);
    dstn_store_set_write_hook(NULL);
    assert_string_equal(seen, path);
    assert_true(old_was_there);
    assert_true(temporary_was_there);
    seen[0] = 0;
    assert_int_equal(dstn_store_write_text(path, "newer", &err), DSTN_OK);
    assert_string_equal(seen, "");
    free(path);
}

/* A name that is there already, of a process that had this number, may lead anywhere. */
static void nothing_is_written_through_a_link_by_a_temporary_name(void **state) {
    (void)state;
    dstn_error err;
    char *path = in_folder("fresh"), *victim = in_folder("victim"), text[16] = "";
    char *temporary = dstn_format("%s.tmp-%ld.dstn", path, (long)getpid());
    make("victim");
    assert_int_equal(symlink(victim, temporary), 0);
    assert_int_equal(dstn_store_write_text(path, "new", &err), DSTN_OK);
    FILE *file = fopen(victim, "r");
    assert_true(file && fgets(text, sizeof text, file) && strcmp(text, "old") == 0);
    fclose(file);
    assert_true(is_there("fresh"));
    free(path);
    free(victim);
    free(temporary);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_remnant_is_removed_and_nothing_else),
        cmocka_unit_test(the_hook_sees_the_old_file_and_the_new_one_beside_it),
        cmocka_unit_test(nothing_is_written_through_a_link_by_a_temporary_name),
    };
    folder = scratch_make();
    if (!folder) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(folder);
    return failed;
}
