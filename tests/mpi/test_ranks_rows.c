/* Rows that are spread over a group: gathered in order of rank, and spread again on another number of ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/ranks.h"

#include <stdlib.h>
#include <string.h>

static dstn_group *world;

enum { ROWS = 11, WIDTH = 3 };

static double value_at(int64_t row, int64_t column) {
    return 100 * (double)row + (double)column;
}

/* This rank's rows where the first `ranks` ones share them and the others have none: what so many ranks would have. */
static void share_of(int ranks, int64_t *first, int64_t *count) {
    int rank = dstn_group_rank(world);
    int64_t each = ROWS / ranks, more = ROWS % ranks;
    *count = rank >= ranks ? 0 : each + (rank < more);
    *first = rank >= ranks ? ROWS : rank * each + (rank < more ? rank : more);
}

static double *rows_of(int64_t first, int64_t count) {
    double *rows = dstn_alloc((size_t)(count * WIDTH) + 1, sizeof *rows);
    for (int64_t i = 0; i < count * WIDTH; i++) {
        rows[i] = value_at(first + i / WIDTH, i % WIDTH);
    }
    return rows;
}

/* A list as a model has it: a replicated array, and one of rows. */
static dstn_state list_of(double *replicated, double *rows, int64_t count) {
    dstn_state list = {NULL, 0, 0};
    const int64_t shape[] = {count, WIDTH};
    dstn_state_add_values(&list, "weights", DSTN_F64, 2, replicated);
    dstn_state_add(&list, "rows", DSTN_F64, 2, shape, rows, true);
    return list;
}

static void assert_whole(const dstn_state *whole) {
    const dstn_state_entry *entry = dstn_state_find(whole, "rows");
    assert_int_equal(entry->shape[0], dstn_group_leads(world) ? ROWS : 0);
    for (int64_t i = 0; i < entry->shape[0] * WIDTH; i++) {
        assert_true(((const double *)entry->data)[i] == value_at(i / WIDTH, i % WIDTH));
    }
}

/* Gathered from the first `before` ranks, spread over the first `after`. */
static void save_and_restore(int before, int after) {
    int64_t first, count;
    double weights[2] = {7, 8}, restored[2] = {0, 0};
    dstn_arena *arena = dstn_arena_new();
    share_of(before, &first, &count);
    double *rows = rows_of(first, count);
    dstn_state local = list_of(weights, rows, count), whole = {NULL, 0, 0};
    assert_true(dstn_group_whole_state(world, &local, arena, &whole));
    dstn_group_gather_state(world, &local, &whole);
    assert_whole(&whole);

    share_of(after, &first, &count);
    double *want = rows_of(first, count), *got = rows_of(-1000, count);
    dstn_state again = list_of(dstn_group_leads(world) ? weights : restored, got, count);
    dstn_group_spread_state(world, &whole, &again);
    assert_memory_equal(got, want, (size_t)(count * WIDTH) * sizeof *got);
    const dstn_state_entry *replicated = dstn_state_find(&again, "weights");
    assert_memory_equal(replicated->data, weights, sizeof weights);
    dstn_state_clear(&local);
    dstn_state_clear(&whole);
    dstn_state_clear(&again);
    free(rows);
    free(want);
    free(got);
    dstn_arena_destroy(arena);
}

static void rows_are_gathered_and_spread_by_their_global_number(void **state) {
    (void)state;
    int size = dstn_group_size(world);
    for (int before = 1; before <= size; before++) {
        for (int after = 1; after <= size; after++) { /* on four ranks also from 2 to 3 */
            save_and_restore(before, after);
        }
    }
}

static void rows_of_one_value_and_of_none_are_rows_too(void **state) {
    (void)state;
    int rank = dstn_group_rank(world), size = dstn_group_size(world);
    int64_t all[8] = {0}, own = 40 + rank;
    dstn_group_gather_rows(world, &own, 1, sizeof own, all);
    for (int r = 0; r < size && dstn_group_leads(world); r++) {
        assert_int_equal(all[r], 40 + r);
    }
    dstn_group_scatter_rows(world, all, 0, sizeof own, &own);
    assert_int_equal(own, 40 + rank);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_gathered_and_spread_by_their_global_number),
        cmocka_unit_test(rows_of_one_value_and_of_none_are_rows_too),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed ? 1 : 0);
}
