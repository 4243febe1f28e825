/* search, private: hyperparameters of a Gaussian process drawn from their posterior by slice sampling, with the priors
 * of Spearmint (Snoek, Larochelle and Adams 2012, Section 3.2): mean uniform over the values seen, amplitude lognormal
 * (0, 1), noise horseshoe of scale 0.1, length scales uniform in (0, 2]; points in the unit cube, values of unit
 * variance. */
#ifndef SEARCH_POSTERIOR_H
#define SEARCH_POSTERIOR_H

#include "gp.h"
#include "slice.h"

/* What they are drawn for. */
typedef struct search_data {
    int count, dimensions;
    const double *points; /* [count, dimensions] */
    const double *values; /* [count] */
} search_data;

/* ln p(hypers) of the priors, up to a constant, as a density of mean, ln amplitude, ln noise and lengths. */
double search_prior(const search_gp_hypers *hypers, int dimensions, double least_value, double most_value);

/* `count` states of one chain, a sweep of all hyperparameters between two of them, after `burn_in` sweeps. */
void search_sample_posterior(const search_data *data, search_draws *draws, int burn_in, int count,
                             search_gp_hypers *samples);

#endif
