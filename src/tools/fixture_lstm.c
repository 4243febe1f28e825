/* Fixtures of a language model (`kind` = "lstm_lm"): an embedding, LSTM layers one on another and a decoder that is
 * tied to the general embedding, with parameters by the names of the implementation that made them: `elem` is general,
 * `hnet` the response, `hnet_tensor_to_scalars` U over V. Sizes are those of the arrays.
 *
 * In that implementation the last word of the vocabulary is padding, as PyTorch has it by the number −1: looking it up
 * trains neither of its vectors. An attribute `padding_idx` says another number, from which on −1 counts from the end.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_LAYERS = 64, MOST_OF_A_SIZE = 1 << 24 };

/* ---- sizes ------------------------------------------------------------------------------------------------------- */

/* The two extents of a matrix. */
static dstn_status read_extents(const tools_fixture *fixture, const char *name, int64_t *rows, int64_t *cols,
                                dstn_error *err) {
    int rank;
    int64_t shape[DSTN_MAX_RANK];
    dstn_status status = dstn_reader_shape(fixture->reader, name, &rank, shape, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (rank != 2 || shape[0] < 1 || shape[1] < 1 || shape[0] > MOST_OF_A_SIZE || shape[1] > MOST_OF_A_SIZE) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: accepted: a matrix of up to %d rows and columns", name,
                         MOST_OF_A_SIZE);
    }
    *rows = shape[0];
    *cols = shape[1];
    return DSTN_OK;
}

static dstn_status read_units(const tools_fixture *fixture, int layer, int64_t *units, dstn_error *err) {
    int64_t rows = 0;
    char *name = dstn_format("params/rnns.%d.h2h.elem_weight_raw", layer);
    dstn_status status = read_extents(fixture, name, &rows, units, err);
    if (status == DSTN_OK && rows != 4 * *units) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s is [%lld, %lld]; accepted: four rows for each column", name,
                           (long long)rows, (long long)*units);
    }
    free(name);
    return status;
}

static int count_layers(const tools_fixture *fixture) {
    int count = 0;
    bool is_there = true;
    while (is_there && count < MOST_LAYERS) {
        char *name = dstn_format("params/rnns.%d.h2h.elem_weight_raw", count);
        is_there = dstn_reader_has(fixture->reader, name);
        count += is_there;
        free(name);
    }
    return count;
}

static bool is_tied(const tools_fixture *fixture) {
    return !dstn_reader_has(fixture->reader, "params/decoder.weight");
}

/* ---- the network ------------------------------------------------------------------------------------------------- */

static dstn_status write_layers(const tools_fixture *fixture, FILE *yaml, dstn_error *err) {
    int64_t words = 0, values = 0, units = 0, padding = -1;
    dstn_status status = read_extents(fixture, "params/encoder.elem_embedding.weight", &words, &values, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_reader_integer(fixture->reader, "", "padding_idx", &padding);
    padding += padding < 0 ? words : 0;
    fprintf(yaml, "model:\n  loss: cross_entropy\n  words: %lld\n  layers:\n", (long long)words);
    fprintf(yaml, "    - embedding: {name: encoder, out: %lld, padding: %lld}\n", (long long)values,
            (long long)padding);
    int layers = count_layers(fixture);
    for (int l = 0; l < layers; l++) {
        if (read_units(fixture, l, &units, err) != DSTN_OK) {
            return err->status;
        }
        fprintf(yaml, "    - lstm: {out: %lld}\n", (long long)units);
    }
    fprintf(yaml, is_tied(fixture) ? "    - decoder: {share: {general_weight: encoder}}\n" : "    - decoder\n");
    return layers > 0 ? DSTN_OK
                      : dstn_fail(err, DSTN_ERROR_DATA, "no params/rnns.0.h2h.elem_weight_raw: there is no LSTM layer");
}

/* A penalty on the last layer's output, where the file has a strength for it. */
static void write_penalty(const tools_fixture *fixture, const char *attribute, const char *name, FILE *yaml) {
    double strength;
    if (dstn_reader_number(fixture->reader, "", attribute, &strength)) {
        fprintf(yaml, "  %s: {strength: %.17g}\n", name, strength);
    }
}

static dstn_status describe(const tools_fixture *fixture, char **text, dstn_error *err) {
    size_t size;
    FILE *yaml = open_memstream(text, &size);
    if (!yaml) {
        return dstn_fail(err, DSTN_ERROR_RUN, "there is no memory for the list of layers");
    }
    dstn_status status = write_layers(fixture, yaml, err);
    fprintf(yaml, "regularizers:\n");
    write_penalty(fixture, "alpha_AR", "ar", yaml);
    write_penalty(fixture, "beta_TAR", "tar", yaml);
    if (fclose(yaml) != 0 && status == DSTN_OK) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "there is no memory for the list of layers");
    }
    return status;
}

/* What the parameters of the two kinds of layers with responses are called, in the order general weight and bias,
 * response weight and bias, U over V. */
static const char *const own_names[] = {"general_weight", "general_bias", "response_weight", "response_bias", "hyper"};
static const char *const map_names[] = {"elem_weight_raw", "elem_bias", "hnet_weight_raw", "hnet_bias",
                                        "hnet_tensor_to_scalars.weight"};
static const char *const embedding_names[] = {"elem_embedding.weight", NULL, "hnet_embedding.weight", NULL,
                                              "hnet_tensor_to_scalars.weight"};

/* Parameters of an LSTM's maps begin with "i2h_" or "h2h_". */
static char *name(const tools_fixture *fixture, const dstn_layer *layer, const dstn_parameter *parameter) {
    (void)fixture;
    bool is_embedding = layer->index == 0;
    bool is_map = strncmp(parameter->name, "i2h_", 4) == 0 || strncmp(parameter->name, "h2h_", 4) == 0;
    if (!is_embedding && !is_map) {
        return dstn_format("decoder.%s", strcmp(parameter->name, "general_bias") == 0 ? "bias" : "weight");
    }
    int which = 0;
    while (strcmp(own_names[which], parameter->name + (is_map ? 4 : 0)) != 0) {
        which++;
    }
    return is_map ? dstn_format("rnns.%d.%.3s.%s", layer->index - 1, parameter->name, map_names[which])
                  : dstn_format("encoder.%s", embedding_names[which]);
}

/* ---- the mini-batch, step after step in the file: [T, B] --------------------------------------------------------- */

static dstn_status measure(tools_fixture *fixture, dstn_shape *input, dstn_error *err) {
    int64_t words = 0, values = 0;
    dstn_status status = read_extents(fixture, "params/encoder.elem_embedding.weight", &words, &values, err);
    if (status == DSTN_OK) {
        status = read_extents(fixture, "input/tokens", &fixture->steps, &fixture->rows, err);
    }
    *input = (dstn_shape){.rank = 1, .dims = {1}, .words = words};
    return status;
}

/* To [B, T]. */
static dstn_status read_words(const tools_fixture *fixture, const char *path, int64_t **out, dstn_error *err) {
    int64_t rows = fixture->rows, steps = fixture->steps, *values;
    dstn_status status = tools_fixture_numbers(fixture, path, rows * steps, fixture->model->in.words, &values, err);
    *out = dstn_alloc((size_t)(rows * steps) + 1, sizeof(int64_t));
    for (int64_t i = 0; status == DSTN_OK && i < rows * steps; i++) {
        (*out)[i % rows * steps + i / rows] = values[i];
    }
    free(values);
    return status;
}

/* "h" or "c" of a layer: what the pass starts from; where the file has none, zero. */
static dstn_status read_state(const tools_fixture *fixture, const dstn_layer *layer, const dstn_row_state *state,
                              dstn_error *err) {
    char *path = dstn_format("input/%s%d", state->name, layer->index - 1);
    double *values = NULL;
    dstn_status status = DSTN_OK;
    if (dstn_reader_has(fixture->reader, path)) {
        int64_t count = fixture->rows * state->count;
        status = tools_fixture_doubles(fixture, path, (double)count, &values, err);
        if (status == DSTN_OK) {
            fixture->kernel->from_double(fixture->kernel, count, values, state->value[DSTN_PART_TRAIN]);
        }
    }
    free(values);
    free(path);
    return status;
}

static dstn_status read_batch(tools_fixture *fixture, dstn_error *err) {
    const dstn_model *model = fixture->model;
    dstn_status status = read_words(fixture, "input/tokens", &fixture->tokens, err);
    if (status == DSTN_OK) {
        status = read_words(fixture, "input/target", &fixture->labels, err);
    }
    for (int l = 0; l < model->layer_count && status == DSTN_OK; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int s = 0; s < layer->state_count && status == DSTN_OK; s++) {
            status = read_state(fixture, layer, &layer->states[s], err);
        }
    }
    return status;
}

const tools_fixture_form tools_fixture_lstm = {
    .kind = "lstm_lm", .describe = describe, .measure = measure, .read_batch = read_batch, .name = name};
