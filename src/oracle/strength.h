/* oracle, private: c(λ), the factor of the penalty ½ c wᵀDw as a function of the one hyperparameter. */
#ifndef ORACLE_STRENGTH_H
#define ORACLE_STRENGTH_H

#include "dstn/hyper.h"

#include "quadrature.h"

typedef struct oracle_strength oracle_strength;

/* One kind of c. */
typedef struct oracle_strength_type {
    double (*value)(const oracle_strength *strength, double lambda);      /* c(λ) */
    double (*derivative)(const oracle_strength *strength, double lambda); /* c'(λ) */
    /* For ε ~ N(0, σ²): *first = E[ε c(λ+ε)]/σ², *second = E[ε² c(λ+ε)]/σ². Both stay finite as σ → 0. */
    void (*moments)(const oracle_strength *strength, const oracle_quadrature *quadrature, double lambda, double sigma,
                    double *first, double *second);
} oracle_strength_type;

struct oracle_strength {
    const oracle_strength_type *type;
    const dstn_hyper *hyper; /* borrowed */
    double factor;
};

extern const oracle_strength_type oracle_strength_exponential; /* factor · s(λ), s an exponential but for a constant */
extern const oracle_strength_type oracle_strength_scaled;      /* factor · s(λ) */
extern const oracle_strength_type oracle_strength_odds;        /* factor · p/(1 − p), p = s(λ) */

#endif
