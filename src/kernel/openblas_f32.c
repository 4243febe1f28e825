/* kernel: the OpenBLAS backend in float. */
#include "kernel_private.h"

typedef float real;
#define blas_gemm cblas_sgemm
#define blas_gemv cblas_sgemv

#include "openblas.h"

const dstn_kernel kernel_openblas_f32 = {
    .backend = "openblas", .scalar = DSTN_F32, .size = sizeof(real), KERNEL_PRODUCTS, KERNEL_ELEMENTWISE};
