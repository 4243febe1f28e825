/* core: texts that are asked for by the million are found at once, where they were first put. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "dstn/core.h"

static void a_text_is_found_where_it_was_first_put(void **state) {
    (void)state;
    dstn_texts texts = {0};
    assert_int_equal(dstn_texts_find(&texts, "a"), -1);
    assert_int_equal(dstn_texts_put(&texts, "a", 5), 5);
    char copy[] = "a";
    assert_int_equal(dstn_texts_put(&texts, copy, 6), 5);
    assert_int_equal(dstn_texts_put(&texts, "", 7), 7);
    assert_int_equal(dstn_texts_find(&texts, copy), 5);
    assert_int_equal(dstn_texts_find(&texts, ""), 7);
    assert_int_equal(dstn_texts_find(&texts, "b"), -1);
    assert_int_equal(texts.count, 2);
    dstn_texts_clear(&texts);
    assert_int_equal(dstn_texts_find(&texts, "a"), -1);
}

static void many_texts_keep_their_positions_while_the_table_grows(void **state) {
    (void)state;
    enum { TEXTS = 20000 };
    dstn_texts texts = {0};
    char **own = dstn_alloc(TEXTS, sizeof *own);
    for (int i = 0; i < TEXTS; i++) {
        own[i] = dstn_format("text %d", i);
        assert_int_equal(dstn_texts_put(&texts, own[i], 3 * i), 3 * i);
    }
    for (int i = 0; i < TEXTS; i++) {
        assert_int_equal(dstn_texts_find(&texts, own[i]), 3 * i);
    }
    dstn_texts_clear(&texts);
    for (int i = 0; i < TEXTS; i++) {
        free(own[i]);
    }
    free(own);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_found_where_it_was_first_put),
        cmocka_unit_test(many_texts_keep_their_positions_while_the_table_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
