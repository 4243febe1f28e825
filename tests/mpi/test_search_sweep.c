/* Running a sweep: who runs what, and how members that fail, diverge or stop are told to all ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dstn/search.h"

enum { MEMBERS = 24 };

static dstn_group *world;
static dstn_doc *doc;
static dstn_sweep_plan *plan;

/* What the callback saw on this rank. */
typedef struct seen {
    double calls[MEMBERS]; /* sum over ranks: how many ranks worked on a member */
    int group_size;
    int64_t stop_from;          /* members from here on return DSTN_STOPPED; MEMBERS: none */
    bool fails, diverges;       /* some members do */
    const dstn_outcome *before; /* of an earlier launch, or NULL */
} seen;

/* Stands for training: some milliseconds, different for each member, with a poll at each step as the trainer has. */
static void work_a_while(int64_t index) {
    for (int64_t step = 0; step < 1 + (index * 7) % 5; step++) {
        nanosleep(&(struct timespec){0, 1000000}, NULL);
        dstn_ranks_poll();
    }
}

static dstn_status run_member(void *user, const dstn_sweep_plan *of, int64_t index, const char *folder,
                              const dstn_group *group, dstn_error *err) {
    seen *s = user;
    char *expected = dstn_format("out/members/%s", of->members[index].name);
    assert_string_equal(folder, expected);
    free(expected);
    assert_int_equal(dstn_group_size(group), s->group_size);
    s->calls[index]++;
    work_a_while(index);
    dstn_group_barrier(group);
    if (index >= s->stop_from) {
        return dstn_fail(err, DSTN_STOPPED, "signal");
    }
    if (s->fails && index % 5 == 1) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: no such file", of->members[index].name);
    }
    if (s->diverges && index % 5 == 3) {
        return dstn_fail(err, DSTN_DIVERGED, "loss is not finite at step %lld", (long long)index);
    }
    return DSTN_OK;
}

static dstn_status run_all(seen *s, dstn_sweep_result *result, dstn_error *err) {
    *err = (dstn_error){DSTN_OK, ""};
    dstn_status status = dstn_sweep_run(plan, world, s->group_size, "out", s->before, run_member, s, result, err);
    dstn_group_sum(world, s->calls, MEMBERS);
    return status;
}

/* Every rank must hold the same table: the sums over ranks are the world's size times one's own. */
static void assert_same_everywhere(const dstn_sweep_result *result) {
    double own[MEMBERS], sum[MEMBERS];
    for (int m = 0; m < MEMBERS; m++) {
        sum[m] = own[m] =
            (double)result->outcomes[m] + (result->messages[m] ? 100.0 * (double)strlen(result->messages[m]) : 0);
    }
    dstn_group_sum(world, sum, MEMBERS);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(sum[m] == own[m] * dstn_group_size(world));
    }
}

static void run_each_once(int group_size) {
    seen s = {.group_size = group_size, .stop_from = MEMBERS};
    dstn_sweep_result result;
    dstn_error err;
    assert_int_equal(run_all(&s, &result, &err), DSTN_OK);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(s.calls[m] == group_size);
        assert_int_equal(result.outcomes[m], DSTN_OUTCOME_DONE);
        assert_null(result.messages[m]);
    }
    assert_int_equal(result.count, MEMBERS);
    assert_int_equal(result.counts[DSTN_OUTCOME_DONE], MEMBERS);
    dstn_sweep_result_clear(&result);
}

static void every_member_runs_once_on_one_rank(void **state) {
    (void)state;
    run_each_once(1);
}

static void every_member_runs_once_on_both_ranks_of_a_pair(void **state) {
    (void)state;
    if (dstn_group_size(world) % 2 == 0) {
        run_each_once(2);
    }
}

static void every_member_runs_once_on_the_whole_world(void **state) {
    (void)state;
    run_each_once(dstn_group_size(world));
}

static void check_misbehaving(int group_size) {
    seen s = {.group_size = group_size, .stop_from = MEMBERS, .fails = true, .diverges = true};
    dstn_sweep_result result;
    dstn_error err;
    assert_int_equal(run_all(&s, &result, &err), DSTN_MEMBERS_FAILED);
    assert_non_null(strstr(err.message, "5 of 24 members failed, first 1: 1: no such file"));
    for (int m = 0; m < MEMBERS; m++) {
        bool fails = m % 5 == 1, diverges = m % 5 == 3;
        assert_true(s.calls[m] == group_size);
        assert_int_equal(result.outcomes[m], fails      ? DSTN_OUTCOME_FAILED
                                             : diverges ? DSTN_OUTCOME_DIVERGED
                                                        : DSTN_OUTCOME_DONE);
        char *expected = fails      ? dstn_format("%d: no such file", m)
                         : diverges ? dstn_format("loss is not finite at step %d", m)
                                    : NULL;
        if (expected) {
            assert_string_equal(result.messages[m], expected);
        } else {
            assert_null(result.messages[m]);
        }
        free(expected);
    }
    assert_int_equal(result.counts[DSTN_OUTCOME_FAILED], 5);
    assert_int_equal(result.counts[DSTN_OUTCOME_DIVERGED], 5);
    assert_int_equal(result.counts[DSTN_OUTCOME_DONE], MEMBERS - 10);
    assert_same_everywhere(&result);
    dstn_sweep_result_clear(&result);
}

static void members_that_fail_or_diverge_do_not_stop_the_others(void **state) {
    (void)state;
    check_misbehaving(1);
    check_misbehaving(dstn_group_size(world));
}

static void divergence_alone_is_no_failure(void **state) {
    (void)state;
    dstn_sweep_result result;
    dstn_error err;
    seen s = {.group_size = 1, .stop_from = MEMBERS, .diverges = true};
    assert_int_equal(run_all(&s, &result, &err), DSTN_OK);
    assert_int_equal(result.counts[DSTN_OUTCOME_DIVERGED], 5);
    dstn_sweep_result_clear(&result);
}

static void a_stopped_member_is_preempted_and_the_rest_stays_queued(void **state) {
    (void)state;
    enum { STOP_FROM = 4 };
    int ranks = dstn_group_size(world);
    seen s = {.group_size = 1, .stop_from = STOP_FROM};
    dstn_sweep_result result;
    dstn_error err;
    assert_int_equal(run_all(&s, &result, &err), DSTN_STOPPED);
    assert_int_equal(err.status, DSTN_STOPPED);
    assert_in_range(result.counts[DSTN_OUTCOME_PREEMPTED], 1, ranks);
    for (int m = 0; m < MEMBERS; m++) {
        dstn_outcome expected = m < STOP_FROM    ? DSTN_OUTCOME_DONE
                                : s.calls[m] > 0 ? DSTN_OUTCOME_PREEMPTED
                                                 : DSTN_OUTCOME_QUEUED;
        assert_true(s.calls[m] <= 1);
        assert_int_equal(result.outcomes[m], expected);
    }
    assert_int_equal(result.counts[DSTN_OUTCOME_DONE], STOP_FROM);
    assert_int_equal(result.counts[DSTN_OUTCOME_QUEUED], MEMBERS - STOP_FROM - result.counts[DSTN_OUTCOME_PREEMPTED]);
    assert_same_everywhere(&result);
    dstn_sweep_result_clear(&result);
}

static void only_members_that_ended_well_before_are_kept(void **state) {
    (void)state;
    static const dstn_outcome before[MEMBERS] = {
        DSTN_OUTCOME_DONE,      DSTN_OUTCOME_DIVERGED, DSTN_OUTCOME_FAILED,
        DSTN_OUTCOME_PREEMPTED, DSTN_OUTCOME_RUNNING,  DSTN_OUTCOME_QUEUED,
    };
    seen s = {.group_size = 1, .stop_from = MEMBERS, .before = before};
    dstn_sweep_result result;
    dstn_error err;
    assert_int_equal(run_all(&s, &result, &err), DSTN_OK);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(s.calls[m] == (m >= 2));
    }
    assert_int_equal(result.outcomes[1], DSTN_OUTCOME_DIVERGED);
    assert_null(result.messages[1]); /* its reason is in its own record */
    assert_int_equal(result.counts[DSTN_OUTCOME_DIVERGED], 1);
    assert_int_equal(result.counts[DSTN_OUTCOME_DONE], MEMBERS - 1);
    dstn_sweep_result_clear(&result);
}

static void stopped_goes_before_failed(void **state) {
    (void)state;
    seen s = {.group_size = 1, .stop_from = 7, .fails = true, .diverges = true};
    dstn_sweep_result result;
    dstn_error err;
    assert_int_equal(run_all(&s, &result, &err), DSTN_STOPPED);
    assert_int_equal(result.counts[DSTN_OUTCOME_FAILED], 2);
    dstn_sweep_result_clear(&result);
}

static void groups_that_do_not_divide_the_world_are_refused(void **state) {
    (void)state;
    seen s = {.group_size = dstn_group_size(world) + 1, .stop_from = MEMBERS};
    dstn_sweep_result result;
    dstn_error err;
    assert_int_equal(run_all(&s, &result, &err), DSTN_ERROR_USAGE);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(s.calls[m] == 0);
    }
    dstn_sweep_result_clear(&result);
}

static void outcomes_have_the_names_of_the_record(void **state) {
    (void)state;
    assert_string_equal(dstn_outcome_name(DSTN_OUTCOME_QUEUED), "queued");
    assert_string_equal(dstn_outcome_name(DSTN_OUTCOME_RUNNING), "running");
    assert_string_equal(dstn_outcome_name(DSTN_OUTCOME_PREEMPTED), "preempted");
    assert_string_equal(dstn_outcome_name(DSTN_OUTCOME_FAILED), "failed");
    assert_string_equal(dstn_outcome_name(DSTN_OUTCOME_DIVERGED), "diverged");
    assert_string_equal(dstn_outcome_name(DSTN_OUTCOME_DONE), "done");
}

static int make_plan(void) {
    dstn_error err;
    return dstn_doc_parse("base: b.yaml\naxes: {seed: {count: 24}}", "s.yaml", &doc, &err) ||
           dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK || make_plan()) {
        return 1;
    }
    world = dstn_group_world();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_runs_once_on_one_rank),
        cmocka_unit_test(every_member_runs_once_on_both_ranks_of_a_pair),
        cmocka_unit_test(every_member_runs_once_on_the_whole_world),
        cmocka_unit_test(members_that_fail_or_diverge_do_not_stop_the_others),
        cmocka_unit_test(divergence_alone_is_no_failure),
        cmocka_unit_test(a_stopped_member_is_preempted_and_the_rest_stays_queued),
        cmocka_unit_test(only_members_that_ended_well_before_are_kept),
        cmocka_unit_test(stopped_goes_before_failed),
        cmocka_unit_test(groups_that_do_not_divide_the_world_are_refused),
        cmocka_unit_test(outcomes_have_the_names_of_the_record),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
