/* kernel: vectors added to, and summed over, the rows of matrices and the places of images. */
#include "../split.h"
#include "reference.h"
#include "tiles.h"

/* Up to this many columns, loops go down the rows first. */
enum { FEW_COLUMNS = 64 };

/* y[p] += b */
static void tile_add(int64_t plane, int64_t cols, tile b, real *y) {
    for (int64_t p = 0; p < plane; p++, y += cols) {
        tile_store(y, tile_load(y) + b);
    }
}

static void channel_add(int64_t plane, int64_t cols, real b, real *y) {
    for (int64_t p = 0; p < plane; p++) {
        y[p * cols] += b;
    }
}

static void add_to_few_columns(int64_t rows, int64_t cols, const real *b, real *y) {
    FOR_TILES(cols, tile_add(rows, cols, tile_load(b + left), y + left), channel_add(rows, cols, b[left], y + left))
}

static void add_to_rows(int64_t first, int64_t end, int64_t cols, const real *restrict row, real *y) {
    for (int64_t r = first; r < end; r++) {
        real *restrict to = y + r * cols;
        for (int64_t c = 0; c < cols; c++) {
            to[c] += row[c];
        }
    }
}

static void add_row(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *b, void *y) {
    if (cols <= FEW_COLUMNS) {
        add_to_few_columns(rows, cols, b, y);
        return;
    }
    KERNEL_SPLIT(rows, rows * cols, add_to_rows(first, end, cols, b, y));
}

static void sum_rows(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, void *out) {
    real *restrict to = out;
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict from = (const real *)x + r * cols;
        for (int64_t c = 0; c < cols; c++) {
            to[c] += from[c];
        }
    }
}

static void sum_places(int64_t plane, int64_t cols, const real *x, real *out) {
    FOR_TILES(cols, tile_store(out + left, tile_sum(plane, cols, x + left)),
              out[left] = channel_sum(plane, cols, x + left))
}

static void plane_sum(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, double factor,
                      const void *x, void *out) {
    KERNEL_SPLIT(
        rows, rows * plane * cols, for (int64_t r = first; r < end; r++) {
            sum_places(plane, cols, (const real *)x + r * plane * cols, (real *)out + r * cols);
        });
    if (factor != 1) {
        kernel->scale(kernel, rows * cols, factor, out);
    }
}

static void plane_spread(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, double factor,
                         const void *v, void *out) {
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict from = (const real *)v + r * cols;
        for (int64_t p = 0; p < plane; p++) {
            real *restrict to = (real *)out + (r * plane + p) * cols;
            for (int64_t c = 0; c < cols; c++) {
                to[c] = (real)factor * from[c];
            }
        }
    }
}

void KERNEL_TYPED(kernel_put_rows)(dstn_kernel *table) {
    table->add_row = add_row;
    table->sum_rows = sum_rows;
    table->plane_sum = plane_sum;
    table->plane_spread = plane_spread;
}
