/* Asking and telling: a method whose later members follow from how the earlier ones ended, on any number of ranks, over
 * launches that stop, die and fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sweep_fixture.h"

static dstn_group *world;
static char *folder;
static const char text[] = "base: b.yaml\nset: {train.batch: 7}\nwidth: 6";

/* ---- a method: `width` members, then those again that were done, then none ---- */

typedef struct again {
    int64_t width;
    int64_t told[64], told_count; /* done members, in the order in which they were told of */
    int round;
    int64_t asked; /* in this round */
} again;

static const dstn_option again_options[] = {
    DSTN_INT("width", again, width, 1, 32, DSTN_REQUIRED, "members of the first round"),
    DSTN_OPTIONS_END,
};

static const char *const again_axes[] = {"try", "seed"};

static dstn_status again_init(dstn_node root, const void *settings, dstn_search *search, dstn_error *err) {
    (void)err;
    again *a = dstn_alloc(1, sizeof *a);
    a->width = ((const again *)settings)->width;
    *search = (dstn_search){.self = a, .axis_count = 2, .axes = again_axes, .place = root};
    return DSTN_OK;
}

static dstn_answer again_ask(void *self, const dstn_history *history, dstn_member *member) {
    again *a = self;
    int64_t most = a->round == 0 ? a->width : a->told_count;
    if (a->asked == most) {
        a->round++;
        a->asked = 0;
        return a->round == 1 ? DSTN_ANSWER_WAIT : DSTN_ANSWER_END;
    }
    int64_t seed = a->round == 0 ? a->asked : a->told[a->asked];
    a->asked++;
    assert_int_equal(history->count, a->round == 0 ? seed : a->width + a->asked - 1);
    member->labels = dstn_alloc(2, sizeof *member->labels);
    member->labels[0] = dstn_strdup(a->round == 0 ? "first" : "again");
    member->labels[1] = dstn_format("%lld", (long long)seed);
    member->settings = dstn_alloc(1, sizeof *member->settings);
    member->settings[0] = (dstn_setting){.path = dstn_strdup("seed"), .yaml = dstn_strdup(member->labels[1])};
    member->setting_count = 1;
    return DSTN_ANSWER_MEMBER;
}

static void again_tell(void *self, const dstn_history *history, int64_t index) {
    again *a = self;
    dstn_member_state state = history->states[index];
    assert_true(dstn_member_has_ended(state) || state == DSTN_MEMBER_FAILED);
    if (state == DSTN_MEMBER_DONE) {
        a->told[a->told_count++] = index;
    }
}

static const dstn_search_method method = {.name = "again",
                                          .help = "what is done is done again",
                                          .options = again_options,
                                          .settings_size = sizeof(again),
                                          .init = again_init,
                                          .ask = again_ask,
                                          .tell = again_tell,
                                          .destroy = free};

/* ---- what stands for training ---- */

static dstn_status one_diverges(const char *name, dstn_error *err) {
    return strcmp(name, "first-2") == 0 ? dstn_fail(err, DSTN_DIVERGED, "no longer finite") : DSTN_OK;
}

static dstn_status one_fails(const char *name, dstn_error *err) {
    return strcmp(name, "first-4") == 0 ? dstn_fail(err, DSTN_ERROR_DATA, "no such file") : DSTN_OK;
}

static dstn_status one_fails_and_the_second_round_is_stopped(const char *name, dstn_error *err) {
    return strcmp(name, "again-3") == 0 ? dstn_fail(err, DSTN_STOPPED, "signal") : one_fails(name, err);
}

static dstn_status the_first_round_is_stopped(const char *name, dstn_error *err) {
    return strcmp(name, "first-1") == 0 ? dstn_fail(err, DSTN_STOPPED, "signal") : DSTN_OK;
}

/* ---- launches ---- */

static dstn_console console;

static int64_t all_calls(void) {
    double calls = (double)sweep_calls;
    dstn_group_sum(world, &calls, 1);
    return (int64_t)calls;
}

/* A launch on the folder, by ranks that know nothing of former ones. */
static dstn_sweep *launch(sweep_train *trains, dstn_status want) {
    dstn_error err;
    sweep_trains = trains;
    dstn_sweep *sweep = sweep_new(&console, text, &method, folder, &err);
    dstn_status got = sweep_launch(sweep, &err);
    if (got != want) {
        fail_msg("%d rather than %d: %s", got, want, err.message);
    }
    return sweep;
}

/* Whether a member stands as the first letter of the state's name says; "x" is for diverged. */
static bool stands(dstn_member_state state, char letter) {
    return letter == (state == DSTN_MEMBER_DIVERGED ? 'x' : dstn_member_state_name(state)[0]);
}

/* The plan and the ledger, on every rank. */
static void expect_members(const dstn_sweep *sweep, const char *const *names, const char *states) {
    const dstn_sweep_plan *plan = sweep->plan;
    dstn_member_state standing[64];
    dstn_error err;
    int count = (int)strlen(states);
    assert_int_equal(plan->count, count);
    assert_int_equal(search_standing(sweep, standing, &err), DSTN_OK);
    for (int m = 0; m < count; m++) {
        assert_string_equal(plan->members[m].name, names[m]);
        assert_true(stands(plan->states[m], states[m]));
        assert_true(stands(standing[m], states[m]));
        assert_int_equal(dstn_sweep_plan_find(plan, names[m]), m);
    }
    dstn_group_barrier(world);
}

static void the_second_round_follows_from_how_the_first_one_ended(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(one_diverges, DSTN_OK);
    expect_members(sweep,
                   (const char *const[]){"first-0", "first-1", "first-2", "first-3", "first-4", "first-5", "again-0",
                                         "again-1", "again-3", "again-4", "again-5"},
                   "ddxdddddddd");
    assert_int_equal(all_calls(), 11);
    assert_string_equal(sweep->plan->members[7].settings[0].path, "train.batch");
    assert_string_equal(sweep->plan->members[7].settings[1].yaml, "1");
    dstn_sweep_close(sweep);
}

static void a_sweep_that_has_ended_is_asked_the_same_and_runs_nothing(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_diverges, DSTN_OK));
    dstn_sweep *sweep = launch(one_diverges, DSTN_OK);
    assert_int_equal(sweep->plan->count, 11);
    assert_int_equal(all_calls(), 0);
    dstn_sweep_close(sweep);
}

/* The member that failed is tried again, and goes well now: it was told of as failed, and the plan stays as it is. */
static void what_was_told_once_stays_told_when_a_launch_goes_on(void **state) {
    (void)state;
    const char *const names[] = {"first-0", "first-1", "first-2", "first-3", "first-4", "first-5",
                                 "again-0", "again-1", "again-2", "again-3", "again-5"};
    dstn_sweep *sweep = launch(one_fails_and_the_second_round_is_stopped, DSTN_STOPPED);
    assert_int_equal(sweep->plan->count, 11);
    assert_int_equal(sweep->plan->states[4], DSTN_MEMBER_FAILED);
    assert_int_equal(sweep->plan->states[9], DSTN_MEMBER_PREEMPTED);
    dstn_sweep_close(sweep);
    sweep = launch(NULL, DSTN_OK);
    expect_members(sweep, names, "ddddddddddd");
    dstn_sweep_close(sweep);
}

static void a_failure_of_an_earlier_round_is_still_the_sweeps(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(one_fails, DSTN_MEMBERS_FAILED);
    assert_int_equal(sweep->plan->count, 11);
    dstn_sweep_close(sweep);
}

static void no_round_is_asked_for_before_the_one_before_has_ended(void **state) {
    (void)state;
    dstn_sweep *sweep = launch(the_first_round_is_stopped, DSTN_STOPPED);
    assert_int_equal(sweep->plan->count, 6);
    dstn_sweep_close(sweep);
    sweep = launch(NULL, DSTN_OK);
    assert_int_equal(sweep->plan->count, 12);
    dstn_sweep_close(sweep);
}

/* ---- what a ledger may hold ---- */

static void append(const char *writer, const char *member, dstn_member_state state) {
    dstn_ledger *ledger;
    dstn_error err;
    if (dstn_group_leads(world)) {
        assert_int_equal(dstn_ledger_open(folder, writer, &ledger, &err), DSTN_OK);
        assert_int_equal(dstn_ledger_append(ledger, member, state, NULL, &err), DSTN_OK);
        dstn_ledger_close(ledger);
    }
    dstn_group_barrier(world);
}

static void a_member_that_a_dead_launch_was_at_is_run_again(void **state) {
    (void)state;
    dstn_sweep_close(launch(one_diverges, DSTN_OK));
    append("rank-0000", "again-5", DSTN_MEMBER_RUNNING);
    dstn_sweep *sweep = launch(one_diverges, DSTN_OK);
    assert_int_equal(all_calls(), 1);
    assert_int_equal(sweep->plan->states[10], DSTN_MEMBER_DONE);
    dstn_sweep_close(sweep);
}

static void a_member_that_is_not_asked_for_is_refused_by_name(void **state) {
    (void)state;
    dstn_error err;
    dstn_sweep_close(launch(one_diverges, DSTN_OK));
    append("rank-0000", "third-0", DSTN_MEMBER_RUNNING);
    dstn_sweep *sweep = sweep_new(&console, text, &method, folder, &err);
    assert_int_equal(sweep_launch(sweep, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "member third-0 was planned"));
    assert_int_equal(all_calls(), 0);
    dstn_sweep_close(sweep);
}

/* ---- the table of methods ---- */

static void every_method_of_the_table_has_a_name_a_help_and_ends(void **state) {
    (void)state;
    const dstn_search_method *entry;
    for (size_t i = 0; (entry = dstn_search_method_at(i)) != NULL; i++) {
        assert_true(entry->name[0] && entry->help[0] && entry->options);
        assert_true(entry->init && entry->ask && entry->tell && entry->destroy);
        dstn_error err;
        dstn_sweep *sweep = sweep_new(&console, "base: b.yaml\naxes: {seed: {count: 3}}", entry, folder, &err);
        int64_t fresh = 1;
        for (int round = 0; round < 100 && fresh > 0; round++) {
            for (int64_t m = 0; m < sweep->plan->count; m++) {
                sweep->plan->states[m] = DSTN_MEMBER_DONE;
            }
            assert_int_equal(dstn_sweep_plan_go_on(sweep->plan, &fresh, &err), DSTN_OK);
        }
        assert_int_equal(fresh, 0);
        dstn_sweep_close(sweep);
    }
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
        TEST(the_second_round_follows_from_how_the_first_one_ended),
        TEST(a_sweep_that_has_ended_is_asked_the_same_and_runs_nothing),
        TEST(what_was_told_once_stays_told_when_a_launch_goes_on),
        TEST(a_failure_of_an_earlier_round_is_still_the_sweeps),
        TEST(no_round_is_asked_for_before_the_one_before_has_ended),
        TEST(a_member_that_a_dead_launch_was_at_is_run_again),
        TEST(a_member_that_is_not_asked_for_is_refused_by_name),
        TEST(every_method_of_the_table_has_a_name_a_help_and_ends),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
