/* Loops over the channels of channels-last images, in the type `real`. A few channels stand at every place of an image,
 * so that a loop over them is over before it has begun: TILE channels at a time are kept in a vector, and the loop goes
 * over the places. */

enum { TILE = 16 };

/* No tile passes between files, so that its calling convention is nobody's concern. */
#pragma GCC diagnostic ignored "-Wpsabi"

/* TILE neighbouring values, at any address. */
typedef real tile __attribute__((vector_size(TILE * sizeof(real)), aligned(sizeof(real)), may_alias));

static tile load(const real *x) {
    return *(const tile *)x;
}

static void store(real *x, tile value) {
    *(tile *)x = value;
}

/* FULL for every whole tile, which begins at channel `left`; REST for each channel that is left over. */
#define FOR_TILES(cols, FULL, REST)                                                                                    \
    int64_t left = 0;                                                                                                  \
    for (; left + TILE <= cols; left += TILE) {                                                                        \
        FULL;                                                                                                          \
    }                                                                                                                  \
    for (; left < cols; left++) {                                                                                      \
        REST;                                                                                                          \
    }

/* ---- one tile, or one channel, at all places --------------------------------------------------------------------- */

/* y[p] += b */
static void tile_add(int64_t plane, int64_t cols, tile b, real *y) {
    for (int64_t p = 0; p < plane; p++, y += cols) {
        store(y, load(y) + b);
    }
}

static void channel_add(int64_t plane, int64_t cols, real b, real *y) {
    for (int64_t p = 0; p < plane; p++) {
        y[p * cols] += b;
    }
}

/* out[p] = s x[p] */
static void tile_scale(int64_t plane, int64_t cols, tile s, const real *x, real *out) {
    for (int64_t p = 0; p < plane; p++, x += cols, out += cols) {
        store(out, s * load(x));
    }
}

static void channel_scale(int64_t plane, int64_t cols, real s, const real *x, real *out) {
    for (int64_t p = 0; p < plane; p++) {
        out[p * cols] = s * x[p * cols];
    }
}

/* y[p] += s a[p] + shift */
static void tile_add_scaled(int64_t plane, int64_t cols, tile s, tile shift, const real *a, real *y) {
    for (int64_t p = 0; p < plane; p++, a += cols, y += cols) {
        store(y, load(y) + (s * load(a) + shift));
    }
}

static void channel_add_scaled(int64_t plane, int64_t cols, real s, real shift, const real *a, real *y) {
    for (int64_t p = 0; p < plane; p++) {
        y[p * cols] += s * a[p * cols] + shift;
    }
}

/* Σ_p x[p] */
static tile tile_sum(int64_t plane, int64_t cols, const real *x) {
    tile sum = {0};
    for (int64_t p = 0; p < plane; p++, x += cols) {
        sum += load(x);
    }
    return sum;
}

static real channel_sum(int64_t plane, int64_t cols, const real *x) {
    real sum = 0;
    for (int64_t p = 0; p < plane; p++) {
        sum += x[p * cols];
    }
    return sum;
}

/* Σ_p x[p] y[p] */
static tile tile_dot(int64_t plane, int64_t cols, const real *x, const real *y) {
    tile sum = {0};
    for (int64_t p = 0; p < plane; p++, x += cols, y += cols) {
        sum += load(x) * load(y);
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

/* ---- one image [plane, cols] ------------------------------------------------------------------------------------- */

static void image_add(int64_t plane, int64_t cols, const real *b, real *y) {
    FOR_TILES(cols, tile_add(plane, cols, load(b + left), y + left), channel_add(plane, cols, b[left], y + left))
}

static void image_scale(int64_t plane, int64_t cols, const real *s, const real *x, real *out) {
    FOR_TILES(cols, tile_scale(plane, cols, load(s + left), x + left, out + left),
              channel_scale(plane, cols, s[left], x + left, out + left))
}

static void image_sum(int64_t plane, int64_t cols, const real *x, real *out) {
    FOR_TILES(cols, store(out + left, tile_sum(plane, cols, x + left)), out[left] = channel_sum(plane, cols, x + left))
}

static void image_dot(int64_t plane, int64_t cols, const real *x, const real *y, real *out) {
    FOR_TILES(cols, store(out + left, tile_dot(plane, cols, x + left, y + left)),
              out[left] = channel_dot(plane, cols, x + left, y + left))
}

/* y += s ⊙ a + t ⊙ b; b may be NULL. */
static void image_add_scaled(int64_t plane, int64_t cols, const real *s, const real *a, const real *t, const real *b,
                             real *y) {
    FOR_TILES(cols, tile shift = {0}; if (b) shift = load(t + left) * load(b + left);
              tile_add_scaled(plane, cols, load(s + left), shift, a + left, y + left),
              channel_add_scaled(plane, cols, s[left], b ? t[left] * b[left] : 0, a + left, y + left))
}

/* out = factor v in the channels that are kept. */
static void image_apply_mask(int64_t plane, int64_t cols, const uint8_t *kept, real factor, const real *v, real *out) {
    FOR_TILES(cols, tile row; for (int c = 0; c < TILE; c++) row[c] = kept[left + c] ? factor : 0;
              tile_scale(plane, cols, row, v + left, out + left),
              channel_scale(plane, cols, kept[left] ? factor : 0, v + left, out + left))
}

static void plane_sum(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, double factor,
                      const void *x, void *out) {
    for (int64_t r = 0; r < rows; r++) {
        image_sum(plane, cols, (const real *)x + r * plane * cols, (real *)out + r * cols);
    }
    if (factor != 1) {
        scale(kernel, rows * cols, factor, out);
    }
}
