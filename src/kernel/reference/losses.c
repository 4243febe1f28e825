/* kernel: losses and their gradients; all sums in double. */
#include "reference.h"

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

static double cross_entropy(const dstn_kernel *kernel, int64_t rows, int64_t cols, double weight, const void *y,
                            const int64_t *labels, void *dy, int64_t *correct) {
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

void KERNEL_TYPED(kernel_put_losses)(dstn_kernel *table) {
    table->squared_error = squared_error;
    table->cross_entropy = cross_entropy;
}
