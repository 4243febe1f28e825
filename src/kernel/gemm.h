/* Matrix products of any size, in the type `real`: whoever includes this has defined blas_gemv, the CBLAS function of
 * that type, and large_gemm, which takes the arguments of `gemm` for matrices that are no vectors. */

/* Up to this many multiplications a plain loop is as quick as a call of the library, which then need not know empty
 * matrices either. */
enum { SMALL_PRODUCT = 128 };

static void scale_row(int64_t n, real beta, real *restrict c) {
    if (beta == 0) {
        memset(c, 0, (size_t)n * sizeof(real));
        return;
    }
    for (int64_t j = 0; beta != 1 && j < n; j++) {
        c[j] *= beta;
    }
}

/* Element (i, l) of an operand is data[i*row + l*col]. */
typedef struct operand {
    const real *data;
    int64_t row, col;
} operand;

static operand operand_of(bool is_transposed, const void *data, int64_t stride) {
    return (operand){data, is_transposed ? 1 : stride, is_transposed ? stride : 1};
}

/* c[j] += α Σ_l a_l B[l, j] */
static void small_row(int64_t n, int64_t k, real alpha, const real *a, int64_t step, operand b, real *restrict c) {
    for (int64_t j = 0; j < n; j++) {
        const real *column = b.data + j * b.col;
        real sum = 0;
        for (int64_t l = 0; l < k; l++) {
            sum += a[l * step] * column[l * b.row];
        }
        c[j] += alpha * sum;
    }
}

static void gemm(const dstn_kernel *kernel, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                 double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                 int64_t ldc) {
    bool is_small = m * n * k <= SMALL_PRODUCT;
    if (!is_small && m > 1 && n > 1) {
        large_gemm(transpose_a, transpose_b, m, n, k, (real)alpha, a, lda, b, ldb, (real)beta, c, ldc);
        return;
    }
    real *to = c;
    for (int64_t i = 0; i < m; i++) {
        scale_row(n, (real)beta, to + i * ldc);
    }
    operand left = operand_of(transpose_a, a, lda), right = operand_of(transpose_b, b, ldb);
    for (int64_t i = 0; is_small && i < m; i++) {
        small_row(n, k, (real)alpha, left.data + i * left.row, left.col, right, to + i * ldc);
    }
    if (!is_small && n == 1) {
        blas_gemv(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans, (blasint)(transpose_a ? k : m),
                  (blasint)(transpose_a ? m : k), (real)alpha, a, (blasint)lda, b, (blasint)right.row, 1, c,
                  (blasint)ldc);
    } else if (!is_small) {
        /* m is 1: cᵀ += α op(B)ᵀ aᵀ. */
        blas_gemv(CblasRowMajor, transpose_b ? CblasNoTrans : CblasTrans, (blasint)(transpose_b ? n : k),
                  (blasint)(transpose_b ? k : n), (real)alpha, b, (blasint)ldb, a, (blasint)left.col, 1, c, 1);
    }
}
