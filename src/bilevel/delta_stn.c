/* Delta Self-Tuning Networks (Algorithm 1): r_θ(λ) = w_0 + Θ(λ − λ_0), with two objectives on one mini-batch.
 *
 *   w_0 ← w_0 − α ∇ L_T(λ_0, w_0)                                                        (Eq. 3.9)
 *   Θ   ← Θ   − α ∇ E_ε [ L_T(λ_0 + ε, w_0 + Θε) ],   ε ~ N(0, diag(σ²))                  (Eq. 3.10)
 *
 * where, linearized (Sec. 3.3), the loss in 3.10 is taken at the predictions f(x, w_0) + J_yw Θε: a primal pass through
 * the general weights and a tangent pass in the direction of the response. Both gradients are taken at the same
 * parameters; the updates come after both. Without `linearize`, 3.10 is taken as it stands. */
#include "trainer.h"

/* Eq. 3.10: ∇_Θ L_T(λ_0 + ε, w_0 + Θε), one ε an example: w_0 is held constant. */
static double response_gradient(dstn_trainer *trainer) {
    dstn_pass_kind kind = trainer->method->linearize ? DSTN_PASS_LINEARIZED : DSTN_PASS_RESPONSE;
    dstn_pass pass = dstn_trainer_pass(trainer, &trainer->train, kind, trainer->epsilon);
    dstn_trainer_augment(trainer, true);
    pass.training = true;
    pass.grad[DSTN_RANGE_RESPONSE] = true;
    return dstn_trainer_objective(trainer, &pass);
}

void dstn_delta_stn_gradients(dstn_trainer *trainer, double losses[2]) {
    losses[0] = dstn_general_gradient(trainer); /* Eq. 3.9: ∇_{w_0} L_T(λ_0, w_0) */
    losses[1] = response_gradient(trainer);
}
