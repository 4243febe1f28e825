/* Sums over vectors of doubles, as comparisons need them. */
#ifndef DSTN_CLI_VECTOR_H
#define DSTN_CLI_VECTOR_H

#include <stdint.h>

double dstn_vector_dot(int64_t n, const double *x, const double *y);
double dstn_vector_norm(int64_t n, const double *x);

#endif
