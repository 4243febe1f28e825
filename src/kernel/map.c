/* kernel: what every backend knows of a map of images. */
#include "kernel_private.h"

dstn_map *kernel_map_new(const dstn_map_shape *shape, int64_t max_rows) {
    dstn_map *map = dstn_alloc(1, sizeof *map);
    map->shape = *shape;
    map->max_rows = max_rows;
    return map;
}

bool kernel_map_is_plain(const dstn_map *map) {
    return map->shape.kernel == 1 && map->shape.stride == 1 && map->shape.padding == 0;
}

/* Measured with 128 and 64 rows on one Zen 5 core, oneDNN 2.6 (fractions of the peak, nominal operations; forward,
 * adjoint, gradient): 512 channels at 2 × 2 0.55, 0.65, 0.52 as convolutions, 2.2, 1.9, 1.9 so; 512 at 4 × 4 0.57,
 * 0.75, 0.88 and 1.4, 1.3, 1.3; at 8 × 8 nothing is gained. */
bool kernel_map_is_small(const dstn_map_shape *shape) {
    enum { MOST_PLACES = 16, LEAST_MATRIX = 1 << 14 };
    return shape->kernel > 1 && shape->out_height * shape->out_width <= MOST_PLACES &&
           shape->in * shape->out >= LEAST_MATRIX;
}

/* The same core, nominal GFLOP/s with 128 rows, direct (in parts that fit the cache, or by places) and by Winograd's
 * algorithm, forward, adjoint, gradient: 64 channels at 32 × 32 255, 232, 265 and 421, 400, 409; 128 at 16 × 16 275,
 * 251, 222 and 504, 462, 415; 256 at 8 × 8 297, 247, 268 and 517, 456, 452; 512 at 4 × 4 340, 310, 320 and 473, 419,
 * 509; but 16 channels 230, 245, 275 and 228, 187, 153. Outputs that fill less than three quarters of their tiles gain
 * nothing, as those of 2 × 2. */
static bool gains_by_winograd(const dstn_map_shape *shape) {
    enum { LEAST_CHANNELS = 64, TILE_SIDE = 4 };
    int64_t down = (shape->out_height + TILE_SIDE - 1) / TILE_SIDE,
            across = (shape->out_width + TILE_SIDE - 1) / TILE_SIDE;
    bool fills_tiles = 4 * shape->out_height * shape->out_width >= 3 * down * across * TILE_SIDE * TILE_SIDE;
    return shape->in >= LEAST_CHANNELS && shape->out >= LEAST_CHANNELS && fills_tiles;
}

bool dstn_convolution_is_winograd(dstn_convolution choice, const dstn_map_shape *shape) {
    bool is_possible = shape->kernel == 3 && shape->stride == 1 && shape->padding <= 2;
    return is_possible &&
           (choice == DSTN_CONVOLUTION_WINOGRAD || (choice == DSTN_CONVOLUTION_AUTO && gains_by_winograd(shape)));
}

bool dstn_map_takes_all_rows(const dstn_map_shape *shape) {
    bool is_matrix = shape->out_height * shape->out_width == 1;
    return is_matrix || shape->is_winograd || kernel_map_is_small(shape);
}

int64_t kernel_map_places(const dstn_map *map) {
    return map->shape.out_height * map->shape.out_width;
}

int64_t kernel_map_input_size(const dstn_map *map) {
    return map->shape.in_height * map->shape.in_width * map->shape.in;
}

int64_t kernel_map_output_size(const dstn_map *map) {
    return kernel_map_places(map) * map->shape.out;
}

int64_t kernel_map_weights(const dstn_map *map) {
    return map->shape.kernel * map->shape.kernel * map->shape.in * map->shape.out;
}
