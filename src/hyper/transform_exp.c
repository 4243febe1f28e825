/* hyper: s(u) = e^u, by choice only: penalties as App. H has them. Its values are all positive numbers, whatever the
 * range's ends; the range says where the starting value may lie. */
#include "transforms.h"

#include <math.h>

static double value(double u, double low, double high) {
    (void)low, (void)high;
    return exp(u);
}

static double inverse(double natural, double low, double high) {
    (void)low, (void)high;
    return log(natural);
}

static bool is_never_default(double low, double high) {
    (void)low, (void)high;
    return false;
}

static bool is_not_negative(double low, double high) {
    (void)high;
    return low >= 0;
}

const dstn_transform hyper_transform_exp = {
    .name = "exp",
    .value = value,
    .derivative = value,
    .inverse = inverse,
    .is_default = is_never_default,
    .accepts = is_not_negative,
    .accepted = "a lower end of at least 0",
    .lowest = 0,
};
