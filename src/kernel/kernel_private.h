/* The tables that kernel.c finds, one for each backend and scalar type. */
#ifndef DSTN_KERNEL_PRIVATE_H
#define DSTN_KERNEL_PRIVATE_H

#include "dstn/kernel.h"

extern const dstn_kernel kernel_openblas_f32;
extern const dstn_kernel kernel_openblas_f64;
#ifdef DSTN_ONEDNN
extern const dstn_kernel kernel_onednn_f32;
const char *kernel_onednn_version(void);
#endif

#endif
