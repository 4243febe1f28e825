/* Pooling of channels-last images, in the type `real`. */

/* Where a square of an image begins, and how far apart its rows are, in elements. */
typedef struct pool_square {
    int64_t start, row;
} pool_square;

static pool_square square_at(int64_t width, int64_t cols, int64_t size, int64_t i, int64_t j) {
    return (pool_square){(i * size * width + j * size) * cols, width * cols};
}

static void pick_largest(int64_t cols, const real *restrict x, uint8_t place, real *restrict y, uint8_t *restrict at) {
    for (int64_t c = 0; c < cols; c++) {
        at[c] = x[c] > y[c] ? place : at[c];
        y[c] = x[c] > y[c] ? x[c] : y[c];
    }
}

/* The largest value of each channel in one square. */
static void square_max(pool_square square, int64_t cols, int64_t size, const real *x, real *y, uint8_t *at) {
    memcpy(y, x + square.start, (size_t)cols * sizeof(real));
    memset(at, 0, (size_t)cols);
    for (int64_t place = 1; place < size * size; place++) {
        int64_t from = square.start + place / size * square.row + place % size * cols;
        pick_largest(cols, x + from, (uint8_t)place, y, at);
    }
}

static void pool_max(int64_t rows, int64_t height, int64_t width, int64_t cols, int64_t size, const void *x, void *y,
                     uint8_t *at) {
    int64_t out_height = height / size, out_width = width / size, to = 0;
    for (int64_t r = 0; r < rows; r++) {
        const real *image = (const real *)x + r * height * width * cols;
        for (int64_t k = 0; k < out_height * out_width; k++, to += cols) {
            pool_square square = square_at(width, cols, size, k / out_width, k % out_width);
            square_max(square, cols, size, image, (real *)y + to, at + to);
        }
    }
}

static void pool_pick(int64_t rows, int64_t height, int64_t width, int64_t cols, int64_t size, const uint8_t *at,
                      const void *v, void *out) {
    int64_t out_height = height / size, out_width = width / size, to = 0;
    for (int64_t r = 0; r < rows; r++) {
        const real *image = (const real *)v + r * height * width * cols;
        for (int64_t k = 0; k < out_height * out_width; k++, to += cols) {
            pool_square square = square_at(width, cols, size, k / out_width, k % out_width);
            real *restrict picked = (real *)out + to;
            for (int64_t place = 0; place < size * size; place++) {
                const real *restrict from = image + square.start + place / size * square.row + place % size * cols;
                for (int64_t c = 0; c < cols; c++) {
                    picked[c] = at[to + c] == place ? from[c] : place == 0 ? 0 : picked[c];
                }
            }
        }
    }
}

static void pool_spread(int64_t rows, int64_t height, int64_t width, int64_t cols, int64_t size, const uint8_t *at,
                        const void *v, void *out) {
    int64_t out_height = height / size, out_width = width / size, from = 0;
    bool has_rest = height % size || width % size;
    for (int64_t r = 0; r < rows; r++) {
        real *image = (real *)out + r * height * width * cols;
        if (has_rest) {
            memset(image, 0, (size_t)(height * width * cols) * sizeof(real));
        }
        for (int64_t k = 0; k < out_height * out_width; k++, from += cols) {
            pool_square square = square_at(width, cols, size, k / out_width, k % out_width);
            const real *restrict value = (const real *)v + from;
            for (int64_t place = 0; place < size * size; place++) {
                real *restrict to = image + square.start + place / size * square.row + place % size * cols;
                for (int64_t c = 0; c < cols; c++) {
                    to[c] = at[from + c] == place ? value[c] : 0;
                }
            }
        }
    }
}

static void plane_sum(int64_t rows, int64_t plane, int64_t cols, double factor, const void *x, void *out) {
    for (int64_t r = 0; r < rows; r++) {
        const real *restrict from = (const real *)x + r * plane * cols;
        real *restrict to = (real *)out + r * cols;
        memcpy(to, from, (size_t)cols * sizeof(real));
        for (int64_t p = 1; p < plane; p++) {
            for (int64_t c = 0; c < cols; c++) {
                to[c] += from[p * cols + c];
            }
        }
        for (int64_t c = 0; c < cols; c++) {
            to[c] *= (real)factor;
        }
    }
}

static void plane_spread(int64_t rows, int64_t plane, int64_t cols, double factor, const void *v, void *out) {
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
