/* search: the Gaussian process, on the two routines of LAPACK and BLAS that use one thread whatever the launch has, and
 * so give the same bits everywhere: dpotf2, the factorization that dpotrf is blocked from, and dtrsv. */
#include "gp.h"

#include <math.h>
#include <stdlib.h>

void dpotf2_(const char *triangle, const int *n, double *a, const int *leading, int *info, size_t triangle_length);
void dtrsv_(const char *triangle, const char *transposed, const char *diagonal, const int *n, const double *a,
            const int *leading, double *x, const int *step, size_t triangle_length, size_t transposed_length,
            size_t diagonal_length);

/* What is added to K's diagonal, as a fraction of the amplitude: far above the rounding of sums over thousands of
 * points, so that K can be factored though points are equal, and far below what matters. */
static const double jitter = 1e-8;

void search_gp_init(search_gp *gp, int count, int dimensions, const double *points, const double *values) {
    size_t n = (size_t)count;
    *gp = (search_gp){.count = count, .dimensions = dimensions, .points = points, .values = values};
    gp->factor = dstn_alloc(n * n, sizeof(double));
    gp->weights = dstn_alloc(n, sizeof(double));
    gp->cross = dstn_alloc(n, sizeof(double));
    gp->solved = dstn_alloc(n, sizeof(double));
    gp->slopes = dstn_alloc(n, sizeof(double));
}

void search_gp_clear(search_gp *gp) {
    free(gp->factor);
    free(gp->weights);
    free(gp->cross);
    free(gp->solved);
    free(gp->slopes);
}

/* k = amplitude (1 + s + s²/3) e^−s with s = √5 r; dk/d(r²) = −(5/6) amplitude (1 + s) e^−s. */
double search_gp_covariance(const search_gp_hypers *hypers, int dimensions, const double *a, const double *b,
                            double *slope) {
    double squares = 0;
    for (int j = 0; j < dimensions; j++) {
        double difference = (a[j] - b[j]) / hypers->lengths[j];
        squares += difference * difference;
    }
    double s = sqrt(5 * squares), decay = hypers->amplitude * exp(-s);
    if (slope) {
        *slope = -5.0 / 3 * (1 + s) * decay;
    }
    return (1 + s + s * s / 3) * decay;
}

static void fill_factor(search_gp *gp) {
    int n = gp->count, d = gp->dimensions;
    for (int c = 0; c < n; c++) {
        double *column = gp->factor + (size_t)c * (size_t)n;
        for (int r = c + 1; r < n; r++) {
            column[r] = search_gp_covariance(&gp->hypers, d, gp->points + (size_t)r * (size_t)d,
                                             gp->points + (size_t)c * (size_t)d, NULL);
        }
        column[c] = gp->hypers.amplitude * (1 + jitter) + gp->hypers.noise;
    }
}

static bool factor(search_gp *gp) {
    int info = 0;
    fill_factor(gp);
    dpotf2_("L", &gp->count, gp->factor, &gp->count, &info, 1);
    return info == 0;
}

/* x ← L⁻¹ x, or L⁻ᵀ x. */
static void solve(const search_gp *gp, const char *transposed, double *x) {
    const int step = 1;
    dtrsv_("L", transposed, "N", &gp->count, gp->factor, &gp->count, x, &step, 1, 1, 1);
}

static bool is_positive(double value) {
    return value > 0 && isfinite(value);
}

static bool are_usable(const search_gp_hypers *hypers, int dimensions) {
    bool usable =
        isfinite(hypers->mean) && is_positive(hypers->amplitude) && hypers->noise >= 0 && isfinite(hypers->noise);
    for (int j = 0; j < dimensions && usable; j++) {
        usable = is_positive(hypers->lengths[j]);
    }
    return usable;
}

bool search_gp_fit(search_gp *gp, const search_gp_hypers *hypers) {
    const double log_two_pi = 1.837877066409345483561;
    gp->hypers = *hypers;
    if (!are_usable(hypers, gp->dimensions) || !factor(gp)) {
        return false;
    }
    double squares = 0, log_determinant = 0;
    for (int i = 0; i < gp->count; i++) {
        gp->weights[i] = gp->values[i] - hypers->mean;
        log_determinant += 2 * log(gp->factor[(size_t)i * (size_t)gp->count + (size_t)i]);
    }
    solve(gp, "N", gp->weights);
    for (int i = 0; i < gp->count; i++) {
        squares += gp->weights[i] * gp->weights[i];
    }
    solve(gp, "T", gp->weights);
    gp->log_likelihood = -0.5 * (squares + log_determinant + gp->count * log_two_pi);
    return true;
}

/* `solved` is L⁻¹ k on its way in, (K + noise I)⁻¹ k on its way out. */
static void predict_gradients(search_gp *gp, const double *x, bool is_floored, search_gp_prediction *out) {
    solve(gp, "T", gp->solved);
    for (int j = 0; j < gp->dimensions; j++) {
        double inverse = 1 / (gp->hypers.lengths[j] * gp->hypers.lengths[j]), of_mean = 0, of_variance = 0;
        for (int i = 0; i < gp->count; i++) {
            double derivative = gp->slopes[i] * (x[j] - gp->points[i * gp->dimensions + j]) * inverse;
            of_mean += gp->weights[i] * derivative;
            of_variance -= 2 * gp->solved[i] * derivative;
        }
        out->mean_gradient[j] = of_mean;
        out->variance_gradient[j] = is_floored ? 0 : of_variance;
    }
}

void search_gp_predict(search_gp *gp, const double *x, search_gp_prediction *out) {
    out->mean = gp->hypers.mean;
    for (int i = 0; i < gp->count; i++) {
        gp->cross[i] = gp->solved[i] = search_gp_covariance(
            &gp->hypers, gp->dimensions, gp->points + (size_t)i * (size_t)gp->dimensions, x, &gp->slopes[i]);
        out->mean += gp->weights[i] * gp->cross[i];
    }
    solve(gp, "N", gp->solved);
    double variance = gp->hypers.amplitude, least = jitter * variance;
    for (int i = 0; i < gp->count; i++) {
        variance -= gp->solved[i] * gp->solved[i];
    }
    out->variance = variance > least ? variance : least;
    if (out->mean_gradient) {
        predict_gradients(gp, x, variance <= least, out);
    }
}
