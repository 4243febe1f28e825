/* kernel: every loop over the elements of a tensor, behind one table of operations per backend and scalar type.
 *
 * Layers, losses and optimizers hold a `const dstn_kernel *` and never a scalar type: pointers are void, the element
 * is the kernel's `scalar` (DSTN_F32 or DSTN_F64). Matrices are row-major, [rows, cols] with rows the examples of a
 * mini-batch, contiguous unless a leading dimension is given. Sums over elements that are returned are accumulated in
 * double. Weights of linear maps are stored [in, out], so that x W and dW = xᵀ δ are products without a large
 * transposed operand. */
#ifndef DSTN_KERNEL_H
#define DSTN_KERNEL_H

#include "dstn/core.h"

/* A per-example, per-channel factor without its storage being spelled out: element (r, c) is data[r*row + c*col].
 * The structured response's s = z Uᵀ has {s, C, 1}; the full response's z_j has {z + j, h, 0}. */
typedef struct dstn_factor {
    const void *data;
    int64_t row, col;
} dstn_factor;

typedef struct dstn_kernel {
    const char *backend; /* "openblas", "onednn" */
    dstn_scalar scalar;
    size_t size; /* of one element */

    /* ---- matrix products ---- */
    /* C[m,n] = alpha op(A) op(B) + beta C; op(A) is [m,k]; transpose_x: the stored matrix is op's transpose. */
    void (*gemm)(bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);

    /* ---- vectors ---- */
    void (*fill)(int64_t n, double value, void *x);
    void (*copy)(int64_t n, const void *x, void *y);
    void (*scale)(int64_t n, double a, void *x);                          /* x ← a x */
    void (*axpy)(int64_t n, double a, const void *x, void *y);            /* y ← a x + y */
    double (*dot)(int64_t n, const void *x, const void *y);               /* Σ x y */
    void (*multiply)(int64_t n, const void *x, const void *y, void *out); /* out ← x ⊙ y; out may be x or y */
    void (*from_double)(int64_t n, const double *x, void *y);
    void (*to_double)(int64_t n, const void *x, double *y);
    bool (*all_finite)(int64_t n, const void *x);

    /* ---- rows ---- */
    void (*add_row)(int64_t rows, int64_t cols, const void *b, void *y);     /* y[r,:] += b */
    void (*sum_rows)(int64_t rows, int64_t cols, const void *x, void *out);  /* out[c] += Σ_r x[r,c] */
    void (*transpose)(int64_t rows, int64_t cols, const void *x, void *out); /* out[cols, rows] = xᵀ */

    /* ---- response terms: y = W_g x + b_g + Σ_j [s_j ⊙ (W_j x) + t_j ⊙ b_j], a = W_j x ---- */
    /* y += s ⊙ a + t ⊙ b; b [cols] may be NULL (no bias). */
    void (*response_add)(int64_t rows, int64_t cols, dstn_factor s, const void *a, dstn_factor t, const void *b,
                         void *y);
    /* da = s ⊙ dy. */
    void (*response_scale)(int64_t rows, int64_t cols, dstn_factor s, const void *dy, void *da);
    /* db[c] += Σ_r t[r,c] dy[r,c]. */
    void (*response_bias)(int64_t rows, int64_t cols, dstn_factor t, const void *dy, void *db);
    /* The structured response's factors: ds = dy ⊙ a, dt = dy ⊙ b, side by side in dst [rows, 2 cols]
     * (b NULL: dst is [rows, cols], ds alone). */
    void (*response_factors)(int64_t rows, int64_t cols, const void *dy, const void *a, const void *b, void *dst);
    /* The full response's factor: out[r*stride] += Σ_c dy[r,c] (a[r,c] + b[c]); b may be NULL. */
    void (*response_dot)(int64_t rows, int64_t cols, const void *dy, const void *a, const void *b, int64_t stride,
                         void *out);

    /* ---- elementwise layers ---- */
    void (*relu)(int64_t n, const void *x, void *y);
    /* out ← v where x > 0, else 0: the tangent (v = ẋ) and the adjoint (v = δ) of ReLU at x; out may be v. */
    void (*relu_mask)(int64_t n, const void *x, const void *v, void *out);
    /* Inverted dropout masks: mask[r,c] = 0 where a uniform draw is below the row's rate, else 1/(1 − rate).
     * rate of row r is rates[r*stride]. Four neighbouring columns share a counter-based block: the draw of element
     * (r, c) is u = (word + ½)/2³² with word c mod 4 of dstn_rng_bits(rng, step, first_row + r, lane + c/4). */
    void (*dropout_mask)(dstn_rng rng, uint64_t step, int64_t first_row, uint64_t lane, int64_t rows, int64_t cols,
                         const double *rates, int64_t stride, void *mask);

    /* ---- losses: return the sum over rows; dy [rows, cols] = weight × gradient of that sum ---- */
    /* ½ Σ_c (y − t)²; dy may be NULL. */
    double (*squared_error)(int64_t rows, int64_t cols, double weight, const void *y, const void *t, void *dy);
    /* −log softmax(y)[label]; dy may be NULL. Rows whose (first) largest output is the label's are added to *correct
     * [in,out, may be NULL]. */
    double (*cross_entropy)(int64_t rows, int64_t cols, double weight, const void *y, const int64_t *labels, void *dy,
                            int64_t *correct);

    /* ---- optimizer updates, one pass over memory each; g is multiplied by factor first ---- */
    /* momentum 0: m is not used and may be NULL */
    void (*sgd)(int64_t n, double rate, double momentum, double factor, const void *g, void *m, void *w);
    void (*rmsprop)(int64_t n, double rate, double beta, double epsilon, double factor, const void *g, void *s,
                    void *w);
    /* correction1 = 1 − β1^t, correction2 = 1 − β2^t */
    void (*adam)(int64_t n, double rate, double beta1, double beta2, double epsilon, double correction1,
                 double correction2, double factor, const void *g, void *m, void *v, void *w);
} dstn_kernel;

/* The table for a backend ("auto", "openblas", "onednn") and scalar type. DSTN_ERROR_USAGE where the build or the
 * scalar type has no such backend, naming those that there are. The table is static: nothing to free. */
dstn_status dstn_kernel_find(const char *backend, dstn_scalar scalar, const dstn_kernel **out, dstn_error *err);

/* Threads of the BLAS in this process: 1 unless OMP_NUM_THREADS or OPENBLAS_NUM_THREADS says otherwise.
 * Called once at start; returns the number in force. */
int dstn_kernel_init_threads(void);

/* "OpenBLAS 0.3.21 …" and the instruction set in use, owned by the kernel room. */
const char *dstn_kernel_version(void);

/* Best rate in GFLOP/s over a few repetitions of a square product of this size. */
double dstn_kernel_peak(const dstn_kernel *kernel, int64_t size, int repetitions);

#endif
