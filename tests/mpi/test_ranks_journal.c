/* The journal on rank 0, in a window or by messages: one order of records for all ranks, none lost, and one writer at a
 * time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dstn/ranks.h"

enum { EACH = 12 };

typedef struct entry {
    int64_t rank, number, before; /* who wrote it, which of its own, and how many records it saw before */
    double values[37];            /* more than a word, so that half a record would be seen */
} entry;

static dstn_group *world;

static void nap(int64_t microseconds) {
    nanosleep(&(struct timespec){0, 1000 * microseconds}, NULL);
}

static void append_one(dstn_journal *journal, int64_t number) {
    int rank = dstn_group_rank(world);
    entry e = {.rank = rank, .number = number};
    dstn_journal_lock(journal, NULL, NULL);
    e.before = dstn_journal_count(journal);
    for (int i = 0; i < 37; i++) {
        e.values[i] = (double)(1000 * rank + number);
    }
    nap(100); /* in which another writer would get in */
    assert_true(dstn_journal_append(journal, &e));
    dstn_journal_unlock(journal);
}

static void every_rank_reads_all_records_in_the_order_in_which_they_were_written(void **state) {
    (void)state;
    int size = dstn_group_size(world);
    int64_t total = (int64_t)size * EACH, seen[64] = {0};
    dstn_journal *journal = dstn_journal_new(world, sizeof(entry), total);
    for (int64_t n = 0; n < EACH; n++) {
        append_one(journal, n);
        nap(50 * (dstn_group_rank(world) + 1));
        dstn_ranks_poll();
    }
    dstn_group_meet(world, NULL, NULL);
    entry *all = dstn_alloc((size_t)total, sizeof *all);
    assert_int_equal(dstn_journal_count(journal), total);
    dstn_journal_read(journal, 0, total, all);
    for (int64_t i = 0; i < total; i++) {
        assert_int_equal(all[i].before, i);
        assert_int_equal(all[i].number, seen[all[i].rank]++);
        for (int v = 0; v < 37; v++) {
            assert_true(all[i].values[v] == (double)(1000 * all[i].rank + all[i].number));
        }
    }
    dstn_group_meet(world, NULL, NULL);
    free(all);
    dstn_journal_destroy(journal);
}

/* A reader that comes in the midst sees whole records alone. */
static void what_is_counted_can_be_read(void **state) {
    (void)state;
    dstn_journal *journal = dstn_journal_new(world, sizeof(entry), EACH);
    int64_t seen = 0;
    if (dstn_group_rank(world) == dstn_group_size(world) - 1) {
        for (int64_t n = 0; n < EACH; n++) {
            append_one(journal, n);
        }
        seen = EACH;
    }
    while (seen < EACH) {
        entry e;
        dstn_ranks_poll();
        int64_t count = dstn_journal_count(journal);
        for (; seen < count; seen++) {
            dstn_journal_read(journal, seen, 1, &e);
            assert_int_equal(e.number, seen);
            assert_true(e.values[36] == e.values[0]);
        }
    }
    dstn_group_meet(world, NULL, NULL);
    dstn_journal_destroy(journal);
}

static void a_full_journal_takes_no_more(void **state) {
    (void)state;
    const int64_t one = 1;
    dstn_journal *journal = dstn_journal_new(world, sizeof one, 2);
    dstn_journal_lock(journal, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        bool has_room = dstn_journal_count(journal) < 2;
        assert_int_equal(dstn_journal_append(journal, &one), has_room);
    }
    dstn_journal_unlock(journal);
    dstn_group_meet(world, NULL, NULL);
    assert_int_equal(dstn_journal_count(journal), 2);
    dstn_group_meet(world, NULL, NULL);
    dstn_journal_destroy(journal);
}

/* More bytes than one request has: they come in pieces. */
static void many_records_are_read_at_once(void **state) {
    (void)state;
    enum { RECORD = 700001, COUNT = 3 };
    char *record = dstn_alloc(RECORD, 1), *all = dstn_alloc(COUNT, RECORD);
    dstn_journal *journal = dstn_journal_new(world, RECORD, COUNT);
    if (dstn_group_rank(world) == dstn_group_size(world) - 1) {
        for (int i = 0; i < COUNT; i++) {
            memset(record, 'a' + i, RECORD);
            assert_true(dstn_journal_append(journal, record));
        }
    }
    dstn_group_meet(world, NULL, NULL);
    dstn_journal_read(journal, 0, COUNT, all);
    for (size_t i = 0; i < (size_t)COUNT * RECORD; i++) {
        assert_true(all[i] == (char)('a' + i / RECORD));
    }
    dstn_group_meet(world, NULL, NULL);
    free(record);
    free(all);
    dstn_journal_destroy(journal);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_rank_reads_all_records_in_the_order_in_which_they_were_written),
        cmocka_unit_test(what_is_counted_can_be_read),
        cmocka_unit_test(a_full_journal_takes_no_more),
        cmocka_unit_test(many_records_are_read_at_once),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
