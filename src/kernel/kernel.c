/* kernel: finds a table of operations by backend and scalar type; threads, version and peak rate of the BLAS. */
#include "kernel_private.h"

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order of preference. */
static const dstn_kernel *const tables[] = {
#ifdef DSTN_ONEDNN
    &kernel_onednn_f32,
#endif
    &kernel_openblas_f32, &kernel_openblas_f64};

enum { TABLES = sizeof tables / sizeof tables[0] };

/* "auto, openblas", each backend once; size must hold all. */
static void name_backends(char *names, size_t size) {
    strncpy(names, "auto", size);
    for (size_t i = 0; i < TABLES; i++) {
        if (!strstr(names, tables[i]->backend)) {
            strncat(names, ", ", size - strlen(names) - 1);
            strncat(names, tables[i]->backend, size - strlen(names) - 1);
        }
    }
}

static bool has_backend(const char *backend) {
    for (size_t i = 0; i < TABLES; i++) {
        if (strcmp(tables[i]->backend, backend) == 0) {
            return true;
        }
    }
    return false;
}

dstn_status dstn_kernel_find(const char *backend, dstn_scalar scalar, const dstn_kernel **out, dstn_error *err) {
    bool any = strcmp(backend, "auto") == 0;
    for (size_t i = 0; i < TABLES; i++) {
        if (tables[i]->scalar == scalar && (any || strcmp(tables[i]->backend, backend) == 0)) {
            *out = tables[i];
            return DSTN_OK;
        }
    }
    char names[128];
    name_backends(names, sizeof names);
    if (any || has_backend(backend)) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "the backend %s does not compute in %s; there are: %s", backend,
                         dstn_scalar_name(scalar), names);
    }
    bool is_known = strcmp(backend, "onednn") == 0;
    return dstn_fail(err, DSTN_ERROR_USAGE, "%s \"%s\"; there are: %s",
                     is_known ? "this build has no backend" : "there is no backend", backend, names);
}

/* ---- threads ----------------------------------------------------------------------------------------------------- */

int dstn_kernel_threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

void dstn_kernel_for_rows(int64_t rows, int64_t block, dstn_rows_work *work, void *context) {
    int64_t pieces = (rows + block - 1) / block;
#ifdef _OPENMP
#pragma omp parallel for schedule(static) if (pieces > 1)
#endif
    for (int64_t piece = 0; piece < pieces; piece++) {
        int64_t first = piece * block;
#ifdef _OPENMP
        int thread = omp_get_thread_num();
#else
        int thread = 0;
#endif
        work(context, first, rows - first < block ? rows - first : block, thread);
    }
}

/* 1 unless the first variable of the two that is set says otherwise. */
static int threads_wanted(const char *first, const char *second) {
    const char *wanted = getenv(first);
    wanted = wanted ? wanted : getenv(second);
    long count = wanted ? strtol(wanted, NULL, 10) : 1;
    return count < 1 ? 1 : count > 1024 ? 1024 : (int)count;
}

int dstn_kernel_init_threads(void) {
    int threads = threads_wanted("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS");
    openblas_set_num_threads(threads_wanted("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"));
#ifdef _OPENMP
    omp_set_num_threads(threads);
#endif
    return threads;
}

/* ---- version and speed ------------------------------------------------------------------------------------------- */

const char *dstn_kernel_version(void) {
    static char text[256]; /* the same whenever it is written */
    snprintf(text, sizeof text, "%s", openblas_get_config());
#ifdef DSTN_ONEDNN
    size_t length = strlen(text);
    snprintf(text + length, sizeof text - length, "; %s", kernel_onednn_version());
#endif
    return text;
}

double dstn_kernel_peak(const dstn_kernel *kernel, int64_t size, int repetitions) {
    double best = 0;
    dstn_arena *arena = dstn_arena_new();
    size_t bytes = (size_t)(size * size) * kernel->size;
    void *a = dstn_arena_take(arena, bytes), *b = dstn_arena_take(arena, bytes), *c = dstn_arena_take(arena, bytes);
    if (a && b && c) {
        kernel->fill(kernel, size * size, 0.5, a);
        kernel->fill(kernel, size * size, 0.25, b);
        for (int i = 0; i < repetitions; i++) {
            double start = dstn_seconds();
            kernel->gemm(kernel, false, false, size, size, size, 1, a, size, b, size, 0, c, size);
            double seconds = dstn_seconds() - start;
            double rate = seconds > 0 ? 2e-9 * (double)size * (double)size * (double)size / seconds : 0;
            best = rate > best ? rate : best;
        }
    }
    dstn_arena_destroy(arena);
    return best;
}
