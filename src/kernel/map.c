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
