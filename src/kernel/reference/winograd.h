/* Convolutions of 3 × 3 by Winograd's algorithm (dstn_convolution_is_winograd says which). */
#ifndef DSTN_KERNEL_WINOGRAD_H
#define DSTN_KERNEL_WINOGRAD_H

#include "../split.h"
#include "reference.h"

/* Values of the scratch array. */
int64_t KERNEL_TYPED(kernel_winograd_scratch)(const dstn_map *map);
/* As map_forward, map_adjoint and map_gradient. */
void KERNEL_TYPED(kernel_winograd_forward)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                           const real *weight, real *scratch, real *y);
void KERNEL_TYPED(kernel_winograd_adjoint)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *dy,
                                           const real *weight, double beta, real *scratch, real *dx);
void KERNEL_TYPED(kernel_winograd_gradient)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                            const real *dy, double beta, real *scratch, real *dweight);

#endif
