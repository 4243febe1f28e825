/* Mail: whatever ranks send arrives at rank 0, whole, and in each rank's own order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dstn/ranks.h"

enum { LETTERS = 40 };

/* Some are longer than what MPI sends without its receiver: those must not hold up the sender. */
static size_t size_of(int64_t letter) {
    return sizeof(int64_t[2]) + (letter % 8 == 5 ? 300000 : (size_t)letter);
}

static void send_all(dstn_mail *mail, int rank) {
    for (int64_t i = 0; i < LETTERS; i++) {
        size_t size = size_of(i);
        char *bytes = dstn_alloc(size, 1);
        memset(bytes, (int)(i + rank), size);
        memcpy(bytes, (int64_t[]){rank, i}, sizeof(int64_t[2]));
        dstn_mail_send(mail, bytes, size);
        free(bytes);
    }
}

static int64_t take_all(dstn_mail *mail, int64_t *next) {
    size_t size;
    int64_t count = 0;
    for (char *bytes; (bytes = dstn_mail_take(mail, &size)); count++) {
        int64_t head[2];
        memcpy(head, bytes, sizeof head);
        assert_int_equal(head[1], next[head[0]]++);
        assert_int_equal(size, size_of(head[1]));
        for (size_t i = sizeof head; i < size; i++) {
            assert_int_equal((unsigned char)bytes[i], (head[0] + head[1]) & 0xff);
        }
        free(bytes);
    }
    return count;
}

static void every_letter_arrives_whole_and_in_order(void **state) {
    (void)state;
    dstn_group *world = dstn_group_world();
    dstn_mail *mail = dstn_mail_new(world);
    int64_t *next = dstn_alloc((size_t)dstn_group_size(world), sizeof *next), got = 0;
    send_all(mail, dstn_group_rank(world));
    if (dstn_group_leads(world)) {
        got += take_all(mail, next);
    }
    dstn_mail_close(mail);
    got += dstn_group_leads(world) ? take_all(mail, next) : 0;
    assert_int_equal(got, dstn_group_leads(world) ? LETTERS * dstn_group_size(world) : 0);
    dstn_mail_destroy(mail);
    free(next);
    dstn_group_destroy(world);
}

static void count_call(void *user) {
    ++*(int64_t *)user;
}

/* A rank that waits does something meanwhile, and goes on only when the last one is there. */
static void ranks_that_meet_call_back_while_they_wait(void **state) {
    (void)state;
    dstn_group *world = dstn_group_world();
    bool is_late = dstn_group_rank(world) == dstn_group_size(world) - 1;
    double start = dstn_seconds();
    int64_t calls = 0;
    while (is_late && dstn_seconds() - start < 0.5) {
        dstn_ranks_poll();
    }
    dstn_group_meet(world, count_call, &calls);
    assert_true(dstn_seconds() - start > 0.05);
    assert_true(is_late ? calls >= 1 : calls > 5);
    dstn_group_destroy(world);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_letter_arrives_whole_and_in_order),
        cmocka_unit_test(ranks_that_meet_call_back_while_they_wait),
    };
    return dstn_ranks_finish(cmocka_run_group_tests(tests, NULL, NULL));
}
