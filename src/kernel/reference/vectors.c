/* kernel: loops over vectors. */
#include "../split.h"
#include "reference.h"

#include <string.h>

static void fill(const dstn_kernel *kernel, int64_t n, double value, void *x) {
    real *restrict to = x;
    real v = (real)value;
    for (int64_t i = 0; i < n; i++) {
        to[i] = v;
    }
}

static void copy(const dstn_kernel *kernel, int64_t n, const void *x, void *y) {
    if (n > 0) {
        memcpy(y, x, (size_t)n * sizeof(real));
    }
}

static void scale_part(int64_t first, int64_t end, real factor, real *restrict x) {
    for (int64_t i = first; i < end; i++) {
        x[i] *= factor;
    }
}

static void scale(const dstn_kernel *kernel, int64_t n, double a, void *x) {
    KERNEL_SPLIT(n, n, scale_part(first, end, (real)a, x));
}

static void axpy_part(int64_t first, int64_t end, real factor, const real *restrict x, real *restrict y) {
    for (int64_t i = first; i < end; i++) {
        y[i] += factor * x[i];
    }
}

static void axpy(const dstn_kernel *kernel, int64_t n, double a, const void *x, void *y) {
    KERNEL_SPLIT(n, n, axpy_part(first, end, (real)a, x, y));
}

/* Independent partial sums: a single one would wait for each addition, and may not be reordered by the compiler. */
enum { LANES = 16 };

static double sum_lanes(const double *lanes) {
    double sum = 0;
    for (int j = 0; j < LANES; j++) {
        sum += lanes[j];
    }
    return sum;
}

static double dot(const dstn_kernel *kernel, int64_t n, const void *x, const void *y) {
    const real *restrict a = x, *restrict b = y;
    double lanes[LANES] = {0};
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        for (int j = 0; j < LANES; j++) {
            lanes[j] += (double)a[i + j] * (double)b[i + j];
        }
    }
    for (; i < n; i++) {
        lanes[0] += (double)a[i] * (double)b[i];
    }
    return sum_lanes(lanes);
}

/* Elements of equal index only, so that out may be x or y: no restrict. */
static void multiply(const dstn_kernel *kernel, int64_t n, const void *x, const void *y, void *out) {
    const real *a = x, *b = y;
    real *to = out;
    for (int64_t i = 0; i < n; i++) {
        to[i] = a[i] * b[i];
    }
}

static void from_double(const dstn_kernel *kernel, int64_t n, const double *x, void *y) {
    real *restrict to = y;
    for (int64_t i = 0; i < n; i++) {
        to[i] = (real)x[i];
    }
}

static void to_double(const dstn_kernel *kernel, int64_t n, const void *x, double *y) {
    const real *restrict from = x;
    for (int64_t i = 0; i < n; i++) {
        y[i] = (double)from[i];
    }
}

static void from_bytes(const dstn_kernel *kernel, int64_t n, double scale_by, double shift, const uint8_t *x, void *y) {
    real *restrict to = y;
    real factor = (real)scale_by, offset = (real)shift;
    for (int64_t i = 0; i < n; i++) {
        to[i] = factor * (real)x[i] + offset;
    }
}

/* x − x is 0 for a finite x and NaN otherwise. */
static bool all_finite(const dstn_kernel *kernel, int64_t n, const void *x) {
    const real *restrict from = x;
    int bad = 0;
    for (int64_t i = 0; i < n; i++) {
        bad |= !(from[i] - from[i] == 0);
    }
    return !bad;
}

void KERNEL_TYPED(kernel_put_vectors)(dstn_kernel *table) {
    table->fill = fill;
    table->copy = copy;
    table->scale = scale;
    table->axpy = axpy;
    table->dot = dot;
    table->multiply = multiply;
    table->from_double = from_double;
    table->to_double = to_double;
    table->from_bytes = from_bytes;
    table->all_finite = all_finite;
}
