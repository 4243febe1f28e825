/* search: the posterior of a Gaussian process' hyperparameters, θ = (mean, ln amplitude, ln noise, lengths). Logarithms
 * let one width of steps serve noise of any size; the priors are densities of θ, so that they have the factor
 * |d noise/d ln noise| = noise in them. */
#include "posterior.h"

#include <math.h>
#include <stdlib.h>

static const double noise_scale = 0.1, most_length = 2, least_length = 1e-3;
static const double least_noise = 1e-9, most_noise = 10;

enum { MEAN, AMPLITUDE, NOISE, LENGTHS };

double search_prior(const search_gp_hypers *hypers, int dimensions, double least_value, double most_value) {
    bool inside = hypers->mean >= least_value && hypers->mean <= most_value && hypers->noise >= least_noise &&
                  hypers->noise <= most_noise;
    for (int j = 0; j < dimensions && inside; j++) {
        inside = hypers->lengths[j] >= least_length && hypers->lengths[j] <= most_length;
    }
    if (!inside) {
        return -INFINITY;
    }
    double log_amplitude = log(hypers->amplitude), ratio = noise_scale / hypers->noise;
    return -0.5 * log_amplitude * log_amplitude + log(log1p(ratio * ratio)) + log(hypers->noise);
}

/* What the chain's density looks at. */
typedef struct target {
    search_gp gp;
    double least_value, most_value;
} target;

static void read_state(const double *theta, int dimensions, search_gp_hypers *hypers) {
    hypers->mean = theta[MEAN];
    hypers->amplitude = exp(theta[AMPLITUDE]);
    hypers->noise = exp(theta[NOISE]);
    for (int j = 0; j < dimensions; j++) {
        hypers->lengths[j] = theta[LENGTHS + j];
    }
}

static double log_posterior(void *user, const double *theta) {
    target *t = user;
    search_gp_hypers hypers;
    read_state(theta, t->gp.dimensions, &hypers);
    double prior = search_prior(&hypers, t->gp.dimensions, t->least_value, t->most_value);
    return isfinite(prior) && search_gp_fit(&t->gp, &hypers) ? prior + t->gp.log_likelihood : -INFINITY;
}

/* The mean is uniform over a range that has a width, even where all values are equal. */
static void find_range(const search_data *data, target *t) {
    t->least_value = INFINITY;
    t->most_value = -INFINITY;
    for (int i = 0; i < data->count; i++) {
        t->least_value = fmin(t->least_value, data->values[i]);
        t->most_value = fmax(t->most_value, data->values[i]);
    }
    if (!(t->most_value > t->least_value)) {
        t->least_value -= 1;
        t->most_value += 1;
    }
}

/* Mean, amplitude and noise together along a random direction, then each length on its own, as Spearmint does. */
static void sweep(search_slice *chain, search_draws *draws, double *direction) {
    const double width = 1, length_width = 0.5;
    double norm = 0;
    for (int i = 0; i < LENGTHS; i++) {
        direction[i] = search_draw_normal(draws);
        norm += direction[i] * direction[i];
    }
    for (int i = 0; i < LENGTHS; i++) {
        direction[i] /= sqrt(norm);
    }
    search_slice_move(chain, draws, direction, width);
    for (int i = 0; i < LENGTHS; i++) {
        direction[i] = 0;
    }
    for (int i = LENGTHS; i < chain->count; i++) {
        direction[i] = 1;
        search_slice_move(chain, draws, direction, length_width);
        direction[i] = 0;
    }
}

void search_sample_posterior(const search_data *data, search_draws *draws, int burn_in, int count,
                             search_gp_hypers *samples) {
    target t;
    search_gp_init(&t.gp, data->count, data->dimensions, data->points, data->values);
    find_range(data, &t);
    double theta[LENGTHS + DSTN_MAX_DIMENSIONS] = {0}, direction[LENGTHS + DSTN_MAX_DIMENSIONS] = {0};
    theta[MEAN] = 0.5 * (t.least_value + t.most_value);
    theta[NOISE] = log(1e-3);
    for (int j = 0; j < data->dimensions; j++) {
        theta[LENGTHS + j] = 0.5;
    }
    search_slice chain = {log_posterior, &t, LENGTHS + data->dimensions, theta, log_posterior(&t, theta)};
    for (int i = 0; i < burn_in; i++) {
        sweep(&chain, draws, direction);
    }
    for (int i = 0; i < count; i++) {
        sweep(&chain, draws, direction);
        read_state(theta, data->dimensions, &samples[i]);
    }
    search_gp_clear(&t.gp);
}
