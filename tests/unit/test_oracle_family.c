/* The closed forms in the eigenbasis against dense elimination on the matrices themselves: best response, its
 * derivative, the validation loss, the smoothed derivative, and the minimum of the curve. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/oracle/curve.h"
#include "../../src/oracle/family.h"

/* ---- transforms and penalties of the test ---- */

static double exp_value(double u, double low, double high) {
    (void)low;
    (void)high;
    return exp(u);
}

static double rate_value(double u, double low, double high) {
    return low + (high - low) / (1 + exp(-u));
}

static double rate_derivative(double u, double low, double high) {
    double s = 1 / (1 + exp(-u));
    return (high - low) * s * (1 - s);
}

static const dstn_transform exponential = {.name = "exp", .value = exp_value, .derivative = exp_value};
static const dstn_transform stretched = {.name = "rate", .value = rate_value, .derivative = rate_derivative};
static const dstn_hyper penalty = {.name = "penalty", .transform = &exponential, .low = 0, .high = INFINITY};
static const dstn_hyper rate = {.name = "rate", .transform = &stretched, .low = 0, .high = 0.95};

/* ---- problems ---- */

typedef struct problem {
    dstn_family_data data;
    double *x, *t, *x_valid, *t_valid; /* of data, to write to */
} problem;

static void fill_normal(double *values, int64_t count, uint32_t seed) {
    for (int64_t i = 0; i < count; i++) {
        double pair[2];
        dstn_rng_normals((dstn_rng){seed, DSTN_PURPOSE_TEST}, 0, (uint64_t)i, 0, pair);
        values[i] = pair[0];
    }
}

/* t = Xw + noise, columns of different sizes; kind 0: ridge, 1: input dropout, 2: ridge with n e^λ. */
static problem problem_new(int kind, int64_t n, int64_t v, int64_t d, double noise) {
    static const dstn_strength strengths[] = {{&dstn_strength_exponential, &penalty, 1},
                                              {&dstn_strength_odds, &rate, 1},
                                              {&dstn_strength_exponential, &penalty, 0}};
    problem p = {.x = dstn_alloc((size_t)(n * d), sizeof(double)),
                 .t = dstn_alloc((size_t)n, sizeof(double)),
                 .x_valid = dstn_alloc((size_t)(v * d), sizeof(double)),
                 .t_valid = dstn_alloc((size_t)v, sizeof(double))};
    double *w = dstn_alloc((size_t)d, sizeof(double));
    fill_normal(w, d, 1);
    fill_normal(p.x, n * d, 2);
    fill_normal(p.x_valid, v * d, 3);
    fill_normal(p.t, n, 4);
    fill_normal(p.t_valid, v, 5);
    for (int64_t r = 0; r < n + v; r++) {
        double *x = r < n ? p.x + r * d : p.x_valid + (r - n) * d;
        double *t = r < n ? p.t + r : p.t_valid + (r - n);
        *t *= noise;
        for (int64_t j = 0; j < d; j++) {
            x[j] *= 0.5 + (double)j / (double)d;
            *t += x[j] * w[j];
        }
    }
    free(w);
    p.data = (dstn_family_data){.n = n,
                                .v = v,
                                .d = d,
                                .x = p.x,
                                .t = p.t,
                                .x_valid = p.x_valid,
                                .t_valid = p.t_valid,
                                .weighting = kind == 1 ? DSTN_WEIGHTING_FEATURES : DSTN_WEIGHTING_IDENTITY,
                                .strength = strengths[kind]};
    if (kind == 2)
        p.data.strength.factor = (double)n;
    return p;
}

static void problem_free(problem *p) {
    free(p->x);
    free(p->t);
    free(p->x_valid);
    free(p->t_valid);
}

static dstn_family *family_of(const problem *p) {
    dstn_group *self = dstn_group_self();
    dstn_family *family = NULL;
    dstn_error err;
    assert_int_equal(dstn_family_new(&p->data, self, &family, &err), DSTN_OK);
    dstn_group_destroy(self);
    return family;
}

/* ---- the same by brute force ---- */

static double c_of(const problem *p, double lambda) {
    if (p->data.weighting == DSTN_WEIGHTING_IDENTITY)
        return p->data.strength.factor * exp(lambda);
    double q = 0.95 / (1 + exp(-lambda));
    return q / (1 - q);
}

static double c_slope(const problem *p, double lambda) {
    const double h = 1e-3; /* fourth order */
    return (8 * (c_of(p, lambda + h) - c_of(p, lambda - h)) - (c_of(p, lambda + 2 * h) - c_of(p, lambda - 2 * h))) /
           (12 * h);
}

static double gram(const problem *p, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t r = 0; r < p->data.n; r++)
        sum += p->x[r * p->data.d + i] * p->x[r * p->data.d + j];
    return sum;
}

static double weighting(const problem *p, int64_t i) {
    return p->data.weighting == DSTN_WEIGHTING_IDENTITY ? 1 : gram(p, i, i);
}

/* b [d] ← (a XᵀX + c D)⁻¹ b by elimination with pivots. */
static void solve(const problem *p, double a, double c, double *b) {
    int64_t d = p->data.d;
    double *m = dstn_alloc((size_t)(d * d), sizeof(double));
    for (int64_t i = 0; i < d; i++)
        for (int64_t j = 0; j < d; j++)
            m[i * d + j] = a * gram(p, i, j) + (i == j ? c * weighting(p, i) : 0);
    for (int64_t k = 0; k < d; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < d; i++)
            pivot = fabs(m[i * d + k]) > fabs(m[pivot * d + k]) ? i : pivot;
        for (int64_t j = 0; j <= d; j++) {
            double *one = j < d ? &m[k * d + j] : &b[k], *other = j < d ? &m[pivot * d + j] : &b[pivot];
            double kept = *one;
            *one = *other;
            *other = kept;
        }
        for (int64_t i = k + 1; i < d; i++) {
            double factor = m[i * d + k] / m[k * d + k];
            for (int64_t j = k; j < d; j++)
                m[i * d + j] -= factor * m[k * d + j];
            b[i] -= factor * b[k];
        }
    }
    for (int64_t k = d - 1; k >= 0; k--) {
        for (int64_t j = k + 1; j < d; j++)
            b[k] -= m[k * d + j] * b[j];
        b[k] /= m[k * d + k];
    }
    free(m);
}

static void response_by_elimination(const problem *p, double lambda, double *w) {
    int64_t d = p->data.d;
    for (int64_t i = 0; i < d; i++) {
        w[i] = 0;
        for (int64_t r = 0; r < p->data.n; r++)
            w[i] += p->x[r * d + i] * p->t[r];
    }
    solve(p, 1, c_of(p, lambda), w);
}

static double loss_by_elimination(const problem *p, double lambda) {
    double w[64], sum = 0;
    response_by_elimination(p, lambda, w);
    for (int64_t r = 0; r < p->data.v; r++) {
        double e = -p->t_valid[r];
        for (int64_t j = 0; j < p->data.d; j++)
            e += p->x_valid[r * p->data.d + j] * w[j];
        sum += e * e;
    }
    return sum / (2 * (double)p->data.v);
}

/* E[ε^power c(λ + ε)] by the trapezoid rule, which converges faster than any power for such integrands. */
static double moment(const problem *p, double lambda, double sigma, int power) {
    const int points = 4000;
    const double reach = 14, step = 2 * reach / points;
    double sum = 0;
    for (int i = 0; i <= points; i++) {
        double xi = -reach + step * i;
        sum += exp(-xi * xi / 2) * pow(sigma * xi, power) * c_of(p, lambda + sigma * xi);
    }
    return sum * step / sqrt(2 * 3.14159265358979323846);
}

static void assert_close(const double *got, const double *want, int64_t count, double tolerance) {
    double error = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        size += want[i] * want[i];
    }
    if (!(sqrt(error) <= tolerance * sqrt(size)))
        fail_msg("differs by %g of %g", sqrt(error), sqrt(size));
}

/* Wide and tall, more and fewer validation rows than modes, and all kinds of penalty. */
static const int64_t shapes[][3] = {{40, 30, 7}, {40, 5, 7}, {12, 30, 20}, {12, 9, 20}, {25, 4, 1}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], KINDS = 3 };

static void for_each_problem(void (*check)(const problem *, const dstn_family *)) {
    for (int kind = 0; kind < KINDS; kind++)
        for (int s = 0; s < SHAPES; s++) {
            problem p = problem_new(kind, shapes[s][0], shapes[s][1], shapes[s][2], 2);
            dstn_family *family = family_of(&p);
            check(&p, family);
            dstn_family_destroy(family);
            problem_free(&p);
        }
}

/* ---- tests ---- */

static void check_response(const problem *p, const dstn_family *family) {
    for (double lambda = -6; lambda <= 6; lambda += 1.5) {
        double got[64], want[64];
        dstn_family_response(family, lambda, got);
        response_by_elimination(p, lambda, want);
        assert_close(got, want, p->data.d, 1e-9);
    }
}

static void best_response_solves_the_normal_equations(void **state) {
    (void)state;
    for_each_problem(check_response);
}

static void check_jacobian(const problem *p, const dstn_family *family) {
    int64_t d = p->data.d;
    for (double lambda = -4; lambda <= 4; lambda += 1) {
        double got[64], want[64], before[64], after[64];
        dstn_family_jacobian(family, lambda, got);
        response_by_elimination(p, lambda, want);
        for (int64_t i = 0; i < d; i++)
            want[i] *= -c_slope(p, lambda) * weighting(p, i);
        solve(p, 1, c_of(p, lambda), want);
        assert_close(got, want, d, 1e-8);
        const double h = 1e-4;
        dstn_family_response(family, lambda - h, before);
        dstn_family_response(family, lambda + h, after);
        for (int64_t i = 0; i < d; i++)
            want[i] = (after[i] - before[i]) / (2 * h);
        assert_close(got, want, d, 1e-6);
    }
}

static void jacobian_is_the_derivative_of_the_response(void **state) {
    (void)state;
    for_each_problem(check_jacobian);
}

static void check_loss(const problem *p, const dstn_family *family) {
    double lambda[150], loss[150]; /* more than one chunk */
    for (int i = 0; i < 150; i++)
        lambda[i] = -6 + 0.08 * i;
    dstn_family_losses(family, 150, lambda, loss);
    for (int i = 0; i < 150; i += 7) {
        double want = loss_by_elimination(p, lambda[i]);
        assert_close(&loss[i], &want, 1, 1e-9);
    }
}

static void validation_loss_is_that_of_the_response(void **state) {
    (void)state;
    for_each_problem(check_loss);
}

static void check_difference(const problem *p, const dstn_family *family) {
    double far = loss_by_elimination(p, 1.5) - loss_by_elimination(p, -0.5);
    double got = dstn_family_loss_difference(family, 1.5, -0.5);
    assert_close(&got, &far, 1, 1e-8);
    /* At a distance of 1e-9, where two losses agree to all their digits, it is still right to six. */
    double slope = dstn_family_loss_difference(family, 0.5 + 1e-3, 0.5 - 1e-3) / 2e-3;
    double close = dstn_family_loss_difference(family, 0.5 + 5e-10, 0.5 - 5e-10) / 1e-9;
    assert_close(&close, &slope, 1, 1e-5);
}

static void loss_difference_does_not_cancel(void **state) {
    (void)state;
    for_each_problem(check_difference);
}

static void check_smoothed(const problem *p, const dstn_family *family) {
    int64_t d = p->data.d;
    double w0[64], got[64], want[64];
    fill_normal(w0, d, 9); /* not a best response: with n < d it has a part that the data do not see */
    for (int s = 1; s <= 3; s++)
        for (double lambda = -3; lambda <= 3; lambda += 1.5) {
            double sigma = 0.5 * s;
            dstn_family_smoothed_jacobian(family, lambda, sigma, w0, got);
            for (int64_t i = 0; i < d; i++)
                want[i] = -moment(p, lambda, sigma, 1) * weighting(p, i) * w0[i];
            solve(p, sigma * sigma, moment(p, lambda, sigma, 2), want);
            assert_close(got, want, d, 1e-9);
        }
}

static void smoothed_jacobian_minimizes_the_expected_objective(void **state) {
    (void)state;
    for_each_problem(check_smoothed);
}

static void check_limit(const problem *p, const dstn_family *family) {
    double w0[64], got[64], want[64];
    dstn_family_response(family, 0.7, w0);
    dstn_family_jacobian(family, 0.7, want);
    dstn_family_smoothed_jacobian(family, 0.7, 1e-5, w0, got);
    assert_close(got, want, p->data.d, 1e-8);
    dstn_family_smoothed_jacobian(family, 0.7, 0, w0, got);
    assert_close(got, want, p->data.d, 1e-10);
    dstn_family_smoothed_jacobian(family, 0.7, 1, w0, got);
    double distance = 0;
    for (int64_t i = 0; i < p->data.d; i++)
        distance += fabs(got[i] - want[i]);
    assert_true(distance > 1e-3 * fabs(want[0]));
}

static void smoothed_jacobian_tends_to_the_jacobian(void **state) {
    (void)state;
    for_each_problem(check_limit);
}

/* With a known minimum: the derivative of the loss by elimination changes its sign there. */
static double minimum_by_bisection(const problem *p, double low, double high) {
    const double h = 1e-3;
    while (high - low > 1e-6) {
        double middle = (low + high) / 2;
        if (loss_by_elimination(p, middle + h) > loss_by_elimination(p, middle - h))
            high = middle;
        else
            low = middle;
    }
    return (low + high) / 2;
}

static dstn_curve *curve_of(const problem *p, const dstn_family *family) {
    dstn_curve *curve = dstn_alloc(1, sizeof *curve);
    dstn_group *self = dstn_group_self();
    (void)p;
    dstn_curve_fill(curve, family, self);
    dstn_group_destroy(self);
    return curve;
}

static void check_minimum(const problem *p, const dstn_family *family) {
    dstn_curve *curve = curve_of(p, family);
    double lowest = INFINITY;
    for (double lambda = -12; lambda <= 12; lambda += 0.25)
        lowest = fmin(lowest, loss_by_elimination(p, lambda));
    assert_true(curve->best_loss <= lowest + 1e-12);
    if (curve->edge == DSTN_EDGE_NONE) {
        double want = minimum_by_bisection(p, curve->lambda_star - 0.1, curve->lambda_star + 0.1);
        assert_float_equal(curve->lambda_star, want, 1e-4);
        double loss = loss_by_elimination(p, curve->lambda_star);
        assert_close(&curve->best_loss, &loss, 1, 1e-10);
        /* The two sides of a minimum that is known to 1e-9, as far as rounding lets it be told. */
        assert_true(dstn_family_loss_difference(family, curve->lambda_star + 1e-7, curve->lambda_star) > 0);
        assert_true(dstn_family_loss_difference(family, curve->lambda_star - 1e-7, curve->lambda_star) > 0);
    }
    free(curve);
}

static void minimum_of_the_curve_is_found(void **state) {
    (void)state;
    for_each_problem(check_minimum);
}

static void some_minimum_is_inside(void **state) {
    (void)state;
    problem p = problem_new(0, 20, 200, 15, 4);
    dstn_family *family = family_of(&p);
    dstn_curve *curve = curve_of(&p, family);
    assert_int_equal(curve->edge, DSTN_EDGE_NONE);
    assert_true(fabs(curve->lambda_star) < 12);
    check_minimum(&p, family);
    free(curve);
    dstn_family_destroy(family);
    problem_free(&p);
}

static void minimum_at_an_end_is_reported_as_edge(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++)
        for (int high = 0; high < 2; high++) {
            /* Without noise no penalty is best; with targets of the other sign the largest one is. */
            problem p = problem_new(kind, 40, 30, 7, 0);
            for (int64_t r = 0; high && r < p.data.v; r++)
                p.t_valid[r] = -p.t_valid[r];
            dstn_family *family = family_of(&p);
            dstn_curve *curve = curve_of(&p, family);
            assert_int_equal(curve->edge, high ? DSTN_EDGE_HIGH : DSTN_EDGE_LOW);
            assert_true(isinf(curve->lambda_star) && (curve->lambda_star > 0) == high);
            assert_true(curve->best_loss == curve->loss[high ? DSTN_CURVE_POINTS - 1 : 0]);
            assert_float_equal(curve->lambda[0], -12, 0);
            assert_float_equal(curve->lambda[DSTN_CURVE_POINTS - 1], 12, 1e-12);
            free(curve);
            dstn_family_destroy(family);
            problem_free(&p);
        }
}

static void feature_without_variation_has_no_weight(void **state) {
    (void)state;
    problem p = problem_new(1, 20, 10, 5, 1);
    for (int64_t r = 0; r < p.data.n; r++)
        p.x[r * 5 + 2] = 0;
    dstn_family *family = family_of(&p);
    double w[5], theta[5], w0[5] = {1, 1, 1, 1, 1};
    dstn_family_response(family, 0, w);
    assert_true(w[2] == 0 && fabs(w[0]) > 1e-3 && isfinite(w[4]));
    dstn_family_smoothed_jacobian(family, 0, 1, w0, theta);
    assert_true(theta[2] == 0 && fabs(theta[0]) > 1e-3 && isfinite(theta[4]));
    dstn_family_destroy(family);
    problem_free(&p);
}

static void duplicated_feature_leaves_one_mode_out(void **state) {
    (void)state;
    problem p = problem_new(0, 20, 10, 5, 1);
    for (int64_t r = 0; r < p.data.n; r++)
        p.x[r * 5 + 4] = p.x[r * 5 + 1];
    dstn_family *family = family_of(&p);
    assert_int_equal(family->modes, 4);
    double w[5];
    dstn_family_response(family, -300, w); /* the shortest of all least-squares solutions */
    assert_float_equal(w[1], w[4], 1e-9 * fabs(w[1]));
    dstn_family_destroy(family);
    problem_free(&p);
}

static void infinite_lambda_is_taken_as_it_is(void **state) {
    (void)state;
    problem p = problem_new(0, 40, 30, 7, 1);
    dstn_family *family = family_of(&p);
    double lambda[] = {INFINITY, 800, -INFINITY, NAN}, loss[4], without = 0, theta[7];
    for (int64_t r = 0; r < p.data.v; r++)
        without += p.t_valid[r] * p.t_valid[r] / (2 * (double)p.data.v);
    dstn_family_losses(family, 4, lambda, loss);
    assert_float_equal(loss[0], without, 1e-12 * without);
    assert_float_equal(loss[1], without, 1e-12 * without);
    assert_float_equal(loss[2], loss_by_elimination(&p, -40), 1e-9 * without);
    assert_true(isnan(loss[3]));
    dstn_family_jacobian(family, 800, theta);
    for (int i = 0; i < 7; i++)
        assert_true(theta[i] == 0);
    dstn_family_destroy(family);
    problem_free(&p);
}

static void values_that_are_not_finite_are_refused(void **state) {
    (void)state;
    problem p = problem_new(0, 40, 30, 7, 1);
    p.x[3] = NAN;
    dstn_group *self = dstn_group_self();
    dstn_family *family = NULL;
    dstn_error err;
    assert_int_equal(dstn_family_new(&p.data, self, &family, &err), DSTN_ERROR_DATA);
    assert_null(family);
    dstn_group_destroy(self);
    problem_free(&p);
}

static void quadrature_is_exact_for_polynomials(void **state) {
    (void)state;
    dstn_quadrature quadrature;
    dstn_quadrature_fill(&quadrature);
    double want = 1; /* E ξ^2k = (2k − 1)!! */
    for (int k = 0; k <= 8; k++) {
        double even = 0, odd = 0;
        for (int i = 0; i < DSTN_QUADRATURE_NODES; i++) {
            even += quadrature.weight[i] * pow(quadrature.node[i], 2 * k);
            odd += quadrature.weight[i] * pow(quadrature.node[i], 2 * k + 1);
        }
        want *= k ? 2 * k - 1 : 1;
        assert_float_equal(even, want, 1e-11 * want);
        assert_float_equal(odd, 0, 1e-10 * want);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quadrature_is_exact_for_polynomials),
        cmocka_unit_test(best_response_solves_the_normal_equations),
        cmocka_unit_test(jacobian_is_the_derivative_of_the_response),
        cmocka_unit_test(validation_loss_is_that_of_the_response),
        cmocka_unit_test(loss_difference_does_not_cancel),
        cmocka_unit_test(smoothed_jacobian_minimizes_the_expected_objective),
        cmocka_unit_test(smoothed_jacobian_tends_to_the_jacobian),
        cmocka_unit_test(minimum_of_the_curve_is_found),
        cmocka_unit_test(some_minimum_is_inside),
        cmocka_unit_test(minimum_at_an_end_is_reported_as_edge),
        cmocka_unit_test(feature_without_variation_has_no_weight),
        cmocka_unit_test(duplicated_feature_leaves_one_mode_out),
        cmocka_unit_test(infinite_lambda_is_taken_as_it_is),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
    };
    dstn_error err;
    if (dstn_dist_start(&argc, &argv, &err) != DSTN_OK)
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_dist_finish(failed ? 1 : 0);
}
