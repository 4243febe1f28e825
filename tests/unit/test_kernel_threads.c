/* kernel: how many threads there are, what is split over them, and that small loops are not. */
#define _GNU_SOURCE /* RTLD_NEXT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/kernel.h"

static const dstn_rng test_rng = {.seed = 6, .purpose = DSTN_PURPOSE_TEST};

/* ---- how often OpenMP is entered --------------------------------------------------------------------------------- */

/* GCC enters its OpenMP library by this function: the program's own definition goes before the library's. */
static _Atomic int entered;

typedef void region(void *data);
typedef void enter(region *work, void *data, unsigned threads, unsigned flags);
enter GOMP_parallel;

void GOMP_parallel(region *work, void *data, unsigned threads, unsigned flags) {
    static enter *next;
    if (!next) {
        *(void **)&next = dlsym(RTLD_NEXT, "GOMP_parallel");
    }
    entered++;
    next(work, data, threads, flags);
}

static void set_threads(const char *count) {
    setenv("OMP_NUM_THREADS", count, 1);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    dstn_kernel_init_threads();
}

static void do_nothing(void *context, int64_t first, int64_t count, int thread) {
    (void)context;
    (void)first;
    (void)count;
    (void)thread;
}

/* Another compiler enters another library; without OpenMP there is nothing to see. */
static void skip_unless_regions_are_seen(void) {
    set_threads("2");
    entered = 0;
    dstn_kernel_for_rows(2, 1, do_nothing, NULL);
    if (entered == 0) {
        skip();
    }
}

/* ---- number ------------------------------------------------------------------------------------------------------ */

static void threads_follow_the_environment_and_are_one_without_it(void **state) {
    (void)state;
    unsetenv("OPENBLAS_NUM_THREADS");
    unsetenv("OMP_NUM_THREADS");
    assert_int_equal(dstn_kernel_init_threads(), 1);
    setenv("OMP_NUM_THREADS", "2", 1);
    assert_int_equal(dstn_kernel_init_threads(), 2);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    assert_int_equal(dstn_kernel_init_threads(), 2); /* OpenBLAS alone has one */
    setenv("OMP_NUM_THREADS", "many", 1);
    assert_int_equal(dstn_kernel_init_threads(), 1);
    unsetenv("OMP_NUM_THREADS");
    setenv("OPENBLAS_NUM_THREADS", "2", 1);
    assert_int_equal(dstn_kernel_init_threads(), 2);
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

typedef struct pieces {
    int64_t block;
    int seen[100];
    int bad;
} pieces;

static void note_piece(void *context, int64_t first, int64_t count, int thread) {
    pieces *p = context;
    p->bad += count < 1 || count > p->block || first % p->block || thread < 0 || thread >= dstn_kernel_threads();
    for (int64_t r = first; r < first + count; r++) {
        p->seen[r]++;
    }
}

static void check_rows(void) {
    static const int64_t blocks[] = {1, 3, 99, 100, 1000};
    for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++) {
        for (int64_t rows = 0; rows <= 100; rows += 25) {
            pieces p = {.block = blocks[b]};
            dstn_kernel_for_rows(rows, blocks[b], note_piece, &p);
            assert_int_equal(p.bad, 0);
            for (int64_t r = 0; r < 100; r++) {
                assert_int_equal(p.seen[r], r < rows);
            }
        }
    }
}

static void every_row_is_worked_on_once(void **state) {
    (void)state;
    set_threads("1");
    check_rows();
    set_threads("3");
    check_rows();
}

static void note_thread(void *context, int64_t first, int64_t count, int thread) {
    (void)count;
    int *threads = context;
    threads[first] = thread;
}

static void rows_are_spread_over_the_threads(void **state) {
    (void)state;
    int threads[6] = {0};
    set_threads("3");
    dstn_kernel_for_rows(6, 1, note_thread, threads);
    for (int r = 0; r < 6; r++) {
        assert_int_equal(threads[r], dstn_kernel_threads() == 3 ? r / 2 : 0);
    }
}

/* ---- elements ---------------------------------------------------------------------------------------------------- */

enum { LONG = 200003, COLUMNS = 1000, ROWS = 200 };

typedef struct arrays {
    void *x, *y, *m, *v;
    double sums[COLUMNS];
} arrays;

static arrays arrays_new(const dstn_kernel *k) {
    arrays a = {0};
    void **const all[] = {&a.x, &a.y, &a.m, &a.v};
    double *values = malloc(LONG * sizeof *values);
    for (uint64_t i = 0; i < 4; i++) {
        for (int64_t j = 0; j < LONG; j++) {
            double pair[2];
            dstn_rng_uniforms(test_rng, i, 0, (uint64_t)j, pair);
            values[j] = pair[0];
        }
        *all[i] = malloc(LONG * k->size);
        k->from_double(k, LONG, values, *all[i]);
    }
    free(values);
    return a;
}

static void arrays_free(arrays *a) {
    free(a->x);
    free(a->y);
    free(a->m);
    free(a->v);
}

/* Rows by word, a language model's loss, and the gates of an LSTM, on the same arrays. */
static void run_language_model(const dstn_kernel *k, arrays *a) {
    enum { WORDS = 2000, TEXT = 100, UNITS = 1000, CELLS = 50, STATES = UNITS * CELLS };
    int64_t labels[TEXT], tokens[TEXT];
    for (int64_t r = 0; r < TEXT; r++) {
        labels[r] = r * r % WORDS;
        tokens[r] = r * r % (LONG / UNITS);
    }
    a->sums[0] += k->cross_entropy(k, TEXT, WORDS, 0.5, a->y, labels, a->m, NULL);
    k->gather_rows(k, TEXT, UNITS, tokens, NULL, a->x, a->y);
    k->scatter_rows(k, TEXT, UNITS, tokens, NULL, a->y, a->x);
    const dstn_lstm_rows rows = {CELLS, UNITS, 4 * UNITS, UNITS, UNITS};
    char *c = a->y;
    char *squashed = c + STATES * k->size, *h = squashed + STATES * k->size, *before = h + STATES * k->size;
    k->lstm_forward(k, rows, a->x, before, c, squashed, h);
    k->lstm_tangent(k, rows, a->x, before, squashed, a->m, a->v, h);
    k->lstm_adjoint(k, rows, a->x, before, squashed, h, a->v, a->m);
    dstn_packed *packed = k->packed_new(k, true, UNITS, LONG / UNITS);
    k->packed_set(k, packed, a->x);
    k->packed_product(k, packed, 2, a->m, UNITS, 0, a->v, LONG / UNITS);
    k->packed_destroy(k, packed);
}

/* All operations that split their loops. */
static void run(const dstn_kernel *k, arrays *a, int64_t n, int64_t rows, int64_t cols) {
    double center[COLUMNS];
    for (int64_t c = 0; c < cols; c++) {
        center[c] = 0.5;
    }
    k->scale(k, n, 1.1, a->x);
    k->axpy(k, n, 0.3, a->x, a->y);
    k->sgd(k, n, 0.1, 0.9, 0.5, a->x, a->m, a->y);
    k->rmsprop(k, n, 0.1, 0.9, 1e-3, 0.5, a->x, a->v, a->y);
    k->adam(k, n, 0.1, 0.9, 0.99, 1e-3, 0.1, 0.01, 0.5, a->x, a->m, a->v, a->y);
    k->add_row(k, rows, cols, a->x, a->y);
    k->plane_sum(k, 20, rows / 20, cols, 0.5, a->y, a->v);
    const dstn_factor s = {a->m, cols, 1}, t = {a->v, 0, 1};
    k->response_add(k, 20, rows / 20, cols, s, a->x, t, a->v, a->y);
    k->response_scale(k, rows, 1, cols, s, a->y, a->x);
    k->response_factors(k, 20, rows / 20, cols, a->x, a->y, a->v, a->m);
    k->column_sums(k, rows, cols, a->x, a->sums);
    k->column_dots(k, rows, cols, a->x, a->y, center, a->sums);
    k->column_squares(k, rows, cols, a->x, center, a->sums);
}

static void loops_that_are_split_compute_the_same_bits(void **state) {
    (void)state;
    for (int i = 0; dstn_kernel_at(i); i++) {
        const dstn_kernel *k = dstn_kernel_at(i);
        arrays one = arrays_new(k), three = arrays_new(k);
        set_threads("1");
        run(k, &one, LONG, ROWS, COLUMNS);
        run_language_model(k, &one);
        set_threads("3");
        run(k, &three, LONG, ROWS, COLUMNS);
        run_language_model(k, &three);
        assert_memory_equal(one.x, three.x, LONG * k->size);
        assert_memory_equal(one.y, three.y, LONG * k->size);
        assert_memory_equal(one.m, three.m, LONG * k->size);
        assert_memory_equal(one.v, three.v, LONG * k->size);
        assert_memory_equal(one.sums, three.sums, sizeof one.sums);
        arrays_free(&one);
        arrays_free(&three);
    }
}

static void long_loops_are_split_where_there_are_threads(void **state) {
    (void)state;
    skip_unless_regions_are_seen();
    arrays a = arrays_new(dstn_kernel_at(0));
    entered = 0;
    run(dstn_kernel_at(0), &a, LONG, ROWS, COLUMNS);
    assert_int_equal(entered, 13);
    arrays_free(&a);
}

static void map_small_images(const dstn_kernel *k, arrays *a) {
    dstn_map_shape shape = {2, 3, 8, 8, 3, 1, 1, 8, 8, false, false};
    dstn_map *map = k->map_new(k, &shape, 4);
    k->map_forward(k, map, 4, a->x, a->y, a->m);
    k->map_adjoint(k, map, 4, a->m, a->y, 1, a->x);
    k->map_gradient(k, map, 4, a->x, a->m, 0, a->y);
    k->map_destroy(k, map);
}

/* A region costs more than the step of a small network. */
static void neither_one_thread_nor_few_elements_enter_openmp(void **state) {
    (void)state;
    skip_unless_regions_are_seen();
    for (int i = 0; dstn_kernel_at(i); i++) {
        const dstn_kernel *k = dstn_kernel_at(i);
        arrays a = arrays_new(k);
        set_threads("1");
        entered = 0;
        run(k, &a, LONG, ROWS, COLUMNS);
        dstn_kernel_for_rows(100, 1, do_nothing, NULL);
        assert_int_equal(entered, 0);
        map_small_images(k, &a); /* oneDNN's own threads are its own affair, but not with one */
        assert_int_equal(entered, 0);
        set_threads("3");
        run(k, &a, 1000, 20, 50);
        dstn_kernel_for_rows(100, 100, do_nothing, NULL);
        assert_int_equal(entered, 0);
        arrays_free(&a);
    }
}

/* Work on rows that calls operations on long arrays does so on its own thread. */
static void scale_long(void *context, int64_t first, int64_t count, int thread) {
    (void)first;
    (void)count;
    (void)thread;
    const dstn_kernel *k = dstn_kernel_at(0);
    arrays *a = context;
    k->scale(k, LONG / 2, 1.5, (char *)a->x + (size_t)(first * (LONG / 2)) * k->size);
    dstn_kernel_for_rows(10, 1, do_nothing, NULL);
}

static void regions_are_not_nested(void **state) {
    (void)state;
    skip_unless_regions_are_seen();
    arrays a = arrays_new(dstn_kernel_at(0));
    set_threads("2");
    entered = 0;
    dstn_kernel_for_rows(2, 1, scale_long, &a);
    assert_int_equal(entered, 1);
    arrays_free(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_follow_the_environment_and_are_one_without_it),
        cmocka_unit_test(every_row_is_worked_on_once),
        cmocka_unit_test(rows_are_spread_over_the_threads),
        cmocka_unit_test(loops_that_are_split_compute_the_same_bits),
        cmocka_unit_test(long_loops_are_split_where_there_are_threads),
        cmocka_unit_test(neither_one_thread_nor_few_elements_enter_openmp),
        cmocka_unit_test(regions_are_not_nested),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
