/* oracle: the factors c(λ) of the closed forms. Their moments use E[ε f(ε)] = σ² E[f'(ε)] (Stein), by which
 *   E[ε c(λ+ε)]/σ² = E[c'(λ+ε)],   E[ε² c(λ+ε)]/σ² = E[c(λ+ε)] + E[ε c'(λ+ε)]
 * lose no digits for small σ. */
#include "strength.h"

#include <math.h>

static double natural(const oracle_strength *strength, double lambda) {
    return strength->hyper->transform->value(lambda, strength->hyper->low, strength->hyper->high);
}

static double slope(const oracle_strength *strength, double lambda) {
    return strength->hyper->transform->derivative(lambda, strength->hyper->low, strength->hyper->high);
}

static void integrate_moments(const oracle_strength *strength, const oracle_quadrature *quadrature, double lambda,
                              double sigma, double *first, double *second) {
    *first = *second = 0;
    for (int i = 0; i < DSTN_QUADRATURE_NODES; i++) {
        double epsilon = sigma * quadrature->node[i], weight = quadrature->weight[i];
        double derivative = strength->type->derivative(strength, lambda + epsilon);
        *first += weight * derivative;
        *second += weight * (strength->type->value(strength, lambda + epsilon) + epsilon * derivative);
    }
}

/* ---- factor · s(λ) ---- */

static double scaled_value(const oracle_strength *strength, double lambda) {
    return strength->factor * natural(strength, lambda);
}

static double scaled_derivative(const oracle_strength *strength, double lambda) {
    return strength->factor * slope(strength, lambda);
}

/* c' is the exponential itself, and E e^ε = e^{σ²/2}. */
static void exponential_moments(const oracle_strength *strength, const oracle_quadrature *quadrature, double lambda,
                                double sigma, double *first, double *second) {
    (void)quadrature;
    double exponential = scaled_derivative(strength, lambda);
    double constant = scaled_value(strength, lambda) - exponential;
    *first = exponential * exp(sigma * sigma / 2);
    *second = constant + (1 + sigma * sigma) * *first;
}

const oracle_strength_type oracle_strength_exponential = {scaled_value, scaled_derivative, exponential_moments};
const oracle_strength_type oracle_strength_scaled = {scaled_value, scaled_derivative, integrate_moments};

/* ---- factor · p/(1 − p): dropout multiplies an input by a mask of variance p/(1 − p) ---- */

static double odds_value(const oracle_strength *strength, double lambda) {
    double rate = natural(strength, lambda);
    return strength->factor * rate / (1 - rate);
}

static double odds_derivative(const oracle_strength *strength, double lambda) {
    double kept = 1 - natural(strength, lambda);
    return strength->factor * slope(strength, lambda) / (kept * kept);
}

const oracle_strength_type oracle_strength_odds = {odds_value, odds_derivative, integrate_moments};
