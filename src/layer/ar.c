/* layer: the regularizer AR, strength times the mean of o² over steps, batch and units, o the output of a layer;
 * linearized, of (o + ȯ)². */
#include "tap.h"

static const dstn_option options[] = {TAP_OPTIONS, DSTN_OPTIONS_END};

static double add_squares(const dstn_kernel *kernel, int64_t steps, int64_t width, double weight, const void *value,
                          void *scratch, void *adjoint) {
    (void)scratch;
    if (adjoint) {
        kernel->axpy(kernel, steps * width, 2 * weight, value, adjoint);
    }
    return weight * kernel->dot(kernel, steps * width, value, value);
}

static double penalize(dstn_regularizer *regularizer, const dstn_pass *pass) {
    return layer_tap_penalize(regularizer, pass, dstn_pass_steps(pass), add_squares);
}

const dstn_regularizer_type layer_regularizer_ar = {
    .name = "ar",
    .help = "mean square of a layer's output, over steps, batch and units",
    .options = options,
    .settings_size = sizeof(tap_settings),
    .example = "{strength: a, tap: top}",
    .example_layers = "[linear: {name: top, out: 3}, relu, linear: {out: 2}]",
    .plan = layer_tap_plan,
    .bind = layer_tap_bind,
    .penalize = penalize,
};
