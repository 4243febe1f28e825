/* hyper: the noise's keys and moments, ε = σ ⊙ noise, and the entropy with its gradient. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/hyper.h"

static const dstn_rng rng = {.seed = 11, .purpose = DSTN_PURPOSE_NOISE};
static const char *const names[] = {"a", "b", "c", "d", "e"};

enum { H = 5 };

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static void noise_does_not_depend_on_how_rows_are_split(void **state) {
    (void)state;
    dstn_space *space = dstn_space_new(H, names);
    space->items[1].per_batch = space->items[4].per_batch = true;
    double whole[12 * H], part[12 * H];
    dstn_space_noise(space, rng, 3, 0, 12, whole);
    for (int64_t first = 0; first < 12; first += 4) {
        dstn_space_noise(space, rng, 3, first, 4, part + first * H);
    }
    assert_memory_equal(whole, part, sizeof whole);
    dstn_space_noise(space, rng, 3, 7, 0, part);
    assert_memory_equal(whole, part, sizeof whole);
    dstn_space_destroy(space);
}

static void noise_is_keyed_by_row_and_pair(void **state) {
    (void)state;
    dstn_space *space = dstn_space_new(H, names);
    double noise[2 * H], pair[2];
    dstn_space_noise(space, rng, 9, 41, 2, noise);
    for (int r = 0; r < 2; r++) {
        for (int i = 0; i < H; i++) {
            dstn_rng_normals(rng, 9, (uint64_t)(41 + r), (uint64_t)i / 2, pair);
            assert_true(noise[r * H + i] == pair[i % 2]);
        }
    }
    dstn_space_destroy(space);
}

static void per_batch_noise_is_one_for_all_rows_and_ranks(void **state) {
    (void)state;
    dstn_space *space = dstn_space_new(H, names);
    space->items[2].per_batch = space->items[3].per_batch = true;
    double noise[6 * H], elsewhere[H], later[H], pair[2];
    dstn_space_noise(space, rng, 5, 0, 6, noise);
    dstn_space_noise(space, rng, 5, 1000, 1, elsewhere);
    dstn_space_noise(space, rng, 6, 0, 1, later);
    dstn_rng_normals(rng, 5, 0xffffffff, 1, pair);
    for (int r = 0; r < 6; r++) {
        assert_true(noise[r * H + 2] == pair[0] && noise[r * H + 3] == pair[1]);
        assert_true(r == 0 || noise[r * H + 1] != noise[1]);
    }
    assert_true(elsewhere[2] == pair[0] && elsewhere[3] == pair[1]);
    assert_true(later[2] != pair[0]);
    dstn_space_destroy(space);
}

/* Mean 0, variance 1, no correlation between neighbours: each within five standard errors. */
static void noise_is_standard_normal_and_independent(void **state) {
    (void)state;
    enum { ROWS = 40000 };
    dstn_space *space = dstn_space_new(H, names);
    double *noise = malloc(sizeof(double) * ROWS * H);
    dstn_space_noise(space, rng, 0, 0, ROWS, noise);
    for (int i = 0; i < H; i++) {
        double sum = 0, squares = 0, products = 0;
        for (int r = 0; r < ROWS; r++) {
            double x = noise[r * H + i];
            sum += x;
            squares += x * x;
            products += x * noise[r * H + (i + 1) % H];
        }
        assert_true(fabs(sum / ROWS) < 5 / sqrt(ROWS));
        assert_true(fabs(squares / ROWS - 1) < 5 * sqrt(2. / ROWS));
        assert_true(fabs(products / ROWS) < 5 / sqrt(ROWS));
    }
    free(noise);
    dstn_space_destroy(space);
}

static void epsilon_is_sigma_times_noise(void **state) {
    (void)state;
    dstn_space *space = dstn_space_new(2, names);
    space->raw_scale[0] = dstn_softplus_inverse(0.25);
    space->raw_scale[1] = -3;
    const double noise[] = {1, 2, -3, 0.5};
    double epsilon[4];
    dstn_space_perturbation(space, noise, 2, epsilon);
    assert_near(epsilon[0], 0.25, 1e-14);
    assert_near(epsilon[1], 2 * log(1 + exp(-3)), 1e-14);
    assert_near(epsilon[2], -0.75, 1e-14);
    assert_near(epsilon[3], 0.5 * log(1 + exp(-3)), 1e-14);
    dstn_space_destroy(space);
}

/* H = Σ log(σ_i √(2πe)) */
static void entropy_is_the_closed_form(void **state) {
    (void)state;
    dstn_space *space = dstn_space_new(3, names);
    const double sigmas[] = {0.1, 1, 3.5};
    double want = 0;
    for (int i = 0; i < 3; i++) {
        space->raw_scale[i] = dstn_softplus_inverse(sigmas[i]);
        want += log(sigmas[i] * sqrt(2 * acos(-1) * exp(1)));
    }
    assert_near(dstn_space_entropy(space), want, 1e-13);
    dstn_space_destroy(space);
}

static void entropy_slope_is_that_of_the_entropy(void **state) {
    (void)state;
    const double raws[] = {-30, -4, -0.5, 0.7, 12}, step = 1e-5;
    dstn_space *space = dstn_space_new(H, names);
    memcpy(space->raw_scale, raws, sizeof raws);
    for (int i = 0; i < H; i++) {
        double slope = dstn_space_entropy_slope(space, i);
        space->raw_scale[i] = raws[i] + step;
        double above = dstn_space_entropy(space);
        space->raw_scale[i] = raws[i] - step;
        double below = dstn_space_entropy(space);
        space->raw_scale[i] = raws[i];
        assert_near(slope, (above - below) / (2 * step), 1e-8);
    }
    dstn_space_destroy(space);
}

/* A scale that an optimizer has driven down must not turn the run into NaN. */
static void entropy_stays_finite_where_sigma_underflows(void **state) {
    (void)state;
    dstn_space *space = dstn_space_new(1, names);
    space->raw_scale[0] = -800;
    assert_true(dstn_space_sigma(space, 0) == 0);
    assert_near(dstn_space_entropy(space), -800 + 0.5 * log(2 * acos(-1) * exp(1)), 1e-9);
    assert_near(dstn_space_entropy_slope(space, 0), 1, 0);
    dstn_space_destroy(space);
}

/* B examples: the draws of a sample are those of rows s·B …, and its per_batch draw is one for all its rows. */
static void samples_are_drawn_anew_and_the_first_is_that_of_one(void **state) {
    (void)state;
    enum { B = 3, K = 4 };
    dstn_space *space = dstn_space_new(H, names);
    double one[B * H], all[K * B * H], rows[K * B * H], whole[K];
    dstn_space_noise(space, rng, 3, 0, K * B, rows);
    space->items[4].per_batch = true;
    dstn_space_noise(space, rng, 3, 0, B, one);
    const dstn_sampling sampling = {.examples = B, .samples = K};
    dstn_space_sample_noise(space, rng, 3, sampling, 0, K * B, all);
    assert_memory_equal(all, one, sizeof one);
    for (int r = 0; r < K * B; r++) {
        assert_memory_equal(all + r * H, rows + r * H, 4 * sizeof(double));
        whole[r / B] = r % B == 0 ? all[r * H + 4] : whole[r / B];
        assert_true(all[r * H + 4] == whole[r / B]);
        for (int s = 0; s < r / B; s++) {
            assert_true(whole[s] != whole[r / B]);
        }
    }
    dstn_space_destroy(space);
}

static void pairs_differ_in_sign_however_rows_are_split(void **state) {
    (void)state;
    enum { B = 3, K = 4, ROWS = K * B };
    dstn_space *space = dstn_space_new(H, names);
    space->items[1].per_batch = true;
    const dstn_sampling free = {.examples = B, .samples = K / 2}, pairs = {B, K, true};
    double half[ROWS / 2 * H], all[ROWS * H], part[ROWS * H];
    dstn_space_sample_noise(space, rng, 7, free, 0, ROWS / 2, half);
    dstn_space_sample_noise(space, rng, 7, pairs, 0, ROWS, all);
    assert_int_equal(dstn_sampling_rows(pairs), ROWS);
    assert_int_equal(dstn_sampling_drawn(pairs), ROWS / 2);
    for (int i = 0; i < ROWS / 2 * H; i++) {
        assert_true(all[i] == half[i] && all[ROWS / 2 * H + i] == -half[i]);
    }
    for (int64_t count = 1; count < ROWS; count++) {
        for (int64_t first = 0; first < ROWS; first += count) {
            int64_t rows = first + count < ROWS ? count : ROWS - first;
            dstn_space_sample_noise(space, rng, 7, pairs, first, rows, part + first * H);
        }
        assert_memory_equal(part, all, sizeof all);
    }
    dstn_space_destroy(space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_does_not_depend_on_how_rows_are_split),
        cmocka_unit_test(noise_is_keyed_by_row_and_pair),
        cmocka_unit_test(per_batch_noise_is_one_for_all_rows_and_ranks),
        cmocka_unit_test(noise_is_standard_normal_and_independent),
        cmocka_unit_test(epsilon_is_sigma_times_noise),
        cmocka_unit_test(entropy_is_the_closed_form),
        cmocka_unit_test(entropy_slope_is_that_of_the_entropy),
        cmocka_unit_test(entropy_stays_finite_where_sigma_underflows),
        cmocka_unit_test(samples_are_drawn_anew_and_the_first_is_that_of_one),
        cmocka_unit_test(pairs_differ_in_sign_however_rows_are_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
