/* Elementwise loops over the rows of matrices, and the terms of response layers, in the type `real`. */

static void add_row(int64_t rows, int64_t cols, const void *b, void *y) {
    const real *restrict row = b;
    for (int64_t r = 0; r < rows; r++) {
        real *restrict to = (real *)y + r * cols;
        for (int64_t c = 0; c < cols; c++) {
            to[c] += row[c];
        }
    }
}

static void sum_rows(int64_t rows, int64_t cols, const void *x, void *out) {
    real *restrict to = out;
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict from = (const real *)x + r * cols;
        for (int64_t c = 0; c < cols; c++) {
            to[c] += from[c];
        }
    }
}

/* In square tiles, of which both sides stay in the first cache. */
static void transpose(int64_t rows, int64_t cols, const void *x, void *out) {
    enum { TILE = 16 };
    const real *restrict from = x;
    real *restrict to = out;
    for (int64_t top = 0; top < rows; top += TILE) {
        int64_t bottom = top + TILE < rows ? top + TILE : rows;
        for (int64_t left = 0; left < cols; left += TILE) {
            int64_t right = left + TILE < cols ? left + TILE : cols;
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

/* t ⊙ b of one example at all places of its image. */
static void add_bias_term(int64_t plane, int64_t cols, const real *t, int64_t step, const real *b, real *y) {
    for (int64_t p = 0; p < plane; p++) {
        add_term(cols, t, step, b, y + p * cols);
    }
}

static void response_add(int64_t rows, int64_t plane, int64_t cols, dstn_factor s, const void *a, dstn_factor t,
                         const void *b, void *y) {
    for (int64_t r = 0; r < rows; r++) {
        const real *from = (const real *)a + r * plane * cols;
        real *to = (real *)y + r * plane * cols;
        for (int64_t p = 0; p < plane; p++) {
            if (b && s.col == 1 && t.col == 1) {
                add_terms(cols, factor_row(s, r), from + p * cols, factor_row(t, r), b, to + p * cols);
            } else {
                add_term(cols, factor_row(s, r), s.col, from + p * cols, to + p * cols);
            }
        }
        if (b && !(s.col == 1 && t.col == 1)) {
            add_bias_term(plane, cols, factor_row(t, r), t.col, b, to);
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

static void response_scale(int64_t rows, int64_t plane, int64_t cols, dstn_factor s, const void *dy, void *da) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t p = 0; p < plane; p++) {
            int64_t at = (r * plane + p) * cols;
            scale_row_by(cols, factor_row(s, r), s.col, (const real *)dy + at, (real *)da + at);
        }
    }
}

static void response_bias(int64_t rows, int64_t cols, dstn_factor t, const void *sums, void *db) {
    for (int64_t r = 0; r < rows; r++) {
        add_term(cols, factor_row(t, r), t.col, (const real *)sums + r * cols, db);
    }
}

/* ds[c] = Σ_p dy[p,c] a[p,c] of one example. */
static void dot_planes(int64_t plane, int64_t cols, const real *restrict dy, const real *restrict a,
                       real *restrict ds) {
    for (int64_t c = 0; c < cols; c++) {
        ds[c] = dy[c] * a[c];
    }
    for (int64_t p = 1; p < plane; p++) {
        for (int64_t c = 0; c < cols; c++) {
            ds[c] += dy[p * cols + c] * a[p * cols + c];
        }
    }
}

/* dt[c] = b[c] Σ_p dy[p,c] of one example. */
static void dot_bias(int64_t plane, int64_t cols, const real *restrict dy, const real *restrict b, real *restrict dt) {
    for (int64_t c = 0; c < cols; c++) {
        dt[c] = dy[c];
    }
    for (int64_t p = 1; p < plane; p++) {
        for (int64_t c = 0; c < cols; c++) {
            dt[c] += dy[p * cols + c];
        }
    }
    for (int64_t c = 0; c < cols; c++) {
        dt[c] *= b[c];
    }
}

static void response_factors(int64_t rows, int64_t plane, int64_t cols, const void *dy, const void *a, const void *b,
                             void *dst) {
    int64_t width = b ? 2 * cols : cols;
    for (int64_t r = 0; r < rows; r++) {
        const real *delta = (const real *)dy + r * plane * cols;
        real *ds = (real *)dst + r * width;
        dot_planes(plane, cols, delta, (const real *)a + r * plane * cols, ds);
        if (b) {
            dot_bias(plane, cols, delta, b, ds + cols);
        }
    }
}

static void response_dot(int64_t rows, int64_t cols, const void *dy, const void *a, const void *b, int64_t stride,
                         void *out) {
    for (int64_t r = 0; r < rows; r++) {
        const real *delta = (const real *)dy + r * cols;
        double sum = dot(cols, delta, (const real *)a + r * cols);
        if (b) {
            sum += dot(cols, delta, b);
        }
        ((real *)out)[r * stride] += (real)sum;
    }
}
