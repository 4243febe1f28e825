/* kernel: matrix products of any size. `gemm` sorts them: what is small is done here, the rest by the table's own
 * operations for vectors and for large matrices, of which these are the plain ones. */
#include "reference.h"

#include <string.h>

/* Up to this many multiplications a plain loop is as quick as a call of a library, which then need not know empty
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
static void add_products(int64_t n, int64_t k, real alpha, const real *a, int64_t step, operand b, real *restrict c) {
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
        kernel->large_gemm(kernel, transpose_a, transpose_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
        return;
    }
    real *to = c;
    for (int64_t i = 0; i < m; i++) {
        scale_row(n, (real)beta, to + i * ldc);
    }
    operand left = operand_of(transpose_a, a, lda), right = operand_of(transpose_b, b, ldb);
    for (int64_t i = 0; is_small && i < m; i++) {
        add_products(n, k, (real)alpha, left.data + i * left.row, left.col, right, to + i * ldc);
    }
    if (!is_small && n == 1) {
        kernel->gemv(kernel, transpose_a, m, k, alpha, a, lda, b, right.row, c, ldc);
    } else if (!is_small) {
        /* m is 1: cᵀ += α op(B)ᵀ aᵀ. */
        kernel->gemv(kernel, !transpose_b, n, k, alpha, b, ldb, a, left.col, c, 1);
    }
}

static void gemv(const dstn_kernel *kernel, bool transpose, int64_t m, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *x, int64_t step_x, void *y, int64_t step_y) {
    operand matrix = operand_of(transpose, a, lda), vector = {x, step_x, 1};
    for (int64_t i = 0; i < m; i++) {
        add_products(1, k, (real)alpha, matrix.data + i * matrix.row, matrix.col, vector, (real *)y + i * step_y);
    }
}

/* A row of B at a time: the inner loop runs along the memory unless B is transposed. */
static void large_gemm(const dstn_kernel *kernel, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                       int64_t ldc) {
    operand left = operand_of(transpose_a, a, lda), right = operand_of(transpose_b, b, ldb);
    for (int64_t i = 0; i < m; i++) {
        real *to = (real *)c + i * ldc;
        const real *row = left.data + i * left.row;
        scale_row(n, (real)beta, to);
        if (transpose_b) {
            add_products(n, k, (real)alpha, row, left.col, right, to);
            continue;
        }
        for (int64_t l = 0; l < k; l++) {
            kernel->axpy(kernel, n, alpha * (double)row[l * left.col], right.data + l * right.row, to);
        }
    }
}

void KERNEL_TYPED(kernel_put_products)(dstn_kernel *table) {
    table->gemm = gemm;
    table->gemv = gemv;
    table->large_gemm = large_gemm;
}
