/* optim: stochastic gradient descent with momentum: m ← μm + g, w ← w − αm. */
#include "optimizers.h"

typedef struct sgd_settings {
    double momentum;
} sgd_settings;

static const dstn_option options[] = {
    DSTN_REAL("momentum", sgd_settings, momentum, 0, 1, "0", "part of the last step's direction that is kept"),
    DSTN_OPTIONS_END,
};

static void update(const void *settings, const dstn_kernel *kernel, int64_t time, double rate, double factor,
                   int64_t count, const void *gradient, void *const *moments, void *parameters) {
    const sgd_settings *sgd = settings;
    (void)time;
    kernel->sgd(kernel, count, rate, sgd->momentum, factor, gradient, moments[0], parameters);
}

const dstn_optimizer_type optim_sgd = {
    .name = "sgd",
    .help = "gradient descent, with momentum",
    .options = options,
    .settings_size = sizeof(sgd_settings),
    .example = "{momentum: 0.9}",
    .moments = 1,
    .update = update,
};
