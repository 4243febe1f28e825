/* The closed forms in the eigenbasis against dense elimination: best response, its derivative, the validation loss, and
 * the smoothed derivative. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "oracle_problems.h"

static void check_response(const problem *p, const oracle_family *family) {
    for (double lambda = -6; lambda <= 6; lambda += 1.5) {
        double got[64], want[64];
        oracle_family_response(family, lambda, got);
        response_by_elimination(p, lambda, want);
        assert_close(got, want, p->data.d, 1e-9);
    }
}

static void best_response_solves_the_normal_equations(void **state) {
    (void)state;
    for_each_problem(check_response);
}

static void check_jacobian(const problem *p, const oracle_family *family) {
    int64_t d = p->data.d;
    for (double lambda = -4; lambda <= 4; lambda += 1) {
        double got[64], want[64], before[64], after[64];
        oracle_family_jacobian(family, lambda, got);
        response_by_elimination(p, lambda, want);
        for (int64_t i = 0; i < d; i++) {
            want[i] *= -c_slope(p, lambda) * weighting(p, i);
        }
        solve(p, 1, c_of(p, lambda), want);
        assert_close(got, want, d, 1e-8);
        const double h = 1e-4;
        oracle_family_response(family, lambda - h, before);
        oracle_family_response(family, lambda + h, after);
        for (int64_t i = 0; i < d; i++) {
            want[i] = (after[i] - before[i]) / (2 * h);
        }
        assert_close(got, want, d, 1e-6);
    }
}

static void jacobian_is_the_derivative_of_the_response(void **state) {
    (void)state;
    for_each_problem(check_jacobian);
}

static void check_loss(const problem *p, const oracle_family *family) {
    double lambda[150], loss[150]; /* more than one chunk */
    for (int i = 0; i < 150; i++) {
        lambda[i] = -6 + 0.08 * i;
    }
    oracle_family_losses(family, 150, lambda, loss);
    for (int i = 0; i < 150; i += 7) {
        double want = loss_by_elimination(p, lambda[i]);
        assert_close(&loss[i], &want, 1, 1e-9);
    }
}

static void validation_loss_is_that_of_the_response(void **state) {
    (void)state;
    for_each_problem(check_loss);
}

static void check_difference(const problem *p, const oracle_family *family) {
    double far = loss_by_elimination(p, 1.5) - loss_by_elimination(p, -0.5);
    double got = oracle_family_loss_difference(family, 1.5, -0.5);
    assert_close(&got, &far, 1, 1e-8);
    /* At a distance of 1e-9, where two losses agree to all their digits, it is still right to six. */
    double slope = oracle_family_loss_difference(family, 0.5 + 1e-3, 0.5 - 1e-3) / 2e-3;
    double close = oracle_family_loss_difference(family, 0.5 + 5e-10, 0.5 - 5e-10) / 1e-9;
    assert_close(&close, &slope, 1, 1e-5);
}

static void loss_difference_does_not_cancel(void **state) {
    (void)state;
    for_each_problem(check_difference);
}

static void check_smoothed(const problem *p, const oracle_family *family) {
    int64_t d = p->data.d;
    double w0[64], got[64], want[64];
    fill_normal(w0, d, 9); /* not a best response: with n < d it has a part that the data do not see */
    for (int s = 1; s <= 3; s++) {
        for (double lambda = -3; lambda <= 3; lambda += 1.5) {
            double sigma = 0.5 * s;
            oracle_family_smoothed_jacobian(family, lambda, sigma, w0, got);
            for (int64_t i = 0; i < d; i++) {
                want[i] = -moment(p, lambda, sigma, 1) * weighting(p, i) * w0[i];
            }
            solve(p, sigma * sigma, moment(p, lambda, sigma, 2), want);
            assert_close(got, want, d, 1e-9);
        }
    }
}

static void smoothed_jacobian_minimizes_the_expected_objective(void **state) {
    (void)state;
    for_each_problem(check_smoothed);
}

static void check_limit(const problem *p, const oracle_family *family) {
    double w0[64], got[64], want[64];
    oracle_family_response(family, 0.7, w0);
    oracle_family_jacobian(family, 0.7, want);
    oracle_family_smoothed_jacobian(family, 0.7, 1e-5, w0, got);
    assert_close(got, want, p->data.d, 1e-8);
    oracle_family_smoothed_jacobian(family, 0.7, 0, w0, got);
    assert_close(got, want, p->data.d, 1e-10);
    oracle_family_smoothed_jacobian(family, 0.7, 1, w0, got);
    double distance = 0;
    for (int64_t i = 0; i < p->data.d; i++) {
        distance += fabs(got[i] - want[i]);
    }
    assert_true(distance > 1e-3 * fabs(want[0]));
}

static void smoothed_jacobian_tends_to_the_jacobian(void **state) {
    (void)state;
    for_each_problem(check_limit);
}

static void feature_without_variation_has_no_weight(void **state) {
    (void)state;
    problem p = problem_new(1, 20, 10, 5, 1);
    for (int64_t r = 0; r < p.data.n; r++) {
        p.x[r * 5 + 2] = 0;
    }
    oracle_family *family = family_of(&p);
    double w[5], theta[5], w0[5] = {1, 1, 1, 1, 1};
    oracle_family_response(family, 0, w);
    assert_true(w[2] == 0 && fabs(w[0]) > 1e-3 && isfinite(w[4]));
    oracle_family_smoothed_jacobian(family, 0, 1, w0, theta);
    assert_true(theta[2] == 0 && fabs(theta[0]) > 1e-3 && isfinite(theta[4]));
    oracle_family_destroy(family);
    problem_free(&p);
}

static void duplicated_feature_leaves_one_mode_out(void **state) {
    (void)state;
    problem p = problem_new(0, 20, 10, 5, 1);
    for (int64_t r = 0; r < p.data.n; r++) {
        p.x[r * 5 + 4] = p.x[r * 5 + 1];
    }
    oracle_family *family = family_of(&p);
    assert_int_equal(family->modes, 4);
    double w[5];
    oracle_family_response(family, -300, w); /* the shortest of all least-squares solutions */
    assert_float_equal(w[1], w[4], 1e-9 * fabs(w[1]));
    oracle_family_destroy(family);
    problem_free(&p);
}

static void infinite_lambda_is_taken_as_it_is(void **state) {
    (void)state;
    problem p = problem_new(0, 40, 30, 7, 1);
    oracle_family *family = family_of(&p);
    double lambda[] = {INFINITY, 800, -INFINITY, NAN}, loss[4], without = 0, theta[7];
    for (int64_t r = 0; r < p.data.v; r++) {
        without += p.t_valid[r] * p.t_valid[r] / (2 * (double)p.data.v);
    }
    oracle_family_losses(family, 4, lambda, loss);
    assert_float_equal(loss[0], without, 1e-12 * without);
    assert_float_equal(loss[1], without, 1e-12 * without);
    assert_float_equal(loss[2], loss_by_elimination(&p, -40), 1e-9 * without);
    assert_true(isnan(loss[3]));
    oracle_family_jacobian(family, 800, theta);
    for (int i = 0; i < 7; i++) {
        assert_true(theta[i] == 0);
    }
    oracle_family_destroy(family);
    problem_free(&p);
}

static void values_that_are_not_finite_are_refused(void **state) {
    (void)state;
    problem p = problem_new(0, 40, 30, 7, 1);
    p.x[3] = NAN;
    dstn_group *self = dstn_group_self();
    oracle_family *family = NULL;
    dstn_error err;
    assert_int_equal(oracle_family_new(&p.data, self, &family, &err), DSTN_ERROR_DATA);
    assert_null(family);
    dstn_group_destroy(self);
    problem_free(&p);
}

static void quadrature_is_exact_for_polynomials(void **state) {
    (void)state;
    oracle_quadrature quadrature;
    oracle_quadrature_fill(&quadrature);
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
        cmocka_unit_test(feature_without_variation_has_no_weight),
        cmocka_unit_test(duplicated_feature_leaves_one_mode_out),
        cmocka_unit_test(infinite_lambda_is_taken_as_it_is),
        cmocka_unit_test(values_that_are_not_finite_are_refused),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed ? 1 : 0);
}
