/* Cases of the terms of response layers. */
#include "kernel_cases.h"

/* Rows, places and channels; which steps s and t have; 1: without a bias. */
#define WITH_STEPS(rows, plane, cols, s)                                                                               \
    {rows, plane, cols, s, 0, 0}, {rows, plane, cols, s, 1, 0}, {rows, plane, cols, s, 2, 0},                          \
        {rows, plane, cols, s, 0, 1}, {                                                                                \
        rows, plane, cols, s, 2, 1                                                                                     \
    }
#define WITH_ALL(rows, plane, cols)                                                                                    \
    WITH_STEPS(rows, plane, cols, 0), WITH_STEPS(rows, plane, cols, 1), WITH_STEPS(rows, plane, cols, 2)

static const int64_t terms[][CASE_ARGUMENTS] = {
    WITH_ALL(0, 2, 5),  WITH_ALL(1, 1, 1), WITH_ALL(3, 1, 1),  WITH_ALL(1, 1, 6), WITH_ALL(5, 1, 4), WITH_ALL(4, 1, 17),
    WITH_ALL(5, 1, 33), WITH_ALL(2, 3, 1), WITH_ALL(3, 4, 17), WITH_ALL(4, 9, 6), WITH_ALL(5, 2, 32)};

/* A value a channel, one for each row, and neither; for up to five rows they end within the space. */
static const int64_t steps[][2] = {{40, 1}, {3, 0}, {70, 2}};

static dstn_factor factor_of(case_arrays *a, int64_t offset, int64_t step) {
    return (dstn_factor){case_at(a->b.kernel, &a->b.z, offset), steps[step][0], steps[step][1]};
}

static double factor_at(const case_arrays *a, int64_t offset, int64_t step, int64_t r, int64_t c) {
    return a->b.z.value[offset + r * steps[step][0] + c * steps[step][1]];
}

static void check_add(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t plane = t[1], cols = t[2];
    const void *bias = t[5] ? NULL : a->b.u.raw;
    k->response_add(k, t[0], plane, cols, factor_of(a, 1, t[3]), a->b.x.raw, factor_of(a, 2, t[4]), bias, a->b.y.raw);
    for (int64_t i = 0; i < t[0] * plane * cols; i++) {
        int64_t r = i / cols / plane, c = i % cols;
        a->b.y.value[i] += factor_at(a, 1, t[3], r, c) * a->b.x.value[i];
        a->b.y.value[i] += bias ? factor_at(a, 2, t[4], r, c) * a->b.u.value[c] : 0;
    }
}

static void check_scale(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t plane = t[1], cols = t[2];
    k->response_scale(k, t[0], plane, cols, factor_of(a, 1, t[3]), a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < t[0] * plane * cols; i++) {
        a->b.y.value[i] = factor_at(a, 1, t[3], i / cols / plane, i % cols) * a->b.x.value[i];
    }
}

static void check_bias(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t cols = t[2];
    k->response_bias(k, t[0], cols, factor_of(a, 2, t[3]), a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < t[0] * cols; i++) {
        a->b.y.value[i % cols] += factor_at(a, 2, t[3], i / cols, i % cols) * a->b.x.value[i];
    }
    a->terms = 1 + (double)t[0];
}

static void check_factors(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t plane = t[1], cols = t[2], width = t[5] ? cols : 2 * cols;
    k->response_factors(k, t[0], plane, cols, a->b.x.raw, a->b.y.raw, t[5] ? NULL : a->b.z.raw, a->b.u.raw);
    memset(a->b.u.value, 0, (size_t)(t[0] * width) * sizeof(double));
    for (int64_t i = 0; i < t[0] * plane * cols; i++) {
        int64_t at = i / cols / plane * width + i % cols;
        a->b.u.value[at] += a->b.x.value[i] * a->b.y.value[i];
        if (!t[5]) {
            a->b.u.value[at + cols] += a->b.x.value[i] * a->b.z.value[i % cols];
        }
    }
    a->terms = (double)plane;
}

static void check_dot(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t cols = t[2];
    k->response_dot(k, t[0], cols, a->b.x.raw, a->b.y.raw, t[5] ? NULL : a->b.z.raw, 3, a->b.u.raw);
    for (int64_t i = 0; i < t[0] * cols; i++) {
        double bias = t[5] ? 0 : a->b.z.value[i % cols];
        a->b.u.value[i / cols * 3] += a->b.x.value[i] * (a->b.y.value[i] + bias);
    }
}

const kernel_case kernel_cases_of_response[] = {
    KERNEL_CASE(response_add, check_add, terms),   KERNEL_CASE(response_scale, check_scale, terms),
    KERNEL_CASE(response_bias, check_bias, terms), KERNEL_CASE(response_factors, check_factors, terms),
    KERNEL_CASE(response_dot, check_dot, terms),   {0},
};
