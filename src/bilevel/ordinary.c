/* Ordinary training at constant hyperparameters: w ← w − α ∇ L_T(λ, w). What the other methods are compared with. */
#include "steps.h"

static void train_step(dstn_trainer *trainer) {
    bilevel_rows rows = bilevel_next_rows(trainer, &trainer->train);
    const dstn_perturbation none = {NULL, NULL};

    dstn_evaluation evaluation = bilevel_evaluate(trainer, trainer->method->train[0], rows, none);
    bilevel_sum_gradients(trainer, &evaluation, 1);
    bilevel_update_weights(trainer, evaluation.objective);
    bilevel_end_train_step(trainer, &evaluation, 1);
}

/* λ stays. */
static void hyper_step(dstn_trainer *trainer) {
    (void)trainer;
}

const dstn_algorithm bilevel_ordinary = {train_step, hyper_step};
