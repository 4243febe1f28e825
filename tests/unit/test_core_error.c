/* core: messages of failures, and log lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/core.h"

static void failing_returns_the_status_and_the_message(void **state) {
    (void)state;
    dstn_error err;
    assert_int_equal(dstn_fail(&err, DSTN_ERROR_DATA, "%s: %d columns", "a.csv", 3), DSTN_ERROR_DATA);
    assert_int_equal(err.status, DSTN_ERROR_DATA);
    assert_string_equal(err.message, "a.csv: 3 columns");
}

static void context_is_put_before_the_message(void **state) {
    (void)state;
    dstn_error err;
    dstn_fail(&err, DSTN_ERROR_USAGE, "not a number");
    assert_int_equal(dstn_fail_in(&err, "line %d", 7), DSTN_ERROR_USAGE);
    dstn_fail_in(&err, "a.yaml");
    assert_string_equal(err.message, "a.yaml: line 7: not a number");
}

static void a_message_can_be_built_from_itself(void **state) {
    (void)state;
    dstn_error err;
    dstn_fail(&err, DSTN_ERROR_RUN, "inner");
    dstn_fail(&err, DSTN_ERROR_RUN, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");
}

static void a_message_stays_one_line(void **state) {
    (void)state;
    dstn_error err;
    dstn_fail(&err, DSTN_ERROR_RUN, "key \"%s\"", "a\nb\tc\r");
    assert_string_equal(err.message, "key \"a b c \"");
}

static void a_message_that_is_too_long_is_cut_visibly(void **state) {
    (void)state;
    dstn_error err;
    char word[3000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    dstn_fail(&err, DSTN_ERROR_RUN, "%s", word);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 5, "x...");
    dstn_fail_in(&err, "front");
    assert_memory_equal(err.message, "front: xxx", 10);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 5, "x...");
    dstn_fail_in(&err, "%s", word);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
}

/* Names in files and configs must not reach the terminal as what it obeys. */
static void nothing_that_a_terminal_obeys_is_shown(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"\x1b]0;title\a\x1b[31mred", "\\x1b]0;title\\x07\\x1b[31mred"}, /* title and colour */
        {"\xc2\x9b"
         "31m",
         "\\xc2\\x9b31m"}, /* the same in one character */
        {"a\x7f\x08"
         "b",
         "a\\x7f\\x08b"},
        {"\xff\xc3", "\\xff\\xc3"}, /* no UTF-8 */
        {"\xe2\x80\xae"
         "gpj.exe",
         "\\xe2\\x80\\xaegpj.exe"}, /* right to left */
        {"λ = ½, naïve 漢字 😀", "λ = ½, naïve 漢字 😀"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char *shown = dstn_printable(cases[i][0]), *text = NULL;
        assert_string_equal(shown, cases[i][1]);
        free(shown);
        dstn_error err;
        dstn_fail(&err, DSTN_ERROR_DATA, "%s", cases[i][0]);
        assert_string_equal(err.message, cases[i][1]);
        dstn_fail_in(&err, "%s", cases[i][0]);
        assert_null(strchr(err.message, 0x1b));
        size_t size = 0;
        dstn_log log = {.out = open_memstream(&text, &size), .level = DSTN_LOG_NORMAL};
        dstn_log_info(&log, "%s", cases[i][0]);
        fclose(log.out);
        assert_int_equal(strlen(text), strlen(cases[i][1]) + 1);
        assert_memory_equal(text, cases[i][1], strlen(cases[i][1]));
        free(text);
    }
}

/* What is escaped becomes longer: it is cut before a character, not within. */
static void an_escaped_text_is_cut_between_characters(void **state) {
    (void)state;
    char room[8];
    assert_int_equal(dstn_escape("abcde\x1b!", room, sizeof room), 10);
    assert_string_equal(room, "abcde");
    assert_int_equal(dstn_escape("abcdef\xc3\xa4!", room, sizeof room), 9);
    assert_string_equal(room, "abcdef");
    dstn_error err;
    char many[1000];
    memset(many, 1, sizeof many - 1);
    many[sizeof many - 1] = 0;
    dstn_fail(&err, DSTN_ERROR_RUN, "%s", many);
    assert_int_equal(strlen(err.message), sizeof err.message - 1);
    assert_string_equal(err.message + sizeof err.message - 5, "1...");
}

static void log_everything(const dstn_log *log) {
    dstn_log_info(log, "epoch %d", 1);
    dstn_log_detail(log, "step %d", 2);
    dstn_log_warn(log, "column %s", "b");
}

static char *logged_at(dstn_log_level level) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    dstn_log log = {.out = out, .level = level};
    log_everything(&log);
    fclose(out);
    return text;
}

static void a_level_hides_what_is_below_but_never_warnings(void **state) {
    (void)state;
    char *quiet = logged_at(DSTN_LOG_QUIET), *normal = logged_at(DSTN_LOG_NORMAL),
         *verbose = logged_at(DSTN_LOG_VERBOSE);
    assert_string_equal(quiet, "warning: column b\n");
    assert_string_equal(normal, "epoch 1\nwarning: column b\n");
    assert_string_equal(verbose, "epoch 1\nstep 2\nwarning: column b\n");
    free(quiet);
    free(normal);
    free(verbose);
}

static void other_ranks_log_nowhere(void **state) {
    (void)state;
    dstn_log silent = {.out = NULL, .level = DSTN_LOG_VERBOSE};
    log_everything(&silent);
    log_everything(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failing_returns_the_status_and_the_message),
        cmocka_unit_test(context_is_put_before_the_message),
        cmocka_unit_test(a_message_can_be_built_from_itself),
        cmocka_unit_test(a_message_stays_one_line),
        cmocka_unit_test(nothing_that_a_terminal_obeys_is_shown),
        cmocka_unit_test(an_escaped_text_is_cut_between_characters),
        cmocka_unit_test(a_message_that_is_too_long_is_cut_visibly),
        cmocka_unit_test(a_level_hides_what_is_below_but_never_warnings),
        cmocka_unit_test(other_ranks_log_nowhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
