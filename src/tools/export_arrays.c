/* The arrays of a network for other programs: canonical shapes, and names as PyTorch would have them. */
#include "export.h"

#include <stdlib.h>
#include <string.h>

/* ---- the list ---- */

void tools_tensors_clear(tools_tensors *list) {
    for (int64_t i = 0; i < list->count; i++) {
        free((void *)list->items[i].name);
        free((void *)list->items[i].data);
    }
    free(list->items);
    *list = (tools_tensors){0};
}

/* Values in the kernel's type; name is the list's from now on. */
static void add(tools_tensors *list, const dstn_kernel *kernel, char *name, int rank, const int64_t *shape,
                const double *values) {
    if (list->count == list->room) {
        int64_t room = 2 * list->room + 16;
        dstn_tensor *items = dstn_alloc((size_t)room, sizeof *items);
        if (list->count > 0) {
            memcpy(items, list->items, (size_t)list->count * sizeof *items);
        }
        free(list->items);
        list->items = items;
        list->room = room;
    }
    dstn_tensor *tensor = &list->items[list->count++];
    int64_t count = 1;
    *tensor = (dstn_tensor){.name = name, .scalar = kernel->scalar, .rank = rank};
    for (int d = 0; d < rank; d++) {
        tensor->shape[d] = shape[d];
        count *= shape[d];
    }
    void *own = dstn_alloc((size_t)count + 1, kernel->size);
    kernel->from_double(kernel, count, values, own);
    tensor->data = own;
}

/* ---- names ---- */

/* How a parameter's name ends, behind a prefix of its map ("i2h_"), and what PyTorch would call it. */
static const struct {
    const char *ours, *theirs;
} endings[] = {{"general_weight", "weight"},
               {"general_bias", "bias"},
               {"response_weight", "response.weight"},
               {"response_bias", "response.bias"},
               {"hyper", "response."}, /* U and V */
               {"gamma", "weight"},
               {"beta", "bias"},
               {"running_variance", "running_var"}};

/* "3.weight", "5.i2h.response.bias"; free with free(). */
static char *name_of(const dstn_layer *layer, const char *name) {
    for (size_t e = 0; e < sizeof endings / sizeof endings[0]; e++) {
        size_t length = strlen(name), tail = strlen(endings[e].ours);
        if (length == tail && strcmp(name, endings[e].ours) == 0) {
            return dstn_format("%d.%s", layer->index, endings[e].theirs);
        }
        if (length > tail && name[length - tail - 1] == '_' && strcmp(name + length - tail, endings[e].ours) == 0) {
            return dstn_format("%d.%.*s.%s", layer->index, (int)(length - tail - 1), name, endings[e].theirs);
        }
    }
    return dstn_format("%d.%s", layer->index, name);
}

/* ---- values ---- */

static double *canonical(const dstn_layer *layer, const dstn_parameter *parameter) {
    double *values = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
    dstn_parameter_export(parameter, layer->kernel, parameter->value, values);
    return values;
}

/* Σ_i hyper[row, i] z_i: a value of U z, or of V z. */
static double factor(const double *hyper, int64_t row, int64_t hypers, const double *z) {
    double sum = 0;
    for (int64_t i = 0; i < hypers; i++) {
        sum += hyper[row * hypers + i] * z[i];
    }
    return sum;
}

/* values [groups, out, width] += (U z) ⊙ response, or V z, whose rows of `hyper` begin at `first`. */
static void add_structured(const dstn_response_map *map, int64_t groups, int64_t width, int64_t first,
                           const double *response, const double *z, double *values) {
    double *hyper = canonical(map->layer, map->hyper);
    for (int64_t c = 0; c < map->out; c++) {
        double scale = factor(hyper, first + c, map->layer->hypers, z);
        for (int64_t g = 0; g < groups; g++) {
            int64_t at = (g * map->out + c) * width;
            for (int64_t i = at; i < at + width; i++) {
                values[i] += scale * response[i];
            }
        }
    }
    free(hyper);
}

/* Adds the response at z to a map's weight or bias. */
static void add_response(const dstn_response_map *map, const dstn_parameter *general, const double *z, double *values) {
    bool is_weight = general == map->weight;
    const dstn_parameter *parameter = is_weight ? map->response_weight : map->response_bias;
    if (!parameter) {
        return;
    }
    double *response = canonical(map->layer, parameter);
    if (map->hyper) {
        int64_t groups = is_weight && map->is_table ? map->in : 1;
        add_structured(map, groups, general->count / groups / map->out, is_weight ? 0 : map->out, response, z, values);
    } else {
        for (int64_t i = 0; i < parameter->count; i++) {
            values[i % general->count] += z[i / general->count] * response[i];
        }
    }
    free(response);
}

/* A parameter at z; z NULL: as it is. Free with free(). */
static double *values_at(const dstn_layer *layer, const dstn_parameter *parameter, const double *z) {
    double *values = canonical(layer, parameter);
    const dstn_response_map *map;
    for (int i = 0; z && (map = dstn_layer_map(layer, i)) != NULL; i++) {
        if (parameter == map->weight || parameter == map->bias) {
            add_response(map, parameter, z, values);
        }
    }
    return values;
}

/* Whether a layer that shares a parameter has it otherwise than its owner, as a tied decoder without a response has an
 * embedding's weight. */
static bool differs_from_owner(const dstn_model *model, const dstn_parameter *parameter, const double *z,
                               const double *values) {
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            if (&layer->parameters[p] == parameter->owner) {
                double *own = values_at(layer, &layer->parameters[p], z);
                bool differs = memcmp(own, values, (size_t)parameter->count * sizeof *own) != 0;
                free(own);
                return differs;
            }
        }
    }
    return true;
}

/* ---- layers ---- */

/* U [C, h], and V behind it where there are biases. */
static void add_hyper(tools_tensors *list, const dstn_layer *layer, const dstn_parameter *parameter,
                      const double *values) {
    const dstn_response_map *map = NULL;
    for (int i = 0; (map = dstn_layer_map(layer, i)) != NULL && map->hyper != parameter;) {
        i++;
    }
    const int64_t shape[] = {map->out, layer->hypers};
    char *name = name_of(layer, parameter->name);
    add(list, layer->kernel, dstn_format("%sU", name), 2, shape, values);
    if (map->width > map->out) {
        add(list, layer->kernel, dstn_format("%sV", name), 2, shape, values + map->out * layer->hypers);
    }
    free(name);
}

static void add_parameter(tools_tensors *list, const dstn_model *model, const dstn_layer *layer,
                          const dstn_parameter *parameter, const double *z) {
    double *values = values_at(layer, parameter, z);
    bool is_known = dstn_parameter_is_shared(parameter) && (!z || !differs_from_owner(model, parameter, z, values));
    if (!is_known && strstr(parameter->name, "hyper")) {
        add_hyper(list, layer, parameter, values);
    } else if (!is_known) {
        add(list, layer->kernel, name_of(layer, parameter->name), parameter->rank, parameter->shape, values);
    }
    free(values);
}

/* Statistics of a flattened image's values are stored as these are; those of channels in their own order. */
static void add_buffer(tools_tensors *list, const dstn_layer *layer, const dstn_buffer *buffer) {
    bool is_by_value = buffer->count == dstn_shape_count(layer->in);
    double *values = dstn_alloc((size_t)buffer->count + 1, sizeof(double));
    for (int64_t i = 0; i < buffer->count; i++) {
        values[i] = buffer->value[is_by_value ? dstn_shape_stored_at(layer->in, i) : i];
    }
    add(list, layer->kernel, name_of(layer, buffer->name), 1, &buffer->count, values);
    free(values);
}

void tools_export_network(const dstn_job *job, bool response, tools_tensors *out) {
    const dstn_model *model = job->model;
    bool starts_at_lambda = job->method->tunes && !job->method->centered;
    const double *z = starts_at_lambda ? job->space->lambda : NULL;
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            if (layer->parameters[p].range == DSTN_RANGE_GENERAL || response) {
                add_parameter(out, model, layer, &layer->parameters[p], z);
            }
        }
        for (int b = 0; b < layer->buffer_count; b++) {
            add_buffer(out, layer, &layer->buffers[b]);
        }
    }
}
