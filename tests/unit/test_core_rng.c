/* core: Philox against its published answers, and what is made of its bits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/core.h"

static const dstn_rng test_rng = {.seed = 7, .purpose = DSTN_PURPOSE_TEST};

static void assert_bits(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, const uint32_t want[4]) {
    uint32_t got[4];
    dstn_rng_bits(rng, step, example, lane, got);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(got[i], want[i]);
    }
}

/* The known-answer vectors that Random123 is published with. */
static void philox_gives_the_published_numbers(void **state) {
    (void)state;
    assert_bits((dstn_rng){0, 0}, 0, 0, 0, (uint32_t[]){0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    uint64_t ones48 = UINT64_C(0xffffffffffff);
    assert_bits((dstn_rng){0xffffffff, 0xffffffff}, ones48, 0xffffffff, ones48,
                (uint32_t[]){0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    /* Counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0. */
    assert_bits((dstn_rng){0xa4093822, 0x299f31d0}, UINT64_C(0x0370243f6a88), 0x85a308d3, UINT64_C(0x734413198a2e),
                (uint32_t[]){0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

static void every_coordinate_changes_the_draw(void **state) {
    (void)state;
    const uint64_t places[][3] = {{0, 0, 0},
                                  {1, 0, 0},
                                  {0, 1, 0},
                                  {0, 0, 1},
                                  {UINT64_C(1) << 32, 0, 0},
                                  {UINT64_C(1) << 47, 0, 0},
                                  {0, UINT64_C(1) << 31, 0},
                                  {0, 0, UINT64_C(1) << 32},
                                  {0, 0, UINT64_C(1) << 47}};
    enum { COUNT = sizeof places / sizeof *places };
    uint32_t draws[COUNT + 2][4];
    for (int i = 0; i < COUNT; i++) {
        dstn_rng_bits(test_rng, places[i][0], places[i][1], places[i][2], draws[i]);
    }
    dstn_rng_bits((dstn_rng){8, DSTN_PURPOSE_TEST}, 0, 0, 0, draws[COUNT]);
    dstn_rng_bits((dstn_rng){7, DSTN_PURPOSE_INIT}, 0, 0, 0, draws[COUNT + 1]);
    for (int i = 0; i < COUNT + 2; i++) {
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(draws[i], draws[j], sizeof draws[i]);
        }
    }
}

/* Mean, variance, third and fourth moment within five standard errors of their estimates. */
static void check_moments(const double *values, int64_t count, const double want[4], const double spread[4]) {
    double n = (double)count, moments[4] = {0};
    for (int64_t i = 0; i < count; i++) {
        double power = 1;
        for (int k = 0; k < 4; k++) {
            power *= values[i];
            moments[k] += power / n;
        }
    }
    for (int k = 0; k < 4; k++) {
        assert_true(fabs(moments[k] - want[k]) < 5 * spread[k] / sqrt(n));
    }
}

enum { DRAWS = 200000 };

static double *draw(void (*source)(dstn_rng, uint64_t, uint64_t, uint64_t, double[2])) {
    double *values = dstn_alloc(DRAWS, sizeof *values);
    for (int64_t i = 0; i < DRAWS / 2; i++) {
        source(test_rng, (uint64_t)i / 1000, (uint64_t)i % 1000, 3, values + 2 * i);
    }
    return values;
}

static void uniforms_have_the_moments_of_a_uniform(void **state) {
    (void)state;
    double *values = draw(dstn_rng_uniforms);
    for (int64_t i = 0; i < DRAWS; i++) {
        assert_true(values[i] > 0 && values[i] < 1);
    }
    /* E[u^k] = 1/(k+1), Var[u^k] = 1/(2k+1) - 1/(k+1)^2. */
    double want[4], spread[4];
    for (int k = 1; k <= 4; k++) {
        want[k - 1] = 1.0 / (k + 1);
        spread[k - 1] = sqrt(1.0 / (2 * k + 1) - 1.0 / ((k + 1) * (k + 1)));
    }
    check_moments(values, DRAWS, want, spread);
    free(values);
}

static void normals_have_the_moments_of_a_standard_normal(void **state) {
    (void)state;
    double *values = draw(dstn_rng_normals);
    /* E[x^k] = 0, 1, 0, 3; Var[x^k] = 1, 2, 15, 96. */
    check_moments(values, DRAWS, (double[]){0, 1, 0, 3}, (double[]){1, sqrt(2), sqrt(15), sqrt(96)});
    free(values);
}

static void the_two_normals_of_a_draw_are_uncorrelated(void **state) {
    (void)state;
    double *values = draw(dstn_rng_normals), product = 0, squares = 0;
    for (int64_t i = 0; i < DRAWS; i += 2) {
        product += values[i] * values[i + 1];
        squares += (values[i] * values[i] - 1) * (values[i + 1] * values[i + 1] - 1);
    }
    assert_true(fabs(product) < 5 * sqrt(DRAWS / 2));
    assert_true(fabs(squares) < 5 * 2 * sqrt(DRAWS / 2));
    free(values);
}

static void a_permutation_has_every_index_once(void **state) {
    (void)state;
    for (int64_t count = 0; count < 70; count++) {
        int64_t order[70];
        bool seen[70] = {false};
        dstn_rng_permutation(test_rng, 5, count, order);
        for (int64_t i = 0; i < count; i++) {
            assert_true(order[i] >= 0 && order[i] < count);
            assert_false(seen[order[i]]);
            seen[order[i]] = true;
        }
    }
}

static void permutations_depend_on_the_epoch_alone(void **state) {
    (void)state;
    int64_t first[50], again[50], next[50];
    dstn_rng_permutation(test_rng, 1, 50, first);
    dstn_rng_permutation(test_rng, 2, 50, next);
    dstn_rng_permutation(test_rng, 1, 50, again);
    assert_memory_equal(first, again, sizeof first);
    assert_memory_not_equal(first, next, sizeof first);
}

/* Exchange i of a permutation draws half of block i/2, for odd and for even counts. */
static void a_permutation_exchanges_by_the_documented_draws(void **state) {
    (void)state;
    for (int64_t count = 2; count < 20; count++) {
        int64_t got[20], want[20];
        dstn_rng_permutation(test_rng, 8, count, got);
        for (int64_t i = 0; i < count; i++) {
            want[i] = i;
        }
        for (int64_t i = count - 1; i > 0; i--) {
            uint32_t bits[4];
            dstn_rng_bits(test_rng, 8, 0, (uint64_t)i / 2, bits);
            const uint32_t *half = i % 2 ? bits : bits + 2;
            int64_t j = (int64_t)(((uint64_t)half[0] << 32 | half[1]) % (uint64_t)(i + 1)), swapped = want[i];
            want[i] = want[j];
            want[j] = swapped;
        }
        assert_memory_equal(got, want, (size_t)count * sizeof *got);
    }
}

/* All 24 orders of four are equally likely: chi-square with 23 degrees of freedom below its 1e-6 quantile. */
static void permutations_are_equally_likely(void **state) {
    (void)state;
    enum { TRIALS = 24000 };
    double counts[256] = {0}, chi_square = 0;
    for (uint64_t trial = 0; trial < TRIALS; trial++) {
        int64_t order[4];
        dstn_rng_permutation(test_rng, trial, 4, order);
        counts[order[0] + 4 * order[1] + 16 * order[2] + 64 * order[3]]++;
    }
    int kinds = 0;
    for (int i = 0; i < 256; i++) {
        kinds += counts[i] > 0;
        chi_square += counts[i] > 0 ? (counts[i] - 1000) * (counts[i] - 1000) / 1000 : 0;
    }
    assert_int_equal(kinds, 24);
    assert_true(chi_square < 73);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_published_numbers),
        cmocka_unit_test(every_coordinate_changes_the_draw),
        cmocka_unit_test(uniforms_have_the_moments_of_a_uniform),
        cmocka_unit_test(normals_have_the_moments_of_a_standard_normal),
        cmocka_unit_test(the_two_normals_of_a_draw_are_uncorrelated),
        cmocka_unit_test(a_permutation_has_every_index_once),
        cmocka_unit_test(a_permutation_exchanges_by_the_documented_draws),
        cmocka_unit_test(permutations_depend_on_the_epoch_alone),
        cmocka_unit_test(permutations_are_equally_likely),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
