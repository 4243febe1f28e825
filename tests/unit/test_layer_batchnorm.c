/* layer: batch normalization: values, gradients and tangents through the batch statistics, running statistics, and the
 * statistics of a group of ranks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>

#include "layer_checks.h"

static const dstn_shape image = {.rank = 3, .dims = {2, 3, 4}};
enum { CHANNELS = 2, PLANE = 12, ROWS = 5 };

static chain_plan plan_of(const char *layers) {
    return (chain_plan){.layers = layers, .scalar = DSTN_F64, .hypers = 2, .image = image, .rows = ROWS};
}

static void make(chain *c, chain_plan plan) {
    dstn_error err = {0};
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
    chain_set_kind(c, DSTN_PASS_GENERAL, true, false);
}

/* ---- derivatives ------------------------------------------------------------------------------------------------- */

static const char *const chains[] = {
    "[batchnorm]",
    "[conv: {out: 3, kernel: 2}, batchnorm, relu, conv: {out: 2, kernel: 1}]",
    "[batchnorm, conv: {out: 3, kernel: 3, padding: 1}, batchnorm, flatten, linear: {out: 3}, batchnorm, relu, "
    "linear: {out: 2}]",
    "[conv: {out: 2, kernel: 3, padding: 1}, batchnorm, conv: {out: 2, kernel: 3, padding: 1}, batchnorm, relu, "
    "batchnorm]",
    "[flatten, batchnorm: {epsilon: 0.1}, dropout: {rate: a}, linear: {out: 2}]",
};

static void check_chains(bool training) {
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) {
        chain_check_plan(plan_of(chains[i]), training);
    }
}

static void training_differentiates_through_the_batch_statistics(void **state) {
    (void)state;
    check_chains(true);
}

static void evaluation_differentiates_at_the_running_statistics(void **state) {
    (void)state;
    check_chains(false);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

/* Mean and variance (biased) of channel c of x [rows, PLANE, CHANNELS]. */
static void moments(const double *x, int64_t rows, int c, double *mean, double *var) {
    double n = (double)(rows * PLANE);
    *mean = *var = 0;
    for (int64_t i = c; i < rows * PLANE * CHANNELS; i += CHANNELS) {
        *mean += x[i] / n;
    }
    for (int64_t i = c; i < rows * PLANE * CHANNELS; i += CHANNELS) {
        *var += (x[i] - *mean) * (x[i] - *mean) / n;
    }
}

static void check_values(const chain *c, const double *mean, const double *var) {
    const double *x = c->x[0], *y = c->x[1];
    const double *gamma = dstn_layer_parameter(c->layers[0], "gamma")->value;
    const double *beta = dstn_layer_parameter(c->layers[0], "beta")->value;
    for (int64_t i = 0; i < ROWS * PLANE * CHANNELS; i++) {
        int64_t ch = i % CHANNELS;
        double want = gamma[ch] * (x[i] - mean[ch]) / sqrt(var[ch] + 1e-5) + beta[ch];
        assert_true(fabs(y[i] - want) < 1e-12);
    }
}

static void training_uses_the_biased_batch_statistics_and_epsilon(void **state) {
    (void)state;
    static chain c;
    double mean[CHANNELS], var[CHANNELS];
    make(&c, plan_of("[batchnorm]"));
    chain_forward(&c);
    for (int ch = 0; ch < CHANNELS; ch++) {
        moments(c.x[0], ROWS, ch, &mean[ch], &var[ch]);
    }
    check_values(&c, mean, var);
    chain_destroy(&c);
}

static void evaluation_uses_the_running_statistics(void **state) {
    (void)state;
    static chain c;
    make(&c, plan_of("[batchnorm]"));
    c.pass.training = false;
    chain_forward(&c);
    check_values(&c, c.layers[0]->buffers[0].value, c.layers[0]->buffers[1].value);
    chain_destroy(&c);
}

/* A mean far from zero must not cost the variance its digits. */
static void the_variance_about_a_large_mean_keeps_its_digits_in_single_precision(void **state) {
    (void)state;
    static chain c;
    chain_plan plan = plan_of("[batchnorm]");
    plan.scalar = DSTN_F32;
    make(&c, plan);
    float *x = c.x[0];
    for (int64_t i = 0; i < ROWS * PLANE * CHANNELS; i++) {
        x[i] = 10000 + (i / CHANNELS % 2 ? 0.25f : -0.25f);
    }
    chain_forward(&c);
    const float *gamma = dstn_layer_parameter(c.layers[0], "gamma")->value;
    const float *beta = dstn_layer_parameter(c.layers[0], "beta")->value;
    double rate = 1 / sqrt(0.0625 + 1e-5);
    for (int64_t i = 0; i < ROWS * PLANE * CHANNELS; i++) {
        int64_t ch = i % CHANNELS;
        double want = gamma[ch] * rate * (i / CHANNELS % 2 ? 0.25 : -0.25) + beta[ch];
        assert_true(fabs(((const float *)c.x[1])[i] - want) < 1e-5);
    }
    chain_destroy(&c);
}

/* ---- running statistics ------------------------------------------------------------------------------------------ */

static void running_statistics_move_only_where_the_pass_tracks_them(void **state) {
    (void)state;
    static chain c;
    double before[2][CHANNELS];
    make(&c, plan_of("[batchnorm]"));
    dstn_buffer *buffers = c.layers[0]->buffers;
    assert_string_equal(buffers[0].name, "running_mean");
    assert_string_equal(buffers[1].name, "running_variance");
    for (int i = 0; i < 2; i++) {
        memcpy(before[i], buffers[i].value, sizeof before[i]);
    }
    chain_gradients(&c);
    c.pass.training = false;
    c.pass.track_statistics = true; /* in evaluation there is nothing to track */
    chain_gradients(&c);
    assert_memory_equal(before[0], buffers[0].value, sizeof before[0]);
    assert_memory_equal(before[1], buffers[1].value, sizeof before[1]);
    c.pass.training = true;
    chain_gradients(&c);
    for (int ch = 0; ch < CHANNELS; ch++) {
        double mean, var, n = ROWS * PLANE;
        moments(c.x[0], ROWS, ch, &mean, &var);
        assert_true(fabs(buffers[0].value[ch] - (0.9 * before[0][ch] + 0.1 * mean)) < 1e-14);
        assert_true(fabs(buffers[1].value[ch] - (0.9 * before[1][ch] + 0.1 * var * n / (n - 1))) < 1e-14);
    }
    chain_destroy(&c);
}

static void parameters_and_running_statistics_start_at_one_and_zero(void **state) {
    (void)state;
    static chain c;
    make(&c, plan_of("[batchnorm]"));
    dstn_layer_initialize(c.layers[0], (dstn_rng){1, DSTN_PURPOSE_INIT});
    for (int ch = 0; ch < CHANNELS; ch++) {
        assert_true(((const double *)dstn_layer_parameter(c.layers[0], "gamma")->value)[ch] == 1);
        assert_true(((const double *)dstn_layer_parameter(c.layers[0], "beta")->value)[ch] == 0);
        assert_true(c.layers[0]->buffers[0].value[ch] == 0);
        assert_true(c.layers[0]->buffers[1].value[ch] == 1);
    }
    chain_destroy(&c);
}

/* ---- a group of ranks, here threads ------------------------------------------------------------------------------ */

enum { RANKS = 2, MOST_SUMS = 64 };

typedef struct group {
    pthread_barrier_t barrier;
    pthread_mutex_t mutex;
    double sum[MOST_SUMS];
} group;

static group ranks;

static void reduce(void *user, double *values, int64_t count) {
    (void)user;
    if (count > MOST_SUMS) {
        abort();
    }
    pthread_barrier_wait(&ranks.barrier);
    for (int64_t i = 0; i < count; i++) { /* both write zeros */
        pthread_mutex_lock(&ranks.mutex);
        ranks.sum[i] = 0;
        pthread_mutex_unlock(&ranks.mutex);
    }
    pthread_barrier_wait(&ranks.barrier);
    for (int64_t i = 0; i < count; i++) {
        pthread_mutex_lock(&ranks.mutex);
        ranks.sum[i] += values[i];
        pthread_mutex_unlock(&ranks.mutex);
    }
    pthread_barrier_wait(&ranks.barrier);
    memcpy(values, ranks.sum, (size_t)count * sizeof *values);
    pthread_barrier_wait(&ranks.barrier);
}

static void *run_rank(void *user) {
    chain_gradients(user);
    return NULL;
}

/* Rows first … first + count − 1 of the whole batch of ROWS. */
static void make_rank(chain *c, chain_plan plan, const chain *whole, int64_t first, int64_t count,
                      dstn_pass_kind kind) {
    plan.rows = count;
    make(c, plan);
    chain_set_kind(c, kind, kind != DSTN_PASS_LINEARIZED, kind != DSTN_PASS_GENERAL);
    c->pass.first_row = first;
    c->pass.batch_rows = ROWS;
    c->pass.track_statistics = true;
    c->pass.reduce = reduce;
    memcpy(c->x[0], (double *)whole->x[0] + first * whole->width[0],
           (size_t)(count * whole->width[0]) * sizeof(double));
    memcpy(c->z, (double *)whole->z + first * plan.hypers, (size_t)(count * plan.hypers) * sizeof(double));
    memcpy(c->values, whole->values + first * plan.hypers, (size_t)(count * plan.hypers) * sizeof(double));
    memcpy(c->weights, whole->weights + first * whole->out, (size_t)(count * whole->out) * sizeof(double));
}

static void run_group(chain *members) {
    pthread_t threads[RANKS];
    pthread_barrier_init(&ranks.barrier, NULL, RANKS);
    pthread_mutex_init(&ranks.mutex, NULL);
    for (int r = 0; r < RANKS; r++) {
        assert_int_equal(pthread_create(&threads[r], NULL, run_rank, &members[r]), 0);
    }
    for (int r = 0; r < RANKS; r++) {
        pthread_join(threads[r], NULL);
    }
    pthread_mutex_destroy(&ranks.mutex);
    pthread_barrier_destroy(&ranks.barrier);
}

static void assert_near(const char *what, const double *got, const double *want, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - want[i]) <= 1e-11 * (1 + fabs(want[i])))) {
            fail_msg("%s[%d] is %.15g, not %.15g", what, (int)i, got[i], want[i]);
        }
    }
}

/* Adjoints row for row, gradients as sums, statistics on every rank. */
static void compare_group(const chain *members, const chain *whole) {
    for (int l = 0; l < whole->count; l++) {
        const double *delta = whole->delta[l], *x = whole->x[l + 1];
        for (int64_t r = 0, first = 0; r < RANKS; first += members[r++].plan.rows) {
            int64_t rows = members[r].plan.rows;
            assert_near("x", members[r].x[l + 1], x + first * whole->width[l + 1], rows * whole->width[l + 1]);
            assert_near("delta", members[r].delta[l], delta + first * whole->width[l], rows * whole->width[l]);
            for (int i = 0; i < whole->layers[l]->buffer_count; i++) {
                const dstn_buffer *want = &whole->layers[l]->buffers[i];
                assert_near(want->name, members[r].layers[l]->buffers[i].value, want->value, want->count);
            }
        }
        for (int p = 0; p < whole->layers[l]->parameter_count; p++) {
            const dstn_parameter *want = &whole->layers[l]->parameters[p];
            double sum[CHAIN_SPACE] = {0};
            for (int64_t r = 0; r < RANKS; r++) {
                const double *share = members[r].layers[l]->parameters[p].gradient;
                for (int64_t i = 0; i < want->count; i++) {
                    sum[i] += share[i];
                }
            }
            assert_near(want->name, sum, want->gradient, want->count);
        }
    }
}

static void synchronized_ranks_compute_what_one_does(void **state) {
    (void)state;
    static chain whole, members[RANKS];
    for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_LINEARIZED; kind++) {
        chain_plan plan = plan_of("[conv: {out: 3, kernel: 2}, batchnorm, relu, flatten, linear: {out: 4}, batchnorm]");
        plan.synchronized = true;
        make(&whole, plan);
        chain_set_kind(&whole, (dstn_pass_kind)kind, kind != DSTN_PASS_LINEARIZED, kind != DSTN_PASS_GENERAL);
        whole.pass.batch_rows = ROWS;
        whole.pass.track_statistics = true;
        make_rank(&members[0], plan, &whole, 0, 2, (dstn_pass_kind)kind);
        make_rank(&members[1], plan, &whole, 2, 3, (dstn_pass_kind)kind);
        chain_gradients(&whole);
        run_group(members);
        compare_group(members, &whole);
        chain_destroy(&whole);
        chain_destroy(&members[0]);
        chain_destroy(&members[1]);
    }
}

/* Local statistics: each rank's values are as if it were alone; running ones are the average, alike on all ranks. */
static void local_ranks_share_their_running_statistics_only(void **state) {
    (void)state;
    static chain whole, alone, members[RANKS];
    double before[2][CHANNELS], mean[RANKS], var[RANKS];
    chain_plan plan = plan_of("[batchnorm]");
    make(&whole, plan);
    make_rank(&members[0], plan, &whole, 0, 2, DSTN_PASS_GENERAL);
    make_rank(&members[1], plan, &whole, 2, 3, DSTN_PASS_GENERAL);
    make_rank(&alone, plan, &whole, 2, 3, DSTN_PASS_GENERAL);
    alone.pass.reduce = NULL;
    for (int i = 0; i < 2; i++) {
        memcpy(before[i], alone.layers[0]->buffers[i].value, sizeof before[i]);
    }
    run_group(members);
    chain_gradients(&alone);
    assert_memory_equal(alone.x[1], members[1].x[1], 3 * PLANE * CHANNELS * sizeof(double));
    assert_memory_equal(alone.delta[0], members[1].delta[0], 3 * PLANE * CHANNELS * sizeof(double));
    for (int ch = 0; ch < CHANNELS; ch++) {
        for (int r = 0; r < RANKS; r++) {
            moments(members[r].x[0], members[r].plan.rows, ch, &mean[r], &var[r]);
            double n = (double)(members[r].plan.rows * PLANE);
            var[r] *= n / (n - 1);
        }
        double means = 0.9 * before[0][ch] + 0.1 * (2 * mean[0] + 3 * mean[1]) / 5;
        double variances = 0.9 * before[1][ch] + 0.1 * (2 * var[0] + 3 * var[1]) / 5;
        for (int r = 0; r < RANKS; r++) {
            assert_near("running mean", members[r].layers[0]->buffers[0].value + ch, &means, 1);
            assert_near("running variance", members[r].layers[0]->buffers[1].value + ch, &variances, 1);
        }
    }
    chain_destroy(&whole);
    chain_destroy(&alone);
    chain_destroy(&members[0]);
    chain_destroy(&members[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_differentiates_through_the_batch_statistics),
        cmocka_unit_test(evaluation_differentiates_at_the_running_statistics),
        cmocka_unit_test(training_uses_the_biased_batch_statistics_and_epsilon),
        cmocka_unit_test(evaluation_uses_the_running_statistics),
        cmocka_unit_test(the_variance_about_a_large_mean_keeps_its_digits_in_single_precision),
        cmocka_unit_test(running_statistics_move_only_where_the_pass_tracks_them),
        cmocka_unit_test(parameters_and_running_statistics_start_at_one_and_zero),
        cmocka_unit_test(synchronized_ranks_compute_what_one_does),
        cmocka_unit_test(local_ranks_share_their_running_statistics_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
