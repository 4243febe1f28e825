/* Cases of operations on vectors. */
#include <float.h>

#include "kernel_cases.h"

/* Lengths around the widths of vectors; with a second argument, in place. */
static const int64_t lengths[][CASE_ARGUMENTS] = {{0}, {1}, {3}, {4}, {7}, {8}, {15}, {16}, {17}, {33}, {100}, {4096}};
static const int64_t places[][CASE_ARGUMENTS] = {{0},    {1},    {7},     {16},    {33},     {4096},
                                                 {1, 1}, {7, 1}, {16, 1}, {33, 1}, {4096, 1}};

static void check_fill(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    k->fill(k, n[0], 0.25, a->b.x.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        a->b.x.value[i] = 0.25;
    }
}

static void check_copy(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    k->copy(k, n[0], a->b.x.raw, a->b.y.raw);
    memcpy(a->b.y.value, a->b.x.value, (size_t)n[0] * sizeof(double));
}

static void check_scale(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    k->scale(k, n[0], 1.5, a->b.x.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        a->b.x.value[i] *= 1.5;
    }
}

static void check_axpy(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    k->axpy(k, n[0], -0.75, a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        a->b.y.value[i] += -0.75 * a->b.x.value[i];
    }
}

static void check_dot(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    double want = 0;
    for (int64_t i = 0; i < n[0]; i++) {
        want += a->b.x.value[i] * a->b.y.value[i];
    }
    double got = k->dot(k, n[0], a->b.x.raw, a->b.y.raw);
    assert_true(fabs(got - want) <= 1e-14 * (1 + (double)n[0]));
}

static void check_multiply(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    twin *to = n[1] ? &a->b.y : &a->b.z;
    k->multiply(k, n[0], a->b.x.raw, a->b.y.raw, to->raw);
    for (int64_t i = 0; i < n[0]; i++) {
        to->value[i] = a->b.x.value[i] * a->b.y.value[i];
    }
}

static void check_from_double(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    k->from_double(k, n[0], a->b.x.value, a->b.y.raw);
    memcpy(a->b.y.value, a->b.x.value, (size_t)n[0] * sizeof(double));
}

static void check_to_double(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    int64_t count = n[0] < CASE_COLUMNS ? n[0] : CASE_COLUMNS;
    k->to_double(k, count, a->b.x.raw, a->sums);
    memcpy(a->want_sums, a->b.x.value, (size_t)count * sizeof(double));
}

static void check_from_bytes(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    const double scale = 1 / 255. / 0.35;
    k->from_bytes(k, n[0], scale, -0.8, a->bytes, a->b.x.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        a->b.x.value[i] = scale * a->bytes[i] - 0.8;
    }
}

/* One value that is not finite is found anywhere, and none where there is none. */
static void check_all_finite(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    static const double bad[] = {NAN, INFINITY, -INFINITY, FLT_MAX};
    assert_true(k->all_finite(k, n[0], a->b.x.raw));
    for (int64_t at = 0; at < n[0] && at < 40; at++) {
        k->from_double(k, 1, &bad[at % 4], case_at(k, &a->b.x, at));
        assert_int_equal(k->all_finite(k, n[0], a->b.x.raw), at % 4 == 3);
        assert_true(k->all_finite(k, at, a->b.x.raw));
        k->from_double(k, 1, &a->b.x.value[at], case_at(k, &a->b.x, at));
    }
}

/* Also at 0, where the derivative is 0; in place, without a pattern. */
static void check_relu(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    twin *to = n[1] ? &a->b.x : &a->b.y;
    bool pattern = n[2] == 0;
    a->b.x.value[n[0] / 2] = 0;
    store(&a->b, &a->b.x);
    k->relu(k, n[0], a->b.x.raw, to->raw, pattern ? a->bytes : NULL);
    for (int64_t i = 0; i < n[0]; i++) {
        a->want_bytes[i] = pattern ? a->b.x.value[i] > 0 : a->want_bytes[i];
        to->value[i] = fmax(a->b.x.value[i], 0);
    }
}

static const int64_t relus[][CASE_ARGUMENTS] = {{0},    {1},     {7},       {16},       {33},      {100},
                                                {7, 1}, {33, 1}, {7, 0, 1}, {33, 0, 1}, {7, 1, 1}, {33, 1, 1}};

static void check_mask(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    twin *to = n[1] ? &a->b.x : &a->b.y;
    for (int64_t i = 0; i < n[0]; i++) {
        a->bytes[i] = a->want_bytes[i] = i % 3 == 1;
    }
    k->mask(k, n[0], a->bytes, a->b.x.raw, to->raw);
    for (int64_t i = 0; i < n[0]; i++) {
        to->value[i] = a->bytes[i] ? a->b.x.value[i] : 0;
    }
}

const kernel_case kernel_cases_of_vectors[] = {
    KERNEL_CASE(fill, check_fill, lengths),
    KERNEL_CASE(copy, check_copy, lengths),
    KERNEL_CASE(scale, check_scale, lengths),
    KERNEL_CASE(axpy, check_axpy, lengths),
    KERNEL_CASE(dot, check_dot, lengths),
    KERNEL_CASE(multiply, check_multiply, places),
    KERNEL_CASE(from_double, check_from_double, lengths),
    KERNEL_CASE(to_double, check_to_double, lengths),
    KERNEL_CASE(from_bytes, check_from_bytes, lengths),
    KERNEL_CASE(all_finite, check_all_finite, lengths),
    KERNEL_CASE(relu, check_relu, relus),
    KERNEL_CASE(mask, check_mask, places),
    {0},
};
