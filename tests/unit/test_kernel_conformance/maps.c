/* Cases of linear maps of images: x is the images, y the weight, z the mapped images. */
#include "kernel_cases.h"

/* In, out, height, width, side of the kernel, stride, padding, rows, half of beta. */
#define SIDES(in, out, height, width, stride, padding, rows, beta)                                                     \
    {in, out, height, width, 1, stride, padding, rows, beta},                                                          \
        {in, out, height, width, 3, stride, padding, rows, beta}, {                                                    \
        in, out, height, width, 5, stride, padding, rows, beta                                                         \
    }
#define IMAGES(in, out, height, width, rows)                                                                           \
    SIDES(in, out, height, width, 1, 0, rows, 0), SIDES(in, out, height, width, 2, 0, rows, 2),                        \
        SIDES(in, out, height, width, 1, 1, rows, 2), SIDES(in, out, height, width, 2, 1, rows, 0),                    \
        SIDES(in, out, height, width, 1, 2, rows, 1), SIDES(in, out, height, width, 2, 2, rows, 0)
#define MATRIX(in, out, rows)                                                                                          \
    {in, out, 1, 1, 1, 1, 0, rows, 0}, {in, out, 1, 1, 1, 1, 0, rows, 1}, {                                            \
        in, out, 1, 1, 1, 1, 0, rows, 2                                                                                \
    }

static const int64_t maps[][CASE_ARGUMENTS] = {
    IMAGES(1, 1, 5, 5, 1),
    IMAGES(3, 5, 5, 8, 3),
    IMAGES(2, 17, 9, 6, 1),
    IMAGES(16, 7, 6, 7, 5),
    IMAGES(1, 16, 6, 6, 2),
    /* Kernels as large as the padded image, steps beyond the kernel, padding beyond the kernel, even sides. */
    {3, 4, 1, 5, 5, 1, 2, 3, 2},
    {2, 3, 5, 5, 5, 1, 0, 2, 0},
    {2, 3, 2, 3, 7, 1, 3, 2, 2},
    {4, 2, 7, 9, 2, 3, 0, 3, 0},
    {3, 2, 6, 5, 4, 2, 1, 3, 2},
    {3, 2, 4, 4, 1, 1, 2, 2, 0},
    {3, 2, 3, 2, 2, 1, 3, 2, 2},
    {5, 6, 1, 1, 3, 1, 1, 4, 0},
    MATRIX(1, 1, 1),
    MATRIX(37, 19, 5),
    MATRIX(64, 1, 33),
    MATRIX(1, 10, 4),
    MATRIX(7, 50, 64),
    MATRIX(64, 64, 60),
    /* A rank may have no rows of a mini-batch: gradients are then nothing, not what was there. */
    {3, 4, 5, 6, 3, 1, 1, 0, 0},
    {3, 4, 5, 6, 3, 1, 1, 0, 2},
    MATRIX(30, 20, 0)};

static dstn_map_shape shape_of(const int64_t *m) {
    return (dstn_map_shape){.in = m[0],
                            .out = m[1],
                            .in_height = m[2],
                            .in_width = m[3],
                            .kernel = m[4],
                            .stride = m[5],
                            .padding = m[6],
                            .out_height = (m[2] + 2 * m[6] - m[4]) / m[5] + 1,
                            .out_width = (m[3] + 2 * m[6] - m[4]) / m[5] + 1};
}

static int64_t inputs(const dstn_map_shape *s, int64_t rows) {
    return rows * s->in_height * s->in_width * s->in;
}

static int64_t outputs(const dstn_map_shape *s, int64_t rows) {
    return rows * s->out_height * s->out_width * s->out;
}

static int64_t weights(const dstn_map_shape *s) {
    return s->kernel * s->kernel * s->in * s->out;
}

/* ---- plain loops ------------------------------------------------------------------------------------------------- */

/* Adds one product to its sum: elements x of the images, y of the weight and z of the mapped images belong together. */
typedef void add_product(case_arrays *a, int64_t x, int64_t y, int64_t z);

static void for_channels(case_arrays *a, const dstn_map_shape *s, int64_t pixel, int64_t tap, int64_t place,
                         add_product *add) {
    for (int64_t in = 0; in < s->in; in++) {
        for (int64_t out = 0; out < s->out; out++) {
            add(a, pixel * s->in + in, (tap * s->in + in) * s->out + out, place * s->out + out);
        }
    }
}

static void for_products(case_arrays *a, const dstn_map_shape *s, int64_t rows, add_product *add) {
    for (int64_t at = 0; at < rows * s->out_height * s->out_width; at++) {
        int64_t r = at / (s->out_height * s->out_width);
        int64_t top = at / s->out_width % s->out_height * s->stride - s->padding;
        int64_t left = at % s->out_width * s->stride - s->padding;
        for (int64_t tap = 0; tap < s->kernel * s->kernel; tap++) {
            int64_t i = top + tap / s->kernel, j = left + tap % s->kernel;
            if (i >= 0 && i < s->in_height && j >= 0 && j < s->in_width) {
                for_channels(a, s, (r * s->in_height + i) * s->in_width + j, tap, at, add);
            }
        }
    }
}

static void add_forward(case_arrays *a, int64_t x, int64_t y, int64_t z) {
    a->b.z.value[z] += a->b.x.value[x] * a->b.y.value[y];
}

static void add_adjoint(case_arrays *a, int64_t x, int64_t y, int64_t z) {
    a->b.x.value[x] += a->b.z.value[z] * a->b.y.value[y];
}

static void add_gradient(case_arrays *a, int64_t x, int64_t y, int64_t z) {
    a->b.y.value[y] += a->b.x.value[x] * a->b.z.value[z];
}

/* With beta 0 what was there must not be read. */
static void begin_sum(case_arrays *a, twin *t, int64_t count, double beta) {
    static const double bad = NAN;
    for (int64_t i = 0; i < count; i++) {
        if (beta == 0) {
            a->b.kernel->from_double(a->b.kernel, 1, &bad, case_at(a->b.kernel, t, i));
        }
        t->value[i] *= beta;
    }
}

/* ---- the operations ---------------------------------------------------------------------------------------------- */

static dstn_map *new_map(const dstn_kernel *k, const dstn_map_shape *s, int64_t rows) {
    dstn_map *map = k->map_new(k, s, rows);
    assert_non_null(map);
    assert_true(k->map_memory(k, map) > 0);
    return map;
}

static void check_forward(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    dstn_map_shape s = shape_of(m);
    dstn_map *map = new_map(k, &s, m[7]);
    begin_sum(a, &a->b.z, outputs(&s, m[7]), 0);
    k->map_forward(k, map, m[7], a->b.x.raw, a->b.y.raw, a->b.z.raw);
    for_products(a, &s, m[7], add_forward);
    a->terms = 1 + (double)(s.kernel * s.kernel * s.in);
    k->map_destroy(k, map);
}

static void check_adjoint(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    dstn_map_shape s = shape_of(m);
    dstn_map *map = new_map(k, &s, m[7]);
    double beta = 0.5 * (double)m[8];
    begin_sum(a, &a->b.x, inputs(&s, m[7]), beta);
    k->map_adjoint(k, map, m[7], a->b.z.raw, a->b.y.raw, beta, a->b.x.raw);
    for_products(a, &s, m[7], add_adjoint);
    a->terms = 1 + (double)(s.kernel * s.kernel * s.out);
    k->map_destroy(k, map);
}

static void check_gradient(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    dstn_map_shape s = shape_of(m);
    dstn_map *map = new_map(k, &s, m[7]);
    double beta = 0.5 * (double)m[8];
    begin_sum(a, &a->b.y, weights(&s), beta);
    k->map_gradient(k, map, m[7], a->b.x.raw, a->b.z.raw, beta, a->b.y.raw);
    for_products(a, &s, m[7], add_gradient);
    a->terms = 1 + (double)(m[7] * s.out_height * s.out_width);
    k->map_destroy(k, map);
}

/* A map says how much memory it has; no map may be destroyed. */
static void check_map(case_arrays *a, const dstn_kernel *k, const int64_t *m) {
    dstn_map_shape s = shape_of(m);
    k->map_destroy(k, new_map(k, &s, m[7]));
    k->map_destroy(k, NULL);
    assert_true(a->b.kernel == k);
}

const kernel_case kernel_cases_of_maps[] = {
    KERNEL_CASE(map_new, check_map, maps),
    KERNEL_CASE(map_destroy, check_map, maps),
    KERNEL_CASE(map_memory, check_map, maps),
    KERNEL_CASE(map_forward, check_forward, maps),
    KERNEL_CASE(map_adjoint, check_adjoint, maps),
    KERNEL_CASE(map_gradient, check_gradient, maps),
    {0},
};
