/* What all regularizers share: the options `strength` and `penalty_over_n`, and each example's strength. */
#ifndef DSTN_LAYER_PENALTY_H
#define DSTN_LAYER_PENALTY_H

#include "layer_private.h"

/* The first rows of every regularizer's option table, whose settings begin with a dstn_penalty_settings. */
/* clang-format off */
#define PENALTY_OPTIONS \
    DSTN_QUANTITY("strength", dstn_penalty_settings, strength, 0, 1e30, DSTN_REQUIRED, \
                  "factor of the penalty: a number, or the name of a hyperparameter"), \
    DSTN_BOOL("penalty_over_n", dstn_penalty_settings, penalty_over_n, "true", \
              "true: strength/2n times the squared norm, n the training rows; false: strength/2")
/* clang-format on */

/* weights[b] = strength_b / n / batch_rows (n left out unless penalty_over_n), so that this rank's share of the penalty
 * is Σ_b weights[b] ½‖v_b‖². Returns the sum. */
double layer_penalty_weights(const dstn_regularizer *regularizer, const dstn_pass *pass, double *weights);

#endif
