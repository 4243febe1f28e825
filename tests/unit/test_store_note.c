/* Notes: of several writers the first is believed by all, and a writer that dies over one is no writer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dstn/store.h"
#include "scratch.h"

static char *folder, *path;

static int set_up(void **state) {
    (void)state;
    folder = scratch_make();
    path = dstn_format("%s/note.txt", folder);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    scratch_remove(folder);
    free(path);
    return 0;
}

/* What stands there once this text was left; free with free(). */
static char *leave(const char *text) {
    char *standing;
    dstn_error err = {DSTN_OK, ""};
    assert_int_equal(dstn_note_leave(path, text, &standing, &err), DSTN_OK);
    return standing;
}

static void the_first_note_stands(void **state) {
    (void)state;
    const char *const texts[] = {"digest 1\nhost a b\n", "digest 2\n"};
    for (int i = 0; i < 2; i++) {
        char *standing = leave(texts[i]);
        assert_string_equal(standing, texts[0]);
        free(standing);
    }
    char *text = dstn_note_read(path), *host = dstn_note_line(text, "host");
    assert_string_equal(host, "a b");
    assert_null(dstn_note_line(text, "dig"));
    assert_null(dstn_note_line(NULL, "digest"));
    free(host);
    free(text);
}

static void writers_at_once_agree(void **state) {
    (void)state;
    enum { WRITERS = 4, ROUNDS = 50 };
    for (int round = 0; round < ROUNDS; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        for (int w = 0; w < WRITERS; w++) {
            if (fork() == 0) {
                char *own = dstn_format("digest %d\n", w), *standing = NULL;
                dstn_error err;
                bool is_left = dstn_note_leave(path, own, &standing, &err) == DSTN_OK;
                char seen = is_left ? standing[7] : '?';
                _exit(write(ends[1], &seen, 1) == 1 ? 0 : 1);
            }
        }
        close(ends[1]);
        char seen[WRITERS + 1] = "";
        for (int w = 0; w < WRITERS; w++) {
            assert_int_equal(read(ends[0], &seen[w], 1), 1);
            assert_true(wait(NULL) > 0);
            assert_int_equal(seen[w], seen[0]);
        }
        assert_in_range(seen[0], '0', '0' + WRITERS - 1);
        close(ends[0]);
        unlink(path);
    }
}

static void a_note_without_its_end_is_none(void **state) {
    (void)state;
    free(leave("digest 1\n"));
    assert_false(dstn_note_is_unfinished(path));
    assert_int_equal(truncate(path, 12), 0);
    assert_null(dstn_note_read(path));
    assert_true(dstn_note_is_unfinished(path));
    assert_int_equal(unlink(path), 0);
    assert_false(dstn_note_is_unfinished(path));
    char *standing = leave("digest 2\n");
    assert_string_equal(standing, "digest 2\n");
    free(standing);
}

static void a_note_that_cant_be_written_is_named(void **state) {
    (void)state;
    char *none = dstn_format("%s/none/note.txt", folder), *standing;
    dstn_error err = {DSTN_OK, ""};
    assert_int_equal(dstn_note_leave(none, "digest 1\n", &standing, &err), DSTN_ERROR_RUN);
    assert_null(standing);
    assert_non_null(strstr(err.message, none));
    assert_non_null(strstr(err.message, "No such file or directory"));
    free(none);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_first_note_stands, set_up, tear_down),
        cmocka_unit_test_setup_teardown(writers_at_once_agree, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_note_without_its_end_is_none, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_note_that_cant_be_written_is_named, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
