/* Self-Tuning Networks (Algorithm 2): one objective for general and response weights together,
 *
 *   φ ← φ − α ∇_φ L_T(λ + ε, r_φ(λ + ε)),   ε ~ N(0, diag(σ²)),
 *
 * with r_φ(λ + ε) = φ_0 + Φ(λ + ε), or, centred at the current λ_0 (Sec. 3.1), φ_0 + Φ(λ + ε − λ_0) = φ_0 + Φε. Every
 * T_train such steps come T_valid of the hyperparameters' own:
 *
 *   λ ← λ − β ∇_λ L_V(λ + ε, r_φ(λ + ε))
 *   σ ← σ − β ∇_σ ( L_V(λ + ε, r_φ(λ + ε)) − τ H[p(ε|σ)] ) */
#include "steps.h"

static void train_step(dstn_trainer *trainer) {
    bilevel_rows rows = bilevel_next_rows(trainer, &trainer->train);
    dstn_perturbation epsilon = bilevel_perturb(trainer, rows);

    dstn_evaluation evaluation = bilevel_evaluate(trainer, trainer->method->train[0], rows, epsilon);
    bilevel_sum_gradients(trainer, &evaluation, 1);
    bilevel_update_weights(trainer, evaluation.objective);
    bilevel_end_train_step(trainer, &evaluation, 1);
}

static void hyper_step(dstn_trainer *trainer) {
    bilevel_rows rows = bilevel_next_rows(trainer, &trainer->valid);
    dstn_perturbation epsilon = bilevel_perturb(trainer, rows);

    dstn_evaluation evaluation = bilevel_evaluate(trainer, trainer->method->valid, rows, epsilon);
    dstn_hypergradient gradient =
        dstn_problem_hypergradient(trainer->problem, &evaluation, trainer->settings.entropy_weight);
    bilevel_update_space(trainer, gradient);
}

const dstn_algorithm bilevel_stn = {train_step, hyper_step};
