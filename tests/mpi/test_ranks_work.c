/* Work drawn from the counter on rank 0, which stands in a window, or, where CMake runs this once more with every
 * component of Open MPI excluded that makes windows, is asked for by messages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/ranks.h"
#include "scratch.h"

#include <stdlib.h>

static dstn_group *world;

/* Stands for a member's training: steps of arithmetic, with a poll at each boundary as the trainer does. */
static void compute(int64_t item, int rank) {
    volatile double x = 1;
    for (int64_t step = 0; step < 1 + (item * 7 + rank * 3) % 11; step++) {
        for (int i = 0; i < 2000; i++) {
            x = x * 1.0000001 + 1e-9;
        }
        dstn_ranks_poll();
    }
}

/* Groups of `each` ranks draw until nothing is left; each item must have been drawn by exactly one group. */
static void draw_all(int each, int64_t total) {
    dstn_error err;
    dstn_group *group;
    assert_int_equal(dstn_group_split(world, each, &group, &err), DSTN_OK);
    dstn_work *work = dstn_work_new(world, total);
    double *drawn = dstn_alloc((size_t)total + 1, sizeof *drawn);
    int64_t item, before = -1;
    while ((item = dstn_work_draw(work, group)) >= 0) {
        assert_in_range(item, 0, total - 1);
        assert_true(item > before);
        before = item;
        drawn[item] += 1;
        compute(item, dstn_group_rank(world));
    }
    assert_int_equal(dstn_work_draw(work, group), -1); /* and it stays empty */
    dstn_group_meet(world, NULL, NULL);
    dstn_group_sum(world, drawn, total);
    for (int64_t i = 0; i < total; i++) {
        assert_true(drawn[i] == each);
    }
    free(drawn);
    dstn_work_destroy(work);
    dstn_group_destroy(group);
}

static void every_item_is_drawn_once_by_single_ranks(void **state) {
    (void)state;
    draw_all(1, 300);
}

static void every_item_is_drawn_once_by_groups_of_two(void **state) {
    (void)state;
    if (dstn_group_size(world) % 2 == 0) {
        draw_all(2, 200);
    } else {
        draw_all(1, 200);
    }
}

static void no_work_is_drawn_from_nothing(void **state) {
    (void)state;
    draw_all(1, 0);
}

static void fewer_items_than_groups_leave_some_without(void **state) {
    (void)state;
    draw_all(1, 1);
    draw_all(dstn_group_size(world), 3);
}

/* Whether all ranks but the keeper have left their mark in a folder: news that doesn't come by MPI. */
static bool all_others_are_done(const char *folder) {
    for (int r = 1; r < dstn_group_size(world); r++) {
        char *mark = dstn_format("%s/%d", folder, r);
        bool there = access(mark, F_OK) == 0;
        free(mark);
        if (!there) {
            return false;
        }
    }
    return true;
}

/* The keeper of the counter does nothing but compute and poll until the others have drawn everything. Were its polls no
 * progress, they would wait for it and it for them, and this test would not end. */
static void ranks_draw_while_the_keeper_of_the_counter_computes(void **state) {
    (void)state;
    enum { TOTAL = 40 };
    dstn_group *self = dstn_group_self();
    char *made = dstn_group_leads(world) ? scratch_make() : NULL;
    char *folder = dstn_group_broadcast_text(world, made);
    assert_non_null(folder);
    dstn_work *work = dstn_work_new(world, TOTAL);
    int64_t drawn = 0;
    if (!dstn_group_leads(world) || dstn_group_size(world) == 1) {
        while (dstn_work_draw(work, self) >= 0) {
            drawn++;
        }
    }
    char *mark = dstn_format("%s/%d", folder, dstn_group_rank(world));
    assert_true(scratch_write(mark, "", 0));
    while (dstn_group_leads(world) && !all_others_are_done(folder)) {
        compute(10, 0);
    }
    double sum = (double)drawn;
    dstn_group_sum(world, &sum, 1);
    assert_true(sum == TOTAL);
    dstn_work_destroy(work);
    dstn_group_destroy(self);
    free(mark);
    free(folder);
    if (made) {
        scratch_remove(made);
    }
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_item_is_drawn_once_by_single_ranks),
        cmocka_unit_test(every_item_is_drawn_once_by_groups_of_two),
        cmocka_unit_test(no_work_is_drawn_from_nothing),
        cmocka_unit_test(fewer_items_than_groups_leave_some_without),
        cmocka_unit_test(ranks_draw_while_the_keeper_of_the_counter_computes),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
