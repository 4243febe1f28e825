/* core: allocation, strings, arena, state lists, clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/core.h"

static void allocated_memory_is_zero_and_never_null(void **state) {
    (void)state;
    int64_t *numbers = dstn_alloc(100, sizeof *numbers);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(numbers[i], 0);
    }
    free(numbers);
    void *nothing = dstn_alloc(0, 8);
    assert_non_null(nothing);
    free(nothing);
}

static void strings_are_copied_and_formatted_whole(void **state) {
    (void)state;
    char word[5000];
    memset(word, 'x', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    char *copy = dstn_strdup(word), *text = dstn_format("%s-%d", word, 12), *empty = dstn_format("%s", "");
    assert_string_equal(copy, word);
    assert_int_equal(strlen(text), sizeof word - 1 + 3);
    assert_string_equal(text + sizeof word - 1, "-12");
    assert_string_equal(empty, "");
    free(copy);
    free(text);
    free(empty);
}

static void an_arena_gives_aligned_zeroed_separate_arrays(void **state) {
    (void)state;
    enum { COUNT = 300 };
    dstn_arena *arena = dstn_arena_new();
    unsigned char *arrays[COUNT];
    size_t bytes = 0;
    for (size_t i = 0; i < COUNT; i++) {
        arrays[i] = dstn_arena_take(arena, i * 37);
        assert_non_null(arrays[i]);
        assert_int_equal((uintptr_t)arrays[i] % 64, 0);
        for (size_t j = 0; j < i * 37; j++) {
            assert_int_equal(arrays[i][j], 0);
        }
        memset(arrays[i], (int)(i % 251), i * 37);
        bytes += i * 37;
    }
    for (size_t i = 0; i < COUNT; i++) {
        for (size_t j = 0; j < i * 37; j++) {
            assert_int_equal(arrays[i][j], i % 251);
        }
    }
    assert_true(dstn_arena_memory_used(arena) >= bytes);
    dstn_arena_destroy(arena);
    dstn_arena_destroy(NULL);
}

static void empty_arrays_have_unique_addresses(void **state) {
    (void)state;
    dstn_arena *arena = dstn_arena_new();
    void *a = dstn_arena_take(arena, 0), *b = dstn_arena_take(arena, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_ptr_not_equal(a, b);
    dstn_arena_destroy(arena);
}

static void an_arena_hands_out_no_more_than_its_limit(void **state) {
    (void)state;
    dstn_arena *arena = dstn_arena_new();
    dstn_arena_limit(arena, 1000);
    assert_non_null(dstn_arena_take(arena, 600));
    assert_null(dstn_arena_take(arena, 401));
    assert_null(dstn_arena_take(arena, SIZE_MAX));
    assert_non_null(dstn_arena_take(arena, 400));
    assert_null(dstn_arena_take(arena, 1));
    dstn_arena_limit(arena, 0);
    assert_non_null(dstn_arena_take(arena, 1));
    dstn_arena_destroy(arena);
}

static void an_arena_survives_a_request_it_cannot_meet(void **state) {
    (void)state;
    dstn_arena *arena = dstn_arena_new();
    assert_null(dstn_arena_take(arena, SIZE_MAX));
    assert_null(dstn_arena_take(arena, SIZE_MAX / 2 + 1));
    assert_int_equal(dstn_arena_memory_used(arena), 0);
    assert_non_null(dstn_arena_take(arena, 64));
    dstn_arena_destroy(arena);
}

static void scalars_have_sizes_and_names(void **state) {
    (void)state;
    assert_int_equal(dstn_scalar_size(DSTN_F32), 4);
    assert_int_equal(dstn_scalar_size(DSTN_F64), 8);
    assert_int_equal(dstn_scalar_size(DSTN_I64), 8);
    assert_int_equal(dstn_scalar_size(DSTN_U8), 1);
    assert_string_equal(dstn_scalar_name(DSTN_F32), "f32");
    assert_string_equal(dstn_scalar_name(DSTN_F64), "f64");
    assert_string_equal(dstn_scalar_name(DSTN_I64), "i64");
    assert_string_equal(dstn_scalar_name(DSTN_U8), "u8");
}

static void a_state_finds_entries_by_name(void **state) {
    (void)state;
    dstn_state list = {0};
    float weights[2][3][4];
    int64_t counters[5];
    dstn_state_add(&list, "model/w", DSTN_F32, 3, (int64_t[]){2, 3, 4}, weights, false);
    dstn_state_add_values(&list, "sampler/counters", DSTN_I64, 5, counters);
    dstn_state_add(&list, "lstm/h", DSTN_F32, 2, (int64_t[]){6, 4}, weights, true);
    const dstn_state_entry *entry = dstn_state_find(&list, "model/w");
    assert_non_null(entry);
    assert_ptr_equal(entry->data, weights);
    assert_int_equal(entry->rank, 3);
    assert_int_equal(entry->shape[2], 4);
    assert_false(entry->split);
    assert_int_equal(dstn_state_bytes(entry), sizeof weights);
    assert_int_equal(dstn_state_bytes(dstn_state_find(&list, "sampler/counters")), sizeof counters);
    assert_int_equal(dstn_state_find(&list, "sampler/counters")->rank, 1);
    assert_true(dstn_state_find(&list, "lstm/h")->split);
    assert_null(dstn_state_find(&list, "model"));
    dstn_state_clear(&list);
    assert_null(dstn_state_find(&list, "model/w"));
    assert_int_equal(list.count, 0);
}

static void a_state_grows_and_keeps_its_order(void **state) {
    (void)state;
    dstn_state list = {0};
    double values[200];
    for (int i = 0; i < 200; i++) {
        char name[16];
        snprintf(name, sizeof name, "v/%d", i);
        dstn_state_add_values(&list, name, DSTN_F64, 1, &values[i]);
    }
    assert_int_equal(list.count, 200);
    for (int i = 0; i < 200; i++) {
        assert_ptr_equal(list.entries[i].data, &values[i]);
    }
    dstn_state_clear(&list);
}

static void long_names_stay_unique(void **state) {
    (void)state;
    char one[200], other[200];
    memset(one, 'n', sizeof one);
    one[sizeof one - 1] = '\0';
    memcpy(other, one, sizeof one);
    other[sizeof other - 2] = 'm';
    dstn_state list = {0};
    double values[2];
    dstn_state_add_values(&list, one, DSTN_F64, 1, &values[0]);
    dstn_state_add_values(&list, other, DSTN_F64, 1, &values[1]);
    assert_string_not_equal(list.entries[0].name, list.entries[1].name);
    assert_ptr_equal(dstn_state_find(&list, one)->data, &values[0]);
    assert_ptr_equal(dstn_state_find(&list, other)->data, &values[1]);
    dstn_state_clear(&list);
}

static void the_clock_never_goes_back(void **state) {
    (void)state;
    double last = dstn_seconds();
    for (int i = 0; i < 1000; i++) {
        double now = dstn_seconds();
        assert_true(now >= last);
        last = now;
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocated_memory_is_zero_and_never_null),
        cmocka_unit_test(strings_are_copied_and_formatted_whole),
        cmocka_unit_test(an_arena_gives_aligned_zeroed_separate_arrays),
        cmocka_unit_test(empty_arrays_have_unique_addresses),
        cmocka_unit_test(an_arena_hands_out_no_more_than_its_limit),
        cmocka_unit_test(an_arena_survives_a_request_it_cannot_meet),
        cmocka_unit_test(scalars_have_sizes_and_names),
        cmocka_unit_test(a_state_finds_entries_by_name),
        cmocka_unit_test(a_state_grows_and_keeps_its_order),
        cmocka_unit_test(long_names_stay_unique),
        cmocka_unit_test(the_clock_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
