/* search, private: expected improvement, of a Gaussian process and averaged over samples of its hyperparameters, and
 * where it is largest nearby (Jones, Schonlau and Welch 1998, "Efficient Global Optimization"; Snoek, Larochelle and
 * Adams 2012, Section 3.2). */
#ifndef SEARCH_ACQUISITION_H
#define SEARCH_ACQUISITION_H

#include "posterior.h"
#include "space.h"

/* E max(best − f, 0) of f ~ N(mean, variance), variance > 0, and its derivatives (NULL: not wanted). */
double search_improvement(double best, double mean, double variance, double *by_mean, double *by_variance);

/* Processes on the same points, one for each sample of the hyperparameters. */
typedef struct search_surrogate {
    int count, dimensions;
    search_gp *models; /* [count] fitted */
    double *values;    /* [samples, points] that the models were shown */
    double best;       /* the value to improve upon */
} search_surrogate;

/* Of points [count, dimensions] the first ones are those of `seen`; each of the others, which are of members still to
 * come, is taken to have come to what the process expects there by what was seen (the Kriging believer of Ginsbourger,
 * Le Riche and Carraro 2010). The mean then is as it was everywhere, and about these points nothing more is to be
 * learnt. To improve upon is the best that was seen. To be cleared. */
void search_surrogate_init(search_surrogate *surrogate, const search_data *seen, int count,
                           const search_gp_hypers *samples, int sample_count);
void search_surrogate_clear(search_surrogate *surrogate);

/* The mean over the models at x [dimensions] of the unit cube; gradient [dimensions] or NULL. */
double search_surrogate_improvement(search_surrogate *surrogate, const double *x, double *gradient);

/* Puts x [in, out] to where its member would be, an integer or a value of a list to the middle of its part, what
 * is next to an end to that, and returns
 * the improvement there: the covariance sees what is trained (Garrido-Merchan and Hernandez-Lobato 2020). */
double search_surrogate_round(search_surrogate *surrogate, const search_space *space, double *x);

/* Climbs from x [in, out] within the unit cube, coordinates that are pinned [dimensions] staying where they are, and
 * returns the improvement that is expected there, which is no less than at the start. Deterministic. */
double search_surrogate_climb(search_surrogate *surrogate, const bool *pinned, double *x);

#endif
