/* Sums over the rows of a matrix and maps of its columns, for batch statistics, in the type `real`; sums in double. */

enum { COLUMN_TILE = 64 };

/* Calls BODY for every element of a tile of columns, from the first row to the last: each column has one order of
 * addition, whatever the threads. */
#define FOR_COLUMNS(BODY)                                                                                              \
    KERNEL_PARALLEL_FOR(rows *cols)                                                                                    \
    for (int64_t left = 0; left < cols; left += COLUMN_TILE) {                                                         \
        int64_t right = left + COLUMN_TILE < cols ? left + COLUMN_TILE : cols;                                         \
        for (int64_t r = 0; r < rows; r++) {                                                                           \
            for (int64_t c = left; c < right; c++) {                                                                   \
                BODY;                                                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }

static void column_sums(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, double *out) {
    const real *restrict from = x;
    double *restrict to = out;
    FOR_COLUMNS(to[c] += (double)from[r * cols + c])
}

static void column_dots(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, const void *y,
                        const double *center, double *out) {
    const real *restrict left_of = x, *restrict right_of = y;
    double *restrict to = out;
    if (!center) {
        FOR_COLUMNS(to[c] += (double)left_of[r * cols + c] * (double)right_of[r * cols + c])
        return;
    }
    FOR_COLUMNS(to[c] += (double)left_of[r * cols + c] * ((double)right_of[r * cols + c] - center[c]))
}

static void column_squares(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, const double *center,
                           double *out) {
    const real *restrict from = x;
    double *restrict to = out;
    FOR_COLUMNS(double difference = (double)from[r * cols + c] - center[c]; to[c] += difference * difference)
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
