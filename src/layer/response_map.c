/* layer: a response map, one linear map with its response,
 *   y = W_g x + b_g + Σ_j [ s_j(z) ⊙ (W_j x) + t_j(z) ⊙ b_j ],
 * with one value of s and t for each example and output channel: its parameters and its memory. */
#include "response_map.h"

#include <math.h>

dstn_map_shape dstn_map_shape_of_matrix(int64_t in, int64_t out) {
    return (dstn_map_shape){
        .in = in, .out = out, .in_height = 1, .in_width = 1, .kernel = 1, .stride = 1, .out_height = 1, .out_width = 1};
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static void set_columns(dstn_parameter *parameter, int64_t columns, int64_t channels) {
    parameter->layout = DSTN_LAYOUT_TRANSPOSED;
    parameter->columns = columns;
    parameter->channels = channels;
}

/* Canonical shape of a weight: [out, in] or [out, in, kernel, kernel], in a full response with h before it. */
static int weight_shape(const dstn_response_map *map, bool is_image, bool is_full, int64_t *out) {
    int rank = 0;
    if (is_full) {
        out[rank++] = map->layer->hypers;
    }
    out[rank++] = map->shape.out;
    out[rank++] = map->shape.in;
    if (is_image) {
        out[rank++] = map->shape.kernel;
        out[rank++] = map->shape.kernel;
    }
    return rank;
}

/* A table's weight is canonically [in, out], which is how the map has it stored anyway. */
static dstn_parameter *declare_table(dstn_response_map *map, const dstn_map_request *request, const char *name,
                                     dstn_range range, bool is_full) {
    const int64_t dims[] = {map->layer->hypers, map->in, map->out};
    return layer_declare(map->layer, request->prefix, name, range, is_full ? 3 : 2, is_full ? dims : dims + 1);
}

static dstn_parameter *declare_weight(dstn_response_map *map, const dstn_map_request *request, const char *name,
                                      dstn_range range, bool is_full) {
    if (map->is_table) {
        return declare_table(map, request, name, range, is_full);
    }
    int64_t dims[DSTN_MAX_RANK];
    int rank = weight_shape(map, request->is_image, is_full, dims);
    dstn_parameter *weight = layer_declare(map->layer, request->prefix, name, range, rank, dims);
    set_columns(weight, map->in, request->is_image ? map->shape.in : request->channels);
    return weight;
}

static void declare_general(dstn_response_map *map, const dstn_map_request *request) {
    map->weight = declare_weight(map, request, "general_weight", DSTN_RANGE_GENERAL, false);
    if (request->bias) {
        map->bias = layer_declare(map->layer, request->prefix, "general_bias", DSTN_RANGE_GENERAL, 1, &map->shape.out);
    }
}

static void declare_response(dstn_response_map *map, const dstn_map_request *request) {
    dstn_layer *layer = map->layer;
    bool is_full = layer->response == DSTN_RESPONSE_FULL;
    const int64_t biases[] = {layer->hypers, map->out};
    map->response_weight = declare_weight(map, request, "response_weight", DSTN_RANGE_RESPONSE, is_full);
    if (request->bias) {
        map->response_bias = layer_declare(layer, request->prefix, "response_bias", DSTN_RANGE_RESPONSE,
                                           is_full ? 2 : 1, is_full ? biases : biases + 1);
    }
    if (!is_full) {
        map->width = request->bias ? 2 * map->out : map->out;
        const int64_t hyper[] = {map->width, layer->hypers};
        map->hyper = layer_declare(layer, request->prefix, "hyper", DSTN_RANGE_RESPONSE, 2, hyper);
        set_columns(map->hyper, layer->hypers, 1);
    }
}

/* One mask has one rate. */
static dstn_status plan_dropout(dstn_response_map *map, const dstn_map_request *request, dstn_node node,
                                dstn_error *err) {
    const dstn_quantity *rate = request->weight_dropout;
    const bool *per_batch = map->layer->per_batch;
    if (!rate || (!rate->name && isnan(rate->number))) {
        return DSTN_OK;
    }
    map->weight_dropout = rate;
    if (rate->index >= 0 && !map->is_table && !(per_batch && per_batch[rate->index])) {
        return dstn_node_fail(dstn_node_child(node, "weight_dropout"), err,
                              "weights are dropped for a whole batch, but hyperparameter \"%s\" has a value of its own "
                              "for every example; accepted: per_batch: true there, or a number here",
                              rate->name);
    }
    return DSTN_OK;
}

dstn_status dstn_response_map_plan(dstn_response_map *map, dstn_layer *layer, const dstn_map_request *request,
                                   dstn_node node, dstn_error *err) {
    const dstn_map_shape *shape = &request->shape;
    bool is_full = layer->response == DSTN_RESPONSE_FULL, responds = request->responds && layer->hypers > 0;
    *map = (dstn_response_map){.layer = layer,
                               .number = layer->map_count,
                               .shape = *shape,
                               .in = shape->in * shape->kernel * shape->kernel,
                               .out = shape->out,
                               .plane = shape->out_height * shape->out_width,
                               .terms = !responds ? 0
                                        : is_full ? layer->hypers
                                                  : 1,
                               .in_count = shape->in * shape->in_height * shape->in_width,
                               .init = request->init,
                               .is_whole_layer = request->is_whole_layer,
                               .recurs = request->recurs,
                               .is_table = request->is_table,
                               .padding = request->padding};
    map->out_count = map->plane * map->out;
    double copies = is_full ? (double)layer->hypers + 1 : 2;
    if ((double)map->in * (double)map->out * copies > 1e15) {
        return dstn_node_fail(node, err, "%lld inputs and %lld outputs are more weights than any machine holds",
                              (long long)map->in, (long long)map->out);
    }
    layer->maps[layer->map_count++] = map;
    declare_general(map, request);
    if (responds) {
        declare_response(map, request);
    }
    return plan_dropout(map, request, node, err);
}

/* Canonically [out, in] or [h, out, in], with columns that are nobody's image. */
static bool can_be_plain(const dstn_parameter *weight) {
    return !weight || (weight->channels == 1 && !dstn_parameter_is_shared(weight));
}

bool layer_map_store_out_first(dstn_response_map *map) {
    bool is_matrix = map->in == map->in_count && map->plane == 1 && !map->is_table && !map->recurs;
    if (!is_matrix || map->shape.is_out_first || !can_be_plain(map->weight) || !can_be_plain(map->response_weight)) {
        return false;
    }
    dstn_parameter *const weights[] = {map->weight, map->response_weight};
    for (int i = 0; i < 2; i++) {
        if (weights[i]) {
            weights[i]->layout = DSTN_LAYOUT_PLAIN;
            weights[i]->columns = 1;
        }
    }
    map->shape.is_out_first = true;
    return true;
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

bool layer_map_bind(dstn_response_map *map, dstn_arena *arena) {
    const dstn_layer *layer = map->layer;
    size_t size = layer->kernel->size, rows = (size_t)layer->max_rows, examples = (size_t)layer->max_examples;
    size_t part = layer->part > 0 ? (size_t)layer->part : rows, out = (size_t)map->out_count * size;
    int64_t width = map->width > map->out ? map->width : map->out;
    bool has_sums = map->plane > 1 || layer->max_steps > 1, is_complete = true;
    if (!map->is_table) {
        map->map = layer->kernel->map_new(layer->kernel, &map->shape, layer->max_rows);
        is_complete = map->map != NULL;
    }
    if (has_sums) {
        map->sums = dstn_arena_take(arena, examples * (size_t)map->out * size);
        is_complete = is_complete && map->sums;
    }
    if (map->terms > 0) {
        map->factors = dstn_arena_take(arena, examples * (size_t)map->width * size);
        map->products = dstn_arena_take(arena, rows * out * (size_t)map->terms);
        map->scaled = dstn_arena_take(arena, part * out);
        map->adjoints = dstn_arena_take(arena, examples * (size_t)width * size);
        is_complete = is_complete && map->factors && map->products && map->scaled && map->adjoints;
    }
    if (map->weight_dropout) {
        is_complete = layer_map_bind_mask(map, arena) && is_complete;
    }
    if (map->recurs) {
        is_complete = layer_map_bind_steps(map) && is_complete;
    }
    return is_complete;
}

void layer_map_release(dstn_response_map *map) {
    map->layer->kernel->map_destroy(map->layer->kernel, map->map);
    layer_map_release_steps(map);
}

size_t layer_map_memory(const dstn_response_map *map) {
    return (map->map ? map->layer->kernel->map_memory(map->layer->kernel, map->map) : 0) + layer_map_steps_memory(map);
}

double dstn_response_map_product_flops(const dstn_response_map *map) {
    return map->is_table ? 0 : 2 * (double)map->in * (double)map->out * (double)map->plane;
}

/* ---- lists of maps ----------------------------------------------------------------------------------------------- */

dstn_response_map *dstn_layer_map(const dstn_layer *layer, int i) {
    return i < layer->map_count ? layer->maps[i] : NULL;
}

dstn_response_map *dstn_layer_matrix(const dstn_layer *layer) {
    dstn_response_map *map = dstn_layer_map(layer, 0);
    bool is_matrix = map && map->is_whole_layer && map->plane == 1 && map->in == map->in_count;
    return is_matrix ? map : NULL;
}
