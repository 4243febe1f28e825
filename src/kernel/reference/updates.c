/* kernel: optimizer updates, one pass over memory each. */
#include "../split.h"
#include "reference.h"

#include <math.h>

enum { UPDATE_LINE = 64 / sizeof(real), UPDATE_BLOCK = 8 * UPDATE_LINE, UPDATE_AHEAD = 24 * UPDATE_LINE };

/* ---- sgd --------------------------------------------------------------------------------------------------------- */

typedef struct sgd_factors {
    real gradient, rate, momentum;
} sgd_factors;

/* Elements of blocks `first` … `end`−1. The hardware stops reading ahead at the end of every page of the three streams.
 */
static void sgd_part(int64_t first, int64_t end, int64_t n, sgd_factors factors, const real *restrict gradient,
                     real *restrict velocity, real *restrict weight) {
    for (int64_t start = first * UPDATE_BLOCK; start < n && start < end * UPDATE_BLOCK; start += UPDATE_BLOCK) {
        int64_t stop = start + UPDATE_BLOCK < n ? start + UPDATE_BLOCK : n;
        for (int64_t line = start + UPDATE_AHEAD; line < stop + UPDATE_AHEAD; line += UPDATE_LINE) {
            __builtin_prefetch(gradient + line);
            __builtin_prefetch(velocity + line, 1);
            __builtin_prefetch(weight + line, 1);
        }
        for (int64_t i = start; i < stop; i++) {
            velocity[i] = factors.momentum * velocity[i] + factors.gradient * gradient[i];
            weight[i] -= factors.rate * velocity[i];
        }
    }
}

static void sgd(const dstn_kernel *kernel, int64_t n, double rate, double momentum, double factor, const void *g,
                void *m, void *w) {
    if (momentum == 0) {
        kernel->axpy(kernel, n, -rate * factor, g, w);
        return;
    }
    sgd_factors factors = {(real)factor, (real)rate, (real)momentum};
    KERNEL_SPLIT((n + UPDATE_BLOCK - 1) / UPDATE_BLOCK, n, sgd_part(first, end, n, factors, g, m, w));
}

/* ---- rmsprop and adam -------------------------------------------------------------------------------------------- */

static real root(real x) {
    return sizeof(real) == sizeof(float) ? (real)sqrtf((float)x) : (real)sqrt((double)x);
}

typedef struct rmsprop_factors {
    real gradient, rate, kept, fresh, least;
} rmsprop_factors;

static void rmsprop_part(int64_t first, int64_t end, rmsprop_factors factors, const real *restrict gradient,
                         real *restrict square, real *restrict weight) {
    for (int64_t i = first; i < end; i++) {
        real value = factors.gradient * gradient[i];
        square[i] = factors.kept * square[i] + factors.fresh * (value * value);
        weight[i] -= factors.rate * value / (root(square[i]) + factors.least);
    }
}

static void rmsprop(const dstn_kernel *kernel, int64_t n, double rate, double beta, double epsilon, double factor,
                    const void *g, void *s, void *w) {
    rmsprop_factors factors = {(real)factor, (real)rate, (real)beta, (real)(1 - beta), (real)epsilon};
    KERNEL_SPLIT(n, n, rmsprop_part(first, end, factors, g, s, w));
}

typedef struct adam_factors {
    real gradient, rate, spread, kept1, fresh1, kept2, fresh2, least;
} adam_factors;

static void adam_part(int64_t first, int64_t end, adam_factors factors, const real *restrict gradient,
                      real *restrict mean, real *restrict square, real *restrict weight) {
    for (int64_t i = first; i < end; i++) {
        real value = factors.gradient * gradient[i];
        mean[i] = factors.kept1 * mean[i] + factors.fresh1 * value;
        square[i] = factors.kept2 * square[i] + factors.fresh2 * (value * value);
        weight[i] -= factors.rate * mean[i] / (root(square[i]) * factors.spread + factors.least);
    }
}

static void adam(const dstn_kernel *kernel, int64_t n, double rate, double beta1, double beta2, double epsilon,
                 double correction1, double correction2, double factor, const void *g, void *m, void *v, void *w) {
    adam_factors factors = {
        .gradient = (real)factor,
        .rate = (real)(rate / correction1),
        .spread = (real)(1 / sqrt(correction2)),
        .kept1 = (real)beta1,
        .fresh1 = (real)(1 - beta1),
        .kept2 = (real)beta2,
        .fresh2 = (real)(1 - beta2),
        .least = (real)epsilon,
    };
    KERNEL_SPLIT(n, n, adam_part(first, end, factors, g, m, v, w));
}

void KERNEL_TYPED(kernel_put_updates)(dstn_kernel *table) {
    table->sgd = sgd;
    table->rmsprop = rmsprop;
    table->adam = adam;
}
