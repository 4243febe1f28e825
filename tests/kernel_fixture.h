/* For tests of the kernel room: arrays in the kernel's type beside their values in double, on every table of the build.
 */
#ifndef DSTN_TESTS_KERNEL_FIXTURE_H
#define DSTN_TESTS_KERNEL_FIXTURE_H

#include <math.h>
#include <string.h>

#include "dstn/kernel.h"

enum { SPACE = 4096 + 256 };

static const dstn_rng test_rng = {.seed = 5, .purpose = DSTN_PURPOSE_TEST};

/* An array in the kernel's type, and what it should hold. */
typedef struct twin {
    double raw[SPACE]; /* room for either type */
    double value[SPACE];
} twin;

typedef struct bench {
    const dstn_kernel *kernel;
    double tolerance; /* relative to 1 + |value| */
    twin x, y, z, u;
} bench;

/* Values that every type holds exactly. */
static inline void draw(uint64_t step, double *values) {
    for (int64_t i = 0; i < SPACE; i++) {
        double pair[2];
        dstn_rng_normals(test_rng, step, 1, (uint64_t)i, pair);
        values[i] = (double)(float)pair[0];
    }
}

/* Makes an array in the kernel's type of the values that it should hold. */
static inline void store(bench *b, twin *t) {
    b->kernel->from_double(b->kernel, SPACE, t->value, t->raw);
}

/* The same four arrays every time. */
static inline void renew(bench *b) {
    static double drawn[4][SPACE];
    twin *const twins[] = {&b->x, &b->y, &b->z, &b->u};
    for (uint64_t i = 0; i < 4; i++) {
        if (drawn[i][0] == 0) {
            draw(i + 1, drawn[i]);
        }
        memcpy(twins[i]->value, drawn[i], sizeof drawn[i]);
        store(b, twins[i]);
    }
}

/* Compares the whole space, so that a write beyond the end is seen too. */
static inline void check(const bench *b, const char *what, const twin *t) {
    static double got[SPACE];
    b->kernel->to_double(b->kernel, SPACE, t->raw, got);
    for (int64_t i = 0; i < SPACE; i++) {
        if (!(fabs(got[i] - t->value[i]) <= b->tolerance * (1 + fabs(t->value[i])))) {
            fail_msg("%s of %s in %s: element %d is %.17g, not %.17g", what, b->kernel->backend,
                     dstn_scalar_name(b->kernel->scalar), (int)i, got[i], t->value[i]);
        }
    }
}

static inline void assert_near(const bench *b, double got, double want) {
    if (!(fabs(got - want) <= b->tolerance * 10 * (1 + fabs(want)))) {
        fail_msg("%s in %s: %.17g is not %.17g", b->kernel->backend, dstn_scalar_name(b->kernel->scalar), got, want);
    }
}

static inline double rounding_of(const dstn_kernel *kernel) {
    return kernel->scalar == DSTN_F64 ? 1e-14 : 1e-6;
}

static inline void with_all_kernels(void (*test)(bench *b)) {
    static bench b;
    for (int i = 0; (b.kernel = dstn_kernel_at(i)); i++) {
        b.tolerance = rounding_of(b.kernel);
        renew(&b);
        test(&b);
    }
}

#endif
