/* optim: RMSProp, uncentred and without momentum: s ← βs + (1−β)g², w ← w − αg/(√s + eps). */
#include "optimizers.h"

typedef struct rmsprop_settings {
    double beta, epsilon;
} rmsprop_settings;

static const dstn_option options[] = {
    DSTN_REAL("beta", rmsprop_settings, beta, 0, 0.999999, "0.99", "decay of the mean of squared gradients"),
    DSTN_REAL("epsilon", rmsprop_settings, epsilon, 1e-30, 1e30, "1e-8", "added to the root of that mean"),
    DSTN_OPTIONS_END,
};

static void update(const void *settings, const dstn_kernel *kernel, int64_t time, double rate, double factor,
                   int64_t count, const void *gradient, void *const *moments, void *parameters) {
    const rmsprop_settings *rmsprop = settings;
    (void)time;
    kernel->rmsprop(kernel, count, rate, rmsprop->beta, rmsprop->epsilon, factor, gradient, moments[0], parameters);
}

const dstn_optimizer_type optim_rmsprop = {
    .name = "rmsprop",
    .help = "steps divided by the root of a running mean of squared gradients",
    .options = options,
    .settings_size = sizeof(rmsprop_settings),
    .example = "{beta: 0.9}",
    .moments = 1,
    .update = update,
};
