/* oracle, private: the family of minimizers r(λ) = argmin_w ½‖Xw − t‖² + ½ c(λ) wᵀDw, whatever model it stands for.
 *
 * With D^-½ XᵀX D^-½ = QΛQᵀ everything is diagonal: r = D^-½ Q u, u = (Λ + c)⁻¹ g, g = Qᵀ D^-½ Xᵀt. The validation loss
 * is that of Z u, Z = X_v D^-½ Q. Modes below 1e-12 of the largest eigenvalue are left out of r (g is zero there but
 * for rounding). Where there are more validation rows than modes, Z and t_v are replaced by the triangle of their QR
 * factorization, which leaves ‖Zu − t_v‖ as it is. */
#ifndef ORACLE_FAMILY_H
#define ORACLE_FAMILY_H

#include "dstn/kernel.h"
#include "dstn/ranks.h"

#include "strength.h"

/* Values of λ that are worked on at a time. */
enum { DSTN_FAMILY_CHUNK = 64 };

typedef enum oracle_weighting {
    DSTN_WEIGHTING_IDENTITY, /* D = I */
    DSTN_WEIGHTING_FEATURES  /* D = diag(XᵀX); a feature that is zero in all rows has weight zero */
} oracle_weighting;

/* What the family is of. Every rank has the same; borrowed while the family is made. */
typedef struct oracle_family_data {
    int64_t n, v, d;
    const double *x, *t;             /* training part [n, d], [n] */
    const double *x_valid, *t_valid; /* validation part [v, d], [v] */
    oracle_weighting weighting;
    oracle_strength strength;
} oracle_family_data;

typedef struct oracle_family {
    const dstn_kernel *kernel; /* of double precision */
    dstn_arena *arena;
    oracle_strength strength;
    oracle_quadrature quadrature;
    int64_t dimension;    /* d */
    int64_t modes;        /* k, those that are kept */
    int64_t rows;         /* m of Z, min(v, k + 1) */
    double mean;          /* 1/2v */
    double *root;         /* [d] D^½ */
    double *inverse;      /* [d] D^-½, zero where D is */
    double *eigenvalues;  /* [d] ascending, zero where left out */
    double *vectors;      /* [d, d], row i an eigenvector: Qᵀ */
    double *target;       /* [k] g */
    double *design;       /* [k, m] Zᵀ */
    double *observed;     /* [m] t_v */
    double *coefficients; /* workspace [chunk, k] */
    double *residuals;    /* workspace [chunk, m] */
    double *projection;   /* workspace [d] */
} oracle_family;

/* Collective over the group; every rank ends up with the same numbers, bit for bit. Owned by the caller. */
dstn_status oracle_family_new(const oracle_family_data *data, const dstn_group *group, oracle_family **out,
                              dstn_error *err);
void oracle_family_destroy(oracle_family *family);

/* L_V(λ, r(λ)) of `count` values of λ. */
void oracle_family_losses(const oracle_family *family, int64_t count, const double *lambda, double *loss);
/* L_V at a less L_V at b, without the cancellation that the difference of two losses has where a and b are close. */
double oracle_family_loss_difference(const oracle_family *family, double a, double b);

/* r(λ), ∂r/∂λ [d]. */
void oracle_family_response(const oracle_family *family, double lambda, double *w);
void oracle_family_jacobian(const oracle_family *family, double lambda, double *theta);
/* Θ_σ around w0: −D^-½ Q (Λ + E[ε²c]/σ²)⁻¹ E[εc]/σ² Qᵀ D^½ w0. All modes count, since w0 may be anything. */
void oracle_family_smoothed_jacobian(const oracle_family *family, double lambda, double sigma, const double *w0,
                                     double *theta);

#endif
