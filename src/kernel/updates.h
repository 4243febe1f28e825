/* Optimizer updates, one pass over memory each, in the type `real`. */

enum { UPDATE_LINE = 64 / sizeof(real), UPDATE_BLOCK = 8 * UPDATE_LINE, UPDATE_AHEAD = 24 * UPDATE_LINE };

static void sgd(const dstn_kernel *kernel, int64_t n, double rate, double momentum, double factor, const void *g,
                void *m, void *w) {
    if (momentum == 0) {
        axpy(kernel, n, -rate * factor, g, w);
        return;
    }
    const real *restrict gradient = g;
    real *restrict velocity = m;
    real *restrict weight = w;
    real scaled = (real)factor, step = (real)rate, kept = (real)momentum;
    /* The hardware stops reading ahead at the end of every page of the three streams. */
    KERNEL_PARALLEL_FOR(n)
    for (int64_t start = 0; start < n; start += UPDATE_BLOCK) {
        int64_t end = start + UPDATE_BLOCK < n ? start + UPDATE_BLOCK : n;
        for (int64_t line = start + UPDATE_AHEAD; line < end + UPDATE_AHEAD; line += UPDATE_LINE) {
            __builtin_prefetch(gradient + line);
            __builtin_prefetch(velocity + line, 1);
            __builtin_prefetch(weight + line, 1);
        }
        for (int64_t i = start; i < end; i++) {
            velocity[i] = kept * velocity[i] + scaled * gradient[i];
            weight[i] -= step * velocity[i];
        }
    }
}

static real root(real x) {
    return sizeof(real) == sizeof(float) ? (real)sqrtf((float)x) : (real)sqrt((double)x);
}

static void rmsprop(const dstn_kernel *kernel, int64_t n, double rate, double beta, double epsilon, double factor,
                    const void *g, void *s, void *w) {
    const real *restrict gradient = g;
    real *restrict square = s;
    real *restrict weight = w;
    real scaled = (real)factor, step = (real)rate, kept = (real)beta, fresh = (real)(1 - beta), least = (real)epsilon;
    KERNEL_PARALLEL_FOR(n)
    for (int64_t i = 0; i < n; i++) {
        real value = scaled * gradient[i];
        square[i] = kept * square[i] + fresh * (value * value);
        weight[i] -= step * value / (root(square[i]) + least);
    }
}

static void adam(const dstn_kernel *kernel, int64_t n, double rate, double beta1, double beta2, double epsilon,
                 double correction1, double correction2, double factor, const void *g, void *m, void *v, void *w) {
    const real *restrict gradient = g;
    real *restrict mean = m;
    real *restrict square = v;
    real *restrict weight = w;
    real scaled = (real)factor, step = (real)(rate / correction1), spread = (real)(1 / sqrt(correction2));
    real kept1 = (real)beta1, fresh1 = (real)(1 - beta1), kept2 = (real)beta2, fresh2 = (real)(1 - beta2);
    real least = (real)epsilon;
    KERNEL_PARALLEL_FOR(n)
    for (int64_t i = 0; i < n; i++) {
        real value = scaled * gradient[i];
        mean[i] = kept1 * mean[i] + fresh1 * value;
        square[i] = kept2 * square[i] + fresh2 * (value * value);
        weight[i] -= step * mean[i] / (root(square[i]) * spread + least);
    }
}
