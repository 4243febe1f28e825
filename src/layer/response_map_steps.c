/* layer: a response map in a recurrence, whose input at one time step depends on its output at the step before. Its
 * weights are packed once a pass, and multiplied once a step. */
#include "response_map.h"

#include <stdlib.h>

/* W_g and the terms' weights as right operands, on the way up [in, out] and on the way down [out, in]. */
struct map_steps {
    dstn_packed **up, **down; /* [1 + terms] */
};

/* ---- memory ------------------------------------------------------------------------------------------------------ */

bool layer_map_bind_steps(dstn_response_map *map) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    bool is_complete = true;
    map->steps = dstn_alloc(1, sizeof *map->steps);
    map->steps->up = dstn_alloc((size_t)map->terms + 1, sizeof(dstn_packed *));
    map->steps->down = dstn_alloc((size_t)map->terms + 1, sizeof(dstn_packed *));
    for (int64_t j = 0; j <= map->terms; j++) {
        map->steps->up[j] = kernel->packed_new(kernel, false, map->in, map->out);
        map->steps->down[j] = kernel->packed_new(kernel, true, map->out, map->in);
        is_complete = is_complete && map->steps->up[j] && map->steps->down[j];
    }
    return is_complete;
}

void layer_map_release_steps(dstn_response_map *map) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    for (int64_t j = 0; map->steps && j <= map->terms; j++) {
        kernel->packed_destroy(kernel, map->steps->up[j]);
        kernel->packed_destroy(kernel, map->steps->down[j]);
    }
    if (map->steps) {
        free(map->steps->up);
        free(map->steps->down);
    }
    free(map->steps);
}

size_t layer_map_steps_memory(const dstn_response_map *map) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    size_t bytes = 0;
    for (int64_t j = 0; map->steps && j <= map->terms; j++) {
        bytes += kernel->packed_memory(kernel, map->steps->up[j]) + kernel->packed_memory(kernel, map->steps->down[j]);
    }
    return bytes;
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

/* Terms whose input goes through the recurrence; in a linearized pass that of the response is known. */
static int64_t terms_of(const dstn_response_map *map, const dstn_pass *pass) {
    return pass->kind == DSTN_PASS_RESPONSE ? map->terms : 0;
}

static void pack(const dstn_response_map *map, const dstn_pass *pass, dstn_packed *const *packed) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->packed_set(kernel, packed[0], layer_map_weight(map, pass, 0));
    for (int64_t j = 0; j < terms_of(map, pass); j++) {
        kernel->packed_set(kernel, packed[1 + j], layer_map_pass_term(map, pass, j).weight);
    }
}

/* One step of every example. */
static dstn_rows rows_of(const dstn_pass *pass, int64_t t) {
    return (dstn_rows){.first = t, .count = pass->rows, .stride = dstn_pass_steps(pass)};
}

void layer_map_begin_steps(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *y) {
    pack(map, pass, map->steps->up);
    if (terms_of(map, pass) > 0) {
        layer_map_factors(map, pass, map->width, map->factors);
    }
    if (map->bias) {
        layer_map_add_bias(map, rows, y);
    }
}

void layer_map_step_forward(dstn_response_map *map, const dstn_pass *pass, int64_t t, const void *x, int64_t x_stride,
                            void *y) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t stride = dstn_pass_steps(pass) * map->out;
    kernel->packed_product(kernel, map->steps->up[0], pass->rows, x, x_stride, 1, y, stride);
    for (int64_t j = 0; j < terms_of(map, pass); j++) {
        void *product = layer_element(kernel, layer_map_pass_term(map, pass, j).product, t * map->out);
        kernel->packed_product(kernel, map->steps->up[1 + j], pass->rows, x, x_stride, 0, product, stride);
    }
    if (terms_of(map, pass) > 0) {
        layer_map_add_terms(map, pass, rows_of(pass, t), y);
    }
}

void layer_map_step_tangent(dstn_response_map *map, const dstn_pass *pass, const void *x_tangent, int64_t x_stride,
                            void *y_tangent) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->packed_product(kernel, map->steps->up[0], pass->rows, x_tangent, x_stride, 1, y_tangent,
                           dstn_pass_steps(pass) * map->out);
}

void layer_map_begin_adjoint_steps(dstn_response_map *map, const dstn_pass *pass) {
    pack(map, pass, map->steps->down);
}

void layer_map_step_adjoint(dstn_response_map *map, const dstn_pass *pass, int64_t t, const void *dy, void *dx,
                            int64_t dx_stride) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    kernel->packed_product(kernel, map->steps->down[0], pass->rows, dy, dstn_pass_steps(pass) * map->out, 1, dx,
                           dx_stride);
    for (int64_t j = 0; j < terms_of(map, pass); j++) {
        layer_map_scale_by(map, pass, rows_of(pass, t), layer_map_pass_term(map, pass, j).s, dy);
        kernel->packed_product(kernel, map->steps->down[1 + j], pass->rows, map->scaled, map->out, 1, dx, dx_stride);
    }
}
