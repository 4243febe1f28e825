/* hyper: the stretched sigmoid s(u) = low + (high − low)/(1 + e^−u), for ranges bounded on both sides (App. F). */
#include "transforms.h"

#include <math.h>

/* Measured from the nearer end, so that no rounding leaves the range. */
static double value(double u, double low, double high) {
    double width = high - low;
    return u < 0 ? low + width * dstn_logistic(u) : high - width * dstn_logistic(-u);
}

static double derivative(double u, double low, double high) {
    return (high - low) * dstn_logistic(u) * dstn_logistic(-u);
}

static double inverse(double natural, double low, double high) {
    return log(natural - low) - log(high - natural);
}

static bool is_bounded(double low, double high) {
    return isfinite(low) && isfinite(high);
}

const dstn_transform hyper_transform_sigmoid = {
    .name = "sigmoid",
    .value = value,
    .derivative = derivative,
    .inverse = inverse,
    .is_default = is_bounded,
    .accepts = is_bounded,
    .accepted = "two finite ends",
    .lowest = -INFINITY,
    .keeps_range = true,
};
