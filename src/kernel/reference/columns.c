/* kernel: sums over the rows of a matrix and maps of its columns, for batch statistics; sums in double. */
#include "../split.h"
#include "reference.h"

enum { COLUMN_TILE = 64 };

/* Calls BODY for every element of tiles `first` … `end`−1 of columns, from the first row to the last: each column has
 * one order of addition, whatever the threads. */
#define FOR_COLUMNS(BODY)                                                                                              \
    for (int64_t left = first * COLUMN_TILE; left < cols && left < end * COLUMN_TILE; left += COLUMN_TILE) {           \
        int64_t right = left + COLUMN_TILE < cols ? left + COLUMN_TILE : cols;                                         \
        for (int64_t r = 0; r < rows; r++) {                                                                           \
            for (int64_t c = left; c < right; c++) {                                                                   \
                BODY;                                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }

static int64_t tiles(int64_t cols) {
    return (cols + COLUMN_TILE - 1) / COLUMN_TILE;
}

static void sums_part(int64_t first, int64_t end, int64_t rows, int64_t cols, const real *restrict x,
                      double *restrict out) {
    FOR_COLUMNS(out[c] += (double)x[r * cols + c])
}

static void column_sums(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, double *out) {
    KERNEL_SPLIT(tiles(cols), rows * cols, sums_part(first, end, rows, cols, x, out));
}

static void dots_part(int64_t first, int64_t end, int64_t rows, int64_t cols, const real *restrict x,
                      const real *restrict y, const double *center, double *restrict out) {
    FOR_COLUMNS(out[c] += (double)x[r * cols + c] * ((double)y[r * cols + c] - center[c]))
}

static void column_dots(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, const void *y,
                        const double *center, double *out) {
    KERNEL_SPLIT(tiles(cols), rows * cols, dots_part(first, end, rows, cols, x, y, center, out));
}

static void squares_part(int64_t first, int64_t end, int64_t rows, int64_t cols, const real *restrict x,
                         const double *center, double *restrict out) {
    FOR_COLUMNS(double difference = (double)x[r * cols + c] - center[c]; out[c] += difference * difference)
}

static void column_squares(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, const double *center,
                           double *out) {
    KERNEL_SPLIT(tiles(cols), rows * cols, squares_part(first, end, rows, cols, x, center, out));
}

static void column_affine(const dstn_kernel *kernel, int64_t rows, int64_t cols, const double *a, const void *v,
                          const double *b, const void *x, const double *shift, void *out) {
    const real *value = v, *other = x;
    real *to = out;
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = 0; c < cols; c++) {
            double sum = a[c] * (double)value[r * cols + c] + shift[c];
            to[r * cols + c] = (real)(b ? sum + b[c] * (double)other[r * cols + c] : sum);
        }
    }
}

void KERNEL_TYPED(kernel_put_columns)(dstn_kernel *table) {
    table->column_sums = column_sums;
    table->column_dots = column_dots;
    table->column_squares = column_squares;
    table->column_affine = column_affine;
}
