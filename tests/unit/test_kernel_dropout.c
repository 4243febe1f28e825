/* kernel: dropout masks are the documented draws, bit for bit, whatever the width and the lane. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

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
        if (above > 0.999) {
            continue; /* rates are held below that */
        }
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

/* Σ of dropout(1) over many draws, divided by their number. Where mask and factor had different rates above 0.999, it
 * was half of that. */
static void check_mean(bench *b) {
    enum { DRAWS = 400000 };
    const double rates[] = {0.5, 0.998, 0.9995, 1, INFINITY, NAN, -1};
    uint8_t *kept = dstn_alloc(DRAWS, 1);
    double *values = dstn_alloc(DRAWS, sizeof(double));
    void *ones = dstn_alloc(DRAWS, b->kernel->size), *out = dstn_alloc(DRAWS, b->kernel->size);
    b->kernel->fill(b->kernel, DRAWS, 1, ones);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        double sum = 0, spread = 6 * sqrt(1000.0 / DRAWS); /* six deviations of the mean at rate 0.999 */
        b->kernel->dropout_mask(b->kernel, rng, 3, 0, 0, 1, DRAWS, &rates[i], 0, kept);
        b->kernel->dropout_apply(b->kernel, 1, 1, DRAWS, kept, &rates[i], 0, ones, out);
        b->kernel->to_double(b->kernel, DRAWS, out, values);
        for (int64_t c = 0; c < DRAWS; c++) {
            sum += values[c];
        }
        if (!(fabs(sum / DRAWS - 1) < spread)) {
            fail_msg("the mean of dropout(1) at rate %g is %g", rates[i], sum / DRAWS);
        }
    }
    free(kept);
    free(values);
    free(ones);
    free(out);
}

static void the_mean_is_kept_at_any_rate(void **state) {
    (void)state;
    with_all_kernels(check_mean);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_of_any_width_are_the_documented_draws),
        cmocka_unit_test(draws_use_all_bits_of_step_row_and_lane),
        cmocka_unit_test(a_draw_below_the_rate_is_dropped_and_no_other),
        cmocka_unit_test(the_mean_is_kept_at_any_rate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
