/* Cases of matrix products, of every class of shapes. */
#include "kernel_cases.h"

static const int64_t sizes[] = {0, 1, 2, 13, 44};
enum { SIZES = sizeof sizes / sizeof sizes[0], SHAPES = SIZES * SIZES * SIZES };

/* Both operands transposed or not, columns beyond the matrix in every row or not; the three pairs of factors. */
enum { LAYOUTS = 8, FACTORS = 3 };
static const double factors[FACTORS][2] = {{1, 0}, {1, 1}, {-0.5, 2}};

typedef struct product {
    bool transpose_a, transpose_b;
    int64_t m, n, k, lda, ldb, ldc;
    double alpha, beta;
} product;

/* Leading dimensions are at least 1, as in a matrix without elements. */
static product product_of(int64_t number) {
    int64_t shape = number % SHAPES, layout = number / SHAPES % LAYOUTS, pair = number / SHAPES / LAYOUTS;
    product p = {.transpose_a = layout & 1,
                 .transpose_b = layout & 2,
                 .m = sizes[shape % SIZES],
                 .n = sizes[shape / SIZES % SIZES],
                 .k = sizes[shape / SIZES / SIZES],
                 .alpha = factors[pair][0],
                 .beta = factors[pair][1]};
    int64_t slack = layout & 4 ? 2 : 0;
    p.lda = (int64_t)fmax(1, (double)((p.transpose_a ? p.m : p.k) + slack));
    p.ldb = (int64_t)fmax(1, (double)((p.transpose_b ? p.k : p.n) + slack));
    p.ldc = (int64_t)fmax(1, (double)(p.n + slack));
    return p;
}

static double element(const double *matrix, int64_t ld, bool transpose, int64_t i, int64_t j) {
    return transpose ? matrix[j * ld + i] : matrix[i * ld + j];
}

/* With beta 0 what was there is not read. */
static void multiply(case_arrays *a, const product *p) {
    for (int64_t i = 0; i < p->m * p->n; i++) {
        double *to = &a->b.z.value[i / p->n * p->ldc + i % p->n], sum = 0;
        for (int64_t l = 0; l < p->k; l++) {
            sum += element(a->b.x.value, p->lda, p->transpose_a, i / p->n, l) *
                   element(a->b.y.value, p->ldb, p->transpose_b, l, i % p->n);
        }
        *to = p->alpha * sum + (p->beta == 0 ? 0 : p->beta * *to);
    }
    a->terms = 1 + (double)p->k;
}

static void spoil(case_arrays *a, const product *p) {
    static const double bad = NAN;
    for (int64_t i = 0; p->beta == 0 && i < p->m * p->n; i++) {
        a->b.kernel->from_double(a->b.kernel, 1, &bad, case_at(a->b.kernel, &a->b.z, i / p->n * p->ldc + i % p->n));
    }
}

static void check_gemm(case_arrays *a, const dstn_kernel *k, const int64_t *number) {
    product p = product_of(number[0]);
    spoil(a, &p);
    k->gemm(k, p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.alpha, a->b.x.raw, p.lda, a->b.y.raw, p.ldb, p.beta,
            a->b.z.raw, p.ldc);
    multiply(a, &p);
}

static void check_large_gemm(case_arrays *a, const dstn_kernel *k, const int64_t *number) {
    product p = product_of(number[0]);
    if (p.m < 2 || p.n < 2 || p.k < 1) {
        return;
    }
    spoil(a, &p);
    k->large_gemm(k, p.transpose_a, p.transpose_b, p.m, p.n, p.k, p.alpha, a->b.x.raw, p.lda, a->b.y.raw, p.ldb, p.beta,
                  a->b.z.raw, p.ldc);
    multiply(a, &p);
}

/* With vectors whose elements are ldb and ldc apart. */
static void check_gemv(case_arrays *a, const dstn_kernel *k, const int64_t *number) {
    product p = product_of(number[0]);
    if (p.m < 1 || p.n != 1 || p.k < 1 || p.transpose_b || p.beta != 1) {
        return;
    }
    k->gemv(k, p.transpose_a, p.m, p.k, p.alpha, a->b.x.raw, p.lda, a->b.y.raw, p.ldb, a->b.z.raw, p.ldc);
    multiply(a, &p);
}

/* ---- packed weights ---------------------------------------------------------------------------------------------- */

/* m, n, k, 1: transposed, half of beta, columns beyond each row of A and C. */
static const int64_t packs[][CASE_ARGUMENTS] = {
    {0, 3, 4, 0, 2, 0},    {1, 1, 1, 0, 0, 0},    {1, 7, 5, 1, 2, 3},      {5, 13, 44, 0, 0, 0},  {5, 13, 44, 1, 2, 9},
    {44, 44, 64, 0, 2, 5}, {40, 64, 50, 1, 0, 0}, {20, 100, 40, 1, 2, 60}, {3, 120, 34, 0, 1, 0}, {3, 4, 0, 0, 2, 0}};

static product pack_of(const int64_t *p) {
    return (product){.transpose_b = p[3],
                     .m = p[0],
                     .n = p[1],
                     .k = p[2],
                     .lda = p[2] + p[5],
                     .ldb = p[3] ? p[2] : p[1],
                     .ldc = p[1] + p[5],
                     .alpha = 1,
                     .beta = 0.5 * (double)p[4]};
}

static dstn_packed *new_pack(const dstn_kernel *k, const int64_t *p) {
    dstn_packed *packed = k->packed_new(k, p[3], p[2], p[1]);
    assert_non_null(packed);
    assert_true(k->packed_memory(k, packed) > 0);
    return packed;
}

/* A weight that is set is that of the products that follow; what was set before is forgotten. */
static void check_packed(case_arrays *a, const dstn_kernel *k, const int64_t *args) {
    product p = pack_of(args);
    dstn_packed *packed = new_pack(k, args);
    k->packed_set(k, packed, a->b.u.raw);
    k->packed_product(k, packed, p.m, a->b.x.raw, p.lda, 0, a->b.z.raw, p.ldc);
    store(&a->b, &a->b.z);
    spoil(a, &p);
    k->packed_set(k, packed, a->b.y.raw);
    k->packed_product(k, packed, p.m, a->b.x.raw, p.lda, p.beta, a->b.z.raw, p.ldc);
    multiply(a, &p);
    k->packed_destroy(k, packed);
    k->packed_destroy(k, NULL);
}

const kernel_case kernel_cases_of_products[] = {
    KERNEL_CASES(gemm, check_gemm, SHAPES *LAYOUTS *FACTORS),
    KERNEL_CASES(large_gemm, check_large_gemm, SHAPES *LAYOUTS *FACTORS),
    KERNEL_CASES(gemv, check_gemv, SHAPES *LAYOUTS *FACTORS),
    KERNEL_CASE(packed_new, check_packed, packs),
    KERNEL_CASE(packed_destroy, check_packed, packs),
    KERNEL_CASE(packed_memory, check_packed, packs),
    KERNEL_CASE(packed_set, check_packed, packs),
    KERNEL_CASE(packed_product, check_packed, packs),
    {0},
};
