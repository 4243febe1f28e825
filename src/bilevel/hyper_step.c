/* bilevel: the hypergradient. On a validation batch, with the ordinary response pass and without dropout,
 *   λ ← λ − α ∇_λ L_V(λ + ε, r(λ + ε)),   σ ← σ − α ∇_σ ( L_V(λ + ε, r(λ + ε)) − τ H[p(ε|σ)] ),
 * both gradients from one evaluation. λ enters L_V only through the hypernetwork's input z, and ∂z/∂λ = I whether z is
 * λ + ε or, centred with λ_0 held constant, λ + ε − λ_0. So ∂L/∂λ_i = Σ_b ∂L/∂z_bi, and with
 * ε = softplus(raw_scale) ⊙ noise, ∂L/∂raw_scale_i = Σ_b ∂L/∂z_bi noise_bi softplus'(raw_scale_i). */
#include "hypergradient.h"

void bilevel_hypergradient(const dstn_space *space, int64_t rows, const double *dz, const double *noise, double *lambda,
                           double *raw_scale) {
    int h = space->count;
    for (int i = 0; i < h; i++) {
        lambda[i] = raw_scale[i] = 0;
    }
    for (int64_t b = 0; b < rows; b++) {
        for (int i = 0; i < h; i++) {
            lambda[i] += dz[b * h + i];
            raw_scale[i] += dz[b * h + i] * noise[b * h + i];
        }
    }
    for (int i = 0; i < h; i++) {
        raw_scale[i] *= dstn_logistic(space->raw_scale[i]);
    }
}

void bilevel_subtract_entropy(const dstn_space *space, double entropy_weight, double *raw_scale) {
    for (int i = 0; i < space->count; i++) {
        raw_scale[i] -= entropy_weight * dstn_space_entropy_slope(space, i);
        raw_scale[i] = space->items[i].tune_scale ? raw_scale[i] : 0;
    }
}
