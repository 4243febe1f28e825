/* kernel: every elementwise operation against its formula in double, for lengths around the vector widths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>

#include "kernel_fixture.h"

static const int64_t lengths[] = {0, 1, 3, 4, 7, 8, 15, 16, 17, 33, 100};
enum { LENGTHS = sizeof lengths / sizeof lengths[0] };
static const int64_t shapes[][2] = {{0, 5}, {1, 1}, {3, 1}, {1, 6}, {5, 4}, {4, 17}, {20, 33}};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

/* ---- vectors ------------------------------------------------------------------------------------------------------
 */

static void check_vectors(bench *b) {
    const dstn_kernel *k = b->kernel;
    for (int l = 0; l < LENGTHS; l++) {
        int64_t n = lengths[l];
        renew(b);
        k->axpy(k, n, -0.75, b->x.raw, b->y.raw);
        k->scale(k, n, 1.5, b->z.raw);
        for (int64_t i = 0; i < n; i++) {
            b->y.value[i] += -0.75 * b->x.value[i];
            b->z.value[i] *= 1.5;
        }
        check(b, "axpy", &b->y);
        check(b, "scale", &b->z);
        renew(b);
        k->multiply(k, n, b->x.raw, b->y.raw, b->z.raw);
        k->multiply(k, n, b->x.raw, b->y.raw, b->y.raw);
        for (int64_t i = 0; i < n; i++) {
            b->y.value[i] *= b->x.value[i];
            b->z.value[i] = b->y.value[i];
        }
        check(b, "multiply", &b->z);
        check(b, "multiply in place", &b->y);
        k->copy(k, n, b->x.raw, b->z.raw);
        k->fill(k, n, 0.25, b->u.raw);
        for (int64_t i = 0; i < n; i++) {
            b->z.value[i] = b->x.value[i];
            b->u.value[i] = 0.25;
        }
        check(b, "copy", &b->z);
        check(b, "fill", &b->u);
    }
}

static void vector_operations_equal_their_formulas(void **state) {
    (void)state;
    with_all_kernels(check_vectors);
}

static void check_dot(bench *b) {
    for (int l = 0; l < LENGTHS; l++) {
        double want = 0;
        for (int64_t i = 0; i < lengths[l]; i++) {
            want += b->x.value[i] * b->y.value[i];
        }
        assert_true(fabs(b->kernel->dot(b->kernel, lengths[l], b->x.raw, b->y.raw) - want) < 1e-12);
    }
    /* 1 + 1000 · 1e-8 in single precision would stay 1. */
    b->kernel->fill(b->kernel, 1001, 1e-4, b->x.raw);
    b->kernel->fill(b->kernel, 1, 1, b->x.raw);
    assert_true(fabs(b->kernel->dot(b->kernel, 1001, b->x.raw, b->x.raw) - 1.00001) < 1e-11);
}

static void dot_accumulates_in_double(void **state) {
    (void)state;
    with_all_kernels(check_dot);
}

static void check_finite(bench *b) {
    static const double bad[] = {NAN, INFINITY, -INFINITY};
    for (int64_t at = 0; at < 40; at++) {
        b->kernel->fill(b->kernel, 40, -FLT_MAX, b->x.raw);
        assert_true(b->kernel->all_finite(b->kernel, 40, b->x.raw));
        b->kernel->from_double(b->kernel, 1, &bad[at % 3], (char *)b->x.raw + (size_t)at * b->kernel->size);
        assert_false(b->kernel->all_finite(b->kernel, 40, b->x.raw));
        assert_true(b->kernel->all_finite(b->kernel, at, b->x.raw));
    }
}

static void one_value_that_is_not_finite_is_found_anywhere(void **state) {
    (void)state;
    with_all_kernels(check_finite);
}

/* Also without a pattern; the pattern is that of what x was. */
static void check_relu_in_place(bench *b, int64_t n) {
    uint8_t positive[SPACE];
    renew(b);
    b->kernel->relu(b->kernel, n, b->x.raw, b->x.raw, positive);
    b->kernel->relu(b->kernel, n, b->y.raw, b->y.raw, NULL);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(positive[i], b->x.value[i] > 0);
        b->x.value[i] = fmax(b->x.value[i], 0);
        b->y.value[i] = fmax(b->y.value[i], 0);
    }
    check(b, "relu in place", &b->x);
    check(b, "relu without a pattern", &b->y);
}

static void check_relu(bench *b) {
    const dstn_kernel *k = b->kernel;
    for (int l = 0; l < LENGTHS; l++) {
        int64_t n = lengths[l];
        renew(b);
        k->fill(k, 1, 0, b->x.raw); /* at 0 the derivative is 0 */
        b->x.value[0] = 0;
        uint8_t positive[SPACE];
        memset(positive, 7, sizeof positive);
        k->relu(k, n, b->x.raw, b->y.raw, positive);
        k->mask(k, n, positive, b->z.raw, b->u.raw);
        k->mask(k, n, positive, b->z.raw, b->z.raw);
        for (int64_t i = 0; i < n; i++) {
            assert_int_equal(positive[i], b->x.value[i] > 0);
            b->y.value[i] = fmax(b->x.value[i], 0);
            b->z.value[i] = b->x.value[i] > 0 ? b->z.value[i] : 0;
            b->u.value[i] = b->z.value[i];
        }
        assert_int_equal(positive[n], 7);
        check(b, "relu", &b->y);
        check(b, "mask in place", &b->z);
        check(b, "mask", &b->u);
        check_relu_in_place(b, n);
    }
}

static void relu_and_its_pattern_agree(void **state) {
    (void)state;
    with_all_kernels(check_relu);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------
 */

static void check_rows(bench *b) {
    const dstn_kernel *k = b->kernel;
    for (int s = 0; s < SHAPES; s++) {
        int64_t rows = shapes[s][0], cols = shapes[s][1];
        renew(b);
        k->add_row(k, rows, cols, b->x.raw, b->y.raw);
        k->sum_rows(k, rows, cols, b->x.raw, b->z.raw);
        for (int64_t r = 0; r < rows; r++) {
            for (int64_t c = 0; c < cols; c++) {
                b->y.value[r * cols + c] += b->x.value[c];
                b->z.value[c] += b->x.value[r * cols + c];
            }
        }
        check(b, "add_row", &b->y);
        check(b, "sum_rows", &b->z);
    }
}

static void row_operations_equal_their_formulas(void **state) {
    (void)state;
    with_all_kernels(check_rows);
}

/* ---- response terms -------------------------------------------------------------------------------------------------
 */

/* Factors are read from z: per channel, one a row out of three, and the general stride. */
static const int64_t steps[][2] = {{40, 1}, {3, 0}, {70, 2}};

/* Rows, places of an image and channels. */
static const int64_t images[][3] = {{0, 2, 5},  {1, 1, 1}, {3, 1, 1},  {1, 1, 6}, {5, 1, 4}, {4, 1, 17},
                                    {5, 1, 33}, {2, 3, 1}, {3, 4, 17}, {4, 9, 6}, {5, 2, 32}};
enum { IMAGES = sizeof images / sizeof images[0] };

static double factor_at(const bench *b, int64_t offset, const int64_t *step, int64_t r, int64_t c) {
    return b->z.value[offset + r * step[0] + c * step[1]];
}

static dstn_factor factor_of(const bench *b, int64_t offset, const int64_t *step) {
    return (dstn_factor){(const char *)b->z.raw + (size_t)offset * b->kernel->size, step[0], step[1]};
}

static void check_response_add(bench *b, const int64_t *image, const int64_t *s, const int64_t *t, bool bias) {
    int64_t rows = image[0], plane = image[1], cols = image[2];
    renew(b);
    b->kernel->response_add(b->kernel, rows, plane, cols, factor_of(b, 1, s), b->x.raw, factor_of(b, 2, t),
                            bias ? b->u.raw : NULL, b->y.raw);
    for (int64_t i = 0; i < rows * plane * cols; i++) {
        int64_t r = i / cols / plane, c = i % cols;
        b->y.value[i] += factor_at(b, 1, s, r, c) * b->x.value[i];
        b->y.value[i] += bias ? factor_at(b, 2, t, r, c) * b->u.value[c] : 0;
    }
    check(b, "response_add", &b->y);
}

static void check_scale_and_bias(bench *b, const int64_t *image, const int64_t *s) {
    int64_t rows = image[0], plane = image[1], cols = image[2];
    renew(b);
    b->kernel->response_scale(b->kernel, rows, plane, cols, factor_of(b, 1, s), b->x.raw, b->y.raw);
    b->kernel->response_bias(b->kernel, rows, cols, factor_of(b, 2, s), b->x.raw, b->u.raw);
    for (int64_t i = 0; i < rows * plane * cols; i++) {
        b->y.value[i] = factor_at(b, 1, s, i / cols / plane, i % cols) * b->x.value[i];
    }
    for (int64_t i = 0; i < rows * cols; i++) {
        b->u.value[i % cols] += factor_at(b, 2, s, i / cols, i % cols) * b->x.value[i];
    }
    check(b, "response_scale", &b->y);
    check(b, "response_bias", &b->u);
}

static void check_response(bench *b) {
    for (int i = 0; i < IMAGES; i++) {
        for (int v = 0; v < 9; v++) {
            check_response_add(b, images[i], steps[v / 3], steps[v % 3], true);
            check_response_add(b, images[i], steps[v / 3], steps[v % 3], false);
        }
        for (int v = 0; v < 3; v++) {
            check_scale_and_bias(b, images[i], steps[v]);
        }
    }
}

static void response_terms_equal_their_formulas_for_all_strides_and_planes(void **state) {
    (void)state;
    with_all_kernels(check_response);
}

static void check_factors(bench *b, const int64_t *image, bool bias) {
    int64_t rows = image[0], plane = image[1], cols = image[2], width = bias ? 2 * cols : cols;
    const void *values = bias ? b->z.raw : NULL;
    renew(b);
    b->kernel->response_factors(b->kernel, rows, plane, cols, b->x.raw, b->y.raw, values, b->u.raw);
    for (int64_t i = 0; i < rows * width; i++) {
        b->u.value[i] = 0;
    }
    for (int64_t i = 0; i < rows * plane * cols; i++) {
        int64_t at = i / cols / plane * width + i % cols;
        b->u.value[at] += b->x.value[i] * b->y.value[i];
        if (bias) {
            b->u.value[at + cols] += b->x.value[i] * b->z.value[i % cols];
        }
    }
    check(b, "response_factors", &b->u);
    renew(b);
    b->kernel->response_dot(b->kernel, rows, cols, b->x.raw, b->y.raw, values, 3, b->u.raw);
    for (int64_t i = 0; i < rows * cols; i++) {
        b->u.value[i / cols * 3] += b->x.value[i] * (b->y.value[i] + (bias ? b->z.value[i % cols] : 0));
    }
    check(b, "response_dot", &b->u);
}

static void check_all_factors(bench *b) {
    for (int i = 0; i < IMAGES; i++) {
        check_factors(b, images[i], false);
        check_factors(b, images[i], true);
    }
}

static void response_factors_equal_their_formulas(void **state) {
    (void)state;
    with_all_kernels(check_all_factors);
}

/* ---- losses
 * ----------------------------------------------------------------------------------------------------------- */

static void check_squared_error(bench *b) {
    double want = 0;
    for (int64_t i = 0; i < 33; i++) {
        double error = b->x.value[i] - b->y.value[i];
        want += error * error / 2;
        b->z.value[i] = 0.125 * error;
    }
    assert_near(b, b->kernel->squared_error(b->kernel, 11, 3, 0.125, b->x.raw, b->y.raw, b->z.raw), want);
    check(b, "gradient of the squared error", &b->z);
    assert_near(b, b->kernel->squared_error(b->kernel, 11, 3, 0.125, b->x.raw, b->y.raw, NULL), want);
}

static void squared_error_and_its_gradient(void **state) {
    (void)state;
    with_all_kernels(check_squared_error);
}

static double plain_entropy(const double *y, int64_t cols, int64_t label, double *probability) {
    double total = 0;
    for (int64_t c = 0; c < cols; c++) {
        total += exp(y[c]);
    }
    for (int64_t c = 0; c < cols; c++) {
        probability[c] = exp(y[c]) / total;
    }
    return -log(probability[label]);
}

static void check_cross_entropy(bench *b) {
    int64_t labels[12], correct = 100, best = 0;
    double want = 0;
    for (int64_t r = 0; r < 12; r++) {
        const double *y = b->x.value + 5 * r;
        labels[r] = r % 5;
        bool is_best = true;
        for (int c = 0; c < 5; c++) {
            is_best = is_best && y[c] <= y[labels[r]];
        }
        best += is_best;
        want += plain_entropy(y, 5, labels[r], b->y.value + 5 * r);
        for (int c = 0; c < 5; c++) {
            b->y.value[5 * r + c] = 0.5 * (b->y.value[5 * r + c] - (c == labels[r]));
        }
    }
    assert_near(b, b->kernel->cross_entropy(b->kernel, 12, 5, 0.5, b->x.raw, labels, b->y.raw, &correct), want);
    check(b, "gradient of the cross-entropy", &b->y);
    assert_int_equal(correct, 100 + best);
    assert_near(b, b->kernel->cross_entropy(b->kernel, 12, 5, 0.5, b->x.raw, labels, NULL, NULL), want);
}

static void cross_entropy_its_gradient_and_its_count(void **state) {
    (void)state;
    with_all_kernels(check_cross_entropy);
}

static void check_large_outputs(bench *b) {
    const double outputs[] = {3e4, 0, -3e4, 1e4, 1e4, 1e4};
    int64_t labels[] = {2, 1}, correct = 0;
    b->kernel->from_double(b->kernel, 6, outputs, b->x.raw);
    assert_near(b, b->kernel->cross_entropy(b->kernel, 2, 3, 1, b->x.raw, labels, b->y.raw, &correct), 6e4 + log(3));
    static const double want[] = {1, 0, -1, 1 / 3., -2 / 3., 1 / 3.};
    memcpy(b->y.value, want, sizeof want);
    check(b, "gradient at large outputs", &b->y);
    assert_int_equal(correct, 0); /* of equal outputs the first counts */
}

static void cross_entropy_does_not_overflow(void **state) {
    (void)state;
    with_all_kernels(check_large_outputs);
}

/* ---- updates
 * ---------------------------------------------------------------------------------------------------------- */

static void check_sgd(bench *b) {
    enum { N = 21 };
    b->kernel->sgd(b->kernel, N, 0.1, 0.9, 0.5, b->x.raw, b->y.raw, b->z.raw);
    b->kernel->sgd(b->kernel, N, 0.1, 0, 0.5, b->x.raw, NULL, b->u.raw);
    for (int i = 0; i < N; i++) {
        b->y.value[i] = 0.9 * b->y.value[i] + 0.5 * b->x.value[i];
        b->z.value[i] -= 0.1 * b->y.value[i];
        b->u.value[i] -= 0.1 * 0.5 * b->x.value[i];
    }
    check(b, "moments of sgd", &b->y);
    check(b, "sgd", &b->z);
    check(b, "sgd without momentum", &b->u);
}

static void check_rmsprop(bench *b) {
    enum { N = 21 };
    b->kernel->multiply(b->kernel, N, b->y.raw, b->y.raw, b->y.raw);
    b->kernel->rmsprop(b->kernel, N, 0.01, 0.99, 1e-3, 0.5, b->x.raw, b->y.raw, b->z.raw);
    for (int i = 0; i < N; i++) {
        double g = 0.5 * b->x.value[i];
        b->y.value[i] = 0.99 * b->y.value[i] * b->y.value[i] + 0.01 * g * g;
        b->z.value[i] -= 0.01 * g / (sqrt(b->y.value[i]) + 1e-3);
    }
    check(b, "moments of rmsprop", &b->y);
    check(b, "rmsprop", &b->z);
}

static void check_adam(bench *b) {
    enum { N = 21 };
    double c1 = 1 - pow(0.9, 3), c2 = 1 - pow(0.999, 3);
    b->kernel->multiply(b->kernel, N, b->u.raw, b->u.raw, b->u.raw);
    b->kernel->adam(b->kernel, N, 0.01, 0.9, 0.999, 1e-3, c1, c2, 0.5, b->x.raw, b->y.raw, b->u.raw, b->z.raw);
    for (int i = 0; i < N; i++) {
        double g = 0.5 * b->x.value[i];
        b->y.value[i] = 0.9 * b->y.value[i] + 0.1 * g;
        b->u.value[i] = 0.999 * b->u.value[i] * b->u.value[i] + 0.001 * g * g;
        b->z.value[i] -= 0.01 * (b->y.value[i] / c1) / (sqrt(b->u.value[i] / c2) + 1e-3);
    }
    check(b, "first moments of adam", &b->y);
    check(b, "second moments of adam", &b->u);
    check(b, "adam", &b->z);
}

static void updates_equal_their_formulas(void **state) {
    (void)state;
    with_all_kernels(check_sgd);
    with_all_kernels(check_rmsprop);
    with_all_kernels(check_adam);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vector_operations_equal_their_formulas),
        cmocka_unit_test(dot_accumulates_in_double),
        cmocka_unit_test(one_value_that_is_not_finite_is_found_anywhere),
        cmocka_unit_test(relu_and_its_pattern_agree),
        cmocka_unit_test(row_operations_equal_their_formulas),
        cmocka_unit_test(response_terms_equal_their_formulas_for_all_strides_and_planes),
        cmocka_unit_test(response_factors_equal_their_formulas),
        cmocka_unit_test(squared_error_and_its_gradient),
        cmocka_unit_test(cross_entropy_its_gradient_and_its_count),
        cmocka_unit_test(cross_entropy_does_not_overflow),
        cmocka_unit_test(updates_equal_their_formulas),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
