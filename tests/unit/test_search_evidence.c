/* What a Gaussian process is shown of a history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../src/search/evidence.h"

enum { MOST = 12 };

/* A line from 0 to 10; member i lies at i. */
typedef struct fixture {
    search_coordinate line;
    search_space space;
    dstn_history history;
    dstn_proposal proposals[MOST];
    dstn_member_state states[MOST];
    double points[MOST], values[MOST];
    int64_t ended[MOST];
    search_evidence evidence;
} fixture;

/* Members end in the order in which they are numbered, or in another: `ended` [count]. */
static void gather(fixture *f, const double *values, int64_t count, const int64_t *ended, int64_t ended_count,
                   int64_t most) {
    f->line = (search_coordinate){.low = 0, .high = 10};
    f->space = (search_space){.count = 1, .items = &f->line};
    f->history = (dstn_history){.count = count,
                                .proposals = f->proposals,
                                .states = f->states,
                                .values = f->values,
                                .ended_count = ended_count,
                                .ended = f->ended};
    for (int64_t i = 0; i < count; i++) {
        f->points[i] = (double)i;
        f->values[i] = values[i];
        f->proposals[i] = (dstn_proposal){.parent = -1, .point = &f->points[i]};
        f->states[i] = DSTN_MEMBER_QUEUED;
    }
    for (int64_t i = 0; i < ended_count; i++) {
        f->ended[i] = ended ? ended[i] : i;
        f->states[f->ended[i]] = DSTN_MEMBER_DONE;
    }
    search_evidence_gather(&f->space, &f->history, 3, most, &f->evidence);
    assert_int_equal(f->evidence.dimensions, 1);
}

static void assert_near(double got, double expected) {
    if (!(fabs(got - expected) <= 1e-12)) {
        fail_msg("%.17g instead of %.17g", got, expected);
    }
}

static void results_come_standardized_and_before_those_to_come(void **state) {
    (void)state;
    static const double values[] = {NAN, 5, 2, NAN, 8};
    static const int64_t ended[] = {4, 2, 1};
    static const double places[] = {0.4, 0.2, 0.1, 0, 0.3};
    const double deviation = sqrt(6);
    const double expected[] = {3 / deviation, -3 / deviation, 0};
    fixture f;
    gather(&f, values, 5, ended, 3, 100);
    assert_int_equal(f.evidence.count, 5);
    assert_int_equal(f.evidence.ended, 3);
    assert_int_equal(f.evidence.best, 1);
    for (int i = 0; i < 5; i++) {
        assert_near(f.evidence.points[i], places[i]);
    }
    for (int i = 0; i < 3; i++) {
        assert_near(f.evidence.values[i], expected[i]);
    }
    search_evidence_clear(&f.evidence);
}

static void results_that_are_no_numbers_are_the_worst_one(void **state) {
    (void)state;
    static const double values[] = {NAN, 1, INFINITY, 3, 2, -INFINITY};
    fixture f;
    gather(&f, values, 6, NULL, 6, 100);
    const double *got = f.evidence.values;
    assert_true(got[0] == got[3] && got[2] == got[3] && got[5] == got[3]);
    assert_true(got[1] < got[4] && got[4] < got[3]);
    search_evidence_clear(&f.evidence);
}

static void values_without_differences_are_zero(void **state) {
    (void)state;
    static const double values[3][4] = {{NAN, NAN, NAN, NAN}, {0.1, 0.1, 0.1, 0.1}, {0, 0, 0, 0}};
    for (int kind = 0; kind < 3; kind++) {
        fixture f;
        gather(&f, values[kind], 4, NULL, 4, 100);
        for (int i = 0; i < 4; i++) {
            assert_true(f.evidence.values[i] == 0);
        }
        search_evidence_clear(&f.evidence);
    }
}

/* Median of the first three: 2; the best: 1; so that nothing is above 1 + 20 (2 − 1). */
static void one_huge_value_does_not_make_the_others_equal(void **state) {
    (void)state;
    static const double huge[] = {3, 2, 1, 1e12, 4}, bounded[] = {3, 2, 1, 21, 4}, below[] = {3, 2, 1, 20.5, 4};
    fixture a, b, c;
    gather(&a, huge, 5, NULL, 5, 100);
    gather(&b, bounded, 5, NULL, 5, 100);
    gather(&c, below, 5, NULL, 5, 100);
    for (int i = 0; i < 5; i++) {
        assert_true(a.evidence.values[i] == b.evidence.values[i]);
    }
    assert_true(c.evidence.values[0] != b.evidence.values[0]);
    search_evidence_clear(&a.evidence);
    search_evidence_clear(&b.evidence);
    search_evidence_clear(&c.evidence);
}

static void of_many_results_the_best_and_the_last_are_taken(void **state) {
    (void)state;
    static const double values[] = {9, 1, 8, -INFINITY, 7, 6, 2, 5, NAN};
    static const int64_t ended[] = {0, 1, 2, 3, 4, 5, 6, 7};
    static const double expected[] = {1, 4, 5, 6, 7, 8}; /* 1 and 6 are the best, the last one is still to come */
    fixture f;
    gather(&f, values, 9, ended, 8, 5);
    assert_int_equal(f.evidence.ended, 5);
    assert_int_equal(f.evidence.count, 6);
    for (int i = 0; i < 6; i++) {
        assert_near(f.evidence.points[i], expected[i] / 10);
    }
    search_evidence_clear(&f.evidence);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_come_standardized_and_before_those_to_come),
        cmocka_unit_test(results_that_are_no_numbers_are_the_worst_one),
        cmocka_unit_test(values_without_differences_are_zero),
        cmocka_unit_test(one_huge_value_does_not_make_the_others_equal),
        cmocka_unit_test(of_many_results_the_best_and_the_last_are_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
