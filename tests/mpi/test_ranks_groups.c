/* Groups of ranks, and what they exchange. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/ranks.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static dstn_group *world;

static void every_rank_has_its_place(void **state) {
    (void)state;
    int size = dstn_group_size(world), rank = dstn_group_rank(world);
    assert_in_range(rank, 0, size - 1);
    assert_int_equal(dstn_group_leads(world), rank == 0);
    assert_int_equal(dstn_group_max(world, rank), size - 1);
    assert_int_equal(dstn_group_max(world, -rank), 0);

    dstn_group *self = dstn_group_self();
    assert_int_equal(dstn_group_size(self), 1);
    assert_true(dstn_group_leads(self));
    assert_int_equal(dstn_group_max(self, 10 + rank), 10 + rank);
    dstn_group_destroy(self);
}

static void a_split_keeps_consecutive_ranks_together(void **state) {
    (void)state;
    int rank = dstn_group_rank(world), size = dstn_group_size(world);
    for (int each = 1; each <= size; each *= 2) {
        dstn_group *group = NULL;
        dstn_error err;
        assert_int_equal(dstn_group_split(world, each, &group, &err), DSTN_OK);
        assert_int_equal(dstn_group_size(group), each);
        assert_int_equal(dstn_group_rank(group), rank % each);
        int leader = rank;
        dstn_group_broadcast(group, &leader, sizeof leader);
        assert_int_equal(leader, rank / each * each);
        dstn_group_barrier(group);
        dstn_group_destroy(group);
    }
}

static void a_size_that_does_not_divide_the_ranks_is_refused(void **state) {
    (void)state;
    const int sizes[] = {0, -1, 3, dstn_group_size(world) + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dstn_group *group;
        dstn_error err = {0};
        assert_int_equal(dstn_group_split(world, sizes[i], &group, &err), DSTN_ERROR_USAGE);
        assert_null(group);
        assert_non_null(strstr(err.message, "divide"));
    }
}

static void hosts_are_counted_once_each(void **state) {
    (void)state;
    const char *first = NULL;
    assert_int_equal(dstn_group_hosts(world, &first), 1); /* tests run on one machine */
    assert_true(strlen(first) > 0);
    const char *again = NULL;
    assert_int_equal(dstn_group_hosts(world, &again), 1);
    assert_ptr_equal(first, again);
    assert_int_equal(dstn_group_hosts(world, NULL), 1);
}

static void shares_cover_every_row_once_and_differ_by_one_at_most(void **state) {
    (void)state;
    int size = dstn_group_size(world), rank = dstn_group_rank(world);
    const int64_t totals[] = {0, 1, 3, 10, 128, 1000003, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof totals / sizeof totals[0]; i++) {
        int64_t first, count;
        dstn_group_share(world, totals[i], &first, &count);
        assert_int_equal(count, totals[i] / size + (rank < totals[i] % size));
        double *ends = dstn_alloc((size_t)size + 1, sizeof *ends);
        ends[rank + 1] = (double)(first + count);
        dstn_group_sum(world, ends, size + 1);
        assert_true(ends[rank] == (double)first);
        assert_true(ends[size] == (double)totals[i]);
        free(ends);
    }
}

static void sums_and_broadcasts_reach_every_rank(void **state) {
    (void)state;
    int size = dstn_group_size(world), rank = dstn_group_rank(world);
    double values[1000];
    for (int i = 0; i < 1000; i++) {
        values[i] = i + 1000.0 * rank;
    }
    dstn_group_sum(world, values, 1000);
    for (int i = 0; i < 1000; i++) {
        assert_true(values[i] == (double)i * size + 1000.0 * (size - 1) * size / 2);
    }

    uint8_t bytes[77];
    memset(bytes, dstn_group_leads(world) ? 0x5a : 0, sizeof bytes);
    dstn_group_broadcast(world, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) {
        assert_int_equal(bytes[i], 0x5a);
    }
}

static void texts_of_any_length_reach_every_rank(void **state) {
    (void)state;
    size_t length = 300000;
    char *text = NULL;
    if (dstn_group_leads(world)) {
        text = dstn_alloc(length + 1, 1);
        memset(text, 'x', length);
        text[length - 1] = '\n';
    }
    char *got = dstn_group_broadcast_text(world, text);
    assert_int_equal(strlen(got), length);
    assert_int_equal(got[0], 'x');
    assert_int_equal(got[length - 1], '\n');
    free(got);
    free(text);

    got = dstn_group_broadcast_text(world, "");
    assert_string_equal(got, "");
    free(got);
    assert_null(dstn_group_broadcast_text(world, dstn_group_leads(world) ? NULL : "the leader's counts"));
}

static void the_first_rank_that_failed_speaks_for_all(void **state) {
    (void)state;
    int rank = dstn_group_rank(world), size = dstn_group_size(world);
    for (int bad = 0; bad < size; bad++) {
        dstn_error err = {DSTN_OK, "left from before"};
        dstn_status mine = DSTN_OK;
        if (rank >= bad) {
            mine = dstn_fail(&err, rank == bad ? DSTN_ERROR_DATA : DSTN_DIVERGED, "rank %d has it", rank);
        }
        char want[64];
        snprintf(want, sizeof want, "rank %d has it", bad);
        assert_int_equal(dstn_group_agree(world, mine, &err), DSTN_ERROR_DATA);
        assert_int_equal(err.status, DSTN_ERROR_DATA);
        assert_string_equal(err.message, want);
    }
    dstn_error err = {DSTN_ERROR_RUN, "left from before"};
    assert_int_equal(dstn_group_agree(world, DSTN_OK, &err), DSTN_OK);
    assert_int_equal(err.status, DSTN_OK);
}

static void only_the_leaders_verdict_counts(void **state) {
    (void)state;
    bool leads = dstn_group_leads(world);
    dstn_error err = {0};
    dstn_status mine = dstn_fail(&err, DSTN_ERROR_RUN, "not asked");
    assert_int_equal(dstn_group_verdict(world, leads ? DSTN_OK : mine, &err), DSTN_OK);
    assert_int_equal(err.status, DSTN_OK);

    mine = leads ? dstn_fail(&err, DSTN_ERROR_USAGE, "line 3: no such key") : DSTN_OK;
    assert_int_equal(dstn_group_verdict(world, mine, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "line 3: no such key");
}

static void the_first_ranks_make_a_group_without_the_others(void **state) {
    (void)state;
    for (int count = 1; count <= dstn_group_size(world); count++) {
        dstn_group *first = dstn_group_of_first(world, count);
        assert_true((first != NULL) == (dstn_group_rank(world) < count));
        if (first) {
            assert_int_equal(dstn_group_size(first), count);
            assert_int_equal(dstn_group_rank(first), dstn_group_rank(world));
        }
        assert_int_equal(dstn_group_host_ranks(first ? first : world), first ? count : dstn_group_size(world));
        dstn_group_destroy(first);
    }
}

static int64_t splits(void) {
    dstn_profile profile;
    int64_t calls = 0;
    dstn_profile_read(&profile);
    for (int call = 0; call < DSTN_PROFILE_CALLS; call++) {
        for (int phase = 0; phase < DSTN_PHASES && strcmp(dstn_profile_call_name(call), "MPI_Comm_split") == 0;
             phase++) {
            calls += profile.counts[phase][call].calls;
        }
    }
    return calls;
}

static dstn_shared *share(void) {
    dstn_error err;
    dstn_shared *shared;
    const dstn_shared_request request = {.common_bytes = 64, .own_bytes = 64};
    assert_int_equal(dstn_shared_new(world, &request, &shared, &err), DSTN_OK);
    return shared;
}

/* Members of a sweep come one after the other, and are many. */
static void communicators_of_shared_memory_are_made_once_a_group(void **state) {
    (void)state;
    dstn_profile_switch(true);
    dstn_shared_destroy(share());
    int64_t once = splits();
    dstn_shared *first = share();
    assert_int_equal(splits(), once);
    dstn_shared *second = share(); /* at the same time: whose messages would meet the first one's */
    assert_true(splits() > once);
    dstn_shared_destroy(second);
    dstn_shared_destroy(first);
    dstn_profile_switch(false);
}

/* Whoever works meanwhile needs the processors. */
static void ranks_sleep_at_a_barrier_for_sleepers(void **state) {
    (void)state;
    const struct timespec late = {0, 300000000};
    dstn_group_barrier(world);
    clock_t before = clock();
    if (dstn_group_leads(world)) {
        nanosleep(&late, NULL);
    }
    dstn_group_meet(world, NULL, NULL);
    double seconds = (double)(clock() - before) / CLOCKS_PER_SEC;
    assert_true(seconds < 0.1);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_has_its_place),
        cmocka_unit_test(a_split_keeps_consecutive_ranks_together),
        cmocka_unit_test(a_size_that_does_not_divide_the_ranks_is_refused),
        cmocka_unit_test(the_first_ranks_make_a_group_without_the_others),
        cmocka_unit_test(communicators_of_shared_memory_are_made_once_a_group),
        cmocka_unit_test(ranks_sleep_at_a_barrier_for_sleepers),
        cmocka_unit_test(hosts_are_counted_once_each),
        cmocka_unit_test(shares_cover_every_row_once_and_differ_by_one_at_most),
        cmocka_unit_test(sums_and_broadcasts_reach_every_rank),
        cmocka_unit_test(texts_of_any_length_reach_every_rank),
        cmocka_unit_test(the_first_rank_that_failed_speaks_for_all),
        cmocka_unit_test(only_the_leaders_verdict_counts),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
