/* The three products of a map as oneDNN primitives, each made for one number of examples. */
#ifndef DSTN_KERNEL_ONEDNN_MAP_PRODUCTS_H
#define DSTN_KERNEL_ONEDNN_MAP_PRODUCTS_H

#include "../kernel_private.h"

#include "product.h"

/* The last one is the adjoint that adds to what is there. */
typedef enum kernel_map_pass {
    KERNEL_MAP_FORWARD,
    KERNEL_MAP_ADJOINT,
    KERNEL_MAP_GRADIENT,
    KERNEL_MAP_ADJOINT_SUM,
    KERNEL_MAP_PASSES
} kernel_map_pass;

/* NULL: oneDNN has no fast implementation, or memory is short. Operands are x, weight, y; dy, weight, dx; x, dy,
 * dweight. */
kernel_product *kernel_map_product(const dstn_map *map, const kernel_place *place, int64_t rows, kernel_map_pass what);

#endif
