/* oracle, private: Gauss-Hermite quadrature for expectations over N(0, 1). */
#ifndef ORACLE_QUADRATURE_H
#define ORACLE_QUADRATURE_H

enum { DSTN_QUADRATURE_NODES = 64 };

/* E f(ξ) ≈ Σ weight_i f(node_i), ξ ~ N(0, 1). */
typedef struct oracle_quadrature {
    double node[DSTN_QUADRATURE_NODES], weight[DSTN_QUADRATURE_NODES];
} oracle_quadrature;

void oracle_quadrature_fill(oracle_quadrature *quadrature);

#endif
