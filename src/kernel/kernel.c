/* kernel: finds a table of operations by backend and scalar type; version and peak rate of the products. */
#include "kernel_private.h"

#include <cblas.h>
#include <stdio.h>
#include <string.h>
#include <threads.h>

/* In the order of preference: the references, which are not made to be fast, come last. */
static void (*const backends[])(dstn_kernel *table) = {
#ifdef DSTN_ONEDNN
    kernel_onednn_f32,
#endif
    kernel_openblas_f32, kernel_openblas_f64, kernel_reference_f32, kernel_reference_f64};

enum { TABLES = sizeof backends / sizeof backends[0] };

/* Filled once, and constant from then on. */
static dstn_kernel tables[TABLES];
static double peaks[TABLES]; /* GFLOP/s; 0: not measured yet */

static void fill_tables(void) {
    for (size_t i = 0; i < TABLES; i++) {
        backends[i](&tables[i]);
    }
}

const dstn_kernel *dstn_kernel_at(int i) {
    static once_flag once = ONCE_FLAG_INIT;
    call_once(&once, fill_tables);
    return i < TABLES ? &tables[i] : NULL;
}

/* "auto, openblas", each backend once; size must hold all. */
static void name_backends(char *names, size_t size) {
    snprintf(names, size, "auto");
    for (int i = 0; i < TABLES; i++) {
        const char *name = dstn_kernel_at(i)->backend;
        if (!strstr(names, name)) {
            size_t length = strlen(names);
            snprintf(names + length, size - length, ", %s", name);
        }
    }
}

static bool has_backend(const char *backend) {
    for (int i = 0; i < TABLES; i++) {
        if (strcmp(dstn_kernel_at(i)->backend, backend) == 0) {
            return true;
        }
    }
    return false;
}

dstn_status dstn_kernel_find(const char *backend, dstn_scalar scalar, const dstn_kernel **out, dstn_error *err) {
    bool any = strcmp(backend, "auto") == 0;
    for (int i = 0; i < TABLES; i++) {
        const dstn_kernel *table = dstn_kernel_at(i);
        if (table->scalar == scalar && (any || strcmp(table->backend, backend) == 0)) {
            *out = table;
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

double dstn_kernel_measure(const dstn_kernel *kernel, int64_t size, int repetitions) {
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

double dstn_kernel_peak(const dstn_kernel *kernel) {
    enum { SIZE = 512, REPETITIONS = 3 };
    for (int i = 0; i < TABLES; i++) {
        if (kernel == &tables[i]) {
            peaks[i] = peaks[i] > 0 ? peaks[i] : dstn_kernel_measure(kernel, SIZE, REPETITIONS);
            return peaks[i];
        }
    }
    return dstn_kernel_measure(kernel, SIZE, REPETITIONS);
}
