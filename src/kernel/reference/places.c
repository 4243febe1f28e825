/* kernel: maps of small images with many channels. In an image of 4 × 4 a third of a 3 × 3 kernel's products are with
 * padding, in one of 2 × 2 more than half, and the weight is larger than the images: so each place of the output, or
 * each tap of the kernel, is a matrix product of all examples, with what lies within the image alone. */
#include "places.h"

#include <stdlib.h>
#include <string.h>

/* ---- forward: the output's places -------------------------------------------------------------------------------- */

/* What one row of the kernel sees of the image at one place: `count` neighbouring pixels, whose weights are neighbours
 * as well. */
typedef struct place_span {
    int64_t pixel, tap, count;
} place_span;

/* Row k of the kernel at output place (i, j); count 0: in the padding alone. */
static place_span span_at(const dstn_map_shape *s, int64_t i, int64_t j, int64_t k) {
    int64_t y = i * s->stride + k - s->padding, x = j * s->stride - s->padding, end = x + s->kernel;
    int64_t before = x < 0 ? -x : 0, after = end > s->in_width ? end - s->in_width : 0;
    int64_t count = s->kernel - before - after;
    bool is_inside = y >= 0 && y < s->in_height && count > 0;
    return (place_span){y * s->in_width + x + before, k * s->kernel + before, is_inside ? count : 0};
}

/* y at one place = Σ over the kernel's rows of pixels [rows, count in] times weights [count in, out]. */
static void forward_place(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                          const real *weight, int64_t place, real *y) {
    const dstn_map_shape *s = &map->shape;
    double beta = 0;
    for (int64_t k = 0; k < s->kernel; k++) {
        place_span span = span_at(s, place / s->out_width, place % s->out_width, k);
        if (span.count > 0 || (k == s->kernel - 1 && beta == 0)) {
            int64_t pixel = span.count > 0 ? span.pixel : 0;
            kernel->gemm(kernel, false, false, rows, s->out, span.count * s->in, 1, x + pixel * s->in,
                         kernel_map_input_size(map), weight + span.tap * s->in * s->out, s->out, beta,
                         y + place * s->out, kernel_map_output_size(map));
            beta = 1;
        }
    }
}

void KERNEL_TYPED(kernel_places_forward)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                         const real *weight, real *y) {
    for (int64_t place = 0; place < kernel_map_places(map); place++) {
        forward_place(kernel, map, rows, x, weight, place, y);
    }
}

/* ---- the other way: the kernel's taps ---------------------------------------------------------------------------- */

/* Images by places, [places, rows, channels]: what a tap has to do with in one row of the output is then one matrix. */
static void by_places(int64_t first, int64_t end, int64_t places, int64_t rows, int64_t channels, const real *images,
                      real *out) {
    for (int64_t r = first; r < end; r++) {
        for (int64_t p = 0; p < places; p++) {
            memcpy(out + (p * rows + r) * channels, images + (r * places + p) * channels,
                   (size_t)channels * sizeof(real));
        }
    }
}

/* images = beta images + values by places. */
static void add_to_images(int64_t first, int64_t end, int64_t places, int64_t rows, int64_t channels, real beta,
                          const real *values, real *images) {
    for (int64_t r = first; r < end; r++) {
        for (int64_t p = 0; p < places; p++) {
            const real *from = values + (p * rows + r) * channels;
            real *to = images + (r * places + p) * channels;
            for (int64_t c = 0; c < channels; c++) {
                to[c] = beta == 0 ? from[c] : beta * to[c] + from[c];
            }
        }
    }
}

int64_t KERNEL_TYPED(kernel_places_scratch)(const dstn_map *map) {
    return map->max_rows * (kernel_map_input_size(map) + kernel_map_output_size(map));
}

/* The outputs along one direction for which tap k lies within an image of this length: `first` and how many. */
static int64_t outputs_within(const dstn_map_shape *s, int64_t k, int64_t length, int64_t outputs, int64_t *first) {
    int64_t low = s->padding - k, high = length - 1 + s->padding - k;
    *first = low <= 0 ? 0 : (low + s->stride - 1) / s->stride;
    int64_t last = high < 0 ? -1 : high / s->stride;
    last = last < outputs ? last : outputs - 1;
    return last < *first ? 0 : last - *first + 1;
}

/* Calls `run` for all pairs of pixels and places that a tap connects, as many neighbours at a time as there are. */
typedef void tap_product(void *context, int64_t tap, int64_t pixel, int64_t place, int64_t count);

static void for_tap(const dstn_map_shape *s, int64_t tap, tap_product *run, void *context) {
    int64_t k = tap / s->kernel, l = tap % s->kernel, top, left;
    int64_t height = outputs_within(s, k, s->in_height, s->out_height, &top);
    int64_t width = outputs_within(s, l, s->in_width, s->out_width, &left);
    int64_t step = s->stride == 1 ? width : 1;
    for (int64_t i = top; i < top + height; i++) {
        for (int64_t j = left; j < left + width; j += step) {
            int64_t y = i * s->stride + k - s->padding, x = j * s->stride + l - s->padding;
            run(context, tap, y * s->in_width + x, i * s->out_width + j, step);
        }
    }
}

typedef struct places_call {
    const dstn_kernel *kernel;
    const dstn_map_shape *shape;
    int64_t rows;
    const real *weight;
    real *x, *y; /* by places: x or its adjoint, dy */
    real *dweight;
    double beta;   /* of dweight, until something has been added */
    int64_t begun; /* taps that have a sum */
} places_call;

static void adjoint_of_tap(void *context, int64_t tap, int64_t pixel, int64_t place, int64_t count) {
    const places_call *call = context;
    const dstn_kernel *kernel = call->kernel;
    int64_t in = call->shape->in, out = call->shape->out, rows = call->rows;
    kernel->gemm(kernel, false, true, count * rows, in, out, 1, call->y + place * rows * out, out,
                 call->weight + tap * in * out, out, 1, call->x + pixel * rows * in, in);
}

static void gradient_of_tap(void *context, int64_t tap, int64_t pixel, int64_t place, int64_t count) {
    places_call *call = context;
    const dstn_kernel *kernel = call->kernel;
    int64_t in = call->shape->in, out = call->shape->out, rows = call->rows;
    kernel->gemm(kernel, true, false, in, out, count * rows, 1, call->x + pixel * rows * in, in,
                 call->y + place * rows * out, out, call->begun > tap ? 1 : call->beta, call->dweight + tap * in * out,
                 out);
    call->begun = tap + 1;
}

void KERNEL_TYPED(kernel_places_adjoint)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *dy,
                                         const real *weight, double beta, real *scratch, real *dx) {
    const dstn_map_shape *s = &map->shape;
    int64_t places = kernel_map_places(map), pixels = s->in_height * s->in_width, count = rows * pixels * s->in;
    places_call call = {
        .kernel = kernel, .shape = s, .rows = rows, .weight = weight, .x = scratch, .y = scratch + count};
    kernel->fill(kernel, count, 0, call.x);
    KERNEL_SPLIT(rows, rows * places * s->out, by_places(first, end, places, rows, s->out, dy, call.y));
    for (int64_t tap = 0; tap < s->kernel * s->kernel; tap++) {
        for_tap(s, tap, adjoint_of_tap, &call);
    }
    KERNEL_SPLIT(rows, count, add_to_images(first, end, pixels, rows, s->in, (real)beta, call.x, dx));
}

void KERNEL_TYPED(kernel_places_gradient)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                          const real *dy, double beta, real *scratch, real *dweight) {
    const dstn_map_shape *s = &map->shape;
    int64_t places = kernel_map_places(map), pixels = s->in_height * s->in_width, count = rows * pixels * s->in;
    places_call call = {.kernel = kernel,
                        .shape = s,
                        .rows = rows,
                        .x = scratch,
                        .y = scratch + count,
                        .dweight = dweight,
                        .beta = beta};
    KERNEL_SPLIT(rows, count, by_places(first, end, pixels, rows, s->in, x, call.x));
    KERNEL_SPLIT(rows, rows * places * s->out, by_places(first, end, places, rows, s->out, dy, call.y));
    for (int64_t tap = 0; tap < s->kernel * s->kernel; tap++) {
        for_tap(s, tap, gradient_of_tap, &call);
        if (call.begun <= tap) { /* it never meets an image */
            kernel->gemm(kernel, false, false, s->in, s->out, 0, 1, x, s->in, dy, s->out, beta,
                         dweight + tap * s->in * s->out, s->out);
        }
    }
}
