/* Cases of losses with their gradients, and of optimizers' updates. */
#include "kernel_cases.h"

/* ---- losses ------------------------------------------------------------------------------------------------------ */

/* Rows and columns; 1: the loss alone. */
static const int64_t outputs[][CASE_ARGUMENTS] = {{0, 3},     {1, 1},    {11, 3},   {12, 5},   {40, 10},
                                                  {12, 5, 1}, {1, 1, 1}, {1, 1024}, {3, 1300}, {2, 2048, 1}};

static void check_squared_error(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    double want = 0;
    void *gradient = m[2] ? NULL : a->b.z.raw;
    for (int64_t i = 0; i < m[0] * m[1]; i++) {
        double error = a->b.x.value[i] - a->b.y.value[i];
        want += error * error / 2;
        a->b.z.value[i] = gradient ? 0.125 * error : a->b.z.value[i];
    }
    assert_near(&a->b, k->squared_error(k, m[0], m[1], 0.125, a->b.x.raw, a->b.y.raw, gradient), want);
}

/* −log softmax(y)[label], and w (softmax(y) − onehot) in gradient; returns whether the label's is the largest. */
static bool plain_entropy(int64_t cols, const double *y, int64_t label, double weight, double *loss, double *gradient) {
    double total = 0;
    bool is_largest = true;
    for (int64_t c = 0; c < cols; c++) {
        total += exp(y[c]);
        is_largest = is_largest && y[c] <= y[label];
    }
    *loss -= log(exp(y[label]) / total);
    for (int64_t c = 0; gradient && c < cols; c++) {
        gradient[c] = weight * (exp(y[c]) / total - (c == label));
    }
    return is_largest;
}

static void check_cross_entropy(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    int64_t labels[40], correct = 100, want_correct = 100, cols = m[1];
    double want = 0;
    bool alone = m[2] != 0;
    for (int64_t r = 0; r < m[0]; r++) {
        labels[r] = r % cols;
        want_correct +=
            plain_entropy(cols, a->b.x.value + r * cols, labels[r], 0.5, &want, alone ? NULL : a->b.y.value + r * cols);
    }
    double got =
        k->cross_entropy(k, m[0], cols, 0.5, a->b.x.raw, labels, alone ? NULL : a->b.y.raw, alone ? NULL : &correct);
    assert_near(&a->b, got, want);
    assert_int_equal(correct, alone ? 100 : want_correct);
}

/* ---- updates: g is x, w is z, moments are y and u ---------------------------------------------------------------- */

static const int64_t lengths[][CASE_ARGUMENTS] = {{0}, {1}, {7}, {21}, {64}, {65}, {1000}, {4096}};
/* Second argument 1: without momentum. */
static const int64_t momenta[][CASE_ARGUMENTS] = {{0},    {1},    {21},   {63},    {64},     {65},
                                                  {1000}, {4096}, {1, 1}, {21, 1}, {4096, 1}};

static void check_sgd(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    double momentum = n[1] ? 0 : 0.9;
    k->sgd(k, n[0], 0.1, momentum, 0.5, a->b.x.raw, n[1] ? NULL : a->b.y.raw, a->b.z.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        double velocity = momentum * a->b.y.value[i] + 0.5 * a->b.x.value[i];
        a->b.y.value[i] = n[1] ? a->b.y.value[i] : velocity;
        a->b.z.value[i] -= 0.1 * velocity;
    }
}

/* Second moments are squares. */
static void square(case_arrays *a, twin *t) {
    for (int64_t i = 0; i < SPACE; i++) {
        t->value[i] = (double)(float)(t->value[i] * t->value[i]);
    }
    store(&a->b, t);
}

static void check_rmsprop(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    square(a, &a->b.y);
    k->rmsprop(k, n[0], 0.01, 0.99, 1e-3, 0.5, a->b.x.raw, a->b.y.raw, a->b.z.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        double g = 0.5 * a->b.x.value[i];
        a->b.y.value[i] = 0.99 * a->b.y.value[i] + 0.01 * g * g;
        a->b.z.value[i] -= 0.01 * g / (sqrt(a->b.y.value[i]) + 1e-3);
    }
}

static void check_adam(case_arrays *a, const dstn_kernel *k, const int64_t *n) {
    double c1 = 1 - pow(0.9, 3), c2 = 1 - pow(0.999, 3);
    square(a, &a->b.u);
    k->adam(k, n[0], 0.01, 0.9, 0.999, 1e-3, c1, c2, 0.5, a->b.x.raw, a->b.y.raw, a->b.u.raw, a->b.z.raw);
    for (int64_t i = 0; i < n[0]; i++) {
        double g = 0.5 * a->b.x.value[i];
        a->b.y.value[i] = 0.9 * a->b.y.value[i] + 0.1 * g;
        a->b.u.value[i] = 0.999 * a->b.u.value[i] + 0.001 * g * g;
        a->b.z.value[i] -= 0.01 * (a->b.y.value[i] / c1) / (sqrt(a->b.u.value[i] / c2) + 1e-3);
    }
}

const kernel_case kernel_cases_of_losses[] = {
    KERNEL_CASE(squared_error, check_squared_error, outputs),
    KERNEL_CASE(cross_entropy, check_cross_entropy, outputs),
    KERNEL_CASE(sgd, check_sgd, momenta),
    KERNEL_CASE(rmsprop, check_rmsprop, lengths),
    KERNEL_CASE(adam, check_adam, lengths),
    {0},
};
