/* kernel: the threads of this process, and what is split over them. */
#include "split.h"

#include "dstn/kernel.h"

#include <cblas.h>
#ifdef _OPENMP
#include <omp.h>
#endif
#include <stdlib.h>

/* ---- how many ---------------------------------------------------------------------------------------------------- */

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

int dstn_kernel_threads(void) {
#ifdef _OPENMP
    return omp_get_max_threads();
#else
    return 1;
#endif
}

/* ---- loops over elements ----------------------------------------------------------------------------------------- */

enum { LEAST_SPLIT = 65536 };

#ifdef _OPENMP
static bool has_free_threads(void) {
    return omp_get_max_threads() > 1 && !omp_in_parallel();
}
#else
static bool has_free_threads(void) {
    return false;
}
#endif

bool kernel_splits(int64_t elements) {
    return elements > LEAST_SPLIT && has_free_threads();
}

void kernel_piece(int64_t n, int64_t *first, int64_t *end) {
#ifdef _OPENMP
    int64_t thread = omp_get_thread_num(), threads = omp_get_num_threads();
#else
    int64_t thread = 0, threads = 1;
#endif
    *first = n / threads * thread + (thread < n % threads ? thread : n % threads);
    *end = *first + n / threads + (thread < n % threads);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

typedef struct rows_loop {
    int64_t rows, block;
    dstn_rows_work *work;
    void *context;
} rows_loop;

/* Pieces `first` … `end`−1. */
static void work_on(const rows_loop *loop, int64_t first, int64_t end, int thread) {
    for (int64_t piece = first; piece < end; piece++) {
        int64_t row = piece * loop->block, left = loop->rows - row;
        loop->work(loop->context, row, left < loop->block ? left : loop->block, thread);
    }
}

void dstn_kernel_for_rows(int64_t rows, int64_t block, dstn_rows_work *work, void *context) {
    const rows_loop loop = {rows, block, work, context};
    int64_t pieces = (rows + block - 1) / block;
    if (pieces < 2 || !has_free_threads()) {
        work_on(&loop, 0, pieces, 0);
        return;
    }
#ifdef _OPENMP
#pragma omp parallel
    {
        int64_t first, end;
        kernel_piece(pieces, &first, &end);
        work_on(&loop, first, end, omp_get_thread_num());
    }
#endif
}
