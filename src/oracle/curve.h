/* oracle, private: the curve λ → L_V(λ, r(λ)) on a grid, and its minimum. */
#ifndef ORACLE_CURVE_H
#define ORACLE_CURVE_H

#include "dstn/oracle.h"

#include "family.h"

enum { DSTN_CURVE_POINTS = 2401 };

typedef struct oracle_curve {
    double lambda[DSTN_CURVE_POINTS], loss[DSTN_CURVE_POINTS];
    double lambda_star, best_loss;
    dstn_edge edge;
} oracle_curve;

/* Collective over the group: each rank takes a share of the grid; all end up with the same numbers. */
void oracle_curve_fill(oracle_curve *curve, const oracle_family *family, const dstn_group *group);

#endif
