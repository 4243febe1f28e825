/* layer: a response layer over a linear map of images,
 *   y = W_g x + b_g + Σ_j [ s_j(z) ⊙ (W_j x) + t_j(z) ⊙ b_j ],
 * with one value of s and t for each example and output channel: its parameters and its general part. Products a pass
 * (less those with the input's tangent or adjoint in the first layer): ordinary 3, response 6, linearized 5,
 * hyperparameter step 4. */
#include "map.h"

/* ---- parameters -------------------------------------------------------------------------------------------------- */

/* Rank and shape are canonical; a matrix's columns are stored [places, channels]. */
static dstn_parameter *declare(dstn_layer *layer, const char *name, dstn_range range, int rank, const int64_t *shape) {
    dstn_parameter *parameter = &layer->parameters[layer->parameter_count++];
    *parameter = (dstn_parameter){.range = range, .rank = rank, .count = 1, .columns = 1, .channels = 1};
    snprintf(parameter->name, sizeof parameter->name, "%s", name);
    for (int i = 0; i < rank; i++) {
        parameter->shape[i] = shape[i];
        parameter->count *= shape[i];
    }
    return parameter;
}

static void set_columns(dstn_parameter *parameter, int64_t columns, int64_t channels) {
    parameter->layout = DSTN_LAYOUT_TRANSPOSED;
    parameter->columns = columns;
    parameter->channels = channels;
}

/* Canonical shape of a weight: [out, in] or [out, in, kernel, kernel], in a full response with h before it. */
static int weight_shape(const dstn_layer *layer, const dstn_map_shape *shape, bool is_image, bool is_full,
                        int64_t *out) {
    int rank = 0;
    if (is_full) {
        out[rank++] = layer->hypers;
    }
    out[rank++] = shape->out;
    out[rank++] = shape->in;
    if (is_image) {
        out[rank++] = shape->kernel;
        out[rank++] = shape->kernel;
    }
    return rank;
}

dstn_status map_plan(dstn_layer *layer, dstn_node node, const dstn_map_shape *shape, bool is_image, dstn_error *err) {
    const map_settings *settings = layer->settings;
    bool is_full = layer->response == DSTN_RESPONSE_FULL;
    int64_t columns = shape->in * shape->kernel * shape->kernel;
    int64_t channels = is_image ? shape->in : dstn_shape_channels(layer->in);
    double copies = is_full ? (double)layer->hypers + 1 : 2;
    if ((double)columns * (double)shape->out * copies > 1e15) {
        return dstn_node_fail(node, err, "%lld inputs and %lld outputs are more weights than any machine holds",
                              (long long)columns, (long long)shape->out);
    }
    int64_t dims[DSTN_MAX_RANK];
    int rank = weight_shape(layer, shape, is_image, false, dims);
    set_columns(declare(layer, "general_weight", DSTN_RANGE_GENERAL, rank, dims), columns, channels);
    if (settings->bias) {
        declare(layer, "general_bias", DSTN_RANGE_GENERAL, 1, &shape->out);
    }
    if (layer->hypers == 0) {
        return DSTN_OK;
    }
    rank = weight_shape(layer, shape, is_image, is_full, dims);
    set_columns(declare(layer, "response_weight", DSTN_RANGE_RESPONSE, rank, dims), columns, channels);
    if (settings->bias) {
        declare(layer, "response_bias", DSTN_RANGE_RESPONSE, is_full ? 2 : 1, is_full ? dims : &shape->out);
    }
    if (!is_full) {
        const int64_t hyper[] = {settings->bias ? 2 * shape->out : shape->out, layer->hypers};
        set_columns(declare(layer, "hyper", DSTN_RANGE_RESPONSE, 2, hyper), layer->hypers, 1);
    }
    return DSTN_OK;
}

static void find_parameters(dstn_layer *layer, map_content *map) {
    map->weight = (dstn_parameter *)dstn_layer_parameter(layer, "general_weight");
    map->bias = (dstn_parameter *)dstn_layer_parameter(layer, "general_bias");
    map->response_weight = (dstn_parameter *)dstn_layer_parameter(layer, "response_weight");
    map->response_bias = (dstn_parameter *)dstn_layer_parameter(layer, "response_bias");
    map->hyper = (dstn_parameter *)dstn_layer_parameter(layer, "hyper");
}

static bool take_arrays(const dstn_layer *layer, map_content *map, dstn_arena *arena) {
    size_t column = (size_t)layer->max_rows * layer->kernel->size;
    size_t image = column * (size_t)(map->plane * map->out);
    size_t part = layer->part > 0 ? (size_t)layer->part * layer->kernel->size * (size_t)(map->plane * map->out) : image;
    int64_t width = map->width > map->out ? map->width : map->out;
    if (map->plane > 1) {
        map->sums = dstn_arena_take(arena, column * (size_t)map->out);
    }
    if (map->terms == 0) {
        return map->plane == 1 || map->sums;
    }
    map->factors = dstn_arena_take(arena, column * (size_t)map->width);
    map->products = dstn_arena_take(arena, image * (size_t)map->terms);
    map->scaled = dstn_arena_take(arena, part);
    map->adjoints = dstn_arena_take(arena, column * (size_t)width);
    return map->factors && map->products && map->scaled && map->adjoints && (map->plane == 1 || map->sums);
}

/* Images are taken as many at a time as the second-level cache holds the outputs of; a matrix is read once for all
 * rows.
 */
static int64_t part_of(const dstn_layer *layer, const map_content *map) {
    enum { PART_VALUES = 1 << 17 };
    int64_t fit = dstn_kernel_threads() * PART_VALUES / (map->plane * map->out);
    if (map->plane == 1 || fit >= layer->max_rows) {
        return 0;
    }
    int64_t parts = fit < 1 ? layer->max_rows : (layer->max_rows + fit - 1) / fit;
    return (layer->max_rows + parts - 1) / parts;
}

bool map_bind(dstn_layer *layer, const dstn_map_shape *shape, dstn_arena *arena) {
    map_content *map = dstn_arena_take(arena, sizeof *map);
    if (!map) {
        return false;
    }
    layer->content = map;
    find_parameters(layer, map);
    map->shape = *shape;
    map->in = shape->in * shape->kernel * shape->kernel;
    map->out = shape->out;
    map->plane = shape->out_height * shape->out_width;
    map->terms = layer->hypers == 0 ? 0 : layer->response == DSTN_RESPONSE_FULL ? layer->hypers : 1;
    map->width = map->hyper ? map->hyper->shape[0] : 0;
    layer->part = part_of(layer, map);
    map->map = layer->kernel->map_new(layer->kernel, shape, layer->max_rows);
    return map->map && take_arrays(layer, map, arena);
}

void map_release(dstn_layer *layer) {
    map_content *map = layer->content;
    layer->kernel->map_destroy(layer->kernel, map->map);
}

size_t map_memory(const dstn_layer *layer) {
    const map_content *map = layer->content;
    return layer->kernel->map_memory(layer->kernel, map->map);
}

bool map_is(const dstn_layer *layer) {
    return layer->type->forward == map_forward;
}

map_content *map_of(const dstn_layer *layer) {
    return map_is(layer) ? layer->content : NULL;
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

void map_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    const map_content *map = layer->content;
    if (rows.first == 0) {
        layer->x = x;
    }
    layer->kernel->map_forward(layer->kernel, map->map, rows.count, x, map->weight->value, y);
    if (pass->kind == DSTN_PASS_RESPONSE) {
        map_terms_products(layer, pass, rows, x);
    }
}

void map_forward_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)x;
    const map_content *map = layer->content;
    if (map->bias) {
        layer->kernel->add_row(layer->kernel, rows.count * map->plane, map->out, map->bias->value, y);
    }
    if (pass->kind == DSTN_PASS_RESPONSE) {
        map_terms_add(layer, pass, rows, y);
    }
}

/* The input of the last forward pass, from a row on. */
static const void *input_rows(const dstn_layer *layer, int64_t first) {
    return layer_element(layer->kernel, layer->x, first * dstn_shape_count(layer->in));
}

void map_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent, void *y_tangent) {
    map_content *map = layer->content;
    map->tangent_is_zero = !x_tangent;
    if (x_tangent) {
        layer->kernel->map_forward(layer->kernel, map->map, rows.count, x_tangent, map->weight->value, y_tangent);
    }
    map_terms_products(layer, pass, rows, input_rows(layer, rows.first));
}

void map_tangent_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent,
                      void *y_tangent) {
    (void)x_tangent;
    const map_content *map = layer->content;
    if (map->tangent_is_zero) {
        layer->kernel->fill(layer->kernel, rows.count * map->plane * map->out, 0, y_tangent);
    }
    map_terms_add(layer, pass, rows, y_tangent);
}

void map_adjoint_rows(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx) {
    (void)dx;
    const map_content *map = layer->content;
    bool wants_bias = map->bias && (layer_wants(pass, DSTN_RANGE_GENERAL) || layer_wants(pass, DSTN_RANGE_RESPONSE));
    if (map->sums && wants_bias) {
        void *sums = layer_element(layer->kernel, map->sums, rows.first * map->out);
        layer->kernel->plane_sum(layer->kernel, rows.count, map->plane, map->out, 1, dy, sums);
    }
    map_terms_adjoint_rows(layer, pass, rows, dy);
}

/* db_g += Σ_b Σ_plane δ, of all rows. */
static void bias_gradient(const dstn_layer *layer, const dstn_pass *pass, const void *dy) {
    const map_content *map = layer->content;
    if (pass->overwrite) {
        layer->kernel->fill(layer->kernel, map->out, 0, map->bias->gradient);
    }
    layer->kernel->sum_rows(layer->kernel, pass->rows, map->out, map->sums ? map->sums : dy, map->bias->gradient);
}

static void general_gradient(const dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *dy) {
    const map_content *map = layer->content;
    layer->kernel->map_gradient(layer->kernel, map->map, rows.count, input_rows(layer, rows.first), dy,
                                map_beta(pass, rows), map->weight->gradient);
    if (!map_ends(pass, rows)) {
        return;
    }
    if (map->bias) {
        bias_gradient(layer, pass, dy);
    }
    layer_gradient_ready(layer, pass, DSTN_RANGE_GENERAL);
}

void map_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx) {
    const map_content *map = layer->content;
    if (layer_wants(pass, DSTN_RANGE_GENERAL)) {
        general_gradient(layer, pass, rows, dy);
    }
    if (dx) {
        layer->kernel->map_adjoint(layer->kernel, map->map, rows.count, dy, map->weight->value, 0, dx);
    }
    map_terms_adjoint(layer, pass, rows, dy, pass->kind == DSTN_PASS_RESPONSE ? dx : NULL);
}

double map_product_flops(const dstn_layer *layer) {
    const map_content *map = layer->content;
    return 2 * (double)map->in * (double)map->out * (double)map->plane;
}
