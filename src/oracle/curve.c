/* oracle: the curve on λ ∈ [−12, 12], and golden section around the lowest point of its grid. */
#include "curve.h"

#include <math.h>

static const double reach = 12;

/* The minimum of L_V(λ, r(λ)) in [low, high], to 1e-10 in λ. Which of two points is lower is judged by the difference
 * computed as such: the losses themselves agree to all digits at 1e-8 already. */
static double golden_section(const oracle_family *family, double low, double high) {
    const double tolerance = 1e-10, ratio = 0.61803398874989484820;
    double left = high - ratio * (high - low), right = low + ratio * (high - low);
    while (high - low > tolerance) {
        if (oracle_family_loss_difference(family, left, right) < 0) {
            high = right;
            right = left;
            left = high - ratio * (high - low);
        } else {
            low = left;
            left = right;
            right = low + ratio * (high - low);
        }
    }
    return (low + high) / 2;
}

static void find_minimum(oracle_curve *curve, const oracle_family *family) {
    const int last = DSTN_CURVE_POINTS - 1;
    int lowest = 0;
    for (int i = 1; i <= last; i++) {
        if (curve->loss[i] < curve->loss[lowest]) {
            lowest = i;
        }
    }
    curve->best_loss = curve->loss[lowest];
    curve->edge = lowest == 0 ? DSTN_EDGE_LOW : lowest == last ? DSTN_EDGE_HIGH : DSTN_EDGE_NONE;
    if (curve->edge != DSTN_EDGE_NONE) {
        curve->lambda_star = lowest == 0 ? -INFINITY : INFINITY;
        return;
    }
    curve->lambda_star = golden_section(family, curve->lambda[lowest - 1], curve->lambda[lowest + 1]);
    double refined;
    oracle_family_losses(family, 1, &curve->lambda_star, &refined);
    curve->best_loss = fmin(curve->best_loss, refined);
}

void oracle_curve_fill(oracle_curve *curve, const oracle_family *family, const dstn_group *group) {
    for (int i = 0; i < DSTN_CURVE_POINTS; i++) {
        curve->lambda[i] = -reach + 2 * reach * i / (DSTN_CURVE_POINTS - 1);
        curve->loss[i] = 0;
    }
    /* Shared in whole chunks, so that every number has the same bits in a group of any size. */
    enum { CHUNK = DSTN_FAMILY_CHUNK };
    int64_t first, count;
    dstn_group_share(group, (DSTN_CURVE_POINTS + CHUNK - 1) / CHUNK, &first, &count);
    int64_t start = first * CHUNK, rest = DSTN_CURVE_POINTS - start;
    oracle_family_losses(family, count * CHUNK < rest ? count * CHUNK : rest, curve->lambda + start,
                         curve->loss + start);
    dstn_group_sum(group, curve->loss, DSTN_CURVE_POINTS);
    find_minimum(curve, family);
    dstn_group_broadcast(group, &curve->lambda_star, sizeof curve->lambda_star);
    dstn_group_broadcast(group, &curve->best_loss, sizeof curve->best_loss);
}
