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

static void response_add(int64_t rows, int64_t cols, dstn_factor s, const void *a, dstn_factor t, const void *b,
                         void *y) {
    for (int64_t r = 0; r < rows; r++) {
        const real *from = (const real *)a + r * cols;
        real *to = (real *)y + r * cols;
        if (b && s.col == 1 && t.col == 1) {
            add_terms(cols, factor_row(s, r), from, factor_row(t, r), b, to);
            continue;
        }
        add_term(cols, factor_row(s, r), s.col, from, to);
        if (b) {
            add_term(cols, factor_row(t, r), t.col, b, to);
        }
    }
}

static void response_scale(int64_t rows, int64_t cols, dstn_factor s, const void *dy, void *da) {
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict from = (const real *)dy + r * cols;
        const real *restrict factor = factor_row(s, r);
        real *restrict to = (real *)da + r * cols;
        if (s.col == 0) {
            for (int64_t c = 0; c < cols; c++) {
                to[c] = factor[0] * from[c];
            }
        } else if (s.col == 1) {
            for (int64_t c = 0; c < cols; c++) {
                to[c] = factor[c] * from[c];
            }
        } else {
            for (int64_t c = 0; c < cols; c++) {
                to[c] = factor[c * s.col] * from[c];
            }
        }
    }
}

static void response_bias(int64_t rows, int64_t cols, dstn_factor t, const void *dy, void *db) {
    for (int64_t r = 0; r < rows; r++) {
        add_term(cols, factor_row(t, r), t.col, (const real *)dy + r * cols, db);
    }
}

static void response_factors(int64_t rows, int64_t cols, const void *dy, const void *a, const void *b, void *dst) {
    int64_t width = b ? 2 * cols : cols;
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict delta = (const real *)dy + r * cols;
        const real *restrict product = (const real *)a + r * cols;
        real *restrict ds = (real *)dst + r * width;
        for (int64_t c = 0; c < cols; c++) {
            ds[c] = delta[c] * product[c];
        }
        const real *restrict bias = b;
        for (int64_t c = 0; b && c < cols; c++) {
            ds[cols + c] = delta[c] * bias[c];
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

/* ---- dropout --------------------------------------------------------------------------------------------------------
 */

/* mask[0 … 3] from one block; `kept` is 1/(1 − rate). */
static void mask_block(const uint32_t word[4], double rate, real kept, int64_t count, real *mask) {
    for (int64_t i = 0; i < count; i++) {
        mask[i] = ((double)word[i] + 0.5) * 0x1p-32 < rate ? 0 : kept;
    }
}

static void dropout_mask(dstn_rng rng, uint64_t step, int64_t first_row, uint64_t lane, int64_t rows, int64_t cols,
                         const double *rates, int64_t stride, void *mask) {
    for (int64_t r = 0; r < rows; r++) {
        double rate = rates[r * stride];
        real kept = (real)(1 / (1 - rate));
        real *to = (real *)mask + r * cols;
        for (int64_t c = 0; c < cols; c += 4) {
            uint32_t word[4];
            dstn_rng_bits(rng, step, (uint64_t)(first_row + r), lane + (uint64_t)(c / 4), word);
            mask_block(word, rate, kept, cols - c < 4 ? cols - c : 4, to + c);
        }
    }
}
