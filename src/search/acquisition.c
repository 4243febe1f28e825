/* search: expected improvement, and the local search for where it is largest, by NLopt. */
#include "acquisition.h"

#include <math.h>
#include <nlopt.h>
#include <stdlib.h>
#include <string.h>

/* σ (u Φ(u) + φ(u)), u = (best − mean)/σ (Jones et al. 1998, Eq. 15); ∂/∂mean = −Φ(u), ∂/∂σ² = φ(u)/(2σ). */
double search_improvement(double best, double mean, double variance, double *by_mean, double *by_variance) {
    const double inverse_root_two_pi = 0.398942280401432677940, inverse_root_two = 0.707106781186547524401;
    double sigma = sqrt(variance), u = (best - mean) / sigma;
    double below = 0.5 * erfc(-u * inverse_root_two), density = inverse_root_two_pi * exp(-0.5 * u * u);
    if (by_mean) {
        *by_mean = -below;
        *by_variance = 0.5 * density / sigma;
    }
    /* Far from any improvement the two terms cancel to rounding. */
    return fmax(sigma * (u * below + density), 0);
}

/* ---- the models -------------------------------------------------------------------------------------------------- */

/* values [count]: those seen, and behind them what is expected of them at the other points. */
static bool believe(const search_data *seen, int count, const search_gp_hypers *hypers, double *values) {
    search_gp gp;
    search_gp_init(&gp, seen->count, seen->dimensions, seen->points, seen->values);
    bool fits = count == seen->count || search_gp_fit(&gp, hypers);
    memcpy(values, seen->values, (size_t)seen->count * sizeof *values);
    for (int i = seen->count; i < count && fits; i++) {
        search_gp_prediction prediction = {0};
        search_gp_predict(&gp, seen->points + (size_t)i * (size_t)seen->dimensions, &prediction);
        values[i] = prediction.mean;
    }
    search_gp_clear(&gp);
    return fits;
}

void search_surrogate_init(search_surrogate *surrogate, const search_data *seen, int count,
                           const search_gp_hypers *samples, int sample_count) {
    *surrogate = (search_surrogate){.dimensions = seen->dimensions, .best = INFINITY};
    for (int i = 0; i < seen->count; i++) {
        surrogate->best = fmin(surrogate->best, seen->values[i]);
    }
    surrogate->models = dstn_alloc((size_t)sample_count, sizeof *surrogate->models);
    surrogate->values = dstn_alloc((size_t)sample_count * (size_t)count, sizeof *surrogate->values);
    for (int i = 0; i < sample_count; i++) {
        search_gp *model = &surrogate->models[surrogate->count];
        double *values = surrogate->values + (size_t)surrogate->count * (size_t)count;
        search_gp_init(model, count, seen->dimensions, seen->points, values);
        if (believe(seen, count, &samples[i], values) && search_gp_fit(model, &samples[i])) {
            surrogate->count++;
        } else {
            search_gp_clear(model);
        }
    }
}

void search_surrogate_clear(search_surrogate *surrogate) {
    for (int i = 0; i < surrogate->count; i++) {
        search_gp_clear(&surrogate->models[i]);
    }
    free(surrogate->models);
    free(surrogate->values);
}

double search_surrogate_improvement(search_surrogate *surrogate, const double *x, double *gradient) {
    double of_mean[DSTN_MAX_DIMENSIONS], of_variance[DSTN_MAX_DIMENSIONS], sum = 0, by_mean, by_variance;
    double share = 1.0 / surrogate->count;
    search_gp_prediction prediction = {.mean_gradient = gradient ? of_mean : NULL, .variance_gradient = of_variance};
    for (int j = 0; gradient && j < surrogate->dimensions; j++) {
        gradient[j] = 0;
    }
    for (int m = 0; m < surrogate->count; m++) {
        search_gp_predict(&surrogate->models[m], x, &prediction);
        sum +=
            share * search_improvement(surrogate->best, prediction.mean, prediction.variance, &by_mean, &by_variance);
        for (int j = 0; gradient && j < surrogate->dimensions; j++) {
            gradient[j] += share * (by_mean * of_mean[j] + by_variance * of_variance[j]);
        }
    }
    return sum;
}

double search_surrogate_round(search_surrogate *surrogate, const search_space *space, double *x) {
    const double end = 1e-9;
    for (int j = 0; j < space->count; j++) {
        x[j] = x[j] < end ? 0 : x[j] > 1 - end ? 1 : x[j];
        x[j] = search_space_unit(space, j, search_space_natural(space, j, x[j]));
    }
    return search_surrogate_improvement(surrogate, x, NULL);
}

/* ---- climbing ---------------------------------------------------------------------------------------------------- */

typedef struct climb {
    search_surrogate *surrogate;
    int moving_count;
    int moving[DSTN_MAX_DIMENSIONS]; /* [moving_count] the coordinates that move */
    double x[DSTN_MAX_DIMENSIONS];   /* all coordinates */
} climb;

/* −ln of the improvement, whose size changes by many orders of magnitude; it has no slope where there is none. */
static double descend(unsigned count, const double *at, double *gradient, void *user) {
    const double least = 1e-300;
    climb *c = user;
    double whole[DSTN_MAX_DIMENSIONS];
    for (unsigned i = 0; i < count; i++) {
        c->x[c->moving[i]] = at[i];
    }
    double improvement = search_surrogate_improvement(c->surrogate, c->x, gradient ? whole : NULL);
    for (unsigned i = 0; gradient && i < count; i++) {
        gradient[i] = improvement > least ? -whole[c->moving[i]] / improvement : 0;
    }
    return -log(fmax(improvement, least));
}

/* Sequential quadratic programming: its steps depend on function and gradient alone. A step that leads nowhere ends it
 * with an error, and what was reached before stands. */
static void run(climb *c, double *at) {
    const double tolerance = 1e-7;
    const int most_steps = 60;
    double reached;
    nlopt_opt descent = nlopt_create(NLOPT_LD_SLSQP, (unsigned)c->moving_count);
    if (!descent) {
        return;
    }
    nlopt_set_min_objective(descent, descend, c);
    nlopt_set_lower_bounds1(descent, 0);
    nlopt_set_upper_bounds1(descent, 1);
    nlopt_set_xtol_abs1(descent, tolerance);
    nlopt_set_ftol_abs(descent, tolerance);
    nlopt_set_maxeval(descent, most_steps);
    nlopt_optimize(descent, at, &reached);
    nlopt_destroy(descent);
}

double search_surrogate_climb(search_surrogate *surrogate, const bool *pinned, double *x) {
    climb c = {.surrogate = surrogate};
    double at[DSTN_MAX_DIMENSIONS], start = search_surrogate_improvement(surrogate, x, NULL);
    memcpy(c.x, x, (size_t)surrogate->dimensions * sizeof *x);
    for (int j = 0; j < surrogate->dimensions; j++) {
        if (!pinned[j]) {
            at[c.moving_count] = x[j];
            c.moving[c.moving_count++] = j;
        }
    }
    if (c.moving_count == 0) {
        return start;
    }
    run(&c, at);
    for (int i = 0; i < c.moving_count; i++) {
        c.x[c.moving[i]] = at[i];
    }
    double reached = search_surrogate_improvement(surrogate, c.x, NULL);
    if (!(reached > start)) {
        return start;
    }
    memcpy(x, c.x, (size_t)surrogate->dimensions * sizeof *x);
    return reached;
}
