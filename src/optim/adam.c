/* optim: Adam: m ← β1 m + (1−β1)g, v ← β2 v + (1−β2)g², w ← w − α m̂/(√v̂ + eps), m̂ = m/(1−β1^t), v̂ = v/(1−β2^t). */
#include "optimizers.h"

#include <math.h>

typedef struct adam_settings {
    double beta1, beta2, epsilon;
} adam_settings;

/* The decays stay below 1, where the bias corrections would be 0. */
static const dstn_option options[] = {
    DSTN_REAL("beta1", adam_settings, beta1, 0, 0.999999, "0.9", "decay of the mean of gradients"),
    DSTN_REAL("beta2", adam_settings, beta2, 0, 0.999999, "0.999", "decay of the mean of squared gradients"),
    DSTN_REAL("epsilon", adam_settings, epsilon, 1e-30, 1e30, "1e-8", "added to the root of that mean"),
    DSTN_OPTIONS_END,
};

static void update(const void *settings, const dstn_kernel *kernel, int64_t time, double rate, double factor,
                   int64_t count, const void *gradient, void *const *moments, void *parameters) {
    const adam_settings *adam = settings;
    double correction1 = 1 - pow(adam->beta1, (double)time), correction2 = 1 - pow(adam->beta2, (double)time);
    kernel->adam(kernel, count, rate, adam->beta1, adam->beta2, adam->epsilon, correction1, correction2, factor,
                 gradient, moments[0], moments[1], parameters);
}

const dstn_optimizer_type optim_adam = {
    .name = "adam",
    .help = "running means of gradients and of their squares, corrected for their start at zero",
    .options = options,
    .settings_size = sizeof(adam_settings),
    .example = "{beta1: 0.8}",
    .moments = 2,
    .update = update,
};
