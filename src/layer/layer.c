/* layer: makes a layer from its entry in the list, gives it memory, and does for its maps what a type need not. */
#include "response_map.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const dstn_option dstn_layer_options[] = {
    DSTN_TEXT("name", dstn_layer_common, name, "~", "by which a later layer can share this one's parameters"),
    DSTN_SECTION("share", dstn_layer_common, share,
                 "name of an earlier layer whose parameters this one uses, or a mapping of those that it uses: "
                 "{general_weight: NAME}"),
    DSTN_OPTIONS_END,
};

/* ---- making ------------------------------------------------------------------------------------------------------ */

/* Names in the table's order; free with free(). */
static const char **names_of_types(size_t *count) {
    *count = 0;
    while (dstn_layer_type_at(*count)) {
        ++*count;
    }
    const char **names = dstn_alloc(*count, sizeof *names);
    for (size_t i = 0; i < *count; i++) {
        names[i] = dstn_layer_type_at(i)->name;
    }
    return names;
}

static dstn_status find_type(dstn_node node, const char *name, const dstn_layer_type **type, dstn_error *err) {
    *type = dstn_layer_type_find(name);
    if (*type) {
        return DSTN_OK;
    }
    size_t count;
    const char **names = names_of_types(&count);
    dstn_status status = dstn_node_fail_name(node, "layer", name, names, count, err);
    free(names);
    return status;
}

static dstn_layer *new_layer(const dstn_layer_type *type, int index, dstn_shape in, const dstn_layer_setting *setting) {
    dstn_layer *layer = dstn_alloc(1, sizeof *layer);
    int64_t steps = setting->max_steps > 0 ? setting->max_steps : 1;
    *layer = (dstn_layer){.type = type,
                          .index = index,
                          .kernel = setting->kernel,
                          .response = setting->response,
                          .hypers = setting->hypers,
                          .max_examples = setting->max_rows,
                          .max_steps = steps,
                          .max_rows = setting->max_rows * steps,
                          .synchronized = setting->synchronized,
                          .words = setting->words,
                          .per_batch = setting->per_batch,
                          .convolution = setting->convolution,
                          .in = in,
                          .out = in,
                          .settings = dstn_alloc(1, type->settings_size),
                          .content = dstn_alloc(1, type->content_size)};
    return layer;
}

/* ---- width ------------------------------------------------------------------------------------------------------- */

/* The option that counts a layer's outputs; NULL: it has none. */
static const dstn_option *outputs_of(const dstn_layer_type *type) {
    const dstn_option *option = type->options;
    while (option->key && (strcmp(option->key, "out") != 0 || option->kind != DSTN_OPTION_INT)) {
        option++;
    }
    return option->key ? option : NULL;
}

static bool list_counts_outputs(dstn_node list) {
    bool found = false;
    for (size_t i = 0; i < dstn_node_count(list) && !found; i++) {
        found = dstn_layer_counts_outputs(dstn_node_at(list, i));
    }
    return found;
}

bool dstn_layer_counts_outputs(dstn_node entry) {
    dstn_node options;
    const char *name = dstn_entry_name(entry, &options);
    const dstn_layer_type *type = name ? dstn_layer_type_find(name) : NULL;
    if (!type) {
        return false;
    }
    return type->gives_words || outputs_of(type) ||
           (type->kind == DSTN_LAYER_RESIDUAL && (list_counts_outputs(dstn_node_child(options, "layers")) ||
                                                  list_counts_outputs(dstn_node_child(options, "shortcut"))));
}

/* At least one output stays; 0, as many as inputs, which have been narrowed, stays what it is. */
static dstn_status widen(dstn_layer *layer, dstn_node place, double width, dstn_error *err) {
    const dstn_option *option = outputs_of(layer->type);
    int64_t *out = option ? (int64_t *)((char *)layer->settings + option->offset) : NULL;
    if (!out || *out == 0 || width == 0) {
        return DSTN_OK;
    }
    double wide = fmax(1, round(width * (double)*out));
    if (wide > option->high) {
        return dstn_node_fail(place, err, "width %g makes %.0f outputs of %lld; accepted: up to %.0f", width, wide,
                              (long long)*out, option->high);
    }
    *out = (int64_t)wide;
    return DSTN_OK;
}

/* Words have no values, and values are no words. */
static dstn_status require_kind_of_rows(const dstn_layer_type *type, dstn_shape in, dstn_node node, dstn_error *err) {
    if (type->takes_words == (in.words > 0)) {
        return DSTN_OK;
    }
    return type->takes_words
               ? dstn_node_fail(node, err,
                                "%s takes words, but there are values here; accepted: as the first layer of "
                                "a network for text",
                                type->name)
               : dstn_node_fail(node, err,
                                "%s takes values, but there are words here; accepted: an embedding as the "
                                "first layer",
                                type->name);
}

dstn_status dstn_layer_read(dstn_node node, int index, dstn_shape in, const dstn_layer_setting *setting,
                            dstn_layer **out, dstn_error *err) {
    dstn_node options;
    const dstn_layer_type *type;
    const char *name = dstn_entry_name(node, &options);
    if (!name) {
        return dstn_node_fail(node, err,
                              "is no layer; accepted: a name (relu), or one name with its options (linear: {out: 10})");
    }
    dstn_status status = find_type(node, name, &type, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = require_kind_of_rows(type, in, node, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_layer *layer = new_layer(type, index, in, setting);
    const dstn_binding bindings[] = {{type->options, layer->settings}, {dstn_layer_options, &layer->common}};
    status = dstn_entry_read(node, options, type->name, bindings, 2, setting->hyper_names, err);
    if (status == DSTN_OK) {
        status = widen(layer, options.handle ? options : node, setting->width, err);
    }
    if (status == DSTN_OK) {
        status = type->plan(layer, options.handle ? options : node, err);
    }
    layer->per_batch = NULL;
    if (status != DSTN_OK) {
        dstn_layer_destroy(layer);
        return status;
    }
    *out = layer;
    return DSTN_OK;
}

void dstn_layer_destroy(dstn_layer *layer) {
    if (layer) {
        for (int i = 0; i < layer->map_count; i++) {
            layer_map_release(layer->maps[i]);
        }
        free(layer->content);
        free(layer->settings);
        free(layer);
    }
}

static bool parameter_is_valid(const dstn_parameter *parameter) {
    int64_t count = 1;
    for (int i = 0; i < parameter->rank; i++) {
        count *= parameter->shape[i];
    }
    return count == parameter->count && parameter->owner && parameter->value && parameter->gradient;
}

bool dstn_layer_is_valid(const dstn_layer *layer) {
    for (int p = 0; p < layer->parameter_count; p++) {
        if (!parameter_is_valid(&layer->parameters[p])) {
            return false;
        }
    }
    return layer->type && layer->kernel && layer->is_bound && layer->max_rows > 0 && dstn_shape_count(layer->in) > 0 &&
           dstn_shape_count(layer->out) > 0;
}

/* ---- what a layer and its maps do together ----------------------------------------------------------------------- */

bool dstn_layer_bind(dstn_layer *layer, dstn_arena *arena) {
    for (int i = 0; i < layer->map_count; i++) {
        if (!layer_map_bind(layer->maps[i], arena)) {
            return false;
        }
    }
    layer->is_bound = layer->type->bind(layer, arena);
    return layer->is_bound;
}

void dstn_layer_initialize(dstn_layer *layer, dstn_rng rng) {
    for (int i = 0; i < layer->map_count; i++) {
        layer_map_initialize(layer->maps[i], rng);
    }
    layer->type->initialize(layer, rng);
}

size_t dstn_layer_memory_used(const dstn_layer *layer) {
    size_t bytes = 0;
    for (int i = 0; i < layer->map_count; i++) {
        bytes += layer_map_memory(layer->maps[i]);
    }
    return bytes;
}

void dstn_layer_begin(dstn_layer *layer, const dstn_pass *pass) {
    for (int p = 0; p < layer->parameter_count; p++) {
        dstn_parameter *parameter = &layer->parameters[p];
        parameter->is_fresh =
            !dstn_parameter_is_shared(parameter) && pass->overwrite && dstn_pass_wants(pass, parameter->range);
    }
    for (int i = 0; i < layer->map_count; i++) {
        layer_map_begin_mask(layer->maps[i], pass);
    }
}

bool dstn_layer_factor(const dstn_layer *layer, const dstn_pass *pass, int64_t row, double *out) {
    return layer->type->factor(layer, pass, row, out);
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
