/* kernel: a weight that is multiplied many times. A large transposed operand costs a product of few rows nearly half of
 * its rate (oneDNN 2.6 on one Zen 5 core, peak 237 GFLOP/s: 40 × 650 × 2600 223 as stored and 135 transposed, 20 ×
 * 2600 × 650 206 and 87, 40 × 800 × 200 241 and 195), so it is copied the other way round once. In blocks of oneDNN's
 * own a product is 5% faster at most, and only where rows of A and C are neighbours. */
#include "../split.h"
#include "reference.h"

#include <stdlib.h>

struct dstn_packed {
    int64_t k, n;        /* of the operand */
    real *copy;          /* the operand where it is stored the other way round, else NULL */
    const real *operand; /* that or the caller's */
};

static dstn_packed *packed_new(const dstn_kernel *kernel, bool transpose, int64_t k, int64_t n) {
    enum { LINE = 64 };
    dstn_packed *packed = dstn_alloc(1, sizeof *packed);
    *packed = (dstn_packed){.k = k, .n = n};
    if (transpose) {
        packed->copy = aligned_alloc(LINE, ((size_t)(k * n) * sizeof(real) / LINE + 1) * LINE);
    }
    if (transpose && !packed->copy) {
        free(packed);
        return NULL;
    }
    return packed;
}

static void packed_destroy(const dstn_kernel *kernel, dstn_packed *packed) {
    if (packed) {
        free(packed->copy);
    }
    free(packed);
}

static size_t packed_memory(const dstn_kernel *kernel, const dstn_packed *packed) {
    return sizeof *packed + (packed->copy ? (size_t)(packed->k * packed->n) * sizeof(real) : 0);
}

/* Squares of this side are read and written within the nearest cache. */
enum { SIDE = 16 };

static int64_t end_of(int64_t start, int64_t end) {
    return start + SIDE < end ? start + SIDE : end;
}

/* Rows `first` … `end`−1 of the result [k, n] of W [n, k]. */
static void transpose_rows(int64_t first, int64_t end, int64_t k, int64_t n, const real *restrict w,
                           real *restrict out) {
    for (int64_t top = first; top < end; top += SIDE) {
        for (int64_t left = 0; left < n; left += SIDE) {
            for (int64_t i = top; i < end_of(top, end); i++) {
                for (int64_t j = left; j < end_of(left, n); j++) {
                    out[i * n + j] = w[j * k + i];
                }
            }
        }
    }
}

static void packed_set(const dstn_kernel *kernel, dstn_packed *packed, const void *weight) {
    if (packed->copy) {
        KERNEL_SPLIT(packed->k, packed->k * packed->n,
                     transpose_rows(first, end, packed->k, packed->n, weight, packed->copy));
    }
    packed->operand = packed->copy ? packed->copy : weight;
}

static void packed_product(const dstn_kernel *kernel, dstn_packed *packed, int64_t m, const void *a, int64_t lda,
                           double beta, void *c, int64_t ldc) {
    kernel->gemm(kernel, false, false, m, packed->n, packed->k, 1, a, lda, packed->operand, packed->n, beta, c, ldc);
}

void KERNEL_TYPED(kernel_put_packed)(dstn_kernel *table) {
    table->packed_new = packed_new;
    table->packed_destroy = packed_destroy;
    table->packed_memory = packed_memory;
    table->packed_set = packed_set;
    table->packed_product = packed_product;
}
