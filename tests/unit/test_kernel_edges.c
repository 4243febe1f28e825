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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dot_accumulates_in_double),
        cmocka_unit_test(cross_entropy_does_not_overflow),
        cmocka_unit_test(of_equal_values_the_first_is_taken),
        cmocka_unit_test(dropped_values_are_zero_whatever_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
