/* Maps of small images with many channels, as matrix products of all examples (kernel_map_is_small says which). */
#ifndef DSTN_KERNEL_PLACES_H
#define DSTN_KERNEL_PLACES_H

#include "../split.h"
#include "reference.h"

/* Values of the scratch array that adjoint and gradient want. */
int64_t KERNEL_TYPED(kernel_places_scratch)(const dstn_map *map);
/* As map_forward, map_adjoint and map_gradient. */
void KERNEL_TYPED(kernel_places_forward)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                         const real *weight, real *y);
void KERNEL_TYPED(kernel_places_adjoint)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *dy,
                                         const real *weight, double beta, real *scratch, real *dx);
void KERNEL_TYPED(kernel_places_gradient)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                          const real *dy, double beta, real *scratch, real *dweight);

#endif
