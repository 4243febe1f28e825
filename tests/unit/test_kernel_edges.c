/* kernel: what formulas in double do not show: sums that must not lose, ties, overflow, values that are not finite. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_fixture.h"

/* 1 + 1000 · 1e-8 in single precision would stay 1. */
static void check_dot(bench *b) {
    b->kernel->fill(b->kernel, 1001, 1e-4, b->x.raw);
    b->kernel->fill(b->kernel, 1, 1, b->x.raw);
    assert_true(fabs(b->kernel->dot(b->kernel, 1001, b->x.raw, b->x.raw) - 1.00001) < 1e-11);
}

static void dot_accumulates_in_double(void **state) {
    (void)state;
    with_all_kernels(check_dot);
}

static void check_large_outputs(bench *b) {
    static const double outputs[] = {3e4, 0, -3e4, 1e4, 1e4, 1e4}, want[] = {1, 0, -1, 1 / 3., -2 / 3., 1 / 3.};
    int64_t labels[] = {2, 1}, correct = 0;
    b->kernel->from_double(b->kernel, 6, outputs, b->x.raw);
    assert_near(b, b->kernel->cross_entropy(b->kernel, 2, 3, 1, b->x.raw, labels, b->y.raw, &correct), 6e4 + log(3));
    memcpy(b->y.value, want, sizeof want);
    check(b, "gradient at large outputs", &b->y);
    assert_int_equal(correct, 0); /* of equal outputs the first counts */
}

static void cross_entropy_does_not_overflow(void **state) {
    (void)state;
    with_all_kernels(check_large_outputs);
}

static void check_ties(bench *b) {
    /* 2 x 2, three channels: all equal; the last two equal and largest; a negative zero before a zero. */
    static const double values[] = {5, 1, -0., 5, 0, 0., 5, 3, -1, 5, 3, -2}, want[] = {5, 3, 0};
    uint8_t at[3];
    b->kernel->from_double(b->kernel, 12, values, b->x.raw);
    b->kernel->pool_max(b->kernel, 1, 2, 2, 3, 2, b->x.raw, b->y.raw, at);
    assert_int_equal(at[0], 0);
    assert_int_equal(at[1], 2);
    assert_int_equal(at[2], 0);
    memcpy(b->y.value, want, sizeof want);
    check(b, "pool_max", &b->y);
}

static void of_equal_values_the_first_is_taken(void **state) {
    (void)state;
    with_all_kernels(check_ties);
}

/* What is dropped is exactly zero, even where the value was not finite. */
static void check_not_finite(bench *b) {
    static const double values[] = {NAN, INFINITY, -INFINITY, 1}, rate = 0.5;
    static const uint8_t kept[] = {0, 0, 0, 0};
    b->kernel->from_double(b->kernel, 4, values, b->x.raw);
    b->kernel->dropout_apply(b->kernel, 1, 1, 4, kept, &rate, 0, b->x.raw, b->y.raw);
    b->kernel->mask(b->kernel, 4, kept, b->x.raw, b->z.raw);
    memset(b->y.value, 0, 4 * sizeof(double));
    memset(b->z.value, 0, 4 * sizeof(double));
    check(b, "dropout_apply", &b->y);
    check(b, "mask", &b->z);
}

static void dropped_values_are_zero_whatever_they_were(void **state) {
    (void)state;
    with_all_kernels(check_not_finite);
}

/* ---- exp and tanh -------------------------------------------------------------------------------------------------
 */

/* Of a logistic gate (which < 3) or of the cell's tanh, with all that a cell can add held at 0. */
static double of_gate(int which, double x) {
    return which < 3 ? 1 / (1 + exp(-x)) : tanh(x);
}

/* Every value is right to some units in its own last place, near 0 and far from it. */
static void check_gates(bench *b) {
    enum { UNITS = 800 };
    static double got[4 * UNITS];
    double bound = b->kernel->scalar == DSTN_F64 ? 0x1p-51 : 0x1p-22;
    for (int64_t i = 0; i < 4 * UNITS; i++) {
        int64_t unit = i % UNITS;
        double size = ldexp(1 + (double)(unit % 97) / 97, (int)(unit / 80) * 3 - 23);
        b->x.value[i] = unit % 2 ? -(double)(float)size : (double)(float)size;
    }
    store(b, &b->x);
    b->kernel->lstm_forward(b->kernel, (dstn_lstm_rows){1, UNITS, 0, 0, 0}, b->x.raw, b->u.raw, b->y.raw, b->z.raw,
                            (char *)b->z.raw + UNITS * b->kernel->size);
    b->kernel->to_double(b->kernel, 4 * UNITS, b->x.raw, got);
    for (int64_t i = 0; i < 4 * UNITS; i++) {
        double x = b->x.value[i], want = of_gate((int)(i / UNITS), x);
        if (!(fabs(got[i] - want) <= bound * fabs(want) + 1e-37)) {
            fail_msg("%s in %s: gate %d of %.9g is %.17g, not %.17g", b->kernel->backend,
                     dstn_scalar_name(b->kernel->scalar), (int)(i / UNITS), x, got[i], want);
        }
    }
}

static void gates_are_right_to_their_last_places(void **state) {
    (void)state;
    with_all_kernels(check_gates);
}

/* A run that has diverged is known by what is not a number. */
static void check_nan(bench *b) {
    static const double infinite[] = {INFINITY, -INFINITY, 0, 0};
    const dstn_lstm_rows rows = {1, 1, 0, 0, 0};
    double got[2];
    for (int i = 0; i < 4; i++) {
        double gates[] = {0, 0, 0, 0}, zero = 0;
        gates[i] = NAN;
        b->kernel->from_double(b->kernel, 4, gates, b->x.raw);
        b->kernel->from_double(b->kernel, 1, &zero, b->u.raw);
        b->kernel->lstm_forward(b->kernel, rows, b->x.raw, b->u.raw, b->y.raw, b->z.raw, b->z.raw);
        b->kernel->to_double(b->kernel, 1, b->z.raw, got);
        assert_true(isnan(got[0]));
    }
    b->kernel->from_double(b->kernel, 4, infinite, b->x.raw);
    b->kernel->lstm_forward(b->kernel, (dstn_lstm_rows){1, 1, 0, 0, 0}, b->x.raw, b->u.raw, b->y.raw, b->z.raw,
                            b->z.raw);
    b->kernel->to_double(b->kernel, 2, b->x.raw, got);
    assert_true(got[0] == 1 && got[1] < 1e-37);
    double wide[2000] = {0};
    int64_t label = 5;
    wide[1999] = NAN;
    b->kernel->from_double(b->kernel, 2000, wide, b->x.raw);
    assert_true(isnan(b->kernel->cross_entropy(b->kernel, 1, 2000, 1, b->x.raw, &label, NULL, NULL)));
}

static void what_is_not_a_number_stays_so(void **state) {
    (void)state;
    with_all_kernels(check_nan);
}

/* Of many columns: the first of equal ones counts, large ones do not overflow, and the gradient may lie where the
 * outputs are. */
static void check_wide_outputs(bench *b) {
    enum { WIDE = 1500 };
    static const int64_t labels[] = {40, 700};
    int64_t correct = 0;
    for (int64_t c = 0; c < WIDE; c++) {
        b->x.value[c] = b->x.value[WIDE + c] = c == 40 || c == 700 || c == 1499 ? 3e4 : -3e4;
    }
    store(b, &b->x);
    assert_near(b, b->kernel->cross_entropy(b->kernel, 2, WIDE, 1, b->x.raw, labels, b->x.raw, &correct), 2 * log(3));
    for (int64_t c = 0; c < 2 * WIDE; c++) {
        b->x.value[c] = (b->x.value[c] > 0 ? 1. / 3 : 0) - (c == 40 || c == WIDE + 700 ? 1 : 0);
    }
    check(b, "gradient of wide outputs", &b->x);
    assert_int_equal(correct, 1);
}

static void wide_outputs_count_as_narrow_ones_do(void **state) {
    (void)state;
    with_all_kernels(check_wide_outputs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dot_accumulates_in_double),
        cmocka_unit_test(cross_entropy_does_not_overflow),
        cmocka_unit_test(of_equal_values_the_first_is_taken),
        cmocka_unit_test(dropped_values_are_zero_whatever_they_were),
        cmocka_unit_test(gates_are_right_to_their_last_places),
        cmocka_unit_test(what_is_not_a_number_stays_so),
        cmocka_unit_test(wide_outputs_count_as_narrow_ones_do),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
