/* oracle: the exact best response of the toy experiments (App. H.1), beside which the learned one is held.
 *
 * All three have the form r(λ) = argmin_w ½‖Xw − t‖² + ½ c(λ) wᵀ D w with weights w [d] of one output:
 *   ridge          D = I,            c = e^λ (n e^λ where the penalty is not over n)
 *   input dropout  D = diag(XᵀX),    c = p/(1 − p), p = s(λ)
 *   Jacobian norm  D = I,            c as ridge, w the product of the layers
 * One eigendecomposition of D^-½ XᵀX D^-½, distributed over the group with ScaLAPACK, gives r(λ), ∂r/∂λ and
 * L_V(λ, r(λ)) for every λ. */
#ifndef DSTN_ORACLE_H
#define DSTN_ORACLE_H

#include "dstn/data.h"
#include "dstn/hyper.h"
#include "dstn/model.h"
#include "dstn/ranks.h"

typedef struct dstn_oracle dstn_oracle;

typedef enum dstn_edge { DSTN_EDGE_NONE, DSTN_EDGE_LOW, DSTN_EDGE_HIGH } dstn_edge;

const char *dstn_oracle_version(void); /* of ScaLAPACK, one line */

/* Finds the closed form by matching layers and regularizers in a table; DSTN_ERROR_USAGE, with what has one, where
 * there is none. Everything is borrowed; collective over the group. Owned by the caller. */
dstn_status dstn_oracle_new(const dstn_model *model, const dstn_space *space, const dstn_dataset *dataset,
                            const dstn_group *group, dstn_oracle **out, dstn_error *err);
void dstn_oracle_destroy(dstn_oracle *oracle);

const char *dstn_oracle_name(const dstn_oracle *oracle);  /* "ridge", "input dropout", "jacobian norm" */
int64_t dstn_oracle_dimension(const dstn_oracle *oracle); /* d */

/* The exact minimum of λ → L_V(λ, r(λ)) on λ ∈ [−12, 12], refined by golden section. Where it lies at an end of the
 * grid, edge says which, and lambda_star is ∓INFINITY. */
double dstn_oracle_lambda_star(const dstn_oracle *oracle);
dstn_edge dstn_oracle_edge(const dstn_oracle *oracle);
const char *dstn_edge_name(dstn_edge edge);              /* "none", "low", "high" */
double dstn_oracle_best_loss(const dstn_oracle *oracle); /* min L_V(λ, r(λ)) */

/* The grid and the curve on it, [*count], owned by the oracle. */
void dstn_oracle_curve(const dstn_oracle *oracle, int64_t *count, const double **lambda, const double **loss);

/* At any λ: L_V(λ, r(λ)); r(λ) [d]; ∂r/∂λ [d]; the regret L_V(λ, r(λ)) − min, never negative. λ outside [−12, 12] is
 * taken as it is. */
double dstn_oracle_loss(const dstn_oracle *oracle, double lambda);
void dstn_oracle_response(const dstn_oracle *oracle, double lambda, double *w);
void dstn_oracle_jacobian(const dstn_oracle *oracle, double lambda, double *theta);
double dstn_oracle_regret(const dstn_oracle *oracle, double lambda);

/* The response that Δ-STN's own objective asks for around w0 [d] at perturbation scale σ:
 *   Θ_σ = −(σ² XᵀX + E[ε² c(λ+ε)] D)⁻¹ E[ε c(λ+ε)] D w0,   ε ~ N(0, σ²)
 * (for ridge −(XᵀX + (1+σ²)cI)⁻¹ c w0 with c = e^{λ+σ²/2}). Moments in closed form or by Gauss-Hermite quadrature. */
void dstn_oracle_smoothed_jacobian(const dstn_oracle *oracle, double lambda, double sigma, const double *w0,
                                   double *theta);

/* What a model has learned, in function space: its weights w [d] and their derivative [d] with respect to z at z
 * (all examples alike). */
void dstn_oracle_learned(const dstn_oracle *oracle, dstn_model *model, double z, double *w, double *theta);

#endif
