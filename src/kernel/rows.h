/* Elementwise loops over the rows of matrices, and the terms of response layers, in the type `real`. */

/* Up to this many columns, loops go down the rows first. */
enum { FEW_COLUMNS = 64 };

static void add_row(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *b, void *y) {
    const real *restrict row = b;
    if (cols <= FEW_COLUMNS) {
        image_add(rows, cols, b, y);
        return;
    }
    for (int64_t r = 0; r < rows; r++) {
        real *restrict to = (real *)y + r * cols;
        for (int64_t c = 0; c < cols; c++) {
            to[c] += row[c];
        }
    }
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

/* In square tiles, of which both sides stay in the first cache. */
static void transpose(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, void *out) {
    enum { SIDE = 16 };
    const real *restrict from = x;
    real *restrict to = out;
    for (int64_t top = 0; top < rows; top += SIDE) {
        int64_t bottom = top + SIDE < rows ? top + SIDE : rows;
        for (int64_t left = 0; left < cols; left += SIDE) {
            int64_t right = left + SIDE < cols ? left + SIDE : cols;
            for (int64_t c = left; c < right; c++) {
                for (int64_t r = top; r < bottom; r++) {
                    to[c * rows + r] = from[r * cols + c];
                }
            }
        }
    }
}

/* ---- response terms ---------------------------------------------------------------------------------------------- */

/* A factor's column step is 1 (a value a channel) or 0 (one value a row); either is a loop that the compiler can
 * vectorize, any other step a plain one. */
static const real *factor_row(dstn_factor factor, int64_t r) {
    return (const real *)factor.data + r * factor.row;
}

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

/* s ⊙ a + t ⊙ b in one pass, the structured response's case. */
static void add_terms(int64_t cols, const real *restrict s, const real *restrict a, const real *restrict t,
                      const real *restrict b, real *restrict y) {
    for (int64_t c = 0; c < cols; c++) {
        y[c] += s[c] * a[c] + t[c] * b[c];
    }
}

static void response_add(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, dstn_factor s,
                         const void *a, dstn_factor t, const void *b, void *y) {
    bool by_channel = s.col == 1 && t.col == 1;
    for (int64_t r = 0; r < rows; r++) {
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

static void response_scale(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, dstn_factor s,
                           const void *dy, void *da) {
    for (int64_t r = 0; r < rows; r++) {
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

static void response_bias(const dstn_kernel *kernel, int64_t rows, int64_t cols, dstn_factor t, const void *sums,
                          void *db) {
    for (int64_t r = 0; r < rows; r++) {
        add_term(cols, factor_row(t, r), t.col, (const real *)sums + r * cols, db);
    }
}

static void response_factors(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, const void *dy,
                             const void *a, const void *b, void *dst) {
    int64_t width = b ? 2 * cols : cols;
    for (int64_t r = 0; r < rows; r++) {
        const real *delta = (const real *)dy + r * plane * cols;
        real *ds = (real *)dst + r * width;
        image_dot(plane, cols, delta, (const real *)a + r * plane * cols, ds);
        if (b) {
            image_sum(plane, cols, delta, ds + cols);
            multiply(kernel, cols, ds + cols, b, ds + cols);
        }
    }
}

static void response_dot(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *dy, const void *a,
                         const void *b, int64_t stride, void *out) {
    for (int64_t r = 0; r < rows; r++) {
        const real *delta = (const real *)dy + r * cols;
        double sum = dot(kernel, cols, delta, (const real *)a + r * cols);
        if (b) {
            sum += dot(kernel, cols, delta, b);
        }
        ((real *)out)[r * stride] += (real)sum;
    }
}
