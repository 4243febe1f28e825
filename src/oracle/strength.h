/* oracle, private: c(λ), the factor of the penalty ½ c wᵀDw as a function of the one hyperparameter. */
#ifndef DSTN_ORACLE_STRENGTH_H
#define DSTN_ORACLE_STRENGTH_H

#include "dstn/hyper.h"

#include "quadrature.h"

typedef struct dstn_strength dstn_strength;

/* One kind of c. */
typedef struct dstn_strength_type {
    double (*value)(const dstn_strength *strength, double lambda);      /* c(λ) */
    double (*derivative)(const dstn_strength *strength, double lambda); /* c'(λ) */
    /* For ε ~ N(0, σ²): *first = E[ε c(λ+ε)]/σ², *second = E[ε² c(λ+ε)]/σ². Both stay finite as σ → 0. */
    void (*moments)(const dstn_strength *strength, const dstn_quadrature *quadrature, double lambda, double sigma,
                    double *first, double *second);
} dstn_strength_type;

struct dstn_strength {
    const dstn_strength_type *type;
    const dstn_hyper *hyper; /* borrowed */
    double factor;
};

extern const dstn_strength_type dstn_strength_exponential; /* factor · s(λ), s an exponential but for a constant */
extern const dstn_strength_type dstn_strength_scaled;      /* factor · s(λ) */
extern const dstn_strength_type dstn_strength_odds;        /* factor · p/(1 − p), p = s(λ) */

#endif
