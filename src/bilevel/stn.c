/* Self-Tuning Networks (Algorithm 2): one objective for general and response weights together,
 *   φ ← φ − α ∇_φ L_T(λ + ε, r_φ(λ + ε)),   ε ~ N(0, diag(σ²)),
 * with r_φ(λ + ε) = φ_0 + Φ(λ + ε), or, centred at the current λ_0 (Sec. 3.1), φ_0 + Φ(λ + ε − λ_0) = φ_0 + Φε. */
#include "trainer.h"

#include <math.h>

void dstn_stn_gradients(dstn_trainer *trainer, double losses[2]) {
    dstn_pass pass = dstn_trainer_pass(trainer, &trainer->train, DSTN_PASS_RESPONSE, trainer->epsilon);
    dstn_trainer_augment(trainer, false);
    pass.training = true;
    pass.track_statistics = true;
    pass.grad[DSTN_RANGE_GENERAL] = true;
    pass.grad[DSTN_RANGE_RESPONSE] = true;
    losses[0] = dstn_trainer_objective(trainer, &pass);
    losses[1] = NAN;
}
