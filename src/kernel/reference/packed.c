/* kernel: a weight that is multiplied many times, as it is stored: a product with it is a plain one. */
#include "reference.h"

#include <stdlib.h>

static dstn_packed *packed_new(const dstn_kernel *kernel, bool transpose, int64_t k, int64_t n) {
    return kernel_packed_new(transpose, k, n);
}

static void packed_destroy(const dstn_kernel *kernel, dstn_packed *packed) {
    free(packed);
}

static size_t packed_memory(const dstn_kernel *kernel, const dstn_packed *packed) {
    return sizeof *packed;
}

static void packed_set(const dstn_kernel *kernel, dstn_packed *packed, const void *weight) {
    packed->weight = weight;
}

static void packed_product(const dstn_kernel *kernel, dstn_packed *packed, int64_t m, const void *a, int64_t lda,
                           double beta, void *c, int64_t ldc) {
    kernel->gemm(kernel, false, packed->transpose, m, packed->n, packed->k, 1, a, lda, packed->weight,
                 packed->transpose ? packed->k : packed->n, beta, c, ldc);
}

void KERNEL_TYPED(kernel_put_packed)(dstn_kernel *table) {
    table->packed_new = packed_new;
    table->packed_destroy = packed_destroy;
    table->packed_memory = packed_memory;
    table->packed_set = packed_set;
    table->packed_product = packed_product;
}
