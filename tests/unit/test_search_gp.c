/* The Gaussian process and the expected improvement, against numbers that NumPy gave (solves by LU, derivatives by
 * differences of the fourth order) and against their definitions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "../src/search/acquisition.h"

enum { POINTS = 5, DIMENSIONS = 3 };

/* The last point is the first once more. */
static const double points[POINTS * DIMENSIONS] = {0.1, 0.2,  0.7, 0.8,  0.3, 0.4, 0.5, 0.9,
                                                   0.1, 0.33, 0.6, 0.95, 0.1, 0.2, 0.7};
static const double values[POINTS] = {0.3, -1.1, 0.8, 1.7, 0.34};
static const double place[DIMENSIONS] = {0.45, 0.35, 0.6};

static search_gp_hypers hypers_of(double noise) {
    return (search_gp_hypers){.mean = 0.2, .amplitude = 1.7, .noise = noise, .lengths = {0.4, 0.9, 1.6}};
}

static search_gp fitted(const search_gp_hypers *hypers) {
    search_gp gp;
    search_gp_init(&gp, POINTS, DIMENSIONS, points, values);
    assert_true(search_gp_fit(&gp, hypers));
    return gp;
}

static void assert_near(double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance * fmax(1, fabs(expected)))) {
        fail_msg("%.17g instead of %.17g", got, expected);
    }
}

/* ---- the process ------------------------------------------------------------------------------------------------- */

static void covariance_is_matern_of_five_halves(void **state) {
    (void)state;
    search_gp_hypers hypers = hypers_of(0.01);
    assert_near(search_gp_covariance(&hypers, DIMENSIONS, points, points + DIMENSIONS, NULL), 0.33368841006502165,
                1e-14);
    assert_near(search_gp_covariance(&hypers, DIMENSIONS, points, points, NULL), 1.7, 1e-15);
}

static void slope_of_the_covariance_is_its_derivative(void **state) {
    (void)state;
    search_gp_hypers hypers = hypers_of(0.01);
    const double h = 1e-5;
    for (int j = 0; j < DIMENSIONS; j++) {
        double b[DIMENSIONS], slope, ends[2];
        for (int side = 0; side < 2; side++) {
            memcpy(b, place, sizeof b);
            b[j] += side ? h : -h;
            ends[side] = search_gp_covariance(&hypers, DIMENSIONS, points, b, NULL);
        }
        search_gp_covariance(&hypers, DIMENSIONS, points, place, &slope);
        double derivative = slope * (place[j] - points[j]) / (hypers.lengths[j] * hypers.lengths[j]);
        assert_near(derivative, (ends[1] - ends[0]) / (2 * h), 1e-9);
    }
}

static void likelihood_and_posterior_are_those_of_numpy(void **state) {
    (void)state;
    static const double mean_slopes[] = {-3.929975271902789, 1.704476490390257, 0.6688585577785399};
    static const double variance_slopes[] = {0.6772017077919892, -0.9630345869648947, -0.2036740278580732};
    search_gp_hypers hypers = hypers_of(0.01);
    search_gp gp = fitted(&hypers);
    double of_mean[DIMENSIONS], of_variance[DIMENSIONS];
    search_gp_prediction p = {.mean_gradient = of_mean, .variance_gradient = of_variance};
    search_gp_predict(&gp, place, &p);
    assert_near(gp.log_likelihood, -5.411215731934375, 1e-12);
    assert_near(p.mean, 0.8207030686318595, 1e-12);
    assert_near(p.variance, 0.3186616022443778, 1e-12);
    for (int j = 0; j < DIMENSIONS; j++) {
        assert_near(of_mean[j], mean_slopes[j], 1e-9);
        assert_near(of_variance[j], variance_slopes[j], 1e-9);
    }
    search_gp_clear(&gp);
}

static void equal_points_without_noise_are_factored_and_averaged(void **state) {
    (void)state;
    search_gp_hypers hypers = hypers_of(0);
    search_gp gp = fitted(&hypers);
    double of_mean[DIMENSIONS], of_variance[DIMENSIONS];
    search_gp_prediction p = {.mean_gradient = of_mean, .variance_gradient = of_variance};
    search_gp_predict(&gp, points, &p);
    assert_near(p.mean, 0.5 * (values[0] + values[4]), 1e-6);
    assert_true(p.variance >= 1e-8 * hypers.amplitude && p.variance < 1e-6 && of_variance[0] == 0);
    search_gp_clear(&gp);
}

/* A matrix of ones can't be factored but for what is added to its diagonal. */
static void a_process_that_varies_nowhere_is_factored(void **state) {
    (void)state;
    search_gp_hypers hypers = {.mean = 0, .amplitude = 1e-200, .noise = 0, .lengths = {1e6, 1e6, 1e6}};
    search_gp gp = fitted(&hypers);
    assert_true(isfinite(gp.log_likelihood));
    search_gp_clear(&gp);
}

static void hyperparameters_that_are_none_are_refused(void **state) {
    (void)state;
    search_gp gp;
    search_gp_init(&gp, POINTS, DIMENSIONS, points, values);
    for (int i = 0; i < 5; i++) {
        search_gp_hypers hypers = hypers_of(0.01);
        double *const numbers[] = {&hypers.mean, &hypers.amplitude, &hypers.noise, &hypers.lengths[2],
                                   &hypers.amplitude};
        static const double wrong[] = {NAN, 0, -1, 0, INFINITY};
        *numbers[i] = wrong[i];
        assert_false(search_gp_fit(&gp, &hypers));
    }
    search_gp_clear(&gp);
}

/* ---- expected improvement ---------------------------------------------------------------------------------------- */

static void improvement_is_its_formula(void **state) {
    (void)state;
    assert_near(search_improvement(0.2, 0.5, 0.09, NULL, NULL), 0.024994641176305888, 1e-14);
    assert_near(search_improvement(0.2, -0.4, 0.25, NULL, NULL), 0.6280512253585816, 1e-14);
    assert_near(search_improvement(1, 0, 1e-12, NULL, NULL), 1, 1e-12);
    assert_true(search_improvement(0, 100, 1, NULL, NULL) == 0);
}

static void improvement_is_the_mean_over_draws(void **state) {
    (void)state;
    enum { PAIRS = 100000 };
    const dstn_rng rng = {7, DSTN_PURPOSE_TEST};
    const double best = 0.2, mean = 0.5, deviation = 0.6;
    double sum = 0;
    for (uint64_t i = 0; i < PAIRS; i++) {
        double normals[2];
        dstn_rng_normals(rng, i, 0, 0, normals);
        sum += fmax(best - mean - deviation * normals[0], 0) + fmax(best - mean - deviation * normals[1], 0);
    }
    /* Its standard error is 0.0005. */
    assert_near(search_improvement(best, mean, deviation * deviation, NULL, NULL), sum / (2 * PAIRS), 0.002);
}

/* Two processes that have seen the first points of all. */
static search_surrogate surrogate_of(int seen_count) {
    const search_data seen = {seen_count, DIMENSIONS, points, values};
    search_gp_hypers samples[] = {hypers_of(0.01), hypers_of(0.1)};
    samples[1].lengths[0] = 0.2;
    search_surrogate s;
    search_surrogate_init(&s, &seen, POINTS, samples, 2);
    assert_int_equal(s.count, 2);
    return s;
}

/* Of a point without a value the process believes what it expects there: means are as they were, and it knows more. */
static void a_point_to_come_changes_variances_alone(void **state) {
    (void)state;
    search_surrogate s = surrogate_of(3);
    search_gp_hypers hypers = hypers_of(0.01);
    search_gp seen;
    search_gp_init(&seen, 3, DIMENSIONS, points, values);
    assert_true(search_gp_fit(&seen, &hypers));
    for (int i = 0; i < 2; i++) {
        const double *x = i ? points + 3 * DIMENSIONS : place;
        search_gp_prediction before = {0}, after = {0};
        search_gp_predict(&seen, x, &before);
        search_gp_predict(&s.models[0], x, &after);
        assert_near(after.mean, before.mean, 1e-12);
        assert_true(after.variance < before.variance && (!i || after.variance < 0.011));
    }
    assert_true(s.best == -1.1);
    search_gp_clear(&seen);
    search_surrogate_clear(&s);
}

static void gradient_of_the_averaged_improvement_is_its_derivative(void **state) {
    (void)state;
    const double h = 1e-5;
    search_surrogate s = surrogate_of(POINTS);
    double gradient[DIMENSIONS], x[DIMENSIONS];
    double whole = search_surrogate_improvement(&s, place, gradient), sum = 0;
    for (int m = 0; m < 2; m++) {
        search_gp_prediction p = {0};
        search_gp_predict(&s.models[m], place, &p);
        sum += 0.5 * search_improvement(s.best, p.mean, p.variance, NULL, NULL);
    }
    assert_near(whole, sum, 1e-15);
    for (int j = 0; j < DIMENSIONS; j++) {
        double ends[2];
        for (int side = 0; side < 2; side++) {
            memcpy(x, place, sizeof x);
            x[j] += side ? h : -h;
            ends[side] = search_surrogate_improvement(&s, x, NULL);
        }
        assert_true(fabs(gradient[j]) > 1e-6);
        assert_near(gradient[j] / ((ends[1] - ends[0]) / (2 * h)), 1, 1e-6);
    }
    search_surrogate_clear(&s);
}

/* Along the coordinate that is free no place within reach is better; the pinned ones stay to the bit. */
static void climbing_ends_where_the_improvement_is_largest(void **state) {
    (void)state;
    static const bool pinned[] = {false, true, true};
    search_surrogate s = surrogate_of(POINTS);
    double x[] = {0.62, 0.35, 0.6}, most = 0;
    double reached = search_surrogate_climb(&s, pinned, x);
    assert_true(x[1] == 0.35 && x[2] == 0.6 && x[0] >= 0 && x[0] <= 1);
    assert_true(reached == search_surrogate_improvement(&s, x, NULL));
    for (double at = 0; at <= 1; at += 1.0 / 512) {
        most = fmax(most, search_surrogate_improvement(&s, (double[]){at, 0.35, 0.6}, NULL));
    }
    assert_true(reached >= most);
    static const bool all[] = {true, true, true};
    double same[] = {0.62, 0.35, 0.6};
    assert_true(search_surrogate_climb(&s, all, same) < reached && same[0] == 0.62);
    search_surrogate_clear(&s);
}

/* Of integers 0 … 4 and of three values all that lies in one part is one point. */
static void improvement_is_that_of_the_rounded_point(void **state) {
    (void)state;
    double list[] = {1, 2, 8};
    search_coordinate items[] = {{.low = 0, .high = 4, .is_integer = true},
                                 {.low = 1, .high = 8, .values = list, .value_count = 3},
                                 {.low = -1, .high = 1}};
    const search_space space = {.count = DIMENSIONS, .items = items};
    search_surrogate s = surrogate_of(POINTS);
    double middle[] = {0.5, 0.5, 0.6}, low[] = {0.41, 0.35, 0.6}, high[] = {0.59, 0.66, 0.6},
           other[] = {0.61, 0.5, 0.6};
    double expected = search_surrogate_improvement(&s, middle, NULL);
    assert_near(search_surrogate_round(&s, &space, low), expected, 1e-14);
    assert_near(search_surrogate_round(&s, &space, high), expected, 1e-14);
    assert_near(low[0], 0.5, 1e-15);
    assert_near(high[1], 0.5, 1e-15);
    assert_near(low[2], 0.6, 1e-15);
    assert_true(fabs(search_surrogate_round(&s, &space, other) - expected) > 1e-6);
    search_surrogate_clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(covariance_is_matern_of_five_halves),
        cmocka_unit_test(slope_of_the_covariance_is_its_derivative),
        cmocka_unit_test(likelihood_and_posterior_are_those_of_numpy),
        cmocka_unit_test(equal_points_without_noise_are_factored_and_averaged),
        cmocka_unit_test(a_process_that_varies_nowhere_is_factored),
        cmocka_unit_test(hyperparameters_that_are_none_are_refused),
        cmocka_unit_test(improvement_is_its_formula),
        cmocka_unit_test(improvement_is_the_mean_over_draws),
        cmocka_unit_test(a_point_to_come_changes_variances_alone),
        cmocka_unit_test(gradient_of_the_averaged_improvement_is_its_derivative),
        cmocka_unit_test(improvement_is_that_of_the_rounded_point),
        cmocka_unit_test(climbing_ends_where_the_improvement_is_largest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
