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

/* A linear map that is the same at every place of an image: a convolution. With a kernel and an image of 1 × 1 it is a
 * plain matrix. Images are channels-last: an example is [height, width, channels], a weight [kernel, kernel, in, out].
 */
typedef struct dstn_map_shape {
    int64_t in, out; /* channels */
    int64_t in_height, in_width;
    int64_t kernel, stride, padding; /* squares, the same in both directions */
    int64_t out_height, out_width;
    bool is_winograd;  /* by Winograd's algorithm, which only kernels of 3 with stride 1 and padding up to 2 allow */
    bool is_out_first; /* the weight of a plain matrix is stored [out, in]; that of images can't be */
} dstn_map_shape;

/* How convolutions are computed: as products of their definition, by Winograd's algorithm F(4 × 4, 3 × 3) where it is
 * possible, or by it where that is faster. What `auto` means depends on the shape alone, so that a trajectory is the
 * same whatever the machine does at the time. */
typedef enum dstn_convolution {
    DSTN_CONVOLUTION_AUTO,
    DSTN_CONVOLUTION_DIRECT,
    DSTN_CONVOLUTION_WINOGRAD
} dstn_convolution;

/* Whether a map of this shape goes by Winograd's algorithm under that choice. */
bool dstn_convolution_is_winograd(dstn_convolution choice, const dstn_map_shape *shape);

/* What a backend keeps for a map of one shape: its plans and scratch arrays. */
typedef struct dstn_map dstn_map;

/* Whether the map's weight, read in every call, is so large beside the images that all rows should go in one call. */
bool dstn_map_takes_all_rows(const dstn_map_shape *shape);

/* A matrix that is the right operand of many products. */
typedef struct dstn_packed dstn_packed;

/* Rows of an LSTM at one time step: rows of [.., 4 units] begin `gates` elements apart, those of [.., units] `states`,
 * and those of the cells before, which may lie elsewhere, `before`. */
typedef struct dstn_lstm_rows {
    int64_t count, units;
    int64_t gates, states, before;
} dstn_lstm_rows;

/* A per-example, per-channel factor without its storage being spelled out: element (r, c) is data[r*row + c*col].
 * The structured response's s = z Uᵀ has {s, C, 1}; the full response's z_j has {z + j, h, 0}. */
typedef struct dstn_factor {
    const void *data;
    int64_t row, col;
} dstn_factor;

typedef struct dstn_kernel dstn_kernel;

/* Each operation takes the kernel of which it is one, so that it can call others of the same table, and a backend can
 * keep something of its own. A table begins as that of the references, which are plain C and complete; a backend
 * overrides some operations by name. */
struct dstn_kernel {
    const char *backend; /* "onednn", "openblas", "reference" */
    dstn_scalar scalar;
    size_t size; /* of one element */
    void *state; /* the backend's own; NULL where it has none */

    /* ---- matrix products ---- */
    /* C[m,n] = alpha op(A) op(B) + beta C; op(A) is [m,k]; transpose_x: the stored matrix is op's transpose. Matrices
     * of any size, none included. With beta 0 C is not read. */
    void (*gemm)(const dstn_kernel *kernel, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                 double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                 int64_t ldc);
    /* What gemm leaves to a library; callers use gemm. Matrices of two rows and columns or more: */
    void (*large_gemm)(const dstn_kernel *kernel, bool transpose_a, bool transpose_b, int64_t m, int64_t n, int64_t k,
                       double alpha, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                       int64_t ldc);
    /* y[i*step_y] += alpha Σ_l op(A)[i,l] x[l*step_x], op(A) being [m,k]. */
    void (*gemv)(const dstn_kernel *kernel, bool transpose, int64_t m, int64_t k, double alpha, const void *a,
                 int64_t lda, const void *x, int64_t step_x, void *y, int64_t step_y);

    /* ---- a weight that is multiplied many times: the right operand op(W) [k, n] of products of few rows each ---- */
    /* transpose: the stored W is [n, k]. NULL when memory is short. Owned by the caller. */
    dstn_packed *(*packed_new)(const dstn_kernel *kernel, bool transpose, int64_t k, int64_t n);
    void (*packed_destroy)(const dstn_kernel *kernel, dstn_packed *packed); /* NULL is allowed */
    size_t (*packed_memory)(const dstn_kernel *kernel, const dstn_packed *packed);
    /* The operand of the products from now on: the array stays as it is until the last of them. */
    void (*packed_set)(const dstn_kernel *kernel, dstn_packed *packed, const void *weight);
    /* C [m, n] = A [m, k] op(W) + beta C; rows of A and C are lda and ldc elements apart. With beta 0 C is not read. */
    void (*packed_product)(const dstn_kernel *kernel, dstn_packed *packed, int64_t m, const void *a, int64_t lda,
                           double beta, void *c, int64_t ldc);

    /* ---- linear maps of images ---- */
    /* For at most max_rows examples a call; NULL when memory is short. Owned by the caller. */
    dstn_map *(*map_new)(const dstn_kernel *kernel, const dstn_map_shape *shape, int64_t max_rows);
    void (*map_destroy)(const dstn_kernel *kernel, dstn_map *map); /* NULL is allowed */
    size_t (*map_memory)(const dstn_kernel *kernel, const dstn_map *map);
    /* y [rows, out image] = the map of x [rows, in image]. */
    void (*map_forward)(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                        void *y);
    /* dx = beta dx + the transposed map of dy. */
    void (*map_adjoint)(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                        double beta, void *dx);
    /* dweight = beta dweight + Σ x ⊗ dy. */
    void (*map_gradient)(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *dy,
                         double beta, void *dweight);

    /* ---- vectors ---- */
    void (*fill)(const dstn_kernel *kernel, int64_t n, double value, void *x);
    void (*copy)(const dstn_kernel *kernel, int64_t n, const void *x, void *y);
    void (*scale)(const dstn_kernel *kernel, int64_t n, double a, void *x);               /* x ← a x */
    void (*axpy)(const dstn_kernel *kernel, int64_t n, double a, const void *x, void *y); /* y ← a x + y */
    double (*dot)(const dstn_kernel *kernel, int64_t n, const void *x, const void *y);    /* Σ x y */
    void (*multiply)(const dstn_kernel *kernel, int64_t n, const void *x, const void *y,
                     void *out); /* out ← x ⊙ y; out may be x or y */
    void (*from_double)(const dstn_kernel *kernel, int64_t n, const double *x, void *y);
    void (*to_double)(const dstn_kernel *kernel, int64_t n, const void *x, double *y);
    void (*from_bytes)(const dstn_kernel *kernel, int64_t n, double scale, double shift, const uint8_t *x,
                       void *y); /* y ← scale x + shift */
    bool (*all_finite)(const dstn_kernel *kernel, int64_t n, const void *x);

    /* ---- rows ---- */
    void (*add_row)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *b, void *y); /* y[r,:] += b */
    void (*sum_rows)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x,
                     void *out); /* out[c] += Σ_r x[r,c] */
    /* ---- columns, summed in double: batch statistics ---- */
    void (*column_sums)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x,
                        double *out); /* out[c] += Σ_r x[r,c] */
    /* out[c] += Σ_r x[r,c] (y[r,c] − center[c]) */
    void (*column_dots)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, const void *y,
                        const double *center, double *out);
    /* out[c] += Σ_r (x[r,c] − center[c])² */
    void (*column_squares)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *x, const double *center,
                           double *out);
    /* out[r,c] = a[c] v[r,c] + b[c] x[r,c] + shift[c]; x and b may be NULL; out may be v or x */
    void (*column_affine)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const double *a, const void *v,
                          const double *b, const void *x, const double *shift, void *out);

    /* ---- words: tokens [rows] are rows of a table [words, cols]; factors [words] in the kernel's scalar type, NULL:
     * all 1 ---- */
    /* y[r,:] = factors[tokens[r]] w[tokens[r],:] */
    void (*gather_rows)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const int64_t *tokens,
                        const void *factors, const void *w, void *y);
    /* dw[tokens[r],:] += factors[tokens[r]] dy[r,:], in the order of the rows whatever the number of threads. */
    void (*scatter_rows)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const int64_t *tokens,
                         const void *factors, const void *dy, void *dw);

    /* ---- the gates of an LSTM at one time step: forget, input, output and cell lie in this order in a row of 4 units,
     * f = σ(p_f), i = σ(p_i), o = σ(p_o), g = tanh(p_g); c = f ⊙ c_before + i ⊙ g, h = o ⊙ tanh(c) ---- */
    /* gates: in p, out f, i, o, g. */
    void (*lstm_forward)(const dstn_kernel *kernel, dstn_lstm_rows rows, void *gates, const void *c_before, void *c,
                         void *tanh_c, void *h);
    /* With p_tangent [.., 4 units] the product rule at the kept values. c_tangent [count, units], contiguous, in: that
     * of c_before, out: that of c. h_tangent is as h. */
    void (*lstm_tangent)(const dstn_kernel *kernel, dstn_lstm_rows rows, const void *gates, const void *c_before,
                         const void *tanh_c, const void *p_tangent, void *c_tangent, void *h_tangent);
    /* dp [.., 4 units] = ∂L/∂p, which may lie where the gates are. dc [count, units], contiguous, in: what the later
     * steps say of c, out: ∂L/∂c_before. */
    void (*lstm_adjoint)(const dstn_kernel *kernel, dstn_lstm_rows rows, const void *gates, const void *c_before,
                         const void *tanh_c, const void *dh, void *dc, void *dp);

    /* ---- response terms: y = W_g x + b_g + Σ_j [s_j ⊙ (W_j x) + t_j ⊙ b_j], a = W_j x ----
     * An example is [plane, cols]: cols channels at each of `plane` places, 1 place for features. Factors have a value
     * for each example and channel. */
    /* y += s ⊙ a + t ⊙ b; b [cols] may be NULL (no bias). */
    void (*response_add)(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, dstn_factor s,
                         const void *a, dstn_factor t, const void *b, void *y);
    /* da = s ⊙ dy. */
    void (*response_scale)(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, dstn_factor s,
                           const void *dy, void *da);
    /* db[c] += Σ_r t[r,c] sums[r,c], sums [rows, cols] being dy summed over the plane. */
    void (*response_bias)(const dstn_kernel *kernel, int64_t rows, int64_t cols, dstn_factor t, const void *sums,
                          void *db);
    /* The structured response's factors: ds = Σ_plane dy ⊙ a, dt = Σ_plane dy ⊙ b, side by side in dst [rows, 2 cols]
     * (b NULL: dst is [rows, cols], ds alone). */
    void (*response_factors)(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, const void *dy,
                             const void *a, const void *b, void *dst);
    /* The full response's factor: out[r*stride] += Σ_c dy[r,c] (a[r,c] + b[c]); b may be NULL. */
    void (*response_dot)(const dstn_kernel *kernel, int64_t rows, int64_t cols, const void *dy, const void *a,
                         const void *b, int64_t stride, void *out);

    /* ---- elementwise layers ---- */
    /* y = max(x, 0); positive[i] = x[i] > 0, by which tangent and adjoint are masked; it may be NULL. y may be x. */
    void (*relu)(const dstn_kernel *kernel, int64_t n, const void *x, void *y, uint8_t *positive);
    /* out ← v where kept, else 0; out may be v. */
    void (*mask)(const dstn_kernel *kernel, int64_t n, const uint8_t *kept, const void *v, void *out);
    /* Inverted dropout: kept[r,c] = 0 where a uniform draw is below the rate of row r, rates[r*stride] held to [0,
     * 0.999]. Four neighbouring columns share a counter-based block: the draw of element (r, c) is u = (word + ½)/2³²
     * with word c mod 4 of dstn_rng_bits(rng, step, first_row + r, lane + c/4). */
    void (*dropout_mask)(const dstn_kernel *kernel, dstn_rng rng, uint64_t step, int64_t first_row, uint64_t lane,
                         int64_t rows, int64_t cols, const double *rates, int64_t stride, uint8_t *kept);
    /* out[r,p,c] = v[r,p,c]/(1 − rate) where kept[r,c], else 0, the rate held to [0, 0.999]; out may be v. */
    void (*dropout_apply)(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, const uint8_t *kept,
                          const double *rates, int64_t stride, const void *v, void *out);

    /* ---- pooling of [height, width, cols] images by squares of `size`, which don't overlap; what is left over at the
     * lower and right edges is not looked at ---- */
    /* y = the largest value, from place at[…] of its square (the first of equals), y's shape. */
    void (*pool_max)(const dstn_kernel *kernel, int64_t rows, int64_t height, int64_t width, int64_t cols, int64_t size,
                     const void *x, void *y, uint8_t *at);
    /* out = v at those places: the tangent. */
    void (*pool_pick)(const dstn_kernel *kernel, int64_t rows, int64_t height, int64_t width, int64_t cols,
                      int64_t size, const uint8_t *at, const void *v, void *out);
    /* out = 0 but for v at those places: the adjoint. */
    void (*pool_spread)(const dstn_kernel *kernel, int64_t rows, int64_t height, int64_t width, int64_t cols,
                        int64_t size, const uint8_t *at, const void *v, void *out);
    /* out[r,c] = factor Σ_p x[r,p,c], and its adjoint out[r,p,c] = factor v[r,c]. */
    void (*plane_sum)(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, double factor,
                      const void *x, void *out);
    void (*plane_spread)(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, double factor,
                         const void *v, void *out);

    /* ---- losses: return the sum over rows; dy [rows, cols] = weight × gradient of that sum ---- */
    /* ½ Σ_c (y − t)²; dy may be NULL. */
    double (*squared_error)(const dstn_kernel *kernel, int64_t rows, int64_t cols, double weight, const void *y,
                            const void *t, void *dy);
    /* −log softmax(y)[label]; dy may be NULL, or y. Rows whose (first) largest output is the label's are added to
     * *correct [in,out, may be NULL]. */
    double (*cross_entropy)(const dstn_kernel *kernel, int64_t rows, int64_t cols, double weight, const void *y,
                            const int64_t *labels, void *dy, int64_t *correct);

    /* ---- optimizer updates, one pass over memory each; g is multiplied by factor first ---- */
    /* momentum 0: m is not used and may be NULL */
    void (*sgd)(const dstn_kernel *kernel, int64_t n, double rate, double momentum, double factor, const void *g,
                void *m, void *w);
    void (*rmsprop)(const dstn_kernel *kernel, int64_t n, double rate, double beta, double epsilon, double factor,
                    const void *g, void *s, void *w);
    /* correction1 = 1 − β1^t, correction2 = 1 − β2^t */
    void (*adam)(const dstn_kernel *kernel, int64_t n, double rate, double beta1, double beta2, double epsilon,
                 double correction1, double correction2, double factor, const void *g, void *m, void *v, void *w);
};

/* The table for a backend and scalar type: "onednn", "openblas" or "reference"; "auto" is the fastest that there is,
 * which the references are not. DSTN_ERROR_USAGE where the build or the scalar type has no such backend, naming those
 * that there are. Tables are constant and live as long as the process: nothing to free. */
dstn_status dstn_kernel_find(const char *backend, dstn_scalar scalar, const dstn_kernel **out, dstn_error *err);
/* Table i = 0, 1, … of this build, the preferred first; NULL beyond the last one. */
const dstn_kernel *dstn_kernel_at(int i);

/* Calls work(context, first, count, thread) for pieces of at most `block` of the rows 0 … rows−1, on the threads that
 * the process has: how whatever is done row by row stays in the caches. Returns when all are done. One piece, one
 * thread, or a call from within such work is a plain loop on the caller's thread. */
typedef void dstn_rows_work(void *context, int64_t first, int64_t count, int thread);
void dstn_kernel_for_rows(int64_t rows, int64_t block, dstn_rows_work *work, void *context);
int dstn_kernel_threads(void); /* `thread` is below this */

/* Threads of this process: OMP_NUM_THREADS (or OPENBLAS_NUM_THREADS) says how many, otherwise 1; those of OpenBLAS are
 * OPENBLAS_NUM_THREADS (or OMP_NUM_THREADS). Called once at start; returns the number in force. */
int dstn_kernel_init_threads(void);
/* Where memory is limited (ulimit -v, ulimit -d): takes what `threads` threads need for products now, before arrays
 * leave too little, since OpenBLAS would wait for it without end. DSTN_ERROR_RUN: there is too little. A process that
 * can't even start its libraries' threads ends before main() with exit code 1 and a message. */
dstn_status dstn_kernel_reserve(int threads, dstn_error *err);

/* The processors that the threads of this process may run on, as bits of `bits` [size]; none where the system doesn't
 * say. */
void dstn_kernel_processors(unsigned char *bits, size_t size);

/* "OpenBLAS 0.3.21 …; oneDNN 2.6.3": versions and the instruction set in use, owned by the kernel room. */
const char *dstn_kernel_version(void);

/* GFLOP/s of the best of some square products of this size, measured now. */
double dstn_kernel_measure(const dstn_kernel *kernel, int64_t size, int repetitions);
/* A quick measurement, made once a process when it is first asked for: what a running program compares itself with. */
double dstn_kernel_peak(const dstn_kernel *kernel);

#endif
