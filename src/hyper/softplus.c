/* hyper: softplus(x) = log(1 + e^x), its inverse and its derivative, without overflow or cancellation anywhere. */
#include "dstn/hyper.h"

#include <math.h>

double dstn_softplus(double x) {
    return fmax(x, 0) + log1p(exp(-fabs(x)));
}

/* log(e^y − 1) = y + log(1 − e^−y) */
double dstn_softplus_inverse(double y) {
    return y + log(-expm1(-y));
}

double dstn_logistic(double x) {
    double e = exp(-fabs(x));
    return (x < 0 ? e : 1) / (1 + e);
}
