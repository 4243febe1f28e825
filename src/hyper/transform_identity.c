/* hyper: s(u) = u, for ranges without ends (App. F). */
#include "transforms.h"

#include <math.h>

static double value(double u, double low, double high) {
    (void)low, (void)high;
    return u;
}

static double derivative(double u, double low, double high) {
    (void)u, (void)low, (void)high;
    return 1;
}

static double inverse(double natural, double low, double high) {
    (void)low, (void)high;
    return natural;
}

static bool is_unbounded(double low, double high) {
    return !isfinite(low) && !isfinite(high);
}

const dstn_transform hyper_transform_identity = {
    .name = "identity",
    .value = value,
    .derivative = derivative,
    .inverse = inverse,
    .is_default = is_unbounded,
    .accepts = is_unbounded,
    .accepted = "no finite end",
    .lowest = -INFINITY,
    .keeps_range = true,
};
