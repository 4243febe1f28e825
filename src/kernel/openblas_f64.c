/* kernel: the OpenBLAS backend in double: its matrix products. */
#include "kernel_private.h"

#include <cblas.h>

static CBLAS_TRANSPOSE flag(bool is_transposed) {
    return is_transposed ? CblasTrans : CblasNoTrans;
}

static void large_gemm(const dstn_kernel *kernel, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                       int64_t ldc) {
    cblas_dgemm(CblasRowMajor, flag(transpose_a), flag(transpose_b), (blasint)m, (blasint)n, (blasint)k, alpha, a,
                (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

static void gemv(const dstn_kernel *kernel, bool transpose, int64_t m, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *x, int64_t step_x, void *y, int64_t step_y) {
    blasint rows = (blasint)(transpose ? k : m), cols = (blasint)(transpose ? m : k);
    cblas_dgemv(CblasRowMajor, flag(transpose), rows, cols, alpha, a, (blasint)lda, x, (blasint)step_x, 1, y,
                (blasint)step_y);
}

void kernel_openblas_f64(dstn_kernel *table) {
    kernel_reference_f64(table);
    table->backend = "openblas";
    table->large_gemm = large_gemm;
    table->gemv = gemv;
}
