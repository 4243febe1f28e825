/* kernel: the OpenBLAS backend in double. */
#include "kernel_private.h"

typedef double real;
#define blas_gemm cblas_dgemm
#define blas_gemv cblas_dgemv

#include "openblas.h"

const dstn_kernel kernel_openblas_f64 = {
    .backend = "openblas", .scalar = DSTN_F64, .size = sizeof(real), KERNEL_PRODUCTS, KERNEL_ELEMENTWISE};
