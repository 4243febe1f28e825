/* kernel: dropout masks are the documented draws, whatever the width and the lane; what they do to values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_fixture.h"

enum { ROWS = 7, MOST_COLS = 1100 };

static const dstn_rng rng = {.seed = 0xfedcba98u, .purpose = DSTN_PURPOSE_DROPOUT};

static bool is_kept(uint64_t step, uint64_t example, uint64_t lane, int64_t c, double rate) {
    uint32_t word[4];
    dstn_rng_bits(rng, step, example, lane + (uint64_t)(c / 4), word);
    return !((word[c % 4] + 0.5) / 4294967296.0 < rate);
}

static void check_draws(bench *b, uint64_t step, int64_t first_row, uint64_t lane, int64_t cols, int64_t stride) {
    static uint8_t kept[ROWS * MOST_COLS + 1];
    double rates[3 * ROWS];
    for (int i = 0; i < 3 * ROWS; i++) {
        rates[i] = i / (3.0 * ROWS);
    }
    memset(kept, 7, sizeof kept);
    b->kernel->dropout_mask(b->kernel, rng, step, first_row, lane, ROWS, cols, rates, stride, kept);
    for (int64_t i = 0; i < ROWS * cols; i++) {
        int64_t r = i / cols, c = i % cols;
        if (kept[i] != is_kept(step, (uint64_t)(first_row + r), lane, c, rates[r * stride])) {
            fail_msg("row %d, column %d of %d, lane %llx: kept is %d", (int)r, (int)c, (int)cols,
                     (unsigned long long)lane, kept[i]);
        }
    }
    assert_int_equal(kept[ROWS * cols], 7); /* nothing beyond the end */
}

static void check_widths(bench *b) {
    static const int64_t widths[] = {1, 2, 3, 4, 5, 35, 255, 256, 257, 259, 512, 1023};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        check_draws(b, 9, 4, UINT64_C(3) << 32, widths[w], 2);
        check_draws(b, 9, 4, 0, widths[w], 0); /* one rate for all rows */
    }
}

static void masks_of_any_width_are_the_documented_draws(void **state) {
    (void)state;
    with_all_kernels(check_widths);
}

/* The counter's parts beyond 32 bits: lanes that cross 2^32 within a row, steps and lanes of up to 48 bits. */
static void check_counters(bench *b) {
    check_draws(b, 1, 0, UINT64_C(0xffffffff), 300, 1);
    check_draws(b, 1, 0, UINT64_C(0xffffffff) - 63, 300, 1);
    check_draws(b, 1, 0, UINT64_C(0xfffeffffffff), 30, 1);
    check_draws(b, UINT64_C(0x123456789abc), 0, UINT64_C(5) << 32, 30, 1);
    check_draws(b, UINT64_C(1) << 32, INT64_C(0xfffffff0), 0, 30, 1);
}

static void draws_use_all_bits_of_step_row_and_lane(void **state) {
    (void)state;
    with_all_kernels(check_counters);
}

/* The threshold that stands for the rate is exact: at a rate that is a draw itself, that draw is kept, and just above
 * it is dropped. */
static void check_threshold(bench *b) {
    for (uint64_t example = 0; example < 50; example++) {
        uint32_t word[4];
        uint8_t kept[4];
        dstn_rng_bits(rng, 2, example, 8, word);
        double u = (word[1] + 0.5) / 4294967296.0, above = nextafter(u, 1);
        b->kernel->dropout_mask(b->kernel, rng, 2, (int64_t)example, 8, 1, 4, &u, 0, kept);
        assert_int_equal(kept[1], 1);
        b->kernel->dropout_mask(b->kernel, rng, 2, (int64_t)example, 8, 1, 4, &above, 0, kept);
        assert_int_equal(kept[1], 0);
    }
    const double rate = 0;
    uint8_t all[1000];
    b->kernel->dropout_mask(b->kernel, rng, 2, 0, 8, 1, 1000, &rate, 0, all);
    assert_null(memchr(all, 0, sizeof all));
}

static void a_draw_below_the_rate_is_dropped_and_no_other(void **state) {
    (void)state;
    with_all_kernels(check_threshold);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static void check_apply(bench *b) {
    static const int64_t shapes[][3] = {{0, 1, 5}, {1, 1, 1}, {3, 1, 35}, {4, 6, 5}, {2, 9, 17}, {5, 4, 32}};
    static const double rates[] = {0, 0.5, 0.1, 0.999, 0.25, 0.3, 0.7, 0.2, 0.9, 0.6};
    for (size_t s = 0; s < 2 * sizeof shapes / sizeof shapes[0]; s++) {
        int64_t rows = shapes[s / 2][0], plane = shapes[s / 2][1], cols = shapes[s / 2][2], stride = s % 2 ? 2 : 0;
        uint8_t kept[SPACE];
        for (int64_t i = 0; i < rows * cols; i++) {
            kept[i] = (i * 7 + i / 3) % 3 > 0;
        }
        renew(b);
        b->kernel->dropout_apply(b->kernel, rows, plane, cols, kept, rates, stride, b->x.raw, b->y.raw);
        b->kernel->dropout_apply(b->kernel, rows, plane, cols, kept, rates, stride, b->x.raw, b->x.raw);
        for (int64_t i = 0; i < rows * plane * cols; i++) {
            int64_t r = i / cols / plane;
            b->x.value[i] = kept[r * cols + i % cols] ? b->x.value[i] / (1 - rates[r * stride]) : 0;
            b->y.value[i] = b->x.value[i];
        }
        check(b, "dropout_apply", &b->y);
        check(b, "dropout_apply in place", &b->x);
    }
}

static void one_mask_covers_all_places_and_scales_by_the_rows_own_rate(void **state) {
    (void)state;
    with_all_kernels(check_apply);
}

/* What is dropped is exactly zero, even where the value was not finite. */
static void check_not_finite(bench *b) {
    const double values[] = {NAN, INFINITY, -INFINITY, 1};
    const uint8_t kept[] = {0, 0, 0, 0};
    const double rate = 0.5;
    b->kernel->from_double(b->kernel, 4, values, b->x.raw);
    b->kernel->dropout_apply(b->kernel, 1, 1, 4, kept, &rate, 0, b->x.raw, b->y.raw);
    b->kernel->mask(b->kernel, 4, kept, b->x.raw, b->z.raw);
    for (int i = 0; i < 4; i++) {
        b->y.value[i] = b->z.value[i] = 0;
    }
    check(b, "dropout_apply", &b->y);
    check(b, "mask", &b->z);
}

static void dropped_values_are_zero_whatever_they_were(void **state) {
    (void)state;
    with_all_kernels(check_not_finite);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_of_any_width_are_the_documented_draws),
        cmocka_unit_test(draws_use_all_bits_of_step_row_and_lane),
        cmocka_unit_test(a_draw_below_the_rate_is_dropped_and_no_other),
        cmocka_unit_test(one_mask_covers_all_places_and_scales_by_the_rows_own_rate),
        cmocka_unit_test(dropped_values_are_zero_whatever_they_were),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
