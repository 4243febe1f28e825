/* A hundred thousand members: planning them, and going on with them, takes a time in proportion to their number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "sweep_fixture.h"

#ifdef __SANITIZE_ADDRESS__
enum { RATES = 1000, SEEDS = 2 };
#else
enum { RATES = 50000, SEEDS = 2 };
#endif
enum { MEMBERS = RATES * SEEDS, LEFT = 7 };
static const double most_seconds = 8; /* of this process; looking at every member for each takes longer */

static dstn_group *world;
static char *folder;

static double used_seconds(void) {
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Rates as a list of labels, which must all differ, and seeds, which make members of one kind. */
static char *sweep_text(void) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fprintf(out, "base: b.yaml\naxes:\n  optimizer.rate: [");
    for (int i = 0; i < RATES; i++) {
        fprintf(out, "%s%d.5", i ? ", " : "", i);
    }
    fprintf(out, "]\n  seed: {count: %d}\n", SEEDS);
    fclose(out);
    return text;
}

/* A launch that had run all members but the last few, which it was at work on when it died. */
static void write_ledger(const dstn_sweep_plan *plan) {
    const char **names = dstn_alloc(MEMBERS, sizeof *names), **reasons = dstn_alloc(MEMBERS, sizeof *reasons);
    for (int64_t m = 0; m < MEMBERS; m++) {
        names[m] = plan->members[m].name;
        reasons[m] = DSTN_QUEUED_NEW;
    }
    dstn_ledger *ledger;
    dstn_error err;
    assert_int_equal(dstn_ledger_open(folder, "planner", &ledger, &err), DSTN_OK);
    assert_int_equal(dstn_ledger_append_all(ledger, MEMBERS, names, DSTN_MEMBER_QUEUED, reasons, &err), DSTN_OK);
    dstn_ledger_close(ledger);
    memset(reasons, 0, MEMBERS * sizeof *reasons);
    assert_int_equal(dstn_ledger_open(folder, "rank-0000", &ledger, &err), DSTN_OK);
    assert_int_equal(dstn_ledger_append_all(ledger, MEMBERS, names, DSTN_MEMBER_RUNNING, reasons, &err), DSTN_OK);
    assert_int_equal(dstn_ledger_append_all(ledger, MEMBERS - LEFT, names, DSTN_MEMBER_DONE, reasons, &err), DSTN_OK);
    dstn_ledger_close(ledger);
    free(names);
    free(reasons);
}

static void members_are_planned_and_gone_on_with_in_linear_time(void **state) {
    (void)state;
    char *text = sweep_text();
    dstn_error err;
    char *said = NULL;
    size_t size;
    dstn_console console = {.world = world, .log = {.out = open_memstream(&said, &size), .level = DSTN_LOG_NORMAL}};
    double start = used_seconds();
    dstn_sweep *sweep = sweep_new(&console, text, NULL, folder, &err);
    assert_int_equal(sweep->plan->count, MEMBERS);
    int64_t *kinds = dstn_alloc(MEMBERS, sizeof *kinds);
    search_first_of_kind(sweep->plan, kinds);
    assert_int_equal(kinds[MEMBERS - 1], MEMBERS - SEEDS);
    write_ledger(sweep->plan);

    assert_int_equal(sweep_launch(sweep, &err), DSTN_OK);
    assert_int_equal(sweep_calls, LEFT);
    dstn_member_state *states = dstn_alloc(MEMBERS, sizeof *states);
    assert_int_equal(search_standing(sweep, states, &err), DSTN_OK);
    for (int64_t m = 0; m < MEMBERS; m++) {
        assert_int_equal(states[m], DSTN_MEMBER_DONE);
    }
    assert_true(used_seconds() - start < most_seconds);
    fclose(console.log.out);
    char *expected = dstn_format("resume: keeps %d members, goes on with %d, 0 are new", MEMBERS - LEFT, LEFT);
    assert_non_null(strstr(said, expected));
    free(expected);
    free(said);
    free(states);
    free(kinds);
    dstn_sweep_close(sweep);
    free(text);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    folder = sweep_folder(world);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_planned_and_gone_on_with_in_linear_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    scratch_remove(folder);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
