/* For tests of the kernel room: arrays in the kernel's type beside their values in double, and every table of the
 * build. */
#ifndef DSTN_TESTS_KERNEL_FIXTURE_H
#define DSTN_TESTS_KERNEL_FIXTURE_H

#include <math.h>
#include <string.h>

#include "dstn/kernel.h"

enum { SPACE = 2048 };

static const dstn_rng test_rng = {.seed = 5, .purpose = DSTN_PURPOSE_TEST};

/* An array in the kernel's type and in double; values are such that both hold them exactly. */
typedef struct twin {
    double raw[SPACE]; /* room for either type */
    double value[SPACE];
} twin;

typedef struct bench {
    const dstn_kernel *kernel;
    double tolerance;
    twin x, y, z, u;
} bench;

static inline void draw(bench *b, twin *t, uint64_t step) {
    for (int64_t i = 0; i < SPACE; i++) {
        double pair[2];
        dstn_rng_normals(test_rng, step, 1, (uint64_t)i, pair);
        t->value[i] = (double)(float)pair[0];
    }
    b->kernel->from_double(b->kernel, SPACE, t->value, t->raw);
}

static inline void renew(bench *b) {
    draw(b, &b->x, 1);
    draw(b, &b->y, 2);
    draw(b, &b->z, 3);
    draw(b, &b->u, 4);
}

/* Compares the whole space, so that a write beyond the end is seen too. */
static inline void check(bench *b, const char *what, twin *t) {
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
        fail_msg("%.17g is not %.17g", got, want);
    }
}

/* Table i of those that a build can have; NULL: not this one. */
enum { KERNELS = 4 };
static inline const dstn_kernel *kernel_at(int i) {
    const dstn_kernel *kernel;
    dstn_error err;
    dstn_scalar scalar = i % 2 ? DSTN_F64 : DSTN_F32;
    bool is_there = dstn_kernel_find(i / 2 ? "onednn" : "openblas", scalar, &kernel, &err) == DSTN_OK;
    assert_true(is_there || i / 2);
    return is_there ? kernel : NULL;
}

static inline void with_all_kernels(void (*test)(bench *b)) {
    static bench b;
    for (int i = 0; i < KERNELS; i++) {
        b.kernel = kernel_at(i);
        if (b.kernel) {
            b.tolerance = b.kernel->scalar == DSTN_F64 ? 1e-14 : 1e-6;
            renew(&b);
            test(&b);
        }
    }
}

#endif
