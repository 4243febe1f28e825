/* layer: the regularizer TAR, strength times the mean of (o_{t+1} − o_t)² over steps but one, batch and units, o the
 * output of a layer; linearized, of o + ȯ. An example of one step has no differences. */
#include "tap.h"

static const dstn_option options[] = {TAP_OPTIONS, DSTN_OPTIONS_END};

static double add_differences(const dstn_kernel *kernel, int64_t steps, int64_t width, double weight, const void *value,
                              void *scratch, void *adjoint) {
    int64_t count = (steps - 1) * width;
    kernel->copy(kernel, count, layer_element(kernel, value, width), scratch);
    kernel->axpy(kernel, count, -1, value, scratch);
    if (adjoint) {
        kernel->axpy(kernel, count, 2 * weight, scratch, layer_element(kernel, adjoint, width));
        kernel->axpy(kernel, count, -2 * weight, scratch, adjoint);
    }
    return weight * kernel->dot(kernel, count, scratch, scratch);
}

static double penalize(dstn_regularizer *regularizer, const dstn_pass *pass) {
    return layer_tap_penalize(regularizer, pass, dstn_pass_steps(pass) - 1, add_differences);
}

const dstn_regularizer_type layer_regularizer_tar = {
    .name = "tar",
    .help = "mean square of what a layer's output changes by from step to step (0 where examples have one step)",
    .options = options,
    .settings_size = sizeof(tap_settings),
    .example = "{strength: a, tap: top}",
    .example_layers = "[linear: {out: 3}, relu: {name: top}, linear: {out: 2}]",
    .plan = layer_tap_plan,
    .bind = layer_tap_bind,
    .penalize = penalize,
};
