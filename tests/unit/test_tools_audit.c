/* dstn audit of a ledger with a hundred thousand members takes a time in proportion to their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "dstn/search.h"
#include "dstn/tools.h"
#include "scratch.h"

#ifdef __SANITIZE_ADDRESS__
enum { MEMBERS = 2000 };
#else
enum { MEMBERS = 100000 };
#endif
static const double most_seconds = 8; /* of this process; looking at every member for each takes longer */

static char *folder;
static dstn_console console;

static void append_all(const char *writer, const char *const *names, dstn_member_state state, const char *reason) {
    const char **reasons = dstn_alloc(MEMBERS, sizeof *reasons);
    for (int m = 0; m < MEMBERS; m++) {
        reasons[m] = reason;
    }
    dstn_ledger *ledger;
    dstn_error err;
    assert_int_equal(dstn_ledger_open(folder, writer, &ledger, &err), DSTN_OK);
    assert_int_equal(dstn_ledger_append_all(ledger, MEMBERS, names, state, reasons, &err), DSTN_OK);
    dstn_ledger_close(ledger);
    free(reasons);
}

/* What an audit prints; free with free(). */
static char *audit(dstn_status want) {
    char *said = NULL;
    size_t size;
    dstn_error err = {DSTN_OK, ""};
    console.out = open_memstream(&said, &size);
    assert_int_equal(dstn_audit(&console, folder, &err), want);
    fclose(console.out);
    return said;
}

static void a_large_ledger_is_proved_in_linear_time(void **state) {
    (void)state;
    const char **names = dstn_alloc(MEMBERS, sizeof *names);
    for (int m = 0; m < MEMBERS; m++) {
        names[m] = dstn_format("rate-%d", m);
    }
    append_all("planner", names, DSTN_MEMBER_QUEUED, DSTN_QUEUED_NEW);
    append_all("rank-0000", names, DSTN_MEMBER_RUNNING, NULL);
    append_all("rank-0000", names, DSTN_MEMBER_FAILED, "no such file");
    double start = (double)clock() / CLOCKS_PER_SEC;
    char *said = audit(DSTN_OK);
    assert_true((double)clock() / CLOCKS_PER_SEC - start < most_seconds);
    char *expected = dstn_format("%d members: 0 queued, 0 running, 0 preempted, %d failed, 0 diverged, 0 done; "
                                 "audit passed\n",
                                 MEMBERS, MEMBERS);
    assert_string_equal(said, expected);
    free(said);
    free(expected);

    append_all("rank-0001", names, DSTN_MEMBER_RUNNING, NULL); /* nobody queued them again */
    said = audit(DSTN_ERROR_RUN);
    assert_non_null(strstr(said, "it was run twice"));
    free(said);
    for (int m = 0; m < MEMBERS; m++) {
        free((char *)names[m]);
    }
    free(names);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    console.world = dstn_group_world();
    folder = scratch_make();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_ledger_is_proved_in_linear_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(folder);
    dstn_group_destroy(console.world);
    return dstn_ranks_finish(failed != 0);
}
