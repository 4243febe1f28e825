/* The distributed eigendecomposition: the same on any number of ranks, on every rank, and in groups beside each other.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/oracle/curve.h"
#include "../../src/oracle/eigen.h"
#include "../../src/oracle/family.h"

static dstn_group *world;
static const dstn_kernel *kernel;

typedef struct spectrum {
    int64_t n, d;
    double *x, *scale, *values, *vectors;
} spectrum;

static spectrum spectrum_new(const dstn_group *group, int64_t n, int64_t d, int block, uint32_t seed) {
    spectrum s = {n,
                  d,
                  dstn_alloc((size_t)(n * d), sizeof(double)),
                  dstn_alloc((size_t)d, sizeof(double)),
                  dstn_alloc((size_t)d, sizeof(double)),
                  dstn_alloc((size_t)(d * d), sizeof(double))};
    for (int64_t i = 0; i < n * d; i++) {
        double pair[2];
        dstn_rng_normals((dstn_rng){seed, DSTN_PURPOSE_TEST}, 0, (uint64_t)i, 0, pair);
        s.x[i] = pair[0];
    }
    for (int64_t j = 0; j < d; j++) {
        s.scale[j] = 1 + 0.5 * cos((double)j);
    }
    dstn_error err;
    dstn_status status =
        oracle_eigen_gram(group, kernel, n, d, s.x, s.scale, (oracle_deal){block, 64}, s.values, s.vectors, &err);
    if (status != DSTN_OK) {
        print_error("%s\n", err.message);
    }
    assert_int_equal(status, DSTN_OK);
    return s;
}

static void spectrum_free(spectrum *s) {
    free(s->x);
    free(s->scale);
    free(s->values);
    free(s->vectors);
}

/* ‖S XᵀX S q − λ q‖ and Q Qᵀ − I, by plain loops. */
static void assert_decomposes(const spectrum *s) {
    int64_t n = s->n, d = s->d;
    double *image = dstn_alloc((size_t)n, sizeof(double));
    double size = fmax(s->values[d - 1], 1);
    for (int64_t i = 0; i < d; i++) {
        const double *q = s->vectors + i * d;
        assert_true(i == 0 || s->values[i] >= s->values[i - 1]);
        for (int64_t r = 0; r < n; r++) {
            image[r] = 0;
            for (int64_t j = 0; j < d; j++) {
                image[r] += s->x[r * d + j] * s->scale[j] * q[j];
            }
        }
        for (int64_t j = 0; j < d; j++) {
            double back = -s->values[i] * q[j];
            for (int64_t r = 0; r < n; r++) {
                back += s->x[r * d + j] * s->scale[j] * image[r];
            }
            assert_true(fabs(back) < 1e-11 * size);
        }
        for (int64_t k = 0; k <= i; k++) {
            double product = k == i ? -1 : 0;
            for (int64_t j = 0; j < d; j++) {
                product += q[j] * s->vectors[k * d + j];
            }
            assert_true(fabs(product) < 1e-12);
        }
    }
    free(image);
}

static void assert_same_bits(const void *mine, size_t size) {
    void *leaders = dstn_alloc(1, size);
    memcpy(leaders, mine, size);
    dstn_group_broadcast(world, leaders, size);
    int64_t differs = memcmp(leaders, mine, size) != 0;
    assert_int_equal(dstn_group_max(world, differs), 0);
    free(leaders);
}

/* Order 1, below and at the number of ranks, at a block's side and beside it, and more columns than rows. */
static const struct {
    int64_t n, d;
    int block;
} cases[] = {{10, 1, 64}, {10, 2, 1},     {10, 3, 1},   {9, 5, 2},   {90, 64, 64},
             {90, 67, 8}, {200, 130, 64}, {40, 90, 16}, {80, 70, 32}};
enum { CASES = sizeof cases / sizeof cases[0] };

static void ranks_decompose_as_one_rank_does(void **state) {
    (void)state;
    dstn_group *self = dstn_group_self();
    for (int c = 0; c < CASES; c++) {
        spectrum together = spectrum_new(world, cases[c].n, cases[c].d, cases[c].block, 7);
        spectrum alone = spectrum_new(self, cases[c].n, cases[c].d, 64, 7);
        for (int64_t i = 0; i < cases[c].d; i++) {
            assert_true(fabs(together.values[i] - alone.values[i]) <= 1e-10 * alone.values[cases[c].d - 1]);
        }
        assert_decomposes(&together);
        assert_same_bits(together.values, (size_t)cases[c].d * sizeof(double));
        assert_same_bits(together.vectors, (size_t)(cases[c].d * cases[c].d) * sizeof(double));
        spectrum_free(&together);
        spectrum_free(&alone);
    }
    dstn_group_destroy(self);
}

/* Whatever basis is found where all eigenvalues are equal, or zero, must be one. */
static void equal_eigenvalues_have_a_basis(void **state) {
    (void)state;
    for (int which = 0; which < 2; which++) {
        enum { D = 45 };
        spectrum s = spectrum_new(world, D, D, 8, 7);
        for (int i = 0; i < D * D; i++) {
            s.x[i] = which && i % (D + 1) == 0 ? 3 / s.scale[i % D] : 0;
        }
        dstn_error err;
        assert_int_equal(
            oracle_eigen_gram(world, kernel, D, D, s.x, s.scale, (oracle_deal){8, 64}, s.values, s.vectors, &err),
            DSTN_OK);
        assert_float_equal(s.values[0], which ? 9 : 0, 1e-12);
        assert_decomposes(&s);
        spectrum_free(&s);
    }
}

/* Groups that decompose different matrices at the same time must not meet in the library's own communicator. */
static void groups_decompose_beside_each_other(void **state) {
    (void)state;
    int size = dstn_group_size(world) % 2 == 0 ? 2 : 1;
    dstn_group *group = NULL;
    dstn_error err;
    assert_int_equal(dstn_group_split(world, size, &group, &err), DSTN_OK);
    int which = dstn_group_rank(world) / size;
    for (int repeat = 0; repeat < 3; repeat++) {
        spectrum s = spectrum_new(group, 60, 20 + 13 * which, 8, (uint32_t)(11 + which));
        assert_decomposes(&s);
        spectrum_free(&s);
    }
    dstn_group_destroy(group);
}

static void only_large_matrices_are_dealt_out(void **state) {
    (void)state;
    assert_int_equal(oracle_eigen_deal(world, DSTN_EIGEN_ALONE).ranks, 1);
    assert_int_equal(oracle_eigen_deal(world, DSTN_EIGEN_ALONE + 1).ranks, dstn_group_size(world));
}

/* ---- the whole family ---- */

static double exp_value(double u, double low, double high) {
    (void)low;
    (void)high;
    return exp(u);
}

static void curve_is_the_same_on_any_number_of_ranks(void **state) {
    (void)state;
    const dstn_transform exponential = {.name = "exp", .value = exp_value, .derivative = exp_value};
    const dstn_hyper hyper = {.name = "penalty", .transform = &exponential};
    enum { N = 60, V = 700, D = 80 };
    double *x = dstn_alloc((N + V) * (D + 1), sizeof(double));
    for (int i = 0; i < (N + V) * (D + 1); i++) {
        double pair[2];
        dstn_rng_normals((dstn_rng){3, DSTN_PURPOSE_TEST}, 1, (uint64_t)i, 0, pair);
        x[i] = pair[0];
    }
    double *t = x + (N + V) * D;
    for (int r = 0; r < N + V; r++) {
        t[r] *= 3;
        for (int j = 0; j < D; j++) {
            t[r] += 0.4 * x[r * D + j];
        }
    }
    oracle_family_data data = {.n = N,
                               .v = V,
                               .d = D,
                               .x = x,
                               .t = t,
                               .x_valid = x + N * D,
                               .t_valid = t + N,
                               .weighting = DSTN_WEIGHTING_FEATURES,
                               .strength = {&oracle_strength_exponential, &hyper, 1}};
    dstn_group *self = dstn_group_self();
    oracle_family *together = NULL, *alone = NULL;
    oracle_curve *curves = dstn_alloc(2, sizeof *curves);
    dstn_error err;
    assert_int_equal(oracle_family_new(&data, world, &together, &err), DSTN_OK);
    assert_int_equal(oracle_family_new(&data, self, &alone, &err), DSTN_OK);
    oracle_curve_fill(&curves[0], together, world);
    oracle_curve_fill(&curves[1], alone, self);
    /* Bit for bit, since a series of regrets is part of a run that is the same on any number of ranks. */
    assert_int_equal(curves[0].edge, DSTN_EDGE_NONE);
    assert_memory_equal(curves[0].loss, curves[1].loss, sizeof curves[0].loss);
    assert_memory_equal(&curves[0].lambda_star, &curves[1].lambda_star, sizeof(double));
    assert_memory_equal(&curves[0].best_loss, &curves[1].best_loss, sizeof(double));
    assert_same_bits(curves[0].loss, sizeof curves[0].loss);
    assert_same_bits(&curves[0].lambda_star, sizeof(double));
    assert_same_bits(&curves[0].best_loss, sizeof(double));
    assert_same_bits(together->design, (size_t)(together->modes * together->rows) * sizeof(double));
    assert_same_bits(together->target, (size_t)together->modes * sizeof(double));
    oracle_family_destroy(together);
    oracle_family_destroy(alone);
    dstn_group_destroy(self);
    free(curves);
    free(x);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_decompose_as_one_rank_does),         cmocka_unit_test(equal_eigenvalues_have_a_basis),
        cmocka_unit_test(groups_decompose_beside_each_other),       cmocka_unit_test(only_large_matrices_are_dealt_out),
        cmocka_unit_test(curve_is_the_same_on_any_number_of_ranks),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    int failed = dstn_kernel_find("openblas", DSTN_F64, &kernel, &err) != DSTN_OK ||
                 cmocka_run_group_tests(tests, NULL, NULL) != 0;
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed);
}
