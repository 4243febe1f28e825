/* kernel: pooling, sums over places, statistics of columns and bytes, against their formulas; pieces of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel_fixture.h"

/* ---- pooling ------------------------------------------------------------------------------------------------------
 */

/* Rows, height, width, channels, side of the squares. */
static const int64_t pools[][5] = {{0, 4, 4, 3, 2}, {1, 1, 1, 1, 1},    {2, 4, 6, 3, 2},  {3, 5, 7, 5, 2},
                                   {2, 7, 8, 6, 3}, {1, 16, 15, 2, 15}, {2, 3, 3, 17, 1}, {1, 9, 4, 33, 4}};
enum { POOLS = sizeof pools / sizeof pools[0] };

/* Output i of a pool: where its square begins in x, with its channel. */
static int64_t square_of(const int64_t *pool, int64_t i) {
    int64_t height = pool[1], width = pool[2], cols = pool[3], size = pool[4];
    int64_t across = width / size, down = height / size, c = i % cols, j = i / cols % across;
    int64_t k = i / cols / across % down, r = i / cols / across / down;
    return ((r * height + k * size) * width + j * size) * cols + c;
}

static int64_t place_in(const int64_t *pool, int64_t place) {
    return (place / pool[4] * pool[2] + place % pool[4]) * pool[3];
}

static int64_t outputs(const int64_t *pool) {
    return pool[0] * (pool[1] / pool[4]) * (pool[2] / pool[4]) * pool[3];
}

static int64_t inputs(const int64_t *pool) {
    return pool[0] * pool[1] * pool[2] * pool[3];
}

static void check_pool(bench *b, const int64_t *pool) {
    static uint8_t at[SPACE];
    const dstn_kernel *k = b->kernel;
    int64_t rows = pool[0], height = pool[1], width = pool[2], cols = pool[3], size = pool[4], count = outputs(pool);
    assert_true(inputs(pool) < SPACE);
    renew(b);
    memset(at, 255, sizeof at);
    k->pool_max(k, rows, height, width, cols, size, b->x.raw, b->y.raw, at);
    k->pool_pick(k, rows, height, width, cols, size, at, b->z.raw, b->u.raw);
    for (int64_t i = 0; i < count; i++) {
        int64_t square = square_of(pool, i), best = 0;
        for (int64_t place = 1; place < size * size; place++) {
            best =
                b->x.value[square + place_in(pool, place)] > b->x.value[square + place_in(pool, best)] ? place : best;
        }
        assert_int_equal(at[i], best);
        b->y.value[i] = b->x.value[square + place_in(pool, best)];
        b->u.value[i] = b->z.value[square + place_in(pool, best)];
    }
    assert_int_equal(at[count], 255);
    check(b, "pool_max", &b->y);
    check(b, "pool_pick", &b->u);
    k->pool_spread(k, rows, height, width, cols, size, at, b->y.raw, b->z.raw);
    for (int64_t i = 0; i < inputs(pool); i++) {
        b->z.value[i] = 0; /* also at the edges that no square covers */
    }
    for (int64_t i = 0; i < count; i++) {
        b->z.value[square_of(pool, i) + place_in(pool, at[i])] = b->y.value[i];
    }
    check(b, "pool_spread", &b->z);
}

static void check_pools(bench *b) {
    for (int i = 0; i < POOLS; i++) {
        check_pool(b, pools[i]);
    }
}

static void pools_equal_their_formulas_with_and_without_a_rest(void **state) {
    (void)state;
    with_all_kernels(check_pools);
}

static void check_ties(bench *b) {
    /* 2 x 2, three channels: all equal; the last two equal and largest; a negative zero before a zero. */
    const double values[] = {5, 1, -0., 5, 0, 0., 5, 3, -1, 5, 3, -2};
    uint8_t at[3];
    b->kernel->from_double(b->kernel, 12, values, b->x.raw);
    b->kernel->pool_max(b->kernel, 1, 2, 2, 3, 2, b->x.raw, b->y.raw, at);
    assert_int_equal(at[0], 0);
    assert_int_equal(at[1], 2);
    assert_int_equal(at[2], 0);
    b->y.value[0] = 5;
    b->y.value[1] = 3;
    b->y.value[2] = 0;
    check(b, "pool_max", &b->y);
}

static void of_equal_values_the_first_is_taken(void **state) {
    (void)state;
    with_all_kernels(check_ties);
}

/* ---- places --------------------------------------------------------------------------------------------------------
 */

static void check_planes(bench *b) {
    static const int64_t shapes[][3] = {{0, 3, 4}, {1, 1, 1}, {3, 1, 5}, {2, 9, 6}, {4, 4, 17}, {1, 60, 33}};
    for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
        int64_t rows = shapes[s][0], plane = shapes[s][1], cols = shapes[s][2];
        renew(b);
        b->kernel->plane_sum(b->kernel, rows, plane, cols, 0.25, b->x.raw, b->y.raw);
        b->kernel->plane_spread(b->kernel, rows, plane, cols, -1.5, b->z.raw, b->u.raw);
        for (int64_t i = 0; i < rows * cols; i++) {
            double sum = 0;
            for (int64_t p = 0; p < plane; p++) {
                int64_t at = (i / cols * plane + p) * cols + i % cols;
                sum += b->x.value[at];
                b->u.value[at] = -1.5 * b->z.value[i];
            }
            b->y.value[i] = 0.25 * sum;
        }
        b->tolerance *= 10; /* a sum in the kernel's own precision */
        check(b, "plane_sum", &b->y);
        check(b, "plane_spread", &b->u);
        b->tolerance /= 10;
    }
}

static void sums_over_places_and_their_adjoint(void **state) {
    (void)state;
    with_all_kernels(check_planes);
}

/* ---- columns ------------------------------------------------------------------------------------------------------
 */

/* Widths around the tile of columns, 64. */
static const int64_t matrices[][2] = {{0, 5}, {1, 1}, {7, 1}, {1, 6}, {20, 33}, {11, 63}, {9, 64}, {13, 65}, {5, 200}};
enum { MATRICES = sizeof matrices / sizeof matrices[0], MOST_COLUMNS = 200 };

static void assert_columns(const bench *b, const char *what, const double *got, const double *want, int64_t cols) {
    for (int64_t c = 0; c < cols; c++) {
        if (!(fabs(got[c] - want[c]) <= 1e-13 * (1 + fabs(want[c])))) { /* double, whatever the scalar */
            fail_msg("%s in %s: column %d of %d is %.17g, not %.17g", what, dstn_scalar_name(b->kernel->scalar), (int)c,
                     (int)cols, got[c], want[c]);
        }
    }
    assert_true(got[cols] == 2);
}

/* Three sums: of x, of x (y − center), of (x − center)², which are added to what is there. */
static void check_sums(bench *b, int64_t rows, int64_t cols) {
    double got[3][MOST_COLUMNS + 1], want[3][MOST_COLUMNS], center[MOST_COLUMNS];
    for (int64_t c = 0; c <= cols; c++) {
        for (int i = 0; i < 3; i++) {
            got[i][c] = 2;
        }
    }
    for (int64_t c = 0; c < cols; c++) {
        center[c] = sin((double)c);
        want[0][c] = want[1][c] = want[2][c] = 2;
        for (int64_t r = 0; r < rows; r++) {
            double x = b->x.value[r * cols + c], y = b->y.value[r * cols + c];
            want[0][c] += x;
            want[1][c] += x * (y - center[c]);
            want[2][c] += (x - center[c]) * (x - center[c]);
        }
    }
    b->kernel->column_sums(b->kernel, rows, cols, b->x.raw, got[0]);
    b->kernel->column_dots(b->kernel, rows, cols, b->x.raw, b->y.raw, center, got[1]);
    b->kernel->column_squares(b->kernel, rows, cols, b->x.raw, center, got[2]);
    assert_columns(b, "column_sums", got[0], want[0], cols);
    assert_columns(b, "column_dots", got[1], want[1], cols);
    assert_columns(b, "column_squares", got[2], want[2], cols);
}

static void check_all_sums(bench *b) {
    for (int m = 0; m < MATRICES; m++) {
        renew(b);
        check_sums(b, matrices[m][0], matrices[m][1]);
    }
}

static void statistics_of_columns_are_summed_in_double(void **state) {
    (void)state;
    with_all_kernels(check_all_sums);
}

static void check_affine(bench *b) {
    double a[MOST_COLUMNS], slope[MOST_COLUMNS], shift[MOST_COLUMNS];
    for (int c = 0; c < MOST_COLUMNS; c++) {
        a[c] = 1 + c % 7;
        slope[c] = -0.5 * (c % 3);
        shift[c] = 0.25 * (c % 5);
    }
    for (int m = 0; m < MATRICES; m++) {
        int64_t rows = matrices[m][0], cols = matrices[m][1];
        renew(b);
        b->kernel->column_affine(b->kernel, rows, cols, a, b->x.raw, slope, b->y.raw, shift, b->z.raw);
        b->kernel->column_affine(b->kernel, rows, cols, a, b->x.raw, NULL, NULL, shift, b->u.raw);
        b->kernel->column_affine(b->kernel, rows, cols, a, b->x.raw, slope, b->y.raw, shift,
                                 b->y.raw);                                                        /* in place of x */
        b->kernel->column_affine(b->kernel, rows, cols, a, b->x.raw, NULL, NULL, shift, b->x.raw); /* in place of v */
        for (int64_t i = 0; i < rows * cols; i++) {
            int64_t c = i % cols;
            double own = a[c] * b->x.value[i] + shift[c];
            b->z.value[i] = own + slope[c] * b->y.value[i];
            b->y.value[i] = b->z.value[i];
            b->u.value[i] = b->x.value[i] = own;
        }
        b->tolerance *= 10;
        check(b, "column_affine", &b->z);
        check(b, "column_affine in place of x", &b->y);
        check(b, "column_affine without x", &b->u);
        check(b, "column_affine in place of v", &b->x);
        b->tolerance /= 10;
    }
}

static void maps_of_columns_equal_their_formula_also_in_place(void **state) {
    (void)state;
    with_all_kernels(check_affine);
}

/* ---- bytes ---------------------------------------------------------------------------------------------------------
 */

static void check_bytes(bench *b) {
    uint8_t bytes[256];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
        b->x.value[i] = i / 255. / 0.35 - 0.8;
    }
    b->kernel->from_bytes(b->kernel, 256, 1 / 255. / 0.35, -0.8, bytes, b->x.raw);
    check(b, "from_bytes", &b->x);
}

static void bytes_are_scaled_and_shifted(void **state) {
    (void)state;
    with_all_kernels(check_bytes);
}

/* ---- pieces of rows ------------------------------------------------------------------------------------------------
 */

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

static void every_row_is_worked_on_once(void **state) {
    (void)state;
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pools_equal_their_formulas_with_and_without_a_rest),
        cmocka_unit_test(of_equal_values_the_first_is_taken),
        cmocka_unit_test(sums_over_places_and_their_adjoint),
        cmocka_unit_test(statistics_of_columns_are_summed_in_double),
        cmocka_unit_test(maps_of_columns_equal_their_formula_also_in_place),
        cmocka_unit_test(bytes_are_scaled_and_shifted),
        cmocka_unit_test(every_row_is_worked_on_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
