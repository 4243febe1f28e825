/* oracle: Gauss-Hermite nodes and weights after Golub and Welsch. The Hermite polynomials that are orthonormal under
 * N(0, 1) obey x p_k = √(k+1) p_{k+1} + √k p_{k−1}: the nodes are the eigenvalues of that tridiagonal matrix, the
 * weights the squared first components of its eigenvectors. */
#include "quadrature.h"

#include <math.h>

#include "fortran.h"

void oracle_quadrature_fill(oracle_quadrature *quadrature) {
    enum { N = DSTN_QUADRATURE_NODES };
    double beside[N], vectors[N * N], work[2 * N];
    const int order = N;
    int info;
    for (int i = 0; i < N; i++) {
        quadrature->node[i] = 0;
        beside[i] = sqrt(i + 1.0);
    }
    dstev_("V", &order, quadrature->node, beside, vectors, &order, work, &info, 1);
    for (int i = 0; i < N; i++) {
        quadrature->weight[i] = vectors[i * N] * vectors[i * N];
    }
}
