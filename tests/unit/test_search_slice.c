/* Slice sampling: chains have the distributions that they are meant to have. Draws are those of fixed counters: what
 * passes once passes always. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../src/search/posterior.h"

static search_draws draws_of(uint32_t seed, uint64_t step) {
    return (search_draws){{seed, DSTN_PURPOSE_TEST}, step, 3, 0};
}

static void assert_within(const char *what, double got, double expected, double tolerance) {
    if (!(fabs(got - expected) <= tolerance)) {
        fail_msg("%s: %g instead of %g", what, got, expected);
    }
}

/* ---- known densities --------------------------------------------------------------------------------------------- */

/* Gamma of shape 3, skewed and bounded on one side. */
static double log_gamma_density(void *user, const double *x) {
    (void)user;
    return x[0] > 0 ? 2 * log(x[0]) - x[0] : -INFINITY;
}

static void a_skewed_density_on_half_a_line(void **state) {
    (void)state;
    enum { MOVES = 20000 };
    static const double direction[] = {1}, widths[] = {0.3, 2, 30};
    for (int w = 0; w < 3; w++) {
        search_draws draws = draws_of(1, (uint64_t)w);
        double x = 1, mean = 0, squares = 0, below = 0;
        search_slice chain = {log_gamma_density, NULL, 1, &x, log_gamma_density(NULL, &x)};
        for (int i = 0; i < MOVES; i++) {
            double before = x;
            search_slice_move(&chain, &draws, direction, widths[w]);
            assert_true(x != before);
            assert_true(chain.log == log_gamma_density(NULL, &x));
            mean += x / MOVES;
            squares += x * x / MOVES;
            below += x < 1 ? 1.0 / MOVES : 0;
        }
        assert_within("mean", mean, 3, 0.08);
        assert_within("variance", squares - mean * mean, 3, 0.2);
        assert_within("P(x < 1)", below, 1 - 2.5 * exp(-1), 0.01);
    }
}

/* Normal with unit variances and correlation 0.8. */
static double log_normal_density(void *user, const double *x) {
    (void)user;
    return -(x[0] * x[0] - 1.6 * x[0] * x[1] + x[1] * x[1]) / (2 * (1 - 0.64));
}

static void a_correlated_density_along_random_directions(void **state) {
    (void)state;
    enum { MOVES = 40000 };
    search_draws draws = draws_of(2, 0);
    double x[] = {3, -3}, mean[2] = {0, 0}, products[3] = {0, 0, 0};
    search_slice chain = {log_normal_density, NULL, 2, x, log_normal_density(NULL, x)};
    for (int i = 0; i < MOVES; i++) {
        double direction[] = {search_draw_normal(&draws), search_draw_normal(&draws)};
        search_slice_move(&chain, &draws, direction, 1);
        mean[0] += x[0] / MOVES;
        mean[1] += x[1] / MOVES;
        products[0] += x[0] * x[0] / MOVES;
        products[1] += x[0] * x[1] / MOVES;
        products[2] += x[1] * x[1] / MOVES;
    }
    assert_within("mean", mean[0], 0, 0.05);
    assert_within("mean", mean[1], 0, 0.05);
    assert_within("variance", products[0], 1, 0.06);
    assert_within("covariance", products[1], 0.8, 0.06);
    assert_within("variance", products[2], 1, 0.06);
}

/* Nothing but the point that the chain stands on is in the slice: it ends all the same, and stays. */
static double log_density_of_a_point(void *user, const double *x) {
    return x[0] == *(const double *)user ? 0 : NAN;
}

static void a_density_of_one_point_keeps_the_chain_there(void **state) {
    (void)state;
    static const double direction[] = {1};
    search_draws draws = draws_of(3, 0);
    double x = 0.7, only = 0.7;
    search_slice chain = {log_density_of_a_point, &only, 1, &x, 0};
    search_slice_move(&chain, &draws, direction, 1);
    assert_true(x == 0.7);
}

/* ---- the posterior of a Gaussian process ------------------------------------------------------------------------- */

static void priors_are_those_of_spearmint(void **state) {
    (void)state;
    search_gp_hypers a = {.mean = 0, .amplitude = 1, .noise = 0.1, .lengths = {1}}, b = a;
    b.amplitude = exp(2);
    b.noise = 0.01;
    double difference = search_prior(&a, 1, -1, 1) - search_prior(&b, 1, -1, 1);
    double horseshoe = log(log(2) / log(1 + 100.0)) + log(10);
    assert_within("amplitude and noise", difference, 2 + horseshoe, 1e-12);
    for (int i = 0; i < 4; i++) {
        search_gp_hypers wrong = a;
        double *const numbers[] = {&wrong.mean, &wrong.mean, &wrong.lengths[0], &wrong.lengths[0]};
        static const double outside[] = {1.01, -1.01, 2.01, 0};
        *numbers[i] = outside[i];
        assert_true(search_prior(&wrong, 1, -1, 1) == -INFINITY);
    }
}

/* Means under the posterior of four points on a line, by quadrature over a grid of 91 x 161 x 161 (NumPy), the mean's
 * integral in closed form. */
static void samples_have_the_means_that_quadrature_gives(void **state) {
    (void)state;
    enum { SAMPLES = 6000 };
    static const double points[] = {0.05, 0.3, 0.55, 0.9}, values[] = {-1.2, 0.4, 1.3, -0.5};
    static search_gp_hypers samples[SAMPLES];
    const search_data data = {4, 1, points, values};
    search_draws draws = draws_of(4, 0);
    search_sample_posterior(&data, &draws, 100, SAMPLES, samples);
    double mean = 0, amplitude = 0, noise = 0, length = 0, squares = 0;
    for (int i = 0; i < SAMPLES; i++) {
        mean += samples[i].mean / SAMPLES;
        amplitude += log(samples[i].amplitude) / SAMPLES;
        noise += log(samples[i].noise) / SAMPLES;
        length += samples[i].lengths[0] / SAMPLES;
        squares += samples[i].lengths[0] * samples[i].lengths[0] / SAMPLES;
    }
    assert_within("mean", mean, -0.09113, 0.04);
    assert_within("log amplitude", amplitude, 0.22690, 0.06);
    assert_within("log noise", noise, -2.71877, 0.15);
    assert_within("length", length, 0.43026, 0.04);
    assert_within("deviation of the length", sqrt(squares - length * length), 0.43417, 0.04);
}

static void the_same_draws_give_the_same_samples(void **state) {
    (void)state;
    static const double points[] = {0.5, 0.5, 0.5, 0.5}, values[] = {0, 0, 0, 0};
    const search_data data = {4, 1, points, values};
    search_gp_hypers samples[3][5];
    for (int i = 0; i < 3; i++) {
        search_draws draws = draws_of(i < 2 ? 5 : 6, 0);
        search_sample_posterior(&data, &draws, 3, 5, samples[i]);
    }
    for (int i = 0; i < 5; i++) {
        assert_true(samples[0][i].noise == samples[1][i].noise && samples[0][i].lengths[0] == samples[1][i].lengths[0]);
        assert_true(samples[0][i].noise != samples[2][i].noise);
        assert_true(samples[0][i].noise != samples[0][i > 0 ? i - 1 : 4].noise);
        assert_true(isfinite(samples[0][i].noise) && isfinite(samples[0][i].mean));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_skewed_density_on_half_a_line),
        cmocka_unit_test(a_correlated_density_along_random_directions),
        cmocka_unit_test(a_density_of_one_point_keeps_the_chain_there),
        cmocka_unit_test(priors_are_those_of_spearmint),
        cmocka_unit_test(samples_have_the_means_that_quadrature_gives),
        cmocka_unit_test(the_same_draws_give_the_same_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
