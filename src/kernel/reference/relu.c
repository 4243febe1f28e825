/* kernel: max(x, 0), and masks by where it is not constant. */
#include "reference.h"

static void relu(const dstn_kernel *kernel, int64_t n, const void *x, void *y, uint8_t *positive) {
    const real *from = x;
    real *to = y;
    if (!positive) {
        for (int64_t i = 0; i < n; i++) {
            to[i] = from[i] > 0 ? from[i] : 0;
        }
        return;
    }
    uint8_t *restrict pattern = positive;
    for (int64_t i = 0; i < n; i++) {
        pattern[i] = from[i] > 0;
        to[i] = from[i] > 0 ? from[i] : 0;
    }
}

static void mask(const dstn_kernel *kernel, int64_t n, const uint8_t *kept, const void *v, void *out) {
    const real *from = v;
    real *to = out;
    for (int64_t i = 0; i < n; i++) {
        to[i] = kept[i] ? from[i] : 0;
    }
}

void KERNEL_TYPED(kernel_put_relu)(dstn_kernel *table) {
    table->relu = relu;
    table->mask = mask;
}
