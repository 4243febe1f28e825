/* oracle, private: the eigendecomposition of a scaled Gram matrix, distributed over a group. */
#ifndef ORACLE_EIGEN_H
#define ORACLE_EIGEN_H

#include "dstn/kernel.h"
#include "dstn/ranks.h"

enum {
    DSTN_EIGEN_BLOCK = 64,
    /* Up to this order one rank is as fast as several, and its result is the same, bit for bit, in a group of any size.
     */
    DSTN_EIGEN_ALONE = 1024
};

/* How the matrix is dealt out. */
typedef struct oracle_deal {
    int block; /* side of its square blocks */
    int ranks; /* of the group, at most; the leader is always one of them */
} oracle_deal;

oracle_deal oracle_eigen_deal(const dstn_group *group, int64_t d);

/* S XᵀX S = Qᵀ diag(values) Q for X [n, d], which every rank holds, and S = diag(scale), scale [d].
 * values [out, d] ascending; vectors [out, d, d], row i the eigenvector of values[i]; both the same on every rank.
 * kernel: of double precision.
 * Collective; DSTN_ERROR_RUN on every rank where memory is short or the iteration fails on one. */
dstn_status oracle_eigen_gram(const dstn_group *group, const dstn_kernel *kernel, int64_t n, int64_t d, const double *x,
                              const double *scale, oracle_deal deal, double *values, double *vectors, dstn_error *err);

/* "ScaLAPACK 2.2.1" */
const char *oracle_eigen_version(void);

#endif
