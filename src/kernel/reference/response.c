/* kernel: the terms of response layers, y = W_g x + b_g + Σ_j [s_j ⊙ (W_j x) + t_j ⊙ b_j] with a = W_j x. */
#include "../split.h"
#include "reference.h"
#include "tiles.h"

/* A factor's column step is 1 (a value a channel) or 0 (one value a row); either is a loop that the compiler can
 * vectorize, any other step a plain one. */
static const real *factor_row(dstn_factor factor, int64_t r) {
    return (const real *)factor.data + r * factor.row;
}

/* ---- y += s ⊙ a + t ⊙ b ------------------------------------------------------------------------------------------ */

/* y[c] += s[c] a[c] */
static void add_term(int64_t cols, const real *s, int64_t step, const real *restrict a, real *restrict y) {
    if (step == 0) {
        for (int64_t c = 0; c < cols; c++) {
            y[c] += s[0] * a[c];
        }
    } else if (step == 1) {
        for (int64_t c = 0; c < cols; c++) {
            y[c] += s[c] * a[c];
        }
    } else {
        for (int64_t c = 0; c < cols; c++) {
            y[c] += s[c * step] * a[c];
        }
    }
}

/* In one pass, the structured response's case. */
static void add_terms(int64_t cols, const real *restrict s, const real *restrict a, const real *restrict t,
                      const real *restrict b, real *restrict y) {
    for (int64_t c = 0; c < cols; c++) {
        y[c] += s[c] * a[c] + t[c] * b[c];
    }
}

/* y[p] += s a[p] + shift */
static void tile_add_scaled(int64_t plane, int64_t cols, tile s, tile shift, const real *a, real *y) {
    for (int64_t p = 0; p < plane; p++, a += cols, y += cols) {
        tile_store(y, tile_load(y) + (s * tile_load(a) + shift));
    }
}

static void channel_add_scaled(int64_t plane, int64_t cols, real s, real shift, const real *a, real *y) {
    for (int64_t p = 0; p < plane; p++) {
        y[p * cols] += s * a[p * cols] + shift;
    }
}

/* On one image; b may be NULL. */
static void image_add_scaled(int64_t plane, int64_t cols, const real *s, const real *a, const real *t, const real *b,
                             real *y) {
    FOR_TILES(cols, tile shift = {0}; if (b) shift = tile_load(t + left) * tile_load(b + left);
              tile_add_scaled(plane, cols, tile_load(s + left), shift, a + left, y + left),
              channel_add_scaled(plane, cols, s[left], b ? t[left] * b[left] : 0, a + left, y + left))
}

static void add_part(int64_t first, int64_t end, int64_t plane, int64_t cols, dstn_factor s, const void *a,
                     dstn_factor t, const void *b, void *y) {
    bool by_channel = s.col == 1 && t.col == 1;
    for (int64_t r = first; r < end; r++) {
        const real *from = (const real *)a + r * plane * cols;
        real *to = (real *)y + r * plane * cols;
        if (by_channel && plane > 1) {
            image_add_scaled(plane, cols, factor_row(s, r), from, factor_row(t, r), b, to);
            continue;
        }
        if (by_channel && b) {
            add_terms(cols, factor_row(s, r), from, factor_row(t, r), b, to);
            continue;
        }
        for (int64_t p = 0; p < plane; p++) {
            add_term(cols, factor_row(s, r), s.col, from + p * cols, to + p * cols);
            if (b) {
                add_term(cols, factor_row(t, r), t.col, b, to + p * cols);
            }
        }
    }
}

static void response_add(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, dstn_factor s,
                         const void *a, dstn_factor t, const void *b, void *y) {
    KERNEL_SPLIT(rows, rows * plane * cols, add_part(first, end, plane, cols, s, a, t, b, y));
}

/* ---- da = s ⊙ dy ------------------------------------------------------------------------------------------------- */

static void scale_row_by(int64_t cols, const real *restrict s, int64_t step, const real *restrict from,
                         real *restrict to) {
    if (step == 0) {
        for (int64_t c = 0; c < cols; c++) {
            to[c] = s[0] * from[c];
        }
    } else if (step == 1) {
        for (int64_t c = 0; c < cols; c++) {
            to[c] = s[c] * from[c];
        }
    } else {
        for (int64_t c = 0; c < cols; c++) {
            to[c] = s[c * step] * from[c];
        }
    }
}

static void image_scale(int64_t plane, int64_t cols, const real *s, const real *x, real *out) {
    FOR_TILES(cols, tile_scale(plane, cols, tile_load(s + left), x + left, out + left),
              channel_scale(plane, cols, s[left], x + left, out + left))
}

static void scale_part(int64_t first, int64_t end, int64_t plane, int64_t cols, dstn_factor s, const void *dy,
                       void *da) {
    for (int64_t r = first; r < end; r++) {
        int64_t start = r * plane * cols;
        if (plane > 1 && s.col == 1) {
            image_scale(plane, cols, factor_row(s, r), (const real *)dy + start, (real *)da + start);
            continue;
        }
        for (int64_t p = 0; p < plane; p++) {
            int64_t at = start + p * cols;
            scale_row_by(cols, factor_row(s, r), s.col, (const real *)dy + at, (real *)da + at);
        }
    }
}

static void response_scale(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, dstn_factor s,
                           const void *dy, void *da) {
    KERNEL_SPLIT(rows, rows * plane * cols, scale_part(first, end, plane, cols, s, dy, da));
}

/* ---- the adjoints of biases and factors -------------------------------------------------------------------------- */

static void response_bias(const dstn_kernel *kernel, int64_t rows, int64_t cols, dstn_factor t, const void *sums,
                          void *db) {
    for (int64_t r = 0; r < rows; r++) {
        add_term(cols, factor_row(t, r), t.col, (const real *)sums + r * cols, db);
    }
}

/* Σ_p x[p] y[p] */
static tile tile_dot(int64_t plane, int64_t cols, const real *x, const real *y) {
    tile sum = {0};
    for (int64_t p = 0; p < plane; p++, x += cols, y += cols) {
        sum += tile_load(x) * tile_load(y);
    }
    return sum;
}

static real channel_dot(int64_t plane, int64_t cols, const real *x, const real *y) {
    real sum = 0;
    for (int64_t p = 0; p < plane; p++) {
        sum += x[p * cols] * y[p * cols];
    }
    return sum;
}

static void image_dot(int64_t plane, int64_t cols, const real *x, const real *y, real *out) {
    FOR_TILES(cols, tile_store(out + left, tile_dot(plane, cols, x + left, y + left)),
              out[left] = channel_dot(plane, cols, x + left, y + left))
}

/* out = b Σ_p x[p] */
static void image_sum_scaled(int64_t plane, int64_t cols, const real *x, const real *b, real *out) {
    FOR_TILES(cols, tile_store(out + left, tile_sum(plane, cols, x + left) * tile_load(b + left)),
              out[left] = channel_sum(plane, cols, x + left) * b[left])
}

static void factors_part(int64_t first, int64_t end, int64_t plane, int64_t cols, const void *dy, const void *a,
                         const void *b, void *dst) {
    int64_t width = b ? 2 * cols : cols;
    for (int64_t r = first; r < end; r++) {
        const real *delta = (const real *)dy + r * plane * cols;
        real *ds = (real *)dst + r * width;
        image_dot(plane, cols, delta, (const real *)a + r * plane * cols, ds);
        if (b) {
            image_sum_scaled(plane, cols, delta, b, ds + cols);
        }
    }
}

static void response_factors(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, const void *dy,
                             const void *a, const void *b, void *dst) {
    KERNEL_SPLIT(rows, rows * plane * cols, factors_part(first, end, plane, cols, dy, a, b, dst));
}

static void response_dot(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *dy, const void *a,
                         const void *b, int64_t stride, void *out) {
    for (int64_t r = 0; r < rows; r++) {
        const real *delta = (const real *)dy + r * cols;
        double sum = kernel->dot(kernel, cols, delta, (const real *)a + r * cols);
        if (b) {
            sum += kernel->dot(kernel, cols, delta, b);
        }
        ((real *)out)[r * stride] += (real)sum;
    }
}

void KERNEL_TYPED(kernel_put_response)(dstn_kernel *table) {
    table->response_add = response_add;
    table->response_scale = response_scale;
    table->response_bias = response_bias;
    table->response_factors = response_factors;
    table->response_dot = response_dot;
}
