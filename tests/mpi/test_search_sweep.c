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
    int64_t stop_from;                  /* members from here on return DSTN_STOPPED; MEMBERS: none */
    bool fails, diverges;               /* some members do */
    const dstn_member_state *before;    /* [MEMBERS] how they stand at first, or NULL: all queued */
    int64_t counts[DSTN_MEMBER_STATES]; /* afterwards */
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

static dstn_status run_all(seen *s, dstn_error *err) {
    *err = (dstn_error){DSTN_OK, ""};
    for (int m = 0; m < MEMBERS; m++) {
        plan->states[m] = s->before ? s->before[m] : DSTN_MEMBER_QUEUED;
        free(plan->messages[m]);
        plan->messages[m] = NULL;
    }
    dstn_status status =
        dstn_sweep_run(plan, world, s->group_size, "out", &(dstn_sweep_calls){run_member, NULL, s}, err);
    dstn_group_sum(world, s->calls, MEMBERS);
    dstn_sweep_plan_count(plan, s->counts);
    return status;
}

/* Every rank must hold the same table: the sums over ranks are the world's size times one's own. */
static void assert_same_everywhere(void) {
    double own[MEMBERS], sum[MEMBERS];
    for (int m = 0; m < MEMBERS; m++) {
        sum[m] = own[m] = (double)plan->states[m] + (plan->messages[m] ? 100.0 * (double)strlen(plan->messages[m]) : 0);
    }
    dstn_group_sum(world, sum, MEMBERS);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(sum[m] == own[m] * dstn_group_size(world));
    }
}

static void run_each_once(int group_size) {
    seen s = {.group_size = group_size, .stop_from = MEMBERS};
    dstn_error err;
    assert_int_equal(run_all(&s, &err), DSTN_OK);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(s.calls[m] == group_size);
        assert_int_equal(plan->states[m], DSTN_MEMBER_DONE);
        assert_null(plan->messages[m]);
    }
    assert_int_equal(plan->count, MEMBERS);
    assert_int_equal(s.counts[DSTN_MEMBER_DONE], MEMBERS);
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
    dstn_error err;
    assert_int_equal(run_all(&s, &err), DSTN_MEMBERS_FAILED);
    assert_non_null(strstr(err.message, "5 of 24 members failed, first 1: 1: no such file"));
    for (int m = 0; m < MEMBERS; m++) {
        bool fails = m % 5 == 1, diverges = m % 5 == 3;
        assert_true(s.calls[m] == group_size);
        assert_int_equal(plan->states[m], fails      ? DSTN_MEMBER_FAILED
                                          : diverges ? DSTN_MEMBER_DIVERGED
                                                     : DSTN_MEMBER_DONE);
        char *expected = fails      ? dstn_format("%d: no such file", m)
                         : diverges ? dstn_format("loss is not finite at step %d", m)
                                    : NULL;
        if (expected) {
            assert_string_equal(plan->messages[m], expected);
        } else {
            assert_null(plan->messages[m]);
        }
        free(expected);
    }
    assert_int_equal(s.counts[DSTN_MEMBER_FAILED], 5);
    assert_int_equal(s.counts[DSTN_MEMBER_DIVERGED], 5);
    assert_int_equal(s.counts[DSTN_MEMBER_DONE], MEMBERS - 10);
    assert_same_everywhere();
}

static void members_that_fail_or_diverge_do_not_stop_the_others(void **state) {
    (void)state;
    check_misbehaving(1);
    check_misbehaving(dstn_group_size(world));
}

static void divergence_alone_is_no_failure(void **state) {
    (void)state;
    dstn_error err;
    seen s = {.group_size = 1, .stop_from = MEMBERS, .diverges = true};
    assert_int_equal(run_all(&s, &err), DSTN_OK);
    assert_int_equal(s.counts[DSTN_MEMBER_DIVERGED], 5);
}

static void a_stopped_member_is_preempted_and_the_rest_stays_queued(void **state) {
    (void)state;
    enum { STOP_FROM = 4 };
    int ranks = dstn_group_size(world);
    seen s = {.group_size = 1, .stop_from = STOP_FROM};
    dstn_error err;
    assert_int_equal(run_all(&s, &err), DSTN_STOPPED);
    assert_int_equal(err.status, DSTN_STOPPED);
    assert_in_range(s.counts[DSTN_MEMBER_PREEMPTED], 1, ranks);
    for (int m = 0; m < MEMBERS; m++) {
        dstn_member_state expected = m < STOP_FROM    ? DSTN_MEMBER_DONE
                                     : s.calls[m] > 0 ? DSTN_MEMBER_PREEMPTED
                                                      : DSTN_MEMBER_QUEUED;
        assert_true(s.calls[m] <= 1);
        assert_int_equal(plan->states[m], expected);
    }
    assert_int_equal(s.counts[DSTN_MEMBER_DONE], STOP_FROM);
    assert_int_equal(s.counts[DSTN_MEMBER_QUEUED], MEMBERS - STOP_FROM - s.counts[DSTN_MEMBER_PREEMPTED]);
    assert_same_everywhere();
}

static void members_that_wait_are_run_and_no_others(void **state) {
    (void)state;
    static const dstn_member_state before[MEMBERS] = {
        DSTN_MEMBER_DONE, DSTN_MEMBER_DIVERGED, DSTN_MEMBER_FAILED, DSTN_MEMBER_PREEMPTED, DSTN_MEMBER_QUEUED,
    };
    seen s = {.group_size = 1, .stop_from = MEMBERS, .before = before};
    dstn_error err;
    assert_int_equal(run_all(&s, &err), DSTN_MEMBERS_FAILED); /* of the round before */
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(s.calls[m] == (m >= 3));
    }
    assert_int_equal(plan->states[1], DSTN_MEMBER_DIVERGED);
    assert_null(plan->messages[1]); /* its reason is in its own record */
    assert_int_equal(s.counts[DSTN_MEMBER_DIVERGED], 1);
    assert_int_equal(s.counts[DSTN_MEMBER_FAILED], 1);
    assert_int_equal(s.counts[DSTN_MEMBER_DONE], MEMBERS - 2);
    assert_same_everywhere();
}

static void stopped_goes_before_failed(void **state) {
    (void)state;
    seen s = {.group_size = 1, .stop_from = 7, .fails = true, .diverges = true};
    dstn_error err;
    assert_int_equal(run_all(&s, &err), DSTN_STOPPED);
    assert_int_equal(s.counts[DSTN_MEMBER_FAILED], 2);
}

static void groups_that_do_not_divide_the_world_are_refused(void **state) {
    (void)state;
    seen s = {.group_size = dstn_group_size(world) + 1, .stop_from = MEMBERS};
    dstn_error err;
    assert_int_equal(run_all(&s, &err), DSTN_ERROR_USAGE);
    for (int m = 0; m < MEMBERS; m++) {
        assert_true(s.calls[m] == 0);
    }
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
        cmocka_unit_test(members_that_wait_are_run_and_no_others),
        cmocka_unit_test(stopped_goes_before_failed),
        cmocka_unit_test(groups_that_do_not_divide_the_world_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
