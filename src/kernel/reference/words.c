/* kernel: rows of a table by number: words and their vectors. */
#include "../split.h"
#include "reference.h"

static real factor_of(const real *factors, int64_t token) {
    return factors ? factors[token] : 1;
}

static void gather_part(int64_t first, int64_t end, int64_t cols, const int64_t *tokens, const real *factors,
                        const real *w, real *y) {
    for (int64_t r = first; r < end; r++) {
        const real *restrict from = w + tokens[r] * cols;
        real *restrict to = y + r * cols, factor = factor_of(factors, tokens[r]);
        for (int64_t c = 0; c < cols; c++) {
            to[c] = factor * from[c];
        }
    }
}

static void gather_rows(const dstn_kernel *kernel, int64_t rows, int64_t cols, const int64_t *tokens,
                        const void *factors, const void *w, void *y) {
    KERNEL_SPLIT(rows, rows * cols, gather_part(first, end, cols, tokens, factors, w, y));
}

/* Columns `first` … `end`−1 of all rows: two threads never add to the same element. */
static void scatter_part(int64_t first, int64_t end, int64_t rows, int64_t cols, const int64_t *tokens,
                         const real *factors, const real *dy, real *dw) {
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict from = dy + r * cols;
        real *restrict to = dw + tokens[r] * cols, factor = factor_of(factors, tokens[r]);
        for (int64_t c = first; c < end; c++) {
            to[c] += factor * from[c];
        }
    }
}

static void scatter_rows(const dstn_kernel *kernel, int64_t rows, int64_t cols, const int64_t *tokens,
                         const void *factors, const void *dy, void *dw) {
    KERNEL_SPLIT(cols, rows * cols, scatter_part(first, end, rows, cols, tokens, factors, dy, dw));
}

void KERNEL_TYPED(kernel_put_words)(dstn_kernel *table) {
    table->gather_rows = gather_rows;
    table->scatter_rows = scatter_rows;
}
