/* The exit code that ranks with different verdicts agree on. MPI ends once, so each number of ranks is one case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/ranks.h"

#include <string.h>

typedef struct world {
    int rank, size;
} world;

static void one_error_outranks_the_others_on_every_rank(void **state) {
    const world *all = *state;
    const int codes[4] = {DSTN_DIVERGED, DSTN_MEMBERS_FAILED, DSTN_ERROR_RUN, DSTN_ERROR_CHECKPOINT};
    int mine = all->size == 1 ? DSTN_STOPPED : codes[all->rank];
    int want = all->size == 1 ? DSTN_STOPPED : all->size == 2 ? DSTN_MEMBERS_FAILED : DSTN_ERROR_RUN;
    assert_int_equal(dstn_ranks_finish(mine), want);
}

static void version_is_one_line_with_a_number(void **state) {
    (void)state;
    const char *version = dstn_ranks_version();
    assert_null(strchr(version, '\n'));
    assert_non_null(strpbrk(version, "0123456789"));
    assert_ptr_equal(version, dstn_ranks_version());
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    dstn_group *group = dstn_group_world();
    world all = {dstn_group_rank(group), dstn_group_size(group)};
    dstn_group_destroy(group);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_is_one_line_with_a_number),
        cmocka_unit_test_prestate(one_error_outranks_the_others_on_every_rank, &all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
