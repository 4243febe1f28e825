/* kernel: the oneDNN backend, in float. Its matrix products are oneDNN's sgemm, its convolutions oneDNN's on
 * channels-last images; whatever oneDNN has no fast implementation of goes through patches and a matrix product. All
 * elementwise loops are those of the other backend: pooling and batch normalization need tangents, which oneDNN does
 * not have. */
#include "../kernel_private.h"

typedef float real;
#define blas_gemv cblas_sgemv

#include "../elementwise.h"

#include <cblas.h>
#include <stdio.h>

#include "product.h"

static void large_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, real alpha, const real *a,
                       int64_t lda, const real *b, int64_t ldb, real beta, real *c, int64_t ldc) {
    dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

#include "../gemm.h"

#include "../patches.h"

#include "map.h"

const dstn_kernel kernel_onednn_f32 = {
    .backend = "onednn", .scalar = DSTN_F32, .size = sizeof(real), KERNEL_PRODUCTS, KERNEL_ELEMENTWISE};

const char *kernel_onednn_version(void) {
    static char text[64]; /* the same whenever it is written */
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    return text;
}
