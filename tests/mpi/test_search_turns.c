/* A method that asks as it goes: members that follow from how earlier ones ended, on any number of ranks, over launches
 * that stop, die and fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <time.h>

#include "../src/search/events.h"
#include "search_again.h"
#include "sweep_fixture.h"

static dstn_group *world;
static dstn_console console;
static char *folder;
static const char text[] = "base: b.yaml\nset: {train.batch: 7}\nwidth: 6";

/* ---- what stands for training ---- */

static dstn_status one_diverges(const char *name, dstn_error *err) {
    return strcmp(name, "first-2") == 0 ? dstn_fail(err, DSTN_DIVERGED, "no longer finite") : DSTN_OK;
}

static dstn_status one_fails(const char *name, dstn_error *err) {
    return strcmp(name, "first-4") == 0 ? dstn_fail(err, DSTN_ERROR_DATA, "no such file") : DSTN_OK;
}

static dstn_status one_fails_and_one_is_stopped(const char *name, dstn_error *err) {
    return strcmp(name, "again-3") == 0 ? dstn_fail(err, DSTN_STOPPED, "signal") : one_fails(name, err);
}

static dstn_status one_is_stopped_at_once(const char *name, dstn_error *err) {
    return strcmp(name, "first-1") == 0 ? dstn_fail(err, DSTN_STOPPED, "signal") : DSTN_OK;
}

/* The first member takes until one that goes on from another has begun. */
static dstn_status the_first_is_long(const char *name, dstn_error *err) {
    char *mark = dstn_format("%s/mark", folder);
    dstn_status status = DSTN_OK;
    if (strcmp(name, "again-1") == 0) {
        scratch_write(mark, "", 0);
    }
    double start = dstn_seconds();
    bool waits = strcmp(name, "first-0") == 0 && dstn_group_size(world) > 1;
    while (waits && status == DSTN_OK && access(mark, F_OK) != 0) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        dstn_ranks_poll();
        status = dstn_seconds() - start > 60 ? dstn_fail(err, DSTN_ERROR_RUN, "nobody asks meanwhile") : DSTN_OK;
    }
    free(mark);
    return status;
}

/* A run that is done without anything to compare it by. */
static dstn_status train_without_value(const dstn_sweep *sweep, int64_t index, const char *path,
                                       const dstn_group *group, double *value, dstn_error *err) {
    dstn_status status = sweep_train_nothing(sweep, index, path, group, value, err);
    *value = index == 1 ? NAN : *value;
    return status;
}

/* ---- launches ---- */

static int64_t all_calls(void) {
    double calls = (double)sweep_calls;
    dstn_group_sum(world, &calls, 1);
    return (int64_t)calls;
}

/* A point that no config can have is the fault of its own member, not of the launch: only the first is judged before.
 */
static dstn_status check_the_first(const dstn_sweep *sweep, int64_t index, bool *longer, double *work,
                                   dstn_error *err) {
    (void)longer;
    (void)work;
    return index == 0 ? DSTN_OK : dstn_fail(err, DSTN_ERROR_USAGE, "%s is no config", sweep->plan->members[index].name);
}

static dstn_sweep *launch_of(const char *file, int64_t ranks, sweep_train *trains, dstn_status want, dstn_error *err) {
    sweep_trains = trains;
    dstn_sweep *sweep = sweep_new(&console, file, &again_method, folder, err);
    sweep->ranks_per_member = ranks;
    sweep->work.check = check_the_first;
    dstn_status got = sweep_launch(sweep, err);
    if (got != want) {
        fail_msg("%d rather than %d: %s", got, want, err->message);
    }
    return sweep;
}

/* A launch on the folder, by ranks that know nothing of former ones. */
static dstn_sweep *launch(sweep_train *trains, dstn_status want) {
    dstn_error err;
    return launch_of(text, 1, trains, want, &err);
}

static void expect_counts(const dstn_sweep *sweep, int64_t done, int64_t diverged, int64_t failed, int64_t preempted) {
    int64_t counts[DSTN_MEMBER_STATES];
    dstn_sweep_plan_count(sweep->plan, counts);
    assert_int_equal(counts[DSTN_MEMBER_DONE], done);
    assert_int_equal(counts[DSTN_MEMBER_DIVERGED], diverged);
    assert_int_equal(counts[DSTN_MEMBER_FAILED], failed);
    assert_int_equal(counts[DSTN_MEMBER_PREEMPTED], preempted);
}

static void same_bits(const double *a, const double *b, int64_t count) {
    assert_memory_equal(a, b, (size_t)count * sizeof *a);
}

/* The plan of every rank, and the one that the ledger alone gives back, are the same to the last bit. */
static void expect_same_everywhere(const dstn_sweep *sweep) {
    dstn_error err;
    const dstn_sweep_plan *plan = sweep->plan;
    dstn_group_barrier(world);
    dstn_sweep *rebuilt = sweep_new(&console, text, &again_method, folder, &err);
    assert_int_equal(search_history_replay(rebuilt, &err), DSTN_OK);
    const dstn_sweep_plan *other = rebuilt->plan;
    assert_int_equal(other->count, plan->count);
    assert_int_equal(other->ended_count, plan->ended_count);
    assert_memory_equal(other->states, plan->states, (size_t)plan->count * sizeof *plan->states);
    assert_memory_equal(other->ended, plan->ended, (size_t)plan->ended_count * sizeof *plan->ended);
    for (int64_t m = 0; m < plan->count; m++) {
        const dstn_proposal *a = &plan->proposals[m], *b = &other->proposals[m];
        assert_string_equal(plan->members[m].name, other->members[m].name);
        assert_int_equal(a->parent, b->parent);
        assert_int_equal(plan->members[m].parent, b->parent);
        assert_memory_equal(a->place, b->place, sizeof a->place);
        same_bits(a->point, b->point, 2);
        if (plan->states[m] == DSTN_MEMBER_DONE) {
            same_bits(&plan->values[m], &other->values[m], 1);
            assert_true(plan->values[m] == sweep_value(plan->members[m].name));
        }
    }
    dstn_sweep_close(rebuilt);
    dstn_group_barrier(world);
}

static void members_follow_from_how_the_ones_before_ended(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(one_diverges, DSTN_OK);
    expect_counts(sweep, 10, 1, 0, 0);
    assert_int_equal(all_calls(), 11);
    assert_int_equal(dstn_sweep_plan_find(sweep->plan, "again-2"), -1);
    assert_string_equal(sweep->plan->members[7].settings[0].path, "train.batch");
    assert_string_equal(sweep->plan->members[7].settings[1].path, "optimizer.rate");
    const char *why = sweep->plan->messages[dstn_sweep_plan_find(sweep->plan, "first-2")];
    assert_non_null(why);
    assert_string_equal(why, "no longer finite");
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

static void groups_of_two_ranks_see_the_same(void **state) {
    (void)state;
    dstn_error err;
    int64_t ranks = dstn_group_size(world) % 2 ? 1 : 2;
    dstn_sweep *sweep = launch_of(text, ranks, one_diverges, DSTN_OK, &err);
    expect_counts(sweep, 10, 1, 0, 0);
    assert_int_equal(all_calls(), 11 * ranks);
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

static void a_long_member_keeps_nobody_from_asking(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(the_first_is_long, DSTN_OK);
    expect_counts(sweep, 12, 0, 0, 0);
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

static void a_sweep_that_has_ended_runs_nothing(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_diverges, DSTN_OK));
    dstn_sweep *sweep = launch(NULL, DSTN_OK);
    assert_int_equal(sweep->plan->count, 11);
    assert_int_equal(all_calls(), 0);
    dstn_sweep_close(sweep);
}

/* The member that failed goes well now, is told of again, and is then gone on with. */
static void a_failure_is_tried_again_and_told_again(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(one_fails, DSTN_MEMBERS_FAILED);
    expect_counts(sweep, 10, 0, 1, 0);
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
    sweep = launch(NULL, DSTN_OK);
    assert_int_equal(all_calls(), 2);
    expect_counts(sweep, 12, 0, 0, 0);
    assert_int_equal(sweep->plan->ended[10], dstn_sweep_plan_find(sweep->plan, "first-4"));
    assert_string_equal(sweep->plan->members[11].name, "again-4");
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

static void a_launch_that_was_stopped_is_gone_on_with(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(one_fails_and_one_is_stopped, DSTN_STOPPED);
    int64_t before = sweep->plan->count;
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
    sweep = launch(NULL, DSTN_OK);
    assert_true(sweep->plan->count >= before);
    expect_counts(sweep, 12, 0, 0, 0);
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

static void nobody_asks_once_a_member_was_stopped(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(one_is_stopped_at_once, DSTN_STOPPED);
    int64_t counts[DSTN_MEMBER_STATES];
    dstn_sweep_plan_count(sweep->plan, counts);
    assert_int_equal(counts[DSTN_MEMBER_PREEMPTED], 1);
    assert_int_equal(counts[DSTN_MEMBER_RUNNING], 0);
    if (dstn_group_size(world) == 1) {
        assert_int_equal(sweep->plan->count, 2);
    }
    dstn_sweep_close(sweep);
    sweep = launch(NULL, DSTN_OK);
    expect_counts(sweep, 12, 0, 0, 0);
    dstn_sweep_close(sweep);
}

static void a_member_without_a_value_has_failed(void **state) {
    (void)state;
    dstn_error err;
    sweep_trains = NULL;
    dstn_sweep *sweep = sweep_new(&console, text, &again_method, folder, &err);
    sweep->work.train = train_without_value;
    assert_int_equal(sweep_launch(sweep, &err), DSTN_MEMBERS_FAILED);
    assert_int_equal(sweep->plan->states[1], DSTN_MEMBER_FAILED);
    assert_non_null(strstr(err.message, "first-1: it is done, but has no value"));
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

/* ---- what a ledger may hold ---- */

static void append(const char *member, dstn_member_state state) {
    dstn_ledger *ledger;
    dstn_error err;
    if (dstn_group_leads(world)) {
        assert_int_equal(dstn_ledger_open(folder, "rank-0000", &ledger, &err), DSTN_OK);
        assert_int_equal(dstn_ledger_append(ledger, member, state, NULL, &err), DSTN_OK);
        dstn_ledger_close(ledger);
    }
    dstn_group_barrier(world);
}

static void a_member_that_a_dead_launch_was_at_is_run_again(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_is_stopped_at_once, DSTN_STOPPED));
    append("first-1", DSTN_MEMBER_RUNNING);
    dstn_sweep *sweep = launch(NULL, DSTN_OK);
    expect_counts(sweep, 12, 0, 0, 0);
    expect_same_everywhere(sweep);
    dstn_sweep_close(sweep);
}

static void expect_refused(const char *part, dstn_status want) {
    dstn_error err;
    dstn_sweep *sweep = launch_of(text, 1, NULL, want, &err);
    if (!strstr(err.message, part)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(all_calls(), 0);
    dstn_sweep_close(sweep);
}

static void a_member_that_was_not_asked_for_is_refused_by_name(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_diverges, DSTN_OK));
    append("third-0", DSTN_MEMBER_RUNNING);
    expect_refused("member third-0 was never asked for", DSTN_ERROR_USAGE);
}

static void a_member_that_has_ended_does_not_end_again(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_diverges, DSTN_OK));
    append("first-2", DSTN_MEMBER_DONE);
    expect_refused("member first-2: it had ended, and is then done", DSTN_ERROR_CHECKPOINT);
}

/* ---- asked again ---- */

static char findings[4096];

static void note_finding(void *user, const char *finding) {
    (void)user;
    size_t length = strlen(findings);
    snprintf(findings + length, sizeof findings - length, "%s\n", finding);
}

static void ask_again(const dstn_ledger_book *book) {
    dstn_error err;
    dstn_sweep *sweep = sweep_new(&console, text, &again_method, folder, &err);
    findings[0] = 0;
    search_ask_again(sweep->plan, NULL, book, NULL, note_finding, NULL);
    dstn_sweep_close(sweep);
}

/* The line of the ledger by which the member came to the state. */
static dstn_ledger_line *line_of(dstn_ledger_book *book, const char *member, dstn_member_state state) {
    for (int64_t i = 0; i < book->line_count; i++) {
        if (book->lines[i].state == state && strcmp(book->lines[i].member, member) == 0) {
            return &book->lines[i];
        }
    }
    fail_msg("%s has no such line", member);
    return NULL;
}

/* With one detail forged, the ledger must lead to a finding that says so. */
static void expect_finding(dstn_ledger_book *book, const char *member, dstn_member_state state, const char *from,
                           const char *to, const char *finding) {
    dstn_ledger_line *line = line_of(book, member, state);
    char *kept = line->detail, *place = strstr(kept, from);
    assert_non_null(place);
    line->detail = dstn_format("%.*s%s%s", (int)(place - kept), kept, to, place + strlen(from));
    ask_again(book);
    if (!strstr(findings, finding)) {
        fail_msg("%s is not in: %s", finding, findings);
    }
    free(line->detail);
    line->detail = kept;
}

static void check_forgeries(dstn_ledger_book *book) {
    ask_again(book);
    assert_string_equal(findings, "");
    expect_finding(book, "first-1", DSTN_MEMBER_QUEUED, "point=0.25,", "point=0.25000000000000006,",
                   "first-1: was asked for at optimizer.rate = 0.25000000000000006; asked again, the method says 0.25");
    expect_finding(book, "again-4", DSTN_MEMBER_QUEUED, "parent=first-4", "parent=first-0",
                   "again-4: was asked for to go on from first-0; asked again, the method says from first-4");
    expect_finding(book, "first-3", DSTN_MEMBER_QUEUED, "place=0,3", "place=0,2",
                   "first-3: was asked for at the place");
    expect_finding(book, "first-0", DSTN_MEMBER_DONE, "value=", "value=1", "again-0: was asked for at optimizer.rate");
    expect_finding(book, "first-0", DSTN_MEMBER_DONE, "value=", "value=nan(1)", "can't be understood");
    expect_finding(book, "first-0", DSTN_MEMBER_DONE, "value=", "value:", "member first-0: \"done: value:");
}

static void what_was_asked_for_can_be_asked_again(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_fails, DSTN_MEMBERS_FAILED));
    dstn_sweep_close(launch(NULL, DSTN_OK));
    dstn_group_barrier(world);
    if (dstn_group_leads(world)) {
        dstn_ledger_book *book;
        dstn_error err;
        assert_int_equal(dstn_ledger_read(folder, NULL, &book, &err), DSTN_OK);
        check_forgeries(book);
        dstn_ledger_book_destroy(book);
    }
    dstn_group_barrier(world);
}

/* ---- methods that are wrong ---- */

static void expect_fault(const char *fault, const char *part) {
    dstn_error err;
    char *file = dstn_format("%s\nfault: %s", text, fault);
    dstn_sweep_close(launch_of(file, 1, NULL, DSTN_ERROR_RUN, &err));
    free(file);
    if (!strstr(err.message, part) || !strstr(err.message, "\"again\"")) {
        fail_msg("%s", err.message);
    }
}

/* On several ranks another one may still be at the only member, and end it. */
static void a_method_that_waits_for_nothing_is_an_error(void **state) {
    (void)state;
    expect_fault("1", "waits for a member to end, and all have");
}

static void a_method_that_asks_for_too_many_is_an_error(void **state) {
    (void)state;
    expect_fault("2", "more members than it said");
}

static void a_parent_that_is_not_done_is_an_error(void **state) {
    (void)state;
    expect_fault("3", "goes on from one that is not done");
}

static int make_folder(void **state) {
    (void)state;
    folder = sweep_folder(world);
    return 0;
}

static int remove_folder(void **state) {
    (void)state;
    dstn_group_barrier(world);
    if (dstn_group_leads(world)) {
        scratch_remove(folder);
    } else {
        free(folder);
    }
    return 0;
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    console = (dstn_console){.world = world};
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(members_follow_from_how_the_ones_before_ended),   TEST(groups_of_two_ranks_see_the_same),
        TEST(a_long_member_keeps_nobody_from_asking),          TEST(a_sweep_that_has_ended_runs_nothing),
        TEST(a_failure_is_tried_again_and_told_again),         TEST(a_launch_that_was_stopped_is_gone_on_with),
        TEST(nobody_asks_once_a_member_was_stopped),           TEST(a_member_without_a_value_has_failed),
        TEST(a_member_that_a_dead_launch_was_at_is_run_again), TEST(a_member_that_was_not_asked_for_is_refused_by_name),
        TEST(a_member_that_has_ended_does_not_end_again),      TEST(what_was_asked_for_can_be_asked_again),
        TEST(a_method_that_waits_for_nothing_is_an_error),     TEST(a_method_that_asks_for_too_many_is_an_error),
        TEST(a_parent_that_is_not_done_is_an_error),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
