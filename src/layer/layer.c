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

/* Where element i of the canonical array is stored: [m, r, c] of the canonical shape at [m, c, r]. */
static int64_t stored_at(const dstn_parameter *parameter, int64_t i) {
    if (parameter->layout == DSTN_LAYOUT_PLAIN) {
        return i;
    }
    int64_t rows = parameter->shape[parameter->rank - 2], cols = parameter->shape[parameter->rank - 1];
    int64_t matrix = i / (rows * cols), r = i / cols % rows, c = i % cols;
    return (matrix * cols + c) * rows + r;
}

void dstn_parameter_export(const dstn_parameter *parameter, const dstn_kernel *kernel, const void *array, double *out) {
    for (int64_t i = 0; i < parameter->count; i++) {
        kernel->to_double(1, layer_element(kernel, array, stored_at(parameter, i)), &out[i]);
    }
}

void dstn_parameter_import(const dstn_parameter *parameter, const dstn_kernel *kernel, const double *in, void *array) {
    for (int64_t i = 0; i < parameter->count; i++) {
        kernel->from_double(1, &in[i], layer_element(kernel, array, stored_at(parameter, i)));
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
