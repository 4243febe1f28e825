/* hyper: s(u) = low + softplus(u), for ranges bounded below (App. F). */
#include "transforms.h"

#include <math.h>

static double value(double u, double low, double high) {
    (void)high;
    return low + dstn_softplus(u);
}

static double derivative(double u, double low, double high) {
    (void)low, (void)high;
    return dstn_logistic(u);
}

static double inverse(double natural, double low, double high) {
    (void)high;
    return dstn_softplus_inverse(natural - low);
}

static bool is_bounded_below(double low, double high) {
    return isfinite(low) && !isfinite(high);
}

const dstn_transform hyper_transform_softplus = {
    .name = "softplus",
    .value = value,
    .derivative = derivative,
    .inverse = inverse,
    .is_default = is_bounded_below,
    .accepts = is_bounded_below,
    .accepted = "a finite lower end and .inf",
    .lowest = -INFINITY,
    .keeps_range = true,
};
