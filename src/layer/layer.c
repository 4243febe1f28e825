/* layer: makes a layer from its entry in the list, gives its parameters memory, and copies them in and out in their
 * canonical shape. */
#include "layer_private.h"

#include <stdlib.h>
#include <string.h>

int64_t dstn_shape_count(dstn_shape shape) {
    int64_t count = 1;
    for (int i = 0; i < shape.rank; i++) {
        count *= shape.dims[i];
    }
    return count;
}

int64_t dstn_shape_channels(dstn_shape shape) {
    int64_t channels = shape.rank == 3 ? shape.dims[0] : shape.channels;
    return channels > 0 ? channels : 1;
}

int64_t dstn_shape_stored_at(dstn_shape shape, int64_t i) {
    int64_t channels = dstn_shape_channels(shape), places = dstn_shape_count(shape) / channels;
    return i % places * channels + i / places;
}

double dstn_pass_quantity(const dstn_pass *pass, int64_t hypers, const dstn_quantity *quantity, int64_t row) {
    return quantity->index < 0 ? quantity->number : pass->values[row * hypers + quantity->index];
}

/* ---- making ------------------------------------------------------------------------------------------------------ */

#define NAME_LAYER(name) #name,

/* The name in `relu` or in `linear: {out: 10}`, with the node of its options. */
static dstn_status read_entry(dstn_node node, const char **name, dstn_node *options, dstn_error *err) {
    *options = (dstn_node){node.doc, NULL};
    *name = dstn_node_text(node);
    if (dstn_node_get_kind(node) == DSTN_NODE_MAPPING && dstn_node_count(node) == 1) {
        *name = dstn_node_key_at(node, 0);
        *options = dstn_node_at(node, 0);
    }
    if (!*name) {
        return dstn_node_fail(node, err,
                              "is no layer; accepted: a name (relu), or one name with its options "
                              "(linear: {out: 10})");
    }
    return DSTN_OK;
}

dstn_status dstn_layer_read(dstn_node node, int index, dstn_shape in, const dstn_layer_setting *setting,
                            dstn_layer **out, dstn_error *err) {
    static const char *const names[] = {LAYERS(NAME_LAYER)};
    const char *name;
    dstn_node options;
    dstn_status status = read_entry(node, &name, &options, err);
    if (status != DSTN_OK) {
        return status;
    }
    const dstn_layer_type *type = dstn_layer_type_find(name);
    if (!type) {
        return layer_fail_unknown(node, "layer", name, names, sizeof names / sizeof names[0], err);
    }
    dstn_layer *layer = dstn_alloc(1, sizeof *layer);
    *layer = (dstn_layer){.type = type,
                          .index = index,
                          .kernel = setting->kernel,
                          .response = setting->response,
                          .hypers = setting->hypers,
                          .max_rows = setting->max_rows,
                          .synchronized = setting->synchronized,
                          .below = setting->below,
                          .in = in,
                          .settings = dstn_alloc(1, type->settings_size)};
    status = layer_read_settings(options, node, type->name, type->options, layer->settings, setting, err);
    if (status == DSTN_OK) {
        status = type->plan(layer, options.handle ? options : node, err);
    }
    if (status != DSTN_OK) {
        dstn_layer_destroy(layer);
        return status;
    }
    *out = layer;
    return DSTN_OK;
}

void dstn_layer_destroy(dstn_layer *layer) {
    if (layer) {
        if (layer->content && layer->type->release) {
            layer->type->release(layer);
        }
        free(layer->settings);
        free(layer);
    }
}

static bool parameter_is_valid(const dstn_parameter *parameter) {
    int64_t count = 1;
    for (int i = 0; i < parameter->rank; i++) {
        count *= parameter->shape[i];
    }
    return count == parameter->count && parameter->value && parameter->gradient;
}

bool dstn_layer_is_valid(const dstn_layer *layer) {
    for (int p = 0; p < layer->parameter_count; p++) {
        if (!parameter_is_valid(&layer->parameters[p])) {
            return false;
        }
    }
    return layer->type && layer->kernel && layer->content && layer->max_rows > 0 && dstn_shape_count(layer->in) > 0 &&
           dstn_shape_count(layer->out) > 0;
}

const dstn_layer *dstn_layer_left_open(const dstn_layer *last) {
    int closed = 0;
    for (const dstn_layer *at = last; at; at = at->below) {
        closed += at->type == &layer_residual_end;
        closed -= at->type == &layer_residual_begin;
        if (closed < 0) {
            return at;
        }
    }
    return NULL;
}

bool dstn_layer_is_source(const dstn_layer *layer) {
    return layer->parameter_count > 0 || layer->type == &layer_residual_begin;
}

/* ---- what simple layers share ------------------------------------------------------------------------------------ */

const dstn_option layer_no_options[] = {DSTN_OPTIONS_END};

dstn_status layer_require_image(const dstn_layer *layer, dstn_node node, dstn_error *err) {
    return layer->in.rank == 3 ? DSTN_OK
                               : dstn_node_fail(node, err,
                                                "%s needs an image [channels, height, width], but its input has %lld "
                                                "features; the model's `input:` gives the shape of the first one",
                                                layer->type->name, (long long)dstn_shape_count(layer->in));
}

bool layer_bind_nothing(dstn_layer *layer, dstn_arena *arena) {
    layer->content = dstn_arena_take(arena, 0);
    return layer->content != NULL;
}

/* ---- parameters ----------------------------------------------------------------------------------------------------
 */

void dstn_layer_bind_parameter(dstn_layer *layer, int p, int64_t offset, void *value, void *gradient) {
    layer->parameters[p].offset = offset;
    layer->parameters[p].value = value;
    layer->parameters[p].gradient = gradient;
}

const dstn_parameter *dstn_layer_parameter(const dstn_layer *layer, const char *name) {
    for (int p = 0; p < layer->parameter_count; p++) {
        if (strcmp(layer->parameters[p].name, name) == 0) {
            return &layer->parameters[p];
        }
    }
    return NULL;
}

/* Row r and column c of a matrix are stored at [c, r]; of the canonical columns [channels, places], c is the one with
 * the channel last. A full response has a matrix a hyperparameter. */
int64_t layer_stored_at(const dstn_parameter *parameter, int64_t i) {
    if (parameter->layout == DSTN_LAYOUT_PLAIN) {
        return i;
    }
    int64_t columns = parameter->columns, matrices = parameter->rank == 3 ? parameter->shape[0] : 1;
    int64_t rows = parameter->count / (matrices * columns), places = columns / parameter->channels;
    int64_t matrix = i / (rows * columns), r = i / columns % rows, c = i % columns;
    int64_t stored = c % places * parameter->channels + c / places;
    return (matrix * columns + stored) * rows + r;
}

void dstn_parameter_export(const dstn_parameter *parameter, const dstn_kernel *kernel, const void *array, double *out) {
    for (int64_t i = 0; i < parameter->count; i++) {
        kernel->to_double(kernel, 1, layer_element(kernel, array, layer_stored_at(parameter, i)), &out[i]);
    }
}

void dstn_parameter_import(const dstn_parameter *parameter, const dstn_kernel *kernel, const double *in, void *array) {
    for (int64_t i = 0; i < parameter->count; i++) {
        kernel->from_double(kernel, 1, &in[i], layer_element(kernel, array, layer_stored_at(parameter, i)));
    }
}

void layer_gradient_ready(const dstn_layer *layer, const dstn_pass *pass, dstn_range range) {
    int64_t first = -1, count = 0;
    for (int p = 0; p < layer->parameter_count; p++) {
        const dstn_parameter *parameter = &layer->parameters[p];
        if (parameter->range == range) {
            first = first < 0 || parameter->offset < first ? parameter->offset : first;
            count += parameter->count;
        }
    }
    if (count > 0 && pass->on_gradient_ready) {
        pass->on_gradient_ready(pass->user, range, first, count);
    }
}
