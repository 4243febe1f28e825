/* layer: the terms of a response map. Structured (App. E): one term with s = U z, t = V z. Full (Θ of App. C and G): h
 * terms with s_j = t_j = z_j. Seen from the passes they differ only in where a term's factors are, and in how the
 * factors' adjoints go on to U, V and z. */
#include "response_map.h"

void layer_map_factors(const dstn_response_map *map, const dstn_pass *pass, int64_t width, void *factors) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t h = map->layer->hypers;
    if (map->hyper) {
        kernel->gemm(kernel, false, false, pass->rows, width, h, 1, pass->z, h, map->hyper->value, map->width, 0,
                     factors, width);
    }
}

map_term layer_map_term(const dstn_response_map *map, const dstn_pass *pass, int64_t j, int64_t width,
                        const void *factors) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t rows = pass->rows * dstn_pass_steps(pass);
    map_term term = {
        .weight = layer_map_weight(map, pass, 1 + j),
        .bias = map->response_bias ? layer_element(kernel, map->response_bias->value, j * map->out) : NULL,
        .product = layer_element(kernel, map->products, j * rows * map->out_count),
    };
    if (map->hyper) {
        term.s = (dstn_factor){factors, width, 1};
        term.t = (dstn_factor){layer_element(kernel, factors, map->out), width, 1};
    } else {
        term.s = term.t = (dstn_factor){layer_element(kernel, pass->z, j), map->layer->hypers, 0};
    }
    return term;
}

map_term layer_map_pass_term(const dstn_response_map *map, const dstn_pass *pass, int64_t j) {
    return layer_map_term(map, pass, j, map->width, map->factors);
}

void layer_map_add_scaled(const dstn_response_map *map, dstn_factor s, const void *from, void *to) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    bool by_row = map->shape.is_out_first;
    dstn_factor factor = {s.data, by_row ? s.col : 0, by_row ? 0 : s.col};
    kernel->response_add(kernel, by_row ? map->out : map->in, 1, by_row ? map->in : map->out, factor, from, factor,
                         NULL, to);
}

dstn_factor layer_map_factor_at(const dstn_response_map *map, dstn_factor factor, int64_t example) {
    factor.data = layer_element(layer_map_kernel(map), factor.data, example * factor.row);
    return factor;
}

int64_t layer_map_pieces(dstn_rows rows) {
    return rows.stride > 1 ? rows.count : rows.count > 0;
}

map_piece layer_map_piece(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, int64_t i) {
    int64_t steps = dstn_pass_steps(pass);
    if (rows.stride <= 1) {
        return (map_piece){.example = rows.first / steps,
                           .examples = rows.count / steps,
                           .plane = map->plane * steps,
                           .row = rows.first,
                           .packed = rows.at};
    }
    int64_t row = rows.first + i * rows.stride;
    return (map_piece){.example = row / steps,
                       .examples = 1,
                       .plane = map->plane,
                       .row = row,
                       .given = i * rows.stride,
                       .packed = rows.at + i};
}
