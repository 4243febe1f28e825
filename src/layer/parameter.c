/* layer: parameters: declared, given memory, copied in and out in their canonical shape, and how gradients start. */
#include "response_map.h"

#include <string.h>

dstn_parameter *layer_declare(dstn_layer *layer, const char *prefix, const char *name, dstn_range range, int rank,
                              const int64_t *shape) {
    dstn_parameter *parameter = &layer->parameters[layer->parameter_count++];
    *parameter =
        (dstn_parameter){.range = range, .rank = rank, .count = 1, .columns = 1, .channels = 1, .owner = parameter};
    snprintf(parameter->name, sizeof parameter->name, "%s%s", prefix ? prefix : "", name);
    for (int i = 0; i < rank; i++) {
        parameter->shape[i] = shape[i];
        parameter->count *= shape[i];
    }
    return parameter;
}

void layer_declare_buffer(dstn_layer *layer, const char *name, int64_t count) {
    dstn_buffer *buffer = &layer->buffers[layer->buffer_count++];
    *buffer = (dstn_buffer){.count = count};
    snprintf(buffer->name, sizeof buffer->name, "%s", name);
}

void dstn_layer_declare_state(dstn_layer *layer, const char *name, int64_t count) {
    dstn_row_state *state = &layer->states[layer->state_count++];
    *state = (dstn_row_state){.count = count};
    snprintf(state->name, sizeof state->name, "%s", name);
}

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

bool dstn_parameter_is_shared(const dstn_parameter *parameter) {
    return parameter->owner != parameter;
}

/* ---- sharing ----------------------------------------------------------------------------------------------------- */

/* "[3, 4]"; returns text. */
static const char *shape_text(const dstn_parameter *parameter, char text[96]) {
    int length = snprintf(text, 96, "[");
    for (int i = 0; i < parameter->rank; i++) {
        length += snprintf(text + length, 96 - (size_t)length, "%s%lld", i ? ", " : "", (long long)parameter->shape[i]);
    }
    snprintf(text + length, 96 - (size_t)length, "]");
    return text;
}

static bool same_shape(const dstn_parameter *a, const dstn_parameter *b) {
    bool same = a->rank == b->rank;
    for (int i = 0; same && i < a->rank; i++) {
        same = a->shape[i] == b->shape[i];
    }
    return same;
}

static bool same_storage(const dstn_parameter *a, const dstn_parameter *b) {
    return a->layout == b->layout && a->columns == b->columns && a->channels == b->channels;
}

/* A matrix goes after an embedding's weight, which is stored [out, in]. */
static void follow_storage(const dstn_layer *layer, const dstn_parameter *parameter, const dstn_parameter *other) {
    for (int i = 0; i < layer->map_count && other->layout == DSTN_LAYOUT_PLAIN; i++) {
        dstn_response_map *map = layer->maps[i];
        if (parameter == map->weight || parameter == map->response_weight) {
            layer_map_store_out_first(map);
        }
    }
}

static dstn_status share_one(const dstn_layer *layer, dstn_parameter *parameter, const dstn_layer *owner,
                             dstn_node node, dstn_error *err) {
    const dstn_parameter *other = dstn_layer_parameter(owner, parameter->name);
    char here[96], there[96];
    if (!other) {
        return dstn_node_fail(node, err, "layer %d (%s) has no %s to share", owner->index, owner->common.name,
                              parameter->name);
    }
    if (!same_shape(parameter, other)) {
        return dstn_node_fail(node, err, "%s is %s here, but %s in layer %d (%s): they can't be shared",
                              parameter->name, shape_text(parameter, here), shape_text(other, there), owner->index,
                              owner->common.name);
    }
    follow_storage(layer, parameter, other);
    if (!same_storage(parameter, other)) {
        return dstn_node_fail(node, err,
                              "%s can't be shared with layer %d (%s), where it is stored in another order: of two "
                              "inputs only one is a flattened image, or the layer's weights are shared with two others",
                              parameter->name, owner->index, owner->common.name);
    }
    parameter->owner = other->owner;
    return DSTN_OK;
}

static dstn_status fail_unknown(const dstn_layer *layer, const char *name, dstn_node node, dstn_error *err) {
    const char *names[DSTN_MAX_PARAMETERS];
    for (int p = 0; p < layer->parameter_count; p++) {
        names[p] = layer->parameters[p].name;
    }
    return dstn_node_fail_name(node, "parameter", name, names, (size_t)layer->parameter_count, err);
}

dstn_status dstn_layer_share(dstn_layer *layer, const char *parameter, dstn_layer *owner, dstn_node node,
                             dstn_error *err) {
    bool is_there = false;
    dstn_status status = DSTN_OK;
    if (layer->parameter_count == 0) {
        return dstn_node_fail(node, err, "%s has no parameters that it could share", layer->type->name);
    }
    for (int p = 0; p < layer->parameter_count && status == DSTN_OK; p++) {
        dstn_parameter *own = &layer->parameters[p];
        if (!parameter || strcmp(own->name, parameter) == 0) {
            is_there = true;
            status = share_one(layer, own, owner, node, err);
        }
    }
    return is_there ? status : fail_unknown(layer, parameter, node, err);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

double dstn_parameter_beta(dstn_parameter *parameter) {
    bool is_fresh = parameter->owner->is_fresh;
    parameter->owner->is_fresh = false;
    return is_fresh ? 0 : 1;
}

void *dstn_parameter_open(dstn_parameter *parameter, const dstn_kernel *kernel) {
    if (dstn_parameter_beta(parameter) == 0) {
        kernel->fill(kernel, parameter->count, 0, parameter->gradient);
    }
    return parameter->gradient;
}

/* ---- canonical shapes -------------------------------------------------------------------------------------------- */

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
