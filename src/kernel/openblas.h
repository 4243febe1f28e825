/* The OpenBLAS backend for one scalar type: whoever includes this has defined the type `real` and names blas_gemm and
 * blas_gemv for the CBLAS functions of that type. */
#include "elementwise.h"

#include <cblas.h>

static CBLAS_TRANSPOSE flag(bool is_transposed) {
    return is_transposed ? CblasTrans : CblasNoTrans;
}

static void large_gemm(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, real alpha, const real *a,
                       int64_t lda, const real *b, int64_t ldb, real beta, real *c, int64_t ldc) {
    blas_gemm(CblasRowMajor, flag(transpose_a), flag(transpose_b), (blasint)m, (blasint)n, (blasint)k, alpha, a,
              (blasint)lda, b, (blasint)ldb, beta, c, (blasint)ldc);
}

#include "gemm.h"

#include "patches.h"

struct dstn_map {
    patches patches;
};

static dstn_map *map_new(const dstn_kernel *kernel, const dstn_map_shape *shape, int64_t max_rows) {
    dstn_map *map = dstn_alloc(1, sizeof *map);
    map->patches = patches_of(shape, max_rows);
    map->patches.rows = malloc((patches_size(&map->patches) + 1) * sizeof(real));
    if (!map->patches.rows) {
        free(map);
        return NULL;
    }
    return map;
}

static void map_destroy(const dstn_kernel *kernel, dstn_map *map) {
    if (map) {
        free(map->patches.rows);
        free(map);
    }
}

static size_t map_memory(const dstn_kernel *kernel, const dstn_map *map) {
    return sizeof *map + patches_memory(&map->patches);
}

static void map_forward(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                        void *y) {
    patches_forward(kernel, &map->patches, rows, x, weight, y);
}

static void map_adjoint(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                        double beta, void *dx) {
    patches_adjoint(kernel, &map->patches, rows, dy, weight, beta, dx);
}

static void map_gradient(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *dy,
                         double beta, void *dweight) {
    patches_gradient(kernel, &map->patches, rows, x, dy, beta, dweight);
}

#define KERNEL_PRODUCTS                                                                                                \
    .gemm = gemm, .map_new = map_new, .map_destroy = map_destroy, .map_memory = map_memory,                            \
    .map_forward = map_forward, .map_adjoint = map_adjoint, .map_gradient = map_gradient
