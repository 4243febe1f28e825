/* Reads the list of layers, and the lists within it, into one chain of steps. */
#include "model_private.h"

#include <stdlib.h>
#include <string.h>

typedef struct list_reader {
    dstn_model *model;
    const dstn_layer_setting *setting;
    dstn_layer_setting plain; /* the same without a width */
    dstn_node output;         /* the entry that it is for: the layer that makes the network's output */
    int capacity;             /* of model->layers */
    dstn_error *err;
} list_reader;

static bool is_widened(const list_reader *reader) {
    return reader->setting->width != 0 && reader->setting->width != 1;
}

/* Adds to a message about shapes that part the width that may have parted them. */
static dstn_status tell_width(const list_reader *reader) {
    dstn_error *err = reader->err;
    if (!is_widened(reader)) {
        return err->status;
    }
    return dstn_fail(err, err->status,
                     "%s (width: %g multiplies every `out` but the one that makes the network's output)", err->message,
                     reader->setting->width);
}

static void add_layer(list_reader *reader, dstn_layer *layer) {
    dstn_model *model = reader->model;
    if (model->layer_count == reader->capacity) {
        reader->capacity = reader->capacity ? 2 * reader->capacity : 16;
        dstn_layer **layers = dstn_alloc((size_t)reader->capacity, sizeof(dstn_layer *));
        if (model->layer_count > 0) {
            memcpy(layers, model->layers, (size_t)model->layer_count * sizeof(dstn_layer *));
        }
        free(model->layers);
        model->layers = layers;
    }
    model->layers[model->layer_count++] = layer;
}

static void add_step(const list_reader *reader, model_step_kind kind, dstn_layer *layer, model_branch *branch,
                     dstn_shape in, dstn_shape out) {
    model_step *step = model_chain_add_step(reader->model->chain, kind);
    step->layer = layer;
    step->branch = branch;
    step->in = in;
    step->out = out;
}

static model_branch *begin_branch(const list_reader *reader, dstn_node entry, dstn_layer *layer, model_branch *outer) {
    model_branch *branch = model_chain_add_branch(reader->model->chain);
    branch->outer = outer;
    branch->entry = entry;
    branch->layer = layer;
    branch->in = layer->in;
    add_step(reader, STEP_FORK, layer, branch, layer->in, layer->in);
    return branch;
}

static void end_branch(const list_reader *reader, dstn_layer *layer, model_branch *branch, dstn_shape shape) {
    branch->out = shape;
    add_step(reader, STEP_JOIN, layer, branch, shape, shape);
}

/* ---- residual connections in a flat list ------------------------------------------------------------------------- */

static dstn_status close_branch(const list_reader *reader, dstn_node entry, dstn_layer *layer, model_branch **open) {
    model_branch *branch = *open;
    if (!branch) {
        return dstn_node_fail(entry, reader->err, "there is no residual_begin below that is still open");
    }
    if (!dstn_shape_same(branch->in, layer->in)) {
        char here[64], there[64];
        dstn_node_fail(entry, reader->err, "the shape here, %s, is not that at residual_begin (layer %d), %s",
                       dstn_shape_text(layer->in, here), branch->layer->index, dstn_shape_text(branch->in, there));
        return tell_width(reader);
    }
    *open = branch->outer;
    end_branch(reader, layer, branch, layer->in);
    return DSTN_OK;
}

/* ---- lists in lists ---------------------------------------------------------------------------------------------- */

static dstn_status read_list(list_reader *reader, dstn_node list, dstn_shape *shape);

static dstn_status require_list(const list_reader *reader, dstn_node list, dstn_node place, const char *key) {
    if (dstn_node_get_kind(list) == DSTN_NODE_SEQUENCE && dstn_node_count(list) > 0) {
        return DSTN_OK;
    }
    return dstn_node_fail(list.handle ? list : place, reader->err, "\"%s\" must be a list with at least one layer",
                          key);
}

static bool is_empty(dstn_node list) {
    return !list.handle || (dstn_node_get_kind(list) == DSTN_NODE_SEQUENCE && dstn_node_count(list) == 0);
}

/* After the list, which gave `main`; shape [in,out]: of the shortcut's input, then of its output. */
static dstn_status read_shortcut(list_reader *reader, dstn_node entry, dstn_node list, model_branch *branch,
                                 dstn_shape main, dstn_shape *shape) {
    dstn_status status = require_list(reader, list, entry, "shortcut");
    if (status != DSTN_OK) {
        return status;
    }
    branch->has_shortcut = true;
    add_step(reader, STEP_TURN, NULL, branch, main, branch->in);
    return read_list(reader, list, shape);
}

static dstn_status read_residual(list_reader *reader, dstn_node entry, dstn_layer *layer) {
    const dstn_residual_settings *settings = layer->settings;
    dstn_status status = require_list(reader, settings->layers, entry, "layers");
    if (status != DSTN_OK) {
        return status;
    }
    model_branch *branch = begin_branch(reader, entry, layer, NULL);
    dstn_shape main = layer->in, shortcut = layer->in;
    status = read_list(reader, settings->layers, &main);
    if (status == DSTN_OK && !is_empty(settings->shortcut)) {
        status = read_shortcut(reader, entry, settings->shortcut, branch, main, &shortcut);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (!dstn_shape_same(main, shortcut)) {
        char of_main[64], of_shortcut[64];
        dstn_node_fail(entry, reader->err, "the layers give %s, but the shortcut %s: what is added must have one shape",
                       dstn_shape_text(main, of_main), dstn_shape_text(shortcut, of_shortcut));
        return tell_width(reader);
    }
    layer->out = main;
    end_branch(reader, NULL, branch, main);
    return DSTN_OK;
}

/* ---- the list ---------------------------------------------------------------------------------------------------- */

static dstn_status add_entry(list_reader *reader, dstn_node entry, dstn_layer *layer, model_branch **open) {
    switch (layer->type->kind) {
    case DSTN_LAYER_BATCH:
        add_step(reader, STEP_BATCH, layer, NULL, layer->in, layer->out);
        return DSTN_OK;
    case DSTN_LAYER_ROWS:
        add_step(reader, STEP_ROWS, layer, NULL, layer->in, layer->out);
        return DSTN_OK;
    case DSTN_LAYER_SHAPE:
        add_step(reader, STEP_SHAPE, layer, NULL, layer->in, layer->out);
        return DSTN_OK;
    case DSTN_LAYER_RESIDUAL:
        return read_residual(reader, entry, layer);
    case DSTN_LAYER_RESIDUAL_BEGIN:
        *open = begin_branch(reader, entry, layer, *open);
        return DSTN_OK;
    case DSTN_LAYER_RESIDUAL_END:
        return close_branch(reader, entry, layer, open);
    }
    return DSTN_OK;
}

/* shape [in,out]: of the list's input, then of its output. */
static dstn_status read_list(list_reader *reader, dstn_node list, dstn_shape *shape) {
    size_t count = dstn_node_count(list);
    model_branch *open = NULL;
    dstn_status status = DSTN_OK;
    for (size_t i = 0; i < count && status == DSTN_OK; i++) {
        dstn_node entry = dstn_node_at(list, i);
        const dstn_layer_setting *setting = entry.handle == reader->output.handle ? &reader->plain : reader->setting;
        dstn_layer *layer;
        status = dstn_layer_read(entry, reader->model->layer_count, *shape, setting, &layer, reader->err);
        if (status == DSTN_OK) {
            add_layer(reader, layer);
            status = model_share_parameters(reader->model, layer, entry, reader->err);
        }
        if (status == DSTN_OK) {
            status = add_entry(reader, entry, layer, &open);
            *shape = layer->out;
        }
    }
    if (status == DSTN_OK && open) {
        status = dstn_node_fail(open->entry, reader->err, "no residual_end above closes it");
    }
    return status;
}

/* The layer that makes the network's output: the last of the outermost list that counts its outputs. */
static dstn_status find_output(list_reader *reader, dstn_node list) {
    size_t i = dstn_node_count(list);
    while (i > 0 && !dstn_layer_counts_outputs(dstn_node_at(list, i - 1))) {
        i--;
    }
    reader->plain = *reader->setting;
    reader->plain.width = 1;
    reader->output = i > 0 ? dstn_node_at(list, i - 1) : (dstn_node){0};
    const char *name = i > 0 ? dstn_entry_name(reader->output, &(dstn_node){0}) : NULL;
    const dstn_layer_type *type = name ? dstn_layer_type_find(name) : NULL;
    if (is_widened(reader) && type && type->kind == DSTN_LAYER_RESIDUAL) {
        return dstn_node_fail(
            reader->output, reader->err,
            "makes the network's output of two, which width: %g would change; accepted: width: 1, or a "
            "layer behind this one that makes the output",
            reader->setting->width);
    }
    return DSTN_OK;
}

static bool has_parameters(const dstn_model *model) {
    for (int l = 0; l < model->layer_count; l++) {
        if (model->layers[l]->parameter_count > 0) {
            return true;
        }
    }
    return false;
}

dstn_status model_read_layers(dstn_model *model, const dstn_model_request *request, dstn_node list,
                              const dstn_layer_setting *setting, dstn_error *err) {
    list_reader reader = {.model = model, .setting = setting, .err = err};
    dstn_shape shape = model->in;
    dstn_status status = require_list(&reader, list, request->node, "layers");
    if (status == DSTN_OK) {
        status = find_output(&reader, list);
    }
    if (status == DSTN_OK) {
        status = read_list(&reader, list, &shape);
    }
    if (status != DSTN_OK) {
        return status;
    }
    model->out = shape;
    if (!has_parameters(model)) {
        return dstn_node_fail(list, err, "no layer has parameters: there is nothing to train");
    }
    if (request->outputs > 0 && dstn_shape_count(shape) != request->outputs) {
        dstn_node_fail(dstn_node_at(list, dstn_node_count(list) - 1), err,
                       "the network has %lld outputs, but the data need %lld", (long long)dstn_shape_count(shape),
                       (long long)request->outputs);
        return tell_width(&reader);
    }
    model_chain_find_moves(model->chain);
    return DSTN_OK;
}
