/* kernel: a map of images as one matrix product: every place of the output has its patch of the input as a row of a
 * matrix (im2col), of some examples at a time, as many as fit the scratch array. Small images go by places. */
#include "places.h"
#include "winograd.h"

#include <stdlib.h>
#include <string.h>

enum { PATCH_ELEMENTS = 1 << 20 };

/* Values of a patch. */
static int64_t patch_length(const dstn_map *map) {
    return map->shape.kernel * map->shape.kernel * map->shape.in;
}

/* Examples whose patches fit the scratch array. */
static int64_t rows_at_a_time(const dstn_map *map) {
    int64_t example = kernel_map_places(map) * patch_length(map), fit = PATCH_ELEMENTS / (example > 0 ? example : 1);
    return kernel_map_is_plain(map) || fit > map->max_rows ? map->max_rows : fit < 1 ? 1 : fit;
}

static size_t scratch_bytes(const dstn_map *map) {
    if (map->shape.is_winograd) {
        return (size_t)KERNEL_TYPED(kernel_winograd_scratch)(map) * sizeof(real);
    }
    if (kernel_map_is_small(&map->shape)) {
        return (size_t)KERNEL_TYPED(kernel_places_scratch)(map) * sizeof(real);
    }
    int64_t rows = kernel_map_is_plain(map) ? 0 : rows_at_a_time(map) * kernel_map_places(map);
    return (size_t)(rows * patch_length(map)) * sizeof(real);
}

/* ---- the object -------------------------------------------------------------------------------------------------- */

static dstn_map *map_new(const dstn_kernel *kernel, const dstn_map_shape *shape, int64_t max_rows) {
    dstn_map *map = kernel_map_new(shape, max_rows);
    map->patches_bytes = scratch_bytes(map);
    map->patches = malloc(map->patches_bytes + sizeof(real));
    if (!map->patches) {
        free(map);
        return NULL;
    }
    return map;
}

static void map_destroy(const dstn_kernel *kernel, dstn_map *map) {
    if (map) {
        free(map->patches);
        free(map);
    }
}

static size_t map_memory(const dstn_kernel *kernel, const dstn_map *map) {
    return sizeof *map + map->patches_bytes;
}

/* A backend that seldom needs them has made the map without patches. */
static real *patches_of(dstn_map *map) {
    if (!map->patches) {
        map->patches_bytes = scratch_bytes(map);
        map->patches = dstn_alloc(1, map->patches_bytes + sizeof(real));
    }
    return map->patches;
}

/* ---- patches ----------------------------------------------------------------------------------------------------- */

/* Of one example; `move` is told where the values of a kernel's row lie in patch and image: count 0 for what lies in
 * the padding. */
typedef void patch_move(real *patch, real *image, int64_t padding, int64_t count);

static void to_patch(real *patch, real *image, int64_t padding, int64_t count) {
    memset(patch, 0, (size_t)padding * sizeof(real));
    if (count > 0) {
        memcpy(patch + padding, image, (size_t)count * sizeof(real));
    }
}

static void to_image(real *patch, real *image, int64_t padding, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        image[i] += patch[padding + i];
    }
}

/* One row of the kernel at output place (i, j): k's row of the patch, `before` values of padding, then the image's. */
static void move_kernel_row(const dstn_map_shape *shape, int64_t i, int64_t j, int64_t k, real *patch, real *image,
                            patch_move *move) {
    int64_t width = shape->kernel * shape->in;
    int64_t y = i * shape->stride + k - shape->padding, x = j * shape->stride - shape->padding;
    real *row = patch + k * width;
    if (y < 0 || y >= shape->in_height) {
        move(row, image, width, 0);
        return;
    }
    int64_t before = x < 0 ? -x : 0, end = x + shape->kernel;
    int64_t after = end > shape->in_width ? end - shape->in_width : 0;
    int64_t inside = shape->kernel - before - after;
    if (inside <= 0) {
        move(row, image, width, 0);
        return;
    }
    move(row, image + (y * shape->in_width + x + before) * shape->in, before * shape->in, inside * shape->in);
    move(row + (before + inside) * shape->in, image, after * shape->in, 0);
}

static void move_example(const dstn_map *map, real *rows, real *image, patch_move *move) {
    const dstn_map_shape *shape = &map->shape;
    for (int64_t i = 0; i < shape->out_height; i++) {
        for (int64_t j = 0; j < shape->out_width; j++) {
            real *patch = rows + (i * shape->out_width + j) * patch_length(map);
            for (int64_t k = 0; k < shape->kernel; k++) {
                move_kernel_row(shape, i, j, k, patch, image, move);
            }
        }
    }
}

static void move_part(int64_t first, int64_t end, const dstn_map *map, real *patches, real *images, patch_move *move) {
    int64_t rows = kernel_map_places(map) * patch_length(map);
    for (int64_t r = first; r < end; r++) {
        move_example(map, patches + r * rows, images + r * kernel_map_input_size(map), move);
    }
}

static void move_examples(dstn_map *map, int64_t count, const real *images, patch_move *move) {
    real *patches = patches_of(map);
    KERNEL_SPLIT(count, count * kernel_map_places(map) * patch_length(map),
                 move_part(first, end, map, patches, (real *)images, move));
}

/* The matrix of patches of some examples. */
static const real *patches_from(dstn_map *map, int64_t count, const real *images) {
    if (kernel_map_is_plain(map)) {
        return images;
    }
    move_examples(map, count, images, to_patch);
    return map->patches;
}

/* ---- the three products ------------------------------------------------------------------------------------------ */

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* Columns of the weight as it is stored. */
static int64_t weight_columns(const dstn_map *map) {
    return map->shape.is_out_first ? map->shape.in : map->shape.out;
}

static void map_forward(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                        void *y) {
    if (map->shape.is_winograd) {
        KERNEL_TYPED(kernel_winograd_forward)(kernel, map, rows, x, weight, patches_of(map), y);
        return;
    }
    if (kernel_map_is_small(&map->shape)) {
        KERNEL_TYPED(kernel_places_forward)(kernel, map, rows, x, weight, y);
        return;
    }
    int64_t out = map->shape.out, length = patch_length(map), at_a_time = rows_at_a_time(map);
    for (int64_t done = 0; done < rows; done += at_a_time) {
        int64_t count = least(rows - done, at_a_time);
        const real *from = patches_from(map, count, (const real *)x + done * kernel_map_input_size(map));
        kernel->gemm(kernel, false, map->shape.is_out_first, count * kernel_map_places(map), out, length, 1, from,
                     length, weight, weight_columns(map), 0, (real *)y + done * kernel_map_output_size(map), out);
    }
}

static void plain_adjoint(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const void *dy,
                          const void *weight, double beta, void *dx) {
    int64_t in = map->shape.in, out = map->shape.out;
    if (rows > 0) {
        kernel->gemm(kernel, false, !map->shape.is_out_first, rows * kernel_map_places(map), in, out, 1, dy, out,
                     weight, weight_columns(map), beta, dx, in);
    }
}

static void map_adjoint(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                        double beta, void *dx) {
    if (map->shape.is_winograd) {
        KERNEL_TYPED(kernel_winograd_adjoint)(kernel, map, rows, dy, weight, beta, patches_of(map), dx);
        return;
    }
    if (kernel_map_is_small(&map->shape)) {
        KERNEL_TYPED(kernel_places_adjoint)(kernel, map, rows, dy, weight, beta, patches_of(map), dx);
        return;
    }
    if (kernel_map_is_plain(map)) {
        plain_adjoint(kernel, map, rows, dy, weight, beta, dx);
        return;
    }
    int64_t input = kernel_map_input_size(map), out = map->shape.out, length = patch_length(map);
    int64_t at_a_time = rows_at_a_time(map);
    if (beta == 0) {
        kernel->fill(kernel, rows * input, 0, dx);
    } else if (beta != 1) {
        kernel->scale(kernel, rows * input, beta, dx);
    }
    for (int64_t done = 0; done < rows; done += at_a_time) {
        int64_t count = least(rows - done, at_a_time);
        kernel->gemm(kernel, false, true, count * kernel_map_places(map), length, out, 1,
                     (const real *)dy + done * kernel_map_output_size(map), out, weight, out, 0, patches_of(map),
                     length);
        move_examples(map, count, (real *)dx + done * input, to_image);
    }
}

/* dweight = beta dweight + Σ x ⊗ dy, with rows of x [places, length], in the order in which the weight is stored. */
static void add_outer(const dstn_kernel *kernel, const dstn_map *map, int64_t places, int64_t length, const void *x,
                      const void *dy, double beta, void *dweight) {
    int64_t out = map->shape.out;
    if (map->shape.is_out_first) {
        kernel->gemm(kernel, true, false, out, length, places, 1, dy, out, x, length, beta, dweight, length);
    } else {
        kernel->gemm(kernel, true, false, length, out, places, 1, x, length, dy, out, beta, dweight, out);
    }
}

static void map_gradient(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *dy,
                         double beta, void *dweight) {
    if (map->shape.is_winograd) {
        KERNEL_TYPED(kernel_winograd_gradient)(kernel, map, rows, x, dy, beta, patches_of(map), dweight);
        return;
    }
    if (kernel_map_is_small(&map->shape)) {
        KERNEL_TYPED(kernel_places_gradient)(kernel, map, rows, x, dy, beta, patches_of(map), dweight);
        return;
    }
    int64_t out = map->shape.out, length = patch_length(map), at_a_time = rows_at_a_time(map);
    if (rows == 0 && beta == 0) {
        kernel->fill(kernel, length * out, 0, dweight);
    } else if (rows == 0 && beta != 1) {
        kernel->scale(kernel, length * out, beta, dweight);
    }
    for (int64_t done = 0; done < rows; done += at_a_time) {
        int64_t count = least(rows - done, at_a_time);
        const real *from = patches_from(map, count, (const real *)x + done * kernel_map_input_size(map));
        add_outer(kernel, map, count * kernel_map_places(map), length, from,
                  (const real *)dy + done * kernel_map_output_size(map), done == 0 ? beta : 1, dweight);
    }
}

void KERNEL_TYPED(kernel_put_patches)(dstn_kernel *table) {
    table->map_new = map_new;
    table->map_destroy = map_destroy;
    table->map_memory = map_memory;
    table->map_forward = map_forward;
    table->map_adjoint = map_adjoint;
    table->map_gradient = map_gradient;
}
