/* kernel: the oneDNN backend, in float. Its matrix products are oneDNN's sgemm, its convolutions oneDNN's on
 * channels-last images. All else is OpenBLAS's and the references': pooling and batch normalization need tangents,
 * which oneDNN does not have. */
#include "onednn.h"

#include <stdio.h>

#include <dnnl.h>

static void large_gemm(const dstn_kernel *kernel, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                       int64_t ldc) {
    dnnl_sgemm(transpose_a ? 'T' : 'N', transpose_b ? 'T' : 'N', m, n, k, (float)alpha, a, lda, b, ldb, (float)beta, c,
               ldc);
}

void kernel_onednn_f32(dstn_kernel *table) {
    static dstn_kernel plain; /* the same whenever it is written */
    kernel_openblas_f32(&plain);
    *table = plain;
    table->state = &plain;
    table->backend = "onednn";
    table->large_gemm = large_gemm;
    kernel_onednn_put_maps(table);
}

const char *kernel_onednn_version(void) {
    static char text[64]; /* the same whenever it is written */
    const dnnl_version_t *version = dnnl_version();
    snprintf(text, sizeof text, "oneDNN %d.%d.%d", version->major, version->minor, version->patch);
    return text;
}
