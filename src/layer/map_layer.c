/* layer: what layers that are nothing but one response map (linear, conv) have in their tables. */
#include "response_map.h"

void layer_map_layer_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    dstn_response_map_forward(layer->content, pass, rows, x, y);
}

void layer_map_layer_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                             const void *x_tangent, void *y_tangent) {
    dstn_response_map_tangent(layer->content, pass, rows, x, x_tangent, y_tangent);
}

void layer_map_layer_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy,
                             void *dx) {
    dstn_response_map_adjoint(layer->content, pass, rows, x, dy, dx);
}

void layer_map_layer_forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)x;
    dstn_response_map_forward_rows(layer->content, pass, rows, y);
}

void layer_map_layer_tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                                  const void *x_tangent, void *y_tangent) {
    (void)x;
    dstn_response_map_tangent_rows(layer->content, pass, rows, x_tangent, y_tangent);
}

void layer_map_layer_adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy) {
    dstn_response_map_adjoint_rows(layer->content, pass, rows, dy);
}

/* Images go in parts whose outputs the second-level cache holds; a large weight is read once for all rows. */
int64_t layer_map_layer_part_values(const dstn_layer *layer) {
    const dstn_response_map *map = layer->content;
    return dstn_map_takes_all_rows(&map->shape) ? 0 : map->out_count;
}
