/* kernel: maps of images that are used more than once, in pieces, on several threads, and at the sizes of networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "kernel_fixture.h"

enum { GUARD = 16 };

/* ---- arrays that are watched beyond their ends ------------------------------------------------------------------- */

typedef struct array {
    int64_t count;
    double *value;     /* [count] */
    double *magnitude; /* [count], Σ |terms| that the value is made of */
    void *raw;         /* [count + GUARD] in the kernel's type */
} array;

static void copy_in(const dstn_kernel *kernel, array *a) {
    double guard[GUARD];
    for (int i = 0; i < GUARD; i++) {
        guard[i] = -77;
    }
    kernel->from_double(kernel, a->count, a->value, a->raw);
    kernel->from_double(kernel, GUARD, guard, (char *)a->raw + (size_t)a->count * kernel->size);
}

static array array_new(const dstn_kernel *kernel, int64_t count, uint64_t step) {
    array a = {count, malloc((size_t)(count + 1) * sizeof(double)), calloc((size_t)count + 1, sizeof(double)),
               malloc((size_t)(count + GUARD) * kernel->size)};
    for (int64_t i = 0; i < count; i++) {
        double pair[2];
        dstn_rng_normals(test_rng, step, 0, (uint64_t)i, pair);
        a.value[i] = (double)(float)pair[0];
    }
    copy_in(kernel, &a);
    return a;
}

static void array_free(array *a) {
    free(a->value);
    free(a->magnitude);
    free(a->raw);
}

static void describe(const dstn_kernel *kernel, const dstn_map_shape *s, const char *what, int64_t rows) {
    print_error("%s of %s in %s: %d rows, %d x %d x %d to %d x %d x %d, kernel %d, stride %d, padding %d\n", what,
                kernel->backend, dstn_scalar_name(kernel->scalar), (int)rows, (int)s->in_height, (int)s->in_width,
                (int)s->in, (int)s->out_height, (int)s->out_width, (int)s->out, (int)s->kernel, (int)s->stride,
                (int)s->padding);
}

static void compare(const dstn_kernel *kernel, const dstn_map_shape *s, const char *what, int64_t rows,
                    const array *a) {
    /* Winograd's transforms have factors up to 8, whose products cancel: single elements are less exact. */
    double tolerance = (kernel->scalar == DSTN_F64 ? 1e-14 : 2e-6) * (s->is_winograd ? 16 : 1), guard[GUARD];
    double *got = malloc((size_t)(a->count + 1) * sizeof *got);
    kernel->to_double(kernel, a->count, a->raw, got);
    kernel->to_double(kernel, GUARD, (const char *)a->raw + (size_t)a->count * kernel->size, guard);
    for (int64_t i = 0; i < a->count; i++) {
        if (!(fabs(got[i] - a->value[i]) <= tolerance * (1 + a->magnitude[i]))) {
            describe(kernel, s, what, rows);
            fail_msg("element %d is %.10g, not %.10g", (int)i, got[i], a->value[i]);
        }
    }
    for (int i = 0; i < GUARD; i++) {
        if (guard[i] != -77) {
            describe(kernel, s, what, rows);
            fail_msg("written beyond the end");
        }
    }
    free(got);
}

/* ---- plain loops ------------------------------------------------------------------------------------------------- */

/* Positions of one product x w that enters y; `visit` is called for all. */
typedef void visit(void *context, int64_t x, int64_t w, int64_t y);

static void for_channels(const dstn_map_shape *s, int64_t pixel, int64_t tap, int64_t place, visit *v, void *context) {
    for (int64_t in = 0; in < s->in; in++) {
        for (int64_t out = 0; out < s->out; out++) {
            int64_t weight = s->is_out_first ? out * s->in + in : (tap * s->in + in) * s->out + out;
            v(context, pixel * s->in + in, weight, place * s->out + out);
        }
    }
}

static void for_products(const dstn_map_shape *s, int64_t rows, visit *v, void *context) {
    for (int64_t at = 0; at < rows * s->out_height * s->out_width; at++) {
        int64_t r = at / (s->out_height * s->out_width);
        int64_t top = at / s->out_width % s->out_height * s->stride - s->padding;
        int64_t left = at % s->out_width * s->stride - s->padding;
        for (int64_t tap = 0; tap < s->kernel * s->kernel; tap++) {
            int64_t i = top + tap / s->kernel, j = left + tap % s->kernel;
            if (i >= 0 && i < s->in_height && j >= 0 && j < s->in_width) {
                for_channels(s, (r * s->in_height + i) * s->in_width + j, tap, at, v, context);
            }
        }
    }
}

typedef struct arrays {
    array x, w, y, dy, dx, dw;
} arrays;

static void add(array *to, int64_t at, double term) {
    to->value[at] += term;
    to->magnitude[at] += fabs(term);
}

static void add_forward(void *context, int64_t x, int64_t w, int64_t y) {
    arrays *a = context;
    add(&a->y, y, a->x.value[x] * a->w.value[w]);
}

static void add_adjoint(void *context, int64_t x, int64_t w, int64_t y) {
    arrays *a = context;
    add(&a->dx, x, a->dy.value[y] * a->w.value[w]);
}

static void add_gradient(void *context, int64_t x, int64_t w, int64_t y) {
    arrays *a = context;
    add(&a->dw, w, a->x.value[x] * a->dy.value[y]);
}

/* ---- one shape --------------------------------------------------------------------------------------------------- */

static dstn_map_shape shape_of(int64_t in, int64_t out, int64_t height, int64_t width, int64_t side, int64_t stride,
                               int64_t padding) {
    return (dstn_map_shape){in,
                            out,
                            height,
                            width,
                            side,
                            stride,
                            padding,
                            (height + 2 * padding - side) / stride + 1,
                            (width + 2 * padding - side) / stride + 1,
                            false,
                            false};
}

static arrays arrays_new(const dstn_kernel *kernel, const dstn_map_shape *s, int64_t rows) {
    int64_t in = rows * s->in_height * s->in_width * s->in, out = rows * s->out_height * s->out_width * s->out;
    int64_t weights = s->kernel * s->kernel * s->in * s->out;
    return (arrays){array_new(kernel, in, 1),  array_new(kernel, weights, 2), array_new(kernel, out, 3),
                    array_new(kernel, out, 4), array_new(kernel, in, 5),      array_new(kernel, weights, 6)};
}

static void arrays_free(arrays *a) {
    array *const all[] = {&a->x, &a->w, &a->y, &a->dy, &a->dx, &a->dw};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        array_free(all[i]);
    }
}

/* With beta 0 what was there must not be read. */
static void prepare(const dstn_kernel *kernel, array *a, double beta) {
    for (int64_t i = 0; i < a->count; i++) {
        a->value[i] = beta == 0 ? NAN : a->value[i];
    }
    copy_in(kernel, a);
    for (int64_t i = 0; i < a->count; i++) {
        a->value[i] = beta == 0 ? 0 : beta * a->value[i];
        a->magnitude[i] = fabs(a->value[i]);
    }
}

static void check_rows(const dstn_kernel *kernel, dstn_map *map, const dstn_map_shape *s, int64_t rows, double beta) {
    arrays a = arrays_new(kernel, s, rows);
    prepare(kernel, &a.y, 0);
    prepare(kernel, &a.dx, beta);
    prepare(kernel, &a.dw, beta);
    kernel->map_forward(kernel, map, rows, a.x.raw, a.w.raw, a.y.raw);
    kernel->map_adjoint(kernel, map, rows, a.dy.raw, a.w.raw, beta, a.dx.raw);
    kernel->map_gradient(kernel, map, rows, a.x.raw, a.dy.raw, beta, a.dw.raw);
    for_products(s, rows, add_forward, &a);
    for_products(s, rows, add_adjoint, &a);
    for_products(s, rows, add_gradient, &a);
    compare(kernel, s, "forward", rows, &a.y);
    compare(kernel, s, beta == 0 ? "adjoint" : "added adjoint", rows, &a.dx);
    compare(kernel, s, beta == 0 ? "gradient" : "added gradient", rows, &a.dw);
    arrays_free(&a);
}

/* Also fewer rows than the map was made for, in between: plans and scratch arrays must not remember the last call. */
static void check_shape(const dstn_kernel *kernel, dstn_map_shape s, int64_t max_rows) {
    dstn_map *map = kernel->map_new(kernel, &s, max_rows);
    assert_non_null(map);
    check_rows(kernel, map, &s, max_rows, 0);
    check_rows(kernel, map, &s, 1, 1);
    check_rows(kernel, map, &s, max_rows, 1);
    check_rows(kernel, map, &s, (max_rows + 1) / 2, 0);
    assert_true(kernel->map_memory(kernel, map) > 0);
    kernel->map_destroy(kernel, map);
}

static void for_kernels(void (*test)(const dstn_kernel *kernel)) {
    for (int i = 0; dstn_kernel_at(i); i++) {
        test(dstn_kernel_at(i));
    }
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

/* Convolutions and matrices, small and large, to which oneDNN has fast products and has none. */
static void check_kinds(const dstn_kernel *kernel) {
    check_shape(kernel, shape_of(3, 5, 5, 8, 3, 1, 1), 3);
    check_shape(kernel, shape_of(1, 16, 6, 7, 5, 1, 2), 4);
    check_shape(kernel, shape_of(16, 7, 6, 7, 3, 2, 0), 5);
    check_shape(kernel, shape_of(3, 2, 3, 2, 2, 1, 3), 2);
    check_shape(kernel, shape_of(37, 19, 1, 1, 1, 1, 0), 5);
    check_shape(kernel, shape_of(128, 96, 1, 1, 1, 1, 0), 100);
}

/* Small images with many channels go by places and taps: also such as see nothing of the image. */
static void check_small(const dstn_kernel *kernel) {
    check_shape(kernel, shape_of(128, 128, 2, 2, 3, 1, 1), 3);
    check_shape(kernel, shape_of(64, 256, 5, 4, 3, 2, 1), 2);
    check_shape(kernel, shape_of(512, 32, 2, 1, 5, 1, 2), 2);
    check_shape(kernel, shape_of(128, 128, 1, 1, 2, 1, 2), 2);
}

/* As an embedding stores the weight that a decoder shares: small, and large enough for oneDNN's own product. */
static void check_out_first(const dstn_kernel *kernel) {
    dstn_map_shape small = shape_of(37, 19, 1, 1, 1, 1, 0), large = shape_of(128, 96, 1, 1, 1, 1, 0);
    small.is_out_first = large.is_out_first = true;
    check_shape(kernel, small, 5);
    check_shape(kernel, large, 100);
}

static void a_matrix_may_be_stored_with_its_outputs_first(void **state) {
    (void)state;
    for_kernels(check_out_first);
}

static void a_map_remembers_nothing_of_the_call_before(void **state) {
    (void)state;
    for_kernels(check_kinds);
}

static void small_images_meet_the_kernel_where_they_are(void **state) {
    (void)state;
    for_kernels(check_small);
}

static dstn_map_shape winograd_shape_of(int64_t in, int64_t out, int64_t height, int64_t width, int64_t padding) {
    dstn_map_shape shape = shape_of(in, out, height, width, 3, 1, padding);
    shape.is_winograd = dstn_convolution_is_winograd(DSTN_CONVOLUTION_WINOGRAD, &shape);
    assert_true(shape.is_winograd);
    return shape;
}

/* Images that fill their tiles and images that don't, channels that fill vectors and such that don't, more tiles than
 * are transformed at a time. */
static void check_winograd(const dstn_kernel *kernel) {
    check_shape(kernel, winograd_shape_of(3, 5, 5, 8, 1), 3);
    check_shape(kernel, winograd_shape_of(16, 32, 8, 4, 1), 4);
    check_shape(kernel, winograd_shape_of(17, 18, 6, 7, 0), 2);
    check_shape(kernel, winograd_shape_of(2, 33, 3, 2, 2), 3);
    check_shape(kernel, winograd_shape_of(1, 240, 5, 5, 1), 33);
}

static void winograds_algorithm_is_the_same_map(void **state) {
    (void)state;
    for_kernels(check_winograd);
}

/* Ones in the first two columns: what sees them not is 0, not what products of zeros leave after they cancel. */
static void check_zeros(const dstn_kernel *kernel) {
    enum { SIDE = 8, CHANNELS = 20, ONES = 2 };
    dstn_map_shape shape = winograd_shape_of(CHANNELS, CHANNELS, SIDE, SIDE, 1);
    arrays a = arrays_new(kernel, &shape, 1);
    double *x = calloc((size_t)a.x.count, sizeof *x), *y = malloc((size_t)a.y.count * sizeof *y);
    for (int64_t i = 0; i < a.x.count; i++) {
        x[i] = i / CHANNELS % SIDE < ONES ? a.x.value[i] : 0;
    }
    kernel->from_double(kernel, a.x.count, x, a.x.raw);
    dstn_map *map = kernel->map_new(kernel, &shape, 1);
    kernel->map_forward(kernel, map, 1, a.x.raw, a.w.raw, a.y.raw);
    kernel->map_destroy(kernel, map);
    kernel->to_double(kernel, a.y.count, a.y.raw, y);
    for (int64_t i = 0; i < a.y.count; i++) {
        bool sees = i / CHANNELS % SIDE <= ONES;
        assert_true(sees ? y[i] != 0 : y[i] == 0);
    }
    free(x);
    free(y);
    arrays_free(&a);
}

static void winograds_algorithm_keeps_exact_zeros(void **state) {
    (void)state;
    for_kernels(check_zeros);
}

/* By the shape alone, and never for the small networks that were there before it. */
static void winograds_algorithm_is_taken_where_it_is_possible_and_gains(void **state) {
    (void)state;
    dstn_map_shape large = shape_of(64, 64, 32, 32, 3, 1, 1), few = shape_of(63, 64, 32, 32, 3, 1, 1);
    dstn_map_shape small = shape_of(512, 512, 2, 2, 3, 1, 1), strided = shape_of(64, 64, 32, 32, 3, 2, 1);
    dstn_map_shape wide = shape_of(64, 64, 32, 32, 5, 1, 2), padded = shape_of(64, 64, 32, 32, 3, 1, 3);
    const dstn_map_shape *const possible[] = {&large, &few, &small}, *const other[] = {&strided, &wide, &padded};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dstn_convolution_is_winograd(DSTN_CONVOLUTION_AUTO, possible[i]), i == 0);
        assert_true(dstn_convolution_is_winograd(DSTN_CONVOLUTION_WINOGRAD, possible[i]));
        assert_false(dstn_convolution_is_winograd(DSTN_CONVOLUTION_DIRECT, possible[i]));
        assert_false(dstn_convolution_is_winograd(DSTN_CONVOLUTION_WINOGRAD, other[i]));
    }
}

/* More patches than a scratch array holds: the mini-batch is taken in pieces. */
static void check_pieces(const dstn_kernel *kernel) {
    check_shape(kernel, shape_of(8, 2, 64, 63, 3, 1, 1), 5);
}

static void a_large_mini_batch_is_taken_in_pieces(void **state) {
    (void)state;
    for_kernels(check_pieces);
}

static void several_threads_compute_the_same(void **state) {
    (void)state;
    setenv("OPENBLAS_NUM_THREADS", "2", 1);
    setenv("OMP_NUM_THREADS", "2", 1);
    dstn_kernel_init_threads();
    for_kernels(check_pieces);
    for_kernels(check_kinds);
    for_kernels(check_small);
    for_kernels(check_winograd);
    setenv("OPENBLAS_NUM_THREADS", "1", 1);
    setenv("OMP_NUM_THREADS", "1", 1);
    dstn_kernel_init_threads();
}

/* ---- backends against the references, at the sizes of real networks ---------------------------------------------- */

static void run(const dstn_kernel *kernel, const dstn_map_shape *s, int64_t rows, arrays *a) {
    dstn_map *map = kernel->map_new(kernel, s, rows);
    kernel->map_forward(kernel, map, rows, a->x.raw, a->w.raw, a->y.raw);
    kernel->map_adjoint(kernel, map, rows, a->dy.raw, a->w.raw, 1, a->dx.raw);
    kernel->map_gradient(kernel, map, rows, a->x.raw, a->dy.raw, 1, a->dw.raw);
    kernel->map_destroy(kernel, map);
}

/* Relative, between an array and the reference's. */
static double distance(const dstn_kernel *kernel, const array *a, const dstn_kernel *reference, const array *b) {
    double error = 0, norm = 0, *x = malloc((size_t)a->count * sizeof *x), *y = malloc((size_t)a->count * sizeof *y);
    kernel->to_double(kernel, a->count, a->raw, x);
    reference->to_double(reference, a->count, b->raw, y);
    for (int64_t i = 0; i < a->count; i++) {
        error += (x[i] - y[i]) * (x[i] - y[i]);
        norm += y[i] * y[i];
    }
    free(x);
    free(y);
    return sqrt(error / norm);
}

static void check_against(const dstn_kernel *reference, const dstn_map_shape *s, const arrays *want) {
    for (int i = 0; dstn_kernel_at(i); i++) {
        const dstn_kernel *kernel = dstn_kernel_at(i);
        double tolerance = kernel->scalar == DSTN_F64 ? 1e-14 : 4e-6;
        arrays got = arrays_new(kernel, s, 13);
        run(kernel, s, 13, &got);
        assert_true(distance(kernel, &got.y, reference, &want->y) < tolerance);
        assert_true(distance(kernel, &got.dx, reference, &want->dx) < tolerance);
        assert_true(distance(kernel, &got.dw, reference, &want->dw) < tolerance);
        arrays_free(&got);
    }
}

static void backends_agree_at_the_sizes_of_real_networks(void **state) {
    (void)state;
    const dstn_kernel *reference = NULL;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("reference", DSTN_F64, &reference, &err), DSTN_OK);
    dstn_map_shape shapes[] = {shape_of(1, 32, 28, 28, 5, 1, 2), shape_of(32, 64, 14, 14, 5, 1, 2),
                               shape_of(16, 32, 17, 15, 3, 2, 1), shape_of(784, 300, 1, 1, 1, 1, 0),
                               winograd_shape_of(32, 48, 9, 8, 1)};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        dstn_map_shape direct = shapes[i];
        direct.is_winograd = false;
        arrays want = arrays_new(reference, &direct, 13);
        run(reference, &direct, 13, &want);
        check_against(reference, &shapes[i], &want);
        arrays_free(&want);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_remembers_nothing_of_the_call_before),
        cmocka_unit_test(a_matrix_may_be_stored_with_its_outputs_first),
        cmocka_unit_test(small_images_meet_the_kernel_where_they_are),
        cmocka_unit_test(winograds_algorithm_is_the_same_map),
        cmocka_unit_test(winograds_algorithm_keeps_exact_zeros),
        cmocka_unit_test(winograds_algorithm_is_taken_where_it_is_possible_and_gains),
        cmocka_unit_test(a_large_mini_batch_is_taken_in_pieces),
        cmocka_unit_test(several_threads_compute_the_same),
        cmocka_unit_test(backends_agree_at_the_sizes_of_real_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
