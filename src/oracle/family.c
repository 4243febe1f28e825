/* oracle: the family of ridge-like minimizers in the eigenbasis of its data, at any λ. */
#include "family.h"

#include <math.h>

/* Mode i of the kept ones is mode d − k + i of all. */
static const double *kept_eigenvalues(const oracle_family *family) {
    return family->eigenvalues + (family->dimension - family->modes);
}

/* u [k]. An infinite c gives zero, as it should. */
static void solve_modes(const oracle_family *family, double lambda, double *u) {
    const double *eigenvalues = kept_eigenvalues(family);
    double c = family->strength.type->value(&family->strength, lambda);
    for (int64_t i = 0; i < family->modes; i++) {
        u[i] = family->target[i] / (eigenvalues[i] + c);
    }
}

/* residuals [count, m] = coefficients [count, k] Zᵀ − multiple · t_v in every row. */
static void validate(const oracle_family *family, int64_t count, double multiple) {
    const dstn_kernel *kernel = family->kernel;
    int64_t k = family->modes, m = family->rows;
    kernel->gemm(kernel, false, false, count, m, k, 1, family->coefficients, k, family->design, m, 0, family->residuals,
                 m);
    for (int64_t r = 0; r < count; r++) {
        kernel->axpy(kernel, m, -multiple, family->observed, family->residuals + r * m);
    }
}

void oracle_family_losses(const oracle_family *family, int64_t count, const double *lambda, double *loss) {
    int64_t m = family->rows;
    for (int64_t first = 0; first < count; first += DSTN_FAMILY_CHUNK) {
        int64_t rows = count - first < DSTN_FAMILY_CHUNK ? count - first : DSTN_FAMILY_CHUNK;
        for (int64_t r = 0; r < rows; r++) {
            solve_modes(family, lambda[first + r], family->coefficients + r * family->modes);
        }
        validate(family, rows, 1);
        for (int64_t r = 0; r < rows; r++) {
            const double *residual = family->residuals + r * m;
            loss[first + r] = family->mean * family->kernel->dot(family->kernel, m, residual, residual);
        }
    }
}

/* ‖e_a‖² − ‖e_b‖² = (e_a − e_b)·(e_a + e_b), where e_a − e_b = Z(u_a − u_b) with
 * u_a − u_b = (c_b − c_a) g / ((Λ + c_a)(Λ + c_b)). */
double oracle_family_loss_difference(const oracle_family *family, double a, double b) {
    int64_t k = family->modes, m = family->rows;
    const double *eigenvalues = kept_eigenvalues(family);
    double *difference = family->coefficients, *sum = family->coefficients + k;
    double c_a = family->strength.type->value(&family->strength, a);
    double c_b = family->strength.type->value(&family->strength, b);
    for (int64_t i = 0; i < k; i++) {
        double of_a = family->target[i] / (eigenvalues[i] + c_a);
        difference[i] = (c_b - c_a) * of_a / (eigenvalues[i] + c_b);
        sum[i] = of_a + family->target[i] / (eigenvalues[i] + c_b);
    }
    family->kernel->gemm(family->kernel, false, false, 2, m, k, 1, family->coefficients, k, family->design, m, 0,
                         family->residuals, m);
    family->kernel->axpy(family->kernel, m, -2, family->observed, family->residuals + m);
    return family->mean * family->kernel->dot(family->kernel, m, family->residuals, family->residuals + m);
}

/* w [d] = D^-½ Q_last u, for the last `modes` modes. */
static void leave_eigenbasis(const oracle_family *family, int64_t modes, const double *u, double *w) {
    int64_t d = family->dimension;
    const double *vectors = family->vectors + (d - modes) * d;
    family->kernel->gemm(family->kernel, false, false, 1, d, modes, 1, u, modes, vectors, d, 0, w, d);
    family->kernel->multiply(family->kernel, d, w, family->inverse, w);
}

void oracle_family_response(const oracle_family *family, double lambda, double *w) {
    solve_modes(family, lambda, family->coefficients);
    leave_eigenbasis(family, family->modes, family->coefficients, w);
}

/* ∂u/∂λ = −c' u / (Λ + c). */
void oracle_family_jacobian(const oracle_family *family, double lambda, double *theta) {
    double *u = family->coefficients;
    const double *eigenvalues = kept_eigenvalues(family);
    double c = family->strength.type->value(&family->strength, lambda);
    double derivative = family->strength.type->derivative(&family->strength, lambda);
    solve_modes(family, lambda, u);
    /* Where c is beyond all numbers r has become zero and stays so; ∞/∞ would not say that. */
    for (int64_t i = 0; i < family->modes; i++) {
        u[i] = isinf(c) ? 0 : -derivative / (eigenvalues[i] + c) * u[i];
    }
    leave_eigenbasis(family, family->modes, u, theta);
}

void oracle_family_smoothed_jacobian(const oracle_family *family, double lambda, double sigma, const double *w0,
                                     double *theta) {
    const dstn_kernel *kernel = family->kernel;
    int64_t d = family->dimension;
    double first, second;
    family->strength.type->moments(&family->strength, &family->quadrature, lambda, sigma, &first, &second);
    double *u = family->projection;
    kernel->multiply(kernel, d, w0, family->root, theta);
    kernel->gemm(kernel, false, true, 1, d, d, 1, theta, d, family->vectors, d, 0, u, d);
    for (int64_t i = 0; i < d; i++) {
        u[i] *= -first / (family->eigenvalues[i] + second);
    }
    leave_eigenbasis(family, d, u, theta);
}
