/* Delta Self-Tuning Networks (Algorithm 1): r_θ(λ) = w_0 + Θ(λ − λ_0), with two objectives on one mini-batch.
 *
 *   w_0 ← w_0 − α ∇ L_T(λ_0, w_0)                                                        (Eq. 3.9)
 *   Θ   ← Θ   − α ∇ E_ε [ L_T(λ_0 + ε, w_0 + Θε) ],   ε ~ N(0, diag(σ²))                  (Eq. 3.10)
 *
 * where, linearized (Sec. 3.3), the loss in 3.10 is taken at the predictions f(x, w_0) + J_yw Θε: a primal pass through
 * the general weights and a tangent pass in the direction of the response. Both gradients are taken at the same
 * parameters; the updates come after both. Without `linearize`, 3.10 is taken as it stands. Every T_train such steps
 * come T_valid of the hyperparameters' own:
 *
 *   λ ← λ − β ∇_λ L_V(λ + ε, w_0 + Θε)
 *   σ ← σ − β ∇_σ ( L_V(λ + ε, w_0 + Θε) − τ H[p(ε|σ)] ) */
#include "steps.h"

static void train_step(dstn_trainer *trainer) {
    const dstn_objective *at_lambda0 = trainer->method->train[0], *around_lambda0 = trainer->method->train[1];
    bilevel_rows rows = bilevel_next_rows(trainer, &trainer->train);
    dstn_perturbation epsilon = bilevel_perturb(trainer, rows);

    dstn_evaluation evaluations[2];
    evaluations[0] = bilevel_evaluate(trainer, at_lambda0, rows, epsilon);     /* ∇_{w_0} L_T(λ_0, w_0) */
    evaluations[1] = bilevel_evaluate(trainer, around_lambda0, rows, epsilon); /* ∇_Θ L_T(λ_0 + ε, w_0 + Θε) */
    bilevel_sum_gradients(trainer, evaluations, 2);
    bilevel_update_weights(trainer, at_lambda0);
    bilevel_update_weights(trainer, around_lambda0);
    bilevel_end_train_step(trainer, evaluations, 2);
}

static void hyper_step(dstn_trainer *trainer) {
    bilevel_rows rows = bilevel_next_rows(trainer, &trainer->valid);
    dstn_perturbation epsilon = bilevel_perturb(trainer, rows);

    dstn_evaluation evaluation = bilevel_evaluate(trainer, trainer->method->valid, rows, epsilon);
    dstn_hypergradient gradient =
        dstn_problem_hypergradient(trainer->problem, &evaluation, trainer->settings.entropy_weight);
    bilevel_update_space(trainer, gradient);
}

const dstn_algorithm bilevel_delta_stn = {train_step, hyper_step};
