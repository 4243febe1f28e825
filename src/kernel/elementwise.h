/* All elementwise loops, for one scalar type: whoever includes this has defined the type `real` and gets static
 * functions, and KERNEL_ELEMENTWISE, the initializers that put them into a dstn_kernel. Every backend includes it, so
 * that backends differ in their matrix products only. */
#include "dstn/kernel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vectors.h"

#include "tiles.h"

#include "rows.h"

#include "columns.h"

#include "dropout.h"

#include "pooling.h"

#include "losses.h"

#include "updates.h"

#define KERNEL_ELEMENTWISE                                                                                             \
    .fill = fill, .copy = copy, .scale = scale, .axpy = axpy, .dot = dot, .multiply = multiply,                        \
    .from_double = from_double, .to_double = to_double, .from_bytes = from_bytes, .all_finite = all_finite,            \
    .add_row = add_row, .sum_rows = sum_rows, .transpose = transpose, .column_sums = column_sums,                      \
    .column_dots = column_dots, .column_squares = column_squares, .column_affine = column_affine,                      \
    .response_add = response_add, .response_scale = response_scale, .response_bias = response_bias,                    \
    .response_factors = response_factors, .response_dot = response_dot, .relu = relu, .mask = mask,                    \
    .dropout_mask = dropout_mask, .dropout_apply = dropout_apply, .pool_max = pool_max, .pool_pick = pool_pick,        \
    .pool_spread = pool_spread, .plane_sum = plane_sum, .plane_spread = plane_spread, .squared_error = squared_error,  \
    .cross_entropy = cross_entropy, .sgd = sgd, .rmsprop = rmsprop, .adam = adam
