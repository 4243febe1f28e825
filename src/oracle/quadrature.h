/* oracle, private: Gauss-Hermite quadrature for expectations over N(0, 1). */
#ifndef DSTN_ORACLE_QUADRATURE_H
#define DSTN_ORACLE_QUADRATURE_H

enum { DSTN_QUADRATURE_NODES = 64 };

/* E f(ξ) ≈ Σ weight_i f(node_i), ξ ~ N(0, 1). */
typedef struct dstn_quadrature {
    double node[DSTN_QUADRATURE_NODES], weight[DSTN_QUADRATURE_NODES];
} dstn_quadrature;

void dstn_quadrature_fill(dstn_quadrature *quadrature);

#endif
