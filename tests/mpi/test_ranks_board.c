/* The board: what every rank posted last is what rank 0 reads, and nobody else's slot is touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dstn/ranks.h"

typedef struct slot {
    int64_t rank, post;
    char text[40];
} slot;

static void post_times(dstn_board *board, int rank, int64_t posts) {
    for (int64_t p = 1; p <= posts; p++) {
        slot mine = {rank, p, ""};
        snprintf(mine.text, sizeof mine.text, "rank %d post %lld", rank, (long long)p);
        dstn_board_post(board, &mine);
    }
}

static void the_last_post_of_every_rank_is_read(void **state) {
    (void)state;
    dstn_group *world = dstn_group_world();
    dstn_board *board = dstn_board_new(world, sizeof(slot));
    int rank = dstn_group_rank(world);
    assert_int_equal(dstn_board_slots(board), dstn_group_size(world));
    post_times(board, rank, 3 + rank);
    dstn_group_barrier(world);
    for (int r = 0; dstn_group_leads(world) && r < dstn_board_slots(board); r++) {
        slot got;
        char want[40];
        do { /* a post by message comes when it comes */
            dstn_board_read(board, r, &got);
        } while (got.post < 3 + r);
        snprintf(want, sizeof want, "rank %d post %d", r, 3 + r);
        assert_int_equal(got.rank, r);
        assert_int_equal(got.post, 3 + r);
        assert_string_equal(got.text, want);
    }
    dstn_group_barrier(world);
    dstn_board_destroy(board);
    dstn_group_destroy(world);
}

static void an_unused_slot_is_zero(void **state) {
    (void)state;
    dstn_group *world = dstn_group_world();
    dstn_board *board = dstn_board_new(world, sizeof(slot));
    if (dstn_group_leads(world)) {
        slot got, zero;
        memset(&zero, 0, sizeof zero);
        dstn_board_read(board, dstn_board_slots(board) - 1, &got);
        assert_memory_equal(&got, &zero, sizeof got);
    }
    dstn_group_barrier(world);
    dstn_board_destroy(board);
    dstn_group_destroy(world);
}

/* Posts that nobody has read are no obstacle to the end, and one post too many none to the next. */
static void a_board_ends_whatever_was_posted(void **state) {
    (void)state;
    dstn_group *world = dstn_group_world();
    dstn_board *board = dstn_board_new(world, sizeof(slot));
    post_times(board, dstn_group_rank(world), 1000);
    dstn_board_destroy(board);
    dstn_group_destroy(world);
}

int main(int argc, char **argv) {
    dstn_error err = {0};
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_post_of_every_rank_is_read),
        cmocka_unit_test(an_unused_slot_is_zero),
        cmocka_unit_test(a_board_ends_whatever_was_posted),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed);
}
