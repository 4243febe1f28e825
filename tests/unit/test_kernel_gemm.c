/* kernel: matrix products of every shape class against three plain loops, in both scalar types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/kernel.h"

enum { SPACE = 60 * 60 };

static const dstn_rng test_rng = {.seed = 3, .purpose = DSTN_PURPOSE_TEST};

static const dstn_kernel *find(dstn_scalar scalar) {
    const dstn_kernel *kernel = NULL;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("auto", scalar, &kernel, &err), DSTN_OK);
    return kernel;
}

static void draw(uint64_t step, int64_t count, double *values) {
    for (int64_t i = 0; i < count; i++) {
        double pair[2];
        dstn_rng_normals(test_rng, step, 0, (uint64_t)i, pair);
        values[i] = (double)(float)pair[0];
    }
}

typedef struct product {
    bool transpose_a, transpose_b;
    int64_t m, n, k, slack; /* slack: columns beyond the matrix in every row */
    double alpha, beta;
} product;

static void plain(const product *p, const double *a, int64_t lda, const double *b, int64_t ldb, double *c,
                  int64_t ldc) {
    for (int64_t i = 0; i < p->m; i++) {
        for (int64_t j = 0; j < p->n; j++) {
            double sum = 0;
            for (int64_t l = 0; l < p->k; l++) {
                sum += (p->transpose_a ? a[l * lda + i] : a[i * lda + l]) *
                       (p->transpose_b ? b[j * ldb + l] : b[l * ldb + j]);
            }
            c[i * ldc + j] = p->alpha * sum + (p->beta == 0 ? 0 : p->beta * c[i * ldc + j]);
        }
    }
}

static void check_product(const dstn_kernel *kernel, const product *p) {
    static double a[SPACE], b[SPACE], c[SPACE], drawn[SPACE], got[SPACE];
    static double raw_a[SPACE], raw_b[SPACE], raw_c[SPACE];
    int64_t lda = (p->transpose_a ? p->m : p->k) + p->slack, ldb = (p->transpose_b ? p->k : p->n) + p->slack;
    int64_t ldc = p->n + p->slack;
    if (drawn[0] == 0) {
        draw(1, SPACE, a);
        draw(2, SPACE, b);
        draw(3, SPACE, drawn);
    }
    memcpy(c, drawn, sizeof c);
    if (p->beta == 0) {
        for (int64_t i = 0; i < p->m * p->n; i++) {
            c[i / p->n * ldc + i % p->n] = NAN; /* β = 0 must not read C */
        }
    }
    kernel->from_double(kernel, SPACE, a, raw_a);
    kernel->from_double(kernel, SPACE, b, raw_b);
    kernel->from_double(kernel, SPACE, c, raw_c);
    kernel->gemm(kernel, p->transpose_a, p->transpose_b, p->m, p->n, p->k, p->alpha, raw_a, lda, raw_b, ldb, p->beta,
                 raw_c, ldc);
    plain(p, a, lda, b, ldb, c, ldc);
    kernel->to_double(kernel, SPACE, raw_c, got);
    double tolerance = kernel->scalar == DSTN_F32 ? 2e-5 : 1e-13;
    for (int64_t i = 0; i < SPACE; i++) {
        if (!(fabs(got[i] - c[i]) <= tolerance * (1 + (double)p->k))) {
            fail_msg("%s %d%d m %d n %d k %d: element %d is %g, not %g", dstn_scalar_name(kernel->scalar),
                     p->transpose_a, p->transpose_b, (int)p->m, (int)p->n, (int)p->k, (int)i, got[i], c[i]);
        }
    }
}

static void check_shapes(const dstn_kernel *kernel) {
    static const int64_t sizes[] = {0, 1, 2, 3, 13, 50};
    static const double factors[][2] = {{1, 0}, {1, 1}, {-0.5, 2}};
    enum { SIZES = sizeof sizes / sizeof sizes[0] };
    for (int i = 0; i < SIZES * SIZES * SIZES; i++) {
        for (int variant = 0; variant < 4 * 3 * 2; variant++) {
            const double *factor = factors[variant / 8];
            product p = {
                variant & 1,         variant & 2, sizes[i % SIZES], sizes[i / SIZES % SIZES], sizes[i / SIZES / SIZES],
                variant & 4 ? 2 : 0, factor[0],   factor[1]};
            /* Leading dimensions are at least 1, as in a matrix without elements. */
            if (p.slack || (p.m && p.n && p.k)) {
                check_product(kernel, &p);
            }
        }
    }
}

static void check_all_backends(dstn_scalar scalar) {
    static const char *const backends[] = {"openblas", "onednn"};
    for (int i = 0; i < 2; i++) {
        const dstn_kernel *kernel = NULL;
        dstn_error err;
        bool is_there = dstn_kernel_find(backends[i], scalar, &kernel, &err) == DSTN_OK;
        assert_true(is_there || i > 0);
        if (is_there) {
            check_shapes(kernel);
        }
    }
}

static void gemm_equals_plain_loops_in_f32(void **state) {
    (void)state;
    check_all_backends(DSTN_F32);
}

static void gemm_equals_plain_loops_in_f64(void **state) {
    (void)state;
    check_all_backends(DSTN_F64);
}

static void unknown_backends_are_refused_with_the_known_ones(void **state) {
    (void)state;
    const dstn_kernel *kernel = NULL;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F32, &kernel, &err), DSTN_OK);
    assert_string_equal(kernel->backend, "openblas");
    assert_int_equal(kernel->size, sizeof(float));
    assert_int_equal(dstn_kernel_find("openblsa", DSTN_F32, &kernel, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "openblas"));
    assert_int_equal(dstn_kernel_find("onednn", DSTN_F64, &kernel, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "openblas"));
    assert_int_equal(dstn_kernel_find("auto", DSTN_I64, &kernel, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "i64"));
}

static void threads_follow_the_environment_and_are_one_without_it(void **state) {
    (void)state;
    unsetenv("OPENBLAS_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(dstn_kernel_init_threads(), 1);
    setenv("OMP_NUM_THREADS", "2", 1);
    assert_int_equal(dstn_kernel_init_threads(), 2);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    assert_int_equal(dstn_kernel_init_threads(), 2); /* OpenBLAS alone has one */
    setenv("OMP_NUM_THREADS", "many", 1);
    assert_int_equal(dstn_kernel_init_threads(), 1);
    unsetenv("OMP_NUM_THREADS");
    setenv("OPENBLAS_NUM_THREADS", "2", 1);
    assert_int_equal(dstn_kernel_init_threads(), 2);
}

static void version_and_peak_say_something(void **state) {
    (void)state;
    assert_non_null(strstr(dstn_kernel_version(), "OpenBLAS"));
    assert_true(dstn_kernel_measure(find(DSTN_F32), 64, 2) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gemm_equals_plain_loops_in_f32),
        cmocka_unit_test(gemm_equals_plain_loops_in_f64),
        cmocka_unit_test(unknown_backends_are_refused_with_the_known_ones),
        cmocka_unit_test(threads_follow_the_environment_and_are_one_without_it),
        cmocka_unit_test(version_and_peak_say_something),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
