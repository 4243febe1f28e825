/* search, private: a Gaussian process with a constant mean, the Matérn covariance of smoothness 5/2 with a length scale
 * for each coordinate, and noise (Rasmussen and Williams 2006, "Gaussian Processes for Machine Learning", Sections 2.2
 * and 4.2; Snoek, Larochelle and Adams 2012, Eq. 4):
 *   y_i = f(x_i) + N(0, noise),  cov(f(x), f(x')) = amplitude (1 + √5 r + 5/3 r²) exp(−√5 r),
 *   r² = Σ_j (x_j − x'_j)²/lengths_j². */
#ifndef SEARCH_GP_H
#define SEARCH_GP_H

#include "dstn/search.h"

typedef struct search_gp_hypers {
    double mean;
    double amplitude, noise; /* variances */
    double lengths[DSTN_MAX_DIMENSIONS];
} search_gp_hypers;

/* K and what follows of it for some points and hyperparameters. */
typedef struct search_gp {
    int count, dimensions;
    const double *points; /* [count, dimensions], borrowed */
    const double *values; /* [count], borrowed */
    search_gp_hypers hypers;
    double *factor;         /* [count, count] column-major: L below the diagonal, K + noise I = L Lᵀ */
    double *weights;        /* [count] (K + noise I)⁻¹ (y − mean) */
    double log_likelihood;  /* R & W Eq. 2.30 */
    double *cross, *solved; /* [count] of the last prediction: k(x_i, x), and L⁻¹ of that */
    double *slopes; /* [count] of the last prediction: ∂k(x_i, x)/∂x_j = slopes_i (x_j − x_ij)/lengths_j² */
} search_gp;

/* Room for a process; nothing can be predicted before it is fitted. To be cleared. */
void search_gp_init(search_gp *gp, int count, int dimensions, const double *points, const double *values);
void search_gp_clear(search_gp *gp);

/* Cov(f(a), f(b)); slope [out] or NULL: as `slopes` above, of ∂/∂b. */
double search_gp_covariance(const search_gp_hypers *hypers, int dimensions, const double *a, const double *b,
                            double *slope);

/* Factors K and solves for the weights (R & W Algorithm 2.1). A little is added to the diagonal, so that points may be
 * equal. False: hyperparameters that aren't finite or above 0, or K can't be factored all the same. */
bool search_gp_fit(search_gp *gp, const search_gp_hypers *hypers);

/* Mean and variance of f at x [dimensions] (R & W Eqs. 2.25, 2.26), the variance above 0; and, where they are not NULL,
 * their gradients by x [dimensions]. */
typedef struct search_gp_prediction {
    double mean, variance;
    double *mean_gradient, *variance_gradient; /* [dimensions] or NULL, both */
} search_gp_prediction;
void search_gp_predict(search_gp *gp, const double *x, search_gp_prediction *out);

#endif
