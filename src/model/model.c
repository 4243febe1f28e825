/* Builds a model: reads the layer list, plans every layer against the shape before it, and takes all memory of
 * parameters, gradients, activations and adjoints from one arena. */
#include "model_private.h"

#include <float.h>
#include <stdlib.h>
#include <string.h>

typedef struct model_settings {
    dstn_int_list input;
    int64_t words;
    int response;
    int loss;
    int batchnorm;
    int convolution;
    double width;
    dstn_node layers;
} model_settings;

const dstn_option dstn_model_options[] = {
    DSTN_INTS("input", model_settings, input, 1, 1e9, "~",
              "shape of one example: [features] or [channels, height, width]; default: as the data have it"),
    DSTN_INT("words", model_settings, words, 0, 2147483647.0, "0",
             "size of the vocabulary, for a network that reads words: in place of `input`; 0: as the data have it"),
    DSTN_CHOICE("response", model_settings, response, "structured|full", "structured",
                "kind of the response layers: one scaled copy of the weights, or one copy a hyperparameter"),
    DSTN_CHOICE("loss", model_settings, loss, "mse|cross_entropy", "mse",
                "mse: half the squared error summed over outputs; both are means over examples"),
    DSTN_CHOICE(
        "batchnorm", model_settings, batchnorm, "synchronized|local", "synchronized",
        "batch statistics: of the whole mini-batch, or of each rank's rows; with reproducible: true, of each shard's"),
    DSTN_CHOICE(
        "convolution", model_settings, convolution, "auto|direct|winograd", "auto",
        "how convolutions are computed: as their definition says, those of 3 x 3 with stride 1 by Winograd's "
        "algorithm, or (auto) by it where channels and image are large enough to gain; runs from before there was a "
        "choice go on to the bit with direct",
        DSTN_MAY_DIFFER),
    DSTN_REAL("width", model_settings, width, DBL_MIN, 1e6, "1",
              "multiplies the `out` of every layer but the one that makes the network's output, rounded, at least 1"),
    DSTN_SECTION("layers", model_settings, layers, "list of layers, from the input to the output"),
    DSTN_OPTIONS_END,
};

/* Whether values that are stored in the order of one shape can be read in that of the other: images are channels-last,
 * features in the order of the data. */
static bool same_order(dstn_shape data, dstn_shape own) {
    if (own.rank == 3 && data.rank == 3 && memcmp(own.dims, data.dims, sizeof own.dims) == 0) {
        return true;
    }
    bool is_image = own.rank == 3;
    return dstn_shape_channels(data) == 1 ? !is_image || own.dims[0] == 1 : own.rank == 1;
}

/* shape [in,out]: as the data have it, rank 0 where there are none. */
static dstn_status input_of_words(const dstn_model_request *request, const model_settings *settings, dstn_shape *shape,
                                  dstn_error *err) {
    if (settings->input.count > 0) {
        return dstn_node_fail(dstn_node_child(request->node, "input"), err,
                              "is the shape of values, but the network reads words; leave `input` out");
    }
    if (settings->words > 0 && shape->rank != 0 && shape->words != settings->words) {
        return dstn_node_fail(dstn_node_child(request->node, "words"), err,
                              "the model takes words of a vocabulary of %lld, but the data have %s%lld",
                              (long long)settings->words, shape->words > 0 ? "one of " : "no words: values, ",
                              (long long)(shape->words > 0 ? shape->words : dstn_shape_count(*shape)));
    }
    *shape = (dstn_shape){.rank = 1, .dims = {1}, .words = settings->words > 0 ? settings->words : shape->words};
    return DSTN_OK;
}

static dstn_status input_shape(const dstn_model_request *request, const model_settings *settings, dstn_shape *shape,
                               dstn_error *err) {
    const dstn_int_list *given = &settings->input;
    dstn_node place = dstn_node_child(request->node, "input");
    if (given->count > 3) {
        return dstn_node_fail(place, err, "a shape of %d axes; accepted: [features] or [channels, height, width]",
                              given->count);
    }
    *shape = request->input;
    if (settings->words > 0 || shape->words > 0) {
        return input_of_words(request, settings, shape, err);
    }
    if (given->count == 0) {
        if (shape->rank == 0) {
            return dstn_node_fail(request->node, err, "missing key \"input\": the shape of one example");
        }
        return DSTN_OK;
    }
    dstn_shape own = {.rank = given->count};
    memcpy(own.dims, given->values, (size_t)given->count * sizeof(int64_t));
    if (shape->rank != 0 && dstn_shape_count(*shape) != dstn_shape_count(own)) {
        return dstn_node_fail(place, err, "the model takes %lld values an example, but the data have %lld",
                              (long long)dstn_shape_count(own), (long long)dstn_shape_count(*shape));
    }
    if (shape->rank != 0 && !same_order(*shape, own)) {
        return dstn_node_fail(place, err,
                              "the data's examples are %s, whose values this shape would mix: images are stored "
                              "channels-last; leave `input` out, or give the data that shape",
                              shape->rank == 3 ? "images of another shape" : "plain features");
    }
    own.channels = own.rank == 1 ? dstn_shape_channels(*shape) : 0;
    *shape = own;
    return DSTN_OK;
}

/* What it needs of the chain. */
static dstn_status tap_layer(const dstn_model *model, dstn_regularizer *regularizer, dstn_node node, dstn_error *err) {
    const dstn_layer *layer = regularizer->tapped;
    regularizer->tap = layer ? model_chain_tap(model->chain, layer) : NULL;
    if (layer && !regularizer->tap) {
        return dstn_node_fail(node, err,
                              "the output of layer %d (%s) depends on no parameters; accepted: a layer with "
                              "parameters, or one behind it",
                              layer->index, layer->type->name);
    }
    return DSTN_OK;
}

static dstn_status read_regularizers(dstn_model *model, const dstn_model_request *request,
                                     const dstn_layer_setting *setting, dstn_error *err) {
    size_t count = dstn_node_count(request->regularizers);
    if (request->regularizers.handle && dstn_node_get_kind(request->regularizers) == DSTN_NODE_SEQUENCE && count > 0) {
        return dstn_node_fail(request->regularizers, err,
                              "is a list; accepted: a mapping, as in {l2: {strength: NAME}}");
    }
    model->regularizers = dstn_alloc(count + 1, sizeof(dstn_regularizer *));
    for (size_t i = 0; i < count; i++) {
        dstn_status status = dstn_regularizer_read(
            dstn_node_key_at(request->regularizers, i), dstn_node_at(request->regularizers, i), model->layers,
            model->layer_count, request->train_rows, setting, &model->regularizers[i], err);
        if (status != DSTN_OK) {
            return status;
        }
        dstn_regularizer *regularizer = model->regularizers[model->regularizer_count++];
        if (tap_layer(model, regularizer, dstn_node_at(request->regularizers, i), err) != DSTN_OK) {
            return err->status;
        }
    }
    return DSTN_OK;
}

/* The parameters of all layers one after the other, general and response apart; what is shared lies where its owner has
 * it. */
static void lay_parameters(const dstn_model *model) {
    size_t size = model->kernel->size;
    int64_t next[DSTN_RANGES] = {0};
    for (int l = 0; l < model->layer_count; l++) {
        dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            bool is_shared = dstn_parameter_is_shared(parameter);
            int64_t offset = is_shared ? parameter->owner->offset : next[parameter->range];
            dstn_layer_bind_parameter(layer, p, offset, (char *)model->value[parameter->range] + (size_t)offset * size,
                                      (char *)model->gradient[parameter->range] + (size_t)offset * size);
            next[parameter->range] += is_shared ? 0 : parameter->count;
        }
    }
}

static bool bind_parameters(dstn_model *model) {
    for (int l = 0; l < model->layer_count; l++) {
        dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            model->count[parameter->range] += dstn_parameter_is_shared(parameter) ? 0 : parameter->count;
        }
    }
    size_t size = model->kernel->size;
    for (int r = 0; r < DSTN_RANGES; r++) {
        model->value[r] = dstn_arena_take(model->arena, (size_t)model->count[r] * size);
        model->gradient[r] = dstn_arena_take(model->arena, (size_t)model->count[r] * size);
        if (!model->value[r] || !model->gradient[r]) {
            return false;
        }
    }
    lay_parameters(model);
    return true;
}

void dstn_model_move_parameters(dstn_model *model, void *const value[DSTN_RANGES], void *const gradient[DSTN_RANGES],
                                bool copies) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        size_t bytes = (size_t)model->count[r] * model->kernel->size;
        if (copies) {
            model->kernel->copy(model->kernel, model->count[r], model->value[r], value[r]);
        }
        dstn_arena_return(model->arena, model->value[r], bytes);
        dstn_arena_return(model->arena, model->gradient[r], bytes);
        model->value[r] = value[r];
        model->gradient[r] = gradient[r];
    }
    lay_parameters(model);
}

static bool bind_buffers(dstn_model *model) {
    for (int l = 0; l < model->layer_count; l++) {
        for (int i = 0; i < model->layers[l]->buffer_count; i++) {
            model->buffer_count += model->layers[l]->buffers[i].count;
        }
    }
    model->buffers = dstn_arena_take(model->arena, (size_t)model->buffer_count * sizeof(double));
    double *next = model->buffers;
    for (int l = 0; next && l < model->layer_count; l++) {
        for (int i = 0; i < model->layers[l]->buffer_count; i++) {
            model->layers[l]->buffers[i].value = next;
            next += model->layers[l]->buffers[i].count;
        }
    }
    return next != NULL;
}

/* Which hyperparameters have one value for all examples of a batch; free with free(). */
static bool *per_batch_of(const dstn_model *model, const dstn_space *space) {
    bool *per_batch = dstn_alloc((size_t)model->hypers + 1, sizeof *per_batch);
    for (int64_t i = 0; i < model->hypers; i++) {
        per_batch[i] = space->items[i].per_batch;
    }
    return per_batch;
}

static dstn_status build(dstn_model *model, const dstn_model_request *request, dstn_error *err) {
    model_settings settings = {0};
    dstn_binding binding = {dstn_model_options, &settings};
    dstn_status status = dstn_options_read(request->node, "model", &binding, 1, err);
    if (status != DSTN_OK) {
        return status;
    }
    model->response = (dstn_response)settings.response;
    model->loss = (dstn_loss)settings.loss;
    bool *per_batch = per_batch_of(model, request->space);
    dstn_layer_setting setting = {.kernel = model->kernel,
                                  .response = model->response,
                                  .hypers = model->hypers,
                                  .max_rows = model->max_rows,
                                  .max_steps = model->max_steps,
                                  .hyper_names = request->space ? dstn_space_names(request->space) : (dstn_names){0},
                                  .per_batch = per_batch,
                                  .synchronized = settings.batchnorm == 0,
                                  .convolution = (dstn_convolution)settings.convolution,
                                  .width = settings.width};
    status = input_shape(request, &settings, &model->in, err);
    setting.words = model->in.words;
    if (status == DSTN_OK) {
        status = model_read_layers(model, request, settings.layers, &setting, err);
    }
    if (status == DSTN_OK) {
        status = read_regularizers(model, request, &setting, err);
    }
    free(per_batch);
    if (status != DSTN_OK) {
        return status;
    }
    if (!bind_parameters(model) || !bind_buffers(model) || !model_bind_rows(model) ||
        !model_bind_segments(model, request)) {
        return dstn_fail(err, DSTN_ERROR_RUN, "out of memory for a model of %lld parameters and %lld examples a pass",
                         (long long)(model->count[0] + model->count[1]), (long long)model->max_rows);
    }
    return DSTN_OK;
}

dstn_status dstn_model_new(const dstn_model_request *request, dstn_model **out, dstn_error *err) {
    dstn_model *model = dstn_alloc(1, sizeof(*model));
    model->kernel = request->kernel;
    model->hypers = request->space ? request->space->count : 0;
    model->max_rows = request->max_rows;
    model->max_steps = request->max_steps > 0 ? request->max_steps : 1;
    memcpy(model->stream_rows, request->stream_rows, sizeof model->stream_rows);
    model->chain = model_chain_new();
    model->arena = dstn_arena_new();
    dstn_arena_limit(model->arena, request->most_memory);
    dstn_status status = build(model, request, err);
    if (status != DSTN_OK) {
        dstn_model_destroy(model);
        return status;
    }
    *out = model;
    return DSTN_OK;
}

void dstn_model_destroy(dstn_model *model) {
    if (!model) {
        return;
    }
    for (int r = 0; r < model->regularizer_count; r++) {
        dstn_regularizer_destroy(model->regularizers[r]);
    }
    for (int l = 0; l < model->layer_count; l++) {
        dstn_layer_destroy(model->layers[l]);
    }
    free(model->regularizers);
    free(model->layers);
    model_chain_destroy(model->chain);
    dstn_arena_destroy(model->arena);
    free(model);
}

bool dstn_model_is_valid(const dstn_model *model) {
    for (int l = 0; l < model->layer_count; l++) {
        if (!dstn_layer_is_valid(model->layers[l])) {
            return false;
        }
    }
    for (int i = 0; i < model->chain->segment_count; i++) {
        if (!model->chain->segments[i].out || !model->chain->segments[i].out_tangent) {
            return false;
        }
    }
    return model->layer_count > 0 && model->max_rows > 0 && model->chain->prediction != NULL;
}

size_t dstn_model_memory_used(const dstn_model *model) {
    size_t bytes = dstn_arena_memory_used(model->arena);
    for (int l = 0; l < model->layer_count; l++) {
        bytes += dstn_layer_memory_used(model->layers[l]);
    }
    return bytes;
}

int dstn_model_winograd_maps(const dstn_model *model) {
    int count = 0;
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_response_map *map;
        for (int i = 0; (map = dstn_layer_map(model->layers[l], i)); i++) {
            count += map->shape.is_winograd;
        }
    }
    return count;
}

const char *dstn_model_weight_hyper(const dstn_model *model) {
    const dstn_response_map *map;
    for (int l = 0; l < model->layer_count; l++) {
        for (int i = 0; (map = dstn_layer_map(model->layers[l], i)); i++) {
            if (map->weight_dropout && !map->is_table && map->weight_dropout->index >= 0) {
                return map->weight_dropout->name;
            }
        }
    }
    return NULL;
}

void dstn_model_initialize(dstn_model *model, uint32_t seed) {
    dstn_rng rng = {seed, DSTN_PURPOSE_INIT};
    for (int l = 0; l < model->layer_count; l++) {
        dstn_layer_initialize(model->layers[l], rng);
    }
}

void dstn_model_add_state(dstn_model *model, dstn_state *state) {
    dstn_scalar scalar = model->kernel->scalar;
    dstn_state_add_values(state, "model/general", scalar, model->count[DSTN_RANGE_GENERAL],
                          model->value[DSTN_RANGE_GENERAL]);
    dstn_state_add_values(state, "model/response", scalar, model->count[DSTN_RANGE_RESPONSE],
                          model->value[DSTN_RANGE_RESPONSE]);
    if (model->buffer_count > 0) {
        dstn_state_add_values(state, "model/buffers", DSTN_F64, model->buffer_count, model->buffers);
    }
}
