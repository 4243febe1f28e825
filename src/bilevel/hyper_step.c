/* The hyperparameter step: on the next validation batch, with the ordinary response pass and without dropout,
 *   λ ← λ − α ∇_λ L_V(λ + ε, r(λ + ε)),   σ ← σ − α ∇_σ ( L_V(λ + ε, r(λ + ε)) − τ H[p(ε|σ)] ),
 * both gradients from one evaluation. λ enters L_V only through the hypernetwork's input z, and ∂z/∂λ = I whether z is
 * λ + ε or, centred with λ_0 held constant, λ + ε − λ_0. */
#include "trainer.h"

#include <math.h>
#include <string.h>

/* ε of this step. A hyperparameter whose scale is not tuned is not perturbed here. */
static void draw_perturbation(dstn_trainer *trainer) {
    dstn_space *space = trainer->space;
    const dstn_share *share = &trainer->valid;
    dstn_rng rng = {trainer->seed, DSTN_PURPOSE_VALID_NOISE};
    dstn_space_noise(space, rng, (uint64_t)trainer->progress.hyper_step, share->first_row, share->rows, trainer->noise);
    for (int i = 0; i < space->count; i++) {
        for (int64_t row = 0; !space->items[i].tune_scale && row < share->rows; row++) {
            trainer->noise[row * space->count + i] = 0;
        }
    }
    dstn_space_perturbation(space, trainer->noise, share->rows, trainer->epsilon);
}

/* sums = [∂L_V/∂λ (h), ∂L_V/∂raw_scale (h), L_V] over the group: ∂L/∂λ_i = Σ_b ∂L/∂z_bi, and with
 * ε = softplus(raw_scale) ⊙ noise, ∂L/∂raw_scale_i = Σ_b ∂L/∂z_bi noise_bi softplus'(raw_scale_i). */
static void validation_gradients(dstn_trainer *trainer, double loss) {
    int h = trainer->space->count;
    int64_t rows = trainer->valid.rows;
    double *sums = trainer->sums;
    trainer->kernel->to_double(trainer->kernel, rows * h, trainer->dz, trainer->inputs);
    memset(sums, 0, (2 * (size_t)h + 1) * sizeof(double));
    for (int64_t b = 0; b < rows; b++) {
        for (int i = 0; i < h; i++) {
            double dz = trainer->inputs[b * h + i];
            sums[i] += dz;
            sums[h + i] += dz * trainer->noise[b * h + i];
        }
    }
    for (int i = 0; i < h; i++) {
        sums[h + i] *= dstn_logistic(trainer->space->raw_scale[i]);
    }
    sums[2 * h] = loss;
    dstn_group_sum(trainer->group, sums, 2 * h + 1);
}

static void clipped_step(dstn_optimizer *optimizer, int count, double *gradient, double *values) {
    double squares = 0;
    for (int i = 0; i < count; i++) {
        squares += gradient[i] * gradient[i];
    }
    dstn_optimizer_step(optimizer, dstn_clip_factor(sqrt(squares), dstn_optimizer_clip(optimizer)), gradient, values);
}

/* The leader's update; the others take its result, so that λ and σ agree to the last bit. */
static void update_space(dstn_trainer *trainer) {
    dstn_space *space = trainer->space;
    int h = space->count;
    if (dstn_group_leads(trainer->group)) {
        double *gradient = trainer->sums, *scale_gradient = trainer->sums + h, *entropy = trainer->inputs;
        dstn_space_entropy_gradient(space, entropy);
        for (int i = 0; i < h; i++) {
            scale_gradient[i] -= trainer->settings.entropy_weight * entropy[i];
            if (!space->items[i].tune_scale) {
                scale_gradient[i] = 0;
            }
        }
        clipped_step(trainer->lambda, h, gradient, space->lambda);
        clipped_step(trainer->scale, h, scale_gradient, space->raw_scale);
    }
    dstn_group_broadcast(trainer->group, space->lambda, (size_t)h * sizeof(double));
    dstn_group_broadcast(trainer->group, space->raw_scale, (size_t)h * sizeof(double));
}

void dstn_trainer_hyper_step(dstn_trainer *trainer) {
    dstn_model *model = trainer->model;
    dstn_trainer_next_batch(trainer, &trainer->valid);
    draw_perturbation(trainer);
    dstn_pass pass = dstn_trainer_pass(trainer, &trainer->valid, DSTN_PASS_RESPONSE, trainer->epsilon);
    pass.dz = trainer->dz;
    trainer->kernel->fill(trainer->kernel, pass.rows * trainer->space->count, 0, pass.dz);
    dstn_model_forward(model, &pass, trainer->x);
    double loss = dstn_model_loss(model, &pass, trainer->targets, trainer->labels, NULL);
    dstn_model_adjoint(model, &pass);
    validation_gradients(trainer, loss);
    trainer->progress.hyper_loss = trainer->sums[2 * trainer->space->count];
    update_space(trainer);
    trainer->progress.hyper_step++;
}
