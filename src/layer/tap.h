/* What regularizers of a layer's output share: the options `strength` and `tap`, and the walk over the examples. */
#ifndef DSTN_LAYER_TAP_H
#define DSTN_LAYER_TAP_H

#include "penalty.h"

typedef struct tap_settings {
    dstn_penalty_settings penalty; /* first; nothing is divided by n */
    const char *tap;               /* a layer's name; NULL: the last one that keeps a state of its rows */
} tap_settings;

/* clang-format off */
#define TAP_OPTIONS \
    DSTN_QUANTITY("strength", tap_settings, penalty.strength, 0, 1e30, DSTN_REQUIRED, \
                  "factor of the penalty: a number, or the name of a hyperparameter"), \
    DSTN_TEXT("tap", tap_settings, tap, "~", \
              "name of the layer whose output is meant; default: the last one that keeps a state from step to step (lstm)")
/* clang-format on */

/* One example: `weight` times the sum of squares, whose gradient is added to the adjoint (NULL: not wanted). value and
 * adjoint [steps, width], scratch likewise. */
typedef double layer_tap_work(const dstn_kernel *kernel, int64_t steps, int64_t width, double weight, const void *value,
                              void *scratch, void *adjoint);

/* Finds the layer. DSTN_ERROR_USAGE. */
dstn_status layer_tap_plan(dstn_regularizer *regularizer, dstn_node node, dstn_error *err);
bool layer_tap_bind(dstn_regularizer *regularizer, dstn_arena *arena);
/* Σ_b of the work on all examples, weight_b being strength_b / (batch_rows · `squares` · width): strength times the
 * mean. */
double layer_tap_penalize(const dstn_regularizer *regularizer, const dstn_pass *pass, int64_t squares,
                          layer_tap_work *work);

#endif
