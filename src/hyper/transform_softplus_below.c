/* hyper: s(u) = high − softplus(u), for ranges bounded above (App. F). It falls where u rises. */
#include "transforms.h"

#include <math.h>

static double value(double u, double low, double high) {
    (void)low;
    return high - dstn_softplus(u);
}

static double derivative(double u, double low, double high) {
    (void)low, (void)high;
    return -dstn_logistic(u);
}

static double inverse(double natural, double low, double high) {
    (void)low;
    return dstn_softplus_inverse(high - natural);
}

static bool is_bounded_above(double low, double high) {
    return !isfinite(low) && isfinite(high);
}

const dstn_transform hyper_transform_softplus_below = {
    .name = "softplus-below",
    .value = value,
    .derivative = derivative,
    .inverse = inverse,
    .is_default = is_bounded_above,
    .accepts = is_bounded_above,
    .accepted = "-.inf and a finite upper end",
    .lowest = -INFINITY,
    .keeps_range = true,
};
