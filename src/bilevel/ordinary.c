/* Ordinary training at constant hyperparameters: w ← w − α ∇ L_T(λ, w), or, perturbed, w ← w − α ∇ L_T(λ + ε, w) with
 * ε ~ N(0, diag(σ²)) (App. I.1, "with Gaussian noise"). What the other methods are compared with. */
#include "steps.h"

static void train_step(dstn_trainer *trainer) {
    const dstn_objective *objective = trainer->method->train[0];
    bilevel_rows rows = bilevel_next_rows(trainer, &trainer->train);
    dstn_perturbation epsilon = {NULL, NULL};
    if (objective->perturbed) {
        epsilon = bilevel_perturb(trainer, rows);
    }

    dstn_evaluation evaluation = bilevel_evaluate(trainer, objective, rows, epsilon);
    bilevel_sum_gradients(trainer, &evaluation, 1);
    bilevel_update_weights(trainer, evaluation.objective);
    bilevel_end_train_step(trainer, &evaluation, 1);
}

/* λ and σ stay. */
static void hyper_step(dstn_trainer *trainer) {
    (void)trainer;
}

const dstn_algorithm bilevel_ordinary = {train_step, hyper_step};
