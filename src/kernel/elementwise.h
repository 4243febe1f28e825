/* All elementwise loops, for one scalar type: whoever includes this has defined the type `real` and gets static
 * functions, and KERNEL_ELEMENTWISE, the initializers that put them into a dstn_kernel. Every backend includes it, so
 * that backends differ in their matrix products only. */
#include "dstn/kernel.h"

#include <math.h>
#include <string.h>

#include "vectors.h"

#include "rows.h"

#include "losses.h"

#include "updates.h"

#define KERNEL_ELEMENTWISE                                                                                             \
    .fill = fill, .copy = copy, .scale = scale, .axpy = axpy, .dot = dot, .multiply = multiply,                        \
    .from_double = from_double, .to_double = to_double, .all_finite = all_finite, .add_row = add_row,                  \
    .sum_rows = sum_rows, .transpose = transpose, .response_add = response_add, .response_scale = response_scale,      \
    .response_bias = response_bias, .response_factors = response_factors, .response_dot = response_dot, .relu = relu,  \
    .relu_mask = relu_mask, .dropout_mask = dropout_mask, .squared_error = squared_error,                              \
    .cross_entropy = cross_entropy, .sgd = sgd, .rmsprop = rmsprop, .adam = adam
