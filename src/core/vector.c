/* Sums over vectors of doubles. */
#include "dstn/core.h"

#include <math.h>

double dstn_vector_dot(int64_t n, const double *x, const double *y) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i] * y[i];
    }
    return sum;
}

double dstn_vector_norm(int64_t n, const double *x) {
    return sqrt(dstn_vector_dot(n, x, x));
}
