/* kernel: losses and their gradients; all sums in double. */
#include "../split.h"
#include "reference.h"
#include "tile_functions.h"

#include <math.h>

static double squared_error(const dstn_kernel *kernel, int64_t rows, int64_t cols, double weight, const void *y,
                            const void *t, void *dy) {
    const real *restrict prediction = y, *restrict target = t;
    real *restrict gradient = dy;
    double sum = 0;
    for (int64_t i = 0; i < rows * cols; i++) {
        double error = (double)prediction[i] - (double)target[i];
        sum += error * error;
        if (gradient) {
            gradient[i] = (real)(weight * error);
        }
    }
    return 0.5 * sum;
}

static int64_t largest(int64_t cols, const real *y) {
    int64_t at = 0;
    for (int64_t c = 1; c < cols; c++) {
        at = y[c] > y[at] ? c : at;
    }
    return at;
}

/* log Σ_c exp(y_c − top): stable, since the largest exponent is 0. */
static double log_sum(int64_t cols, const real *y, double top) {
    double sum = 0;
    for (int64_t c = 0; c < cols; c++) {
        sum += exp((double)y[c] - top);
    }
    return log(sum);
}

static double narrow_cross_entropy(int64_t rows, int64_t cols, double weight, const void *y, const int64_t *labels,
                                   void *dy, int64_t *correct) {
    double sum = 0;
    for (int64_t r = 0; r < rows; r++) {
        const real *outputs = (const real *)y + r * cols;
        int64_t at = largest(cols, outputs);
        double top = (double)outputs[at];
        double log_total = log_sum(cols, outputs, top);
        sum += log_total - ((double)outputs[labels[r]] - top);
        if (correct && at == labels[r]) {
            ++*correct;
        }
        if (!dy) {
            continue;
        }
        real *gradient = (real *)dy + r * cols;
        for (int64_t c = 0; c < cols; c++) {
            double probability = exp((double)outputs[c] - top - log_total);
            gradient[c] = (real)(weight * (probability - (c == labels[r] ? 1 : 0)));
        }
    }
    return sum;
}

/* ---- many columns -------------------------------------------------------------------------------------------------
 * A vocabulary's outputs: what counts is how often they are read, and what an exponential costs. Two exponentials of
 * the library's for each output would take as long as a third of a language model's products. */

enum { WIDE = 1024 };

static tile row_part(const real *y, int64_t at, int64_t cols, real rest) {
    if (at + TILE <= cols) {
        return tile_load(y + at);
    }
    tile part = (tile){0} + rest;
    memcpy(&part, y + at, (size_t)(cols - at) * sizeof(real));
    return part;
}

static real row_maximum(int64_t cols, const real *y) {
    tile most = row_part(y, 0, cols, y[0]);
    for (int64_t at = TILE; at < cols; at += TILE) {
        tile part = row_part(y, at, cols, y[0]);
        most = tile_select(part > most, part, most);
    }
    real top = most[0];
    for (int i = 1; i < TILE; i++) {
        top = most[i] > top ? most[i] : top;
    }
    return top;
}

/* Σ exp(y_c − top), which are left in `out` unless it is NULL; out may be y. A few tiles at a time are added in the
 * type of the outputs. */
static double row_exponentials(int64_t cols, const real *y, real top, real *out) {
    enum { PARTS = 16 * TILE };
    double total = 0;
    for (int64_t start = 0; start < cols; start += PARTS) {
        tile sum = {0};
        for (int64_t at = start; at < start + PARTS && at < cols; at += TILE) {
            tile part = tile_exp(row_part(y, at, cols, -INFINITY) - top);
            sum += part;
            if (out && at + TILE <= cols) {
                tile_store(out + at, part);
            } else if (out) {
                tile_store_some(out + at, part, cols - at);
            }
        }
        for (int i = 0; i < TILE; i++) {
            total += (double)sum[i];
        }
    }
    return total;
}

static bool is_first_maximum(const real *y, int64_t at, real top) {
    bool is_first = y[at] == top;
    for (int64_t c = 0; c < at && is_first; c++) {
        is_first = y[c] != top;
    }
    return is_first;
}

typedef struct row_loss {
    double loss;
    bool is_correct;
} row_loss;

static row_loss wide_row(int64_t cols, double weight, const real *y, int64_t label, real *dy) {
    real top = row_maximum(cols, y);
    row_loss result = {(double)top - (double)y[label], is_first_maximum(y, label, top)};
    double total = row_exponentials(cols, y, top, dy);
    result.loss += log(total);
    if (dy) {
        real factor = (real)(weight / total);
        for (int64_t c = 0; c < cols; c++) {
            dy[c] *= factor;
        }
        dy[label] -= (real)weight;
    }
    return result;
}

static void wide_rows(int64_t first, int64_t end, int64_t cols, double weight, const real *y, const int64_t *labels,
                      real *dy, row_loss *results) {
    for (int64_t r = first; r < end; r++) {
        results[r] = wide_row(cols, weight, y + r * cols, labels[r], dy ? dy + r * cols : NULL);
    }
}

/* The rows' losses are added in their order, whatever thread they come from. */
static double wide_cross_entropy(int64_t rows, int64_t cols, double weight, const real *y, const int64_t *labels,
                                 real *dy, int64_t *correct) {
    enum { BLOCK = 256 };
    double sum = 0;
    for (int64_t start = 0; start < rows; start += BLOCK) {
        row_loss results[BLOCK];
        int64_t count = rows - start < BLOCK ? rows - start : BLOCK;
        KERNEL_SPLIT(count, count * cols,
                     wide_rows(first, end, cols, weight, y + start * cols, labels + start,
                               dy ? dy + start * cols : NULL, results));
        for (int64_t r = 0; r < count; r++) {
            sum += results[r].loss;
            if (correct) {
                *correct += results[r].is_correct;
            }
        }
    }
    return sum;
}

static double cross_entropy(const dstn_kernel *kernel, int64_t rows, int64_t cols, double weight, const void *y,
                            const int64_t *labels, void *dy, int64_t *correct) {
    return cols < WIDE ? narrow_cross_entropy(rows, cols, weight, y, labels, dy, correct)
                       : wide_cross_entropy(rows, cols, weight, y, labels, dy, correct);
}

void KERNEL_TYPED(kernel_put_losses)(dstn_kernel *table) {
    table->squared_error = squared_error;
    table->cross_entropy = cross_entropy;
}
