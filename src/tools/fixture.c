/* Reads fixtures: the layer list in their own small language, translated into the YAML of a model file. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>

/* One word of the layer language and its YAML; %1 … %5 are the line's numbers. */
typedef struct layer_word {
    const char *word;
    int numbers;
    const char *yaml;
} layer_word;

static const layer_word layer_words[] = {
    {"linear", 2, "linear: {out: %2}"},
    {"conv", 5, "conv: {out: %2, kernel: %3, stride: %4, padding: %5}"},
    {"relu", 0, "relu"},
    {"maxpool", 1, "maxpool: {size: %1}"},
    {"avgpool", 0, "avgpool"},
    {"flatten", 0, "flatten"},
    {"batchnorm", 1, "batchnorm"},
    {"residual_begin", 0, "residual_begin"},
    {"residual_end", 0, "residual_end"},
};
enum { LAYER_WORDS = sizeof(layer_words) / sizeof(layer_words[0]), MOST_NUMBERS = 5 };

/* Appends `template` with its numbers put in. */
static char *fill_in(const char *template, const long long *numbers) {
    char *text = dstn_strdup("");
    for (const char *c = template; *c; c++) {
        char *longer = c[0] == '%' ? dstn_format("%s%lld", text, numbers[*++c - '1']) : dstn_format("%s%c", text, *c);
        free(text);
        text = longer;
    }
    return text;
}

static dstn_status translate_line(const char *line, char **yaml, long long numbers[MOST_NUMBERS], dstn_error *err) {
    char word[32];
    int used = 0;
    if (sscanf(line, "%31s%n", word, &used) != 1) {
        return dstn_fail(err, DSTN_ERROR_DATA, "layers: an empty line");
    }
    int count = 0, step;
    for (const char *rest = line + used; count < MOST_NUMBERS && sscanf(rest, "%lld%n", &numbers[count], &step) == 1;
         rest += step) {
        count++;
    }
    for (int w = 0; w < LAYER_WORDS; w++) {
        if (strcmp(word, layer_words[w].word) == 0 && count == layer_words[w].numbers) {
            *yaml = fill_in(layer_words[w].yaml, numbers);
            return DSTN_OK;
        }
    }
    return dstn_fail(err, DSTN_ERROR_DATA, "layers: \"%s\" is no layer that this build knows", line);
}

/* The whole list as a model document. */
static dstn_status translate(const char *layers, const char *loss, const char *response, char **out, dstn_error *err) {
    char *copy = dstn_strdup(layers), *place = NULL;
    char *text = dstn_format("loss: %s\nresponse: %s\nlayers:\n", loss, response);
    dstn_status status = DSTN_OK;
    for (char *line = strtok_r(copy, "\n", &place); line && status == DSTN_OK; line = strtok_r(NULL, "\n", &place)) {
        char *yaml = NULL;
        long long numbers[MOST_NUMBERS] = {0};
        status = translate_line(line, &yaml, numbers, err);
        if (status == DSTN_OK) {
            char *longer = dstn_format("%s  - %s\n", text, yaml);
            free(yaml);
            free(text);
            text = longer;
        }
    }
    free(copy);
    if (status != DSTN_OK) {
        free(text);
        return status;
    }
    *out = text;
    return DSTN_OK;
}

static dstn_status read_model_text(tools_fixture *fixture, const char *path, dstn_error *err) {
    char *layers = dstn_reader_text(fixture->reader, "", "layers");
    char *loss = dstn_reader_text(fixture->reader, "", "loss");
    char *response = dstn_reader_text(fixture->reader, "", "response");
    char *text = NULL;
    dstn_status status = DSTN_OK;
    if (!layers || !loss) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "no attribute \"%s\": this is no fixture", layers ? "loss" : "layers");
    }
    if (status == DSTN_OK) {
        status = translate(layers, loss, response ? response : "structured", &text, err);
    }
    if (status == DSTN_OK) {
        status = dstn_doc_parse(text, path, &fixture->doc, err);
    }
    free(text);
    free(response);
    free(loss);
    free(layers);
    return status;
}

static dstn_status read_space(tools_fixture *fixture, dstn_error *err) {
    int64_t count;
    double *lambda;
    dstn_status status = dstn_reader_doubles(fixture->reader, "hyper/lambda", &count, &lambda, err);
    if (status != DSTN_OK) {
        return status;
    }
    char **names = dstn_alloc((size_t)count + 1, sizeof(char *));
    for (int64_t i = 0; i < count; i++) {
        names[i] = dstn_format("h%lld", (long long)i);
    }
    fixture->hypers = count;
    fixture->space = dstn_space_new((int)count, (const char *const *)names);
    memcpy(fixture->space->lambda, lambda, (size_t)count * sizeof(double));
    for (int64_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    free(lambda);
    return dstn_reader_array(fixture->reader, "hyper/raw_scale", DSTN_F64, count, fixture->space->raw_scale, err);
}

static dstn_status read_noise(tools_fixture *fixture, dstn_error *err) {
    int64_t count = fixture->rows * fixture->hypers;
    fixture->noise = dstn_alloc((size_t)count + 1, sizeof(double));
    fixture->epsilon = dstn_alloc((size_t)count + 1, sizeof(double));
    dstn_status status = dstn_reader_array(fixture->reader, "hyper/noise", DSTN_F64, count, fixture->noise, err);
    if (status == DSTN_OK) {
        dstn_space_perturbation(fixture->space, fixture->noise, fixture->rows, fixture->epsilon);
    }
    return status;
}

static dstn_status make_model(tools_fixture *fixture, dstn_error *err) {
    int rank;
    int64_t shape[DSTN_MAX_RANK];
    dstn_status status = dstn_reader_shape(fixture->reader, "input/x", &rank, shape, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (rank < 2) {
        return dstn_fail(err, DSTN_ERROR_DATA, "input/x has %d axes; accepted: [rows, features] or [rows, c, h, w]",
                         rank);
    }
    dstn_shape input = {.rank = rank - 1};
    memcpy(input.dims, shape + 1, (size_t)(rank - 1) * sizeof(int64_t));
    fixture->rows = shape[0];
    dstn_model_request request = {.node = dstn_doc_root(fixture->doc),
                                  .kernel = fixture->kernel,
                                  .space = fixture->space,
                                  .input = input,
                                  .max_rows = shape[0],
                                  .train_rows = shape[0]};
    status = dstn_model_new(&request, &fixture->model, err);
    if (status == DSTN_OK) {
        fixture->outputs = dstn_shape_count(fixture->model->out);
    }
    return status;
}

static dstn_status read_parameters(tools_fixture *fixture, dstn_error *err) {
    dstn_status status = DSTN_OK;
    for (int l = 0; l < fixture->model->layer_count && status == DSTN_OK; l++) {
        const dstn_layer *layer = fixture->model->layers[l];
        for (int p = 0; p < layer->parameter_count && status == DSTN_OK; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            if (dstn_parameter_is_shared(parameter)) {
                continue;
            }
            char *name = dstn_format("params/%d/%s", l, parameter->name);
            double *values = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
            status = dstn_reader_array(fixture->reader, name, DSTN_F64, parameter->count, values, err);
            if (status == DSTN_OK) {
                dstn_parameter_import(parameter, fixture->kernel, values, parameter->value);
            }
            free(values);
            free(name);
        }
    }
    return status;
}

/* The fixture's images are channels-first. */
static void put_channels_last(const tools_fixture *fixture, dstn_shape shape, void *examples) {
    const dstn_kernel *kernel = fixture->kernel;
    int64_t count = dstn_shape_count(shape);
    double *from = dstn_alloc((size_t)count + 1, sizeof(double)), *to = dstn_alloc((size_t)count + 1, sizeof(double));
    for (int64_t b = 0; b < fixture->rows; b++) {
        void *example = (char *)examples + (size_t)(b * count) * kernel->size;
        kernel->to_double(kernel, count, example, from);
        for (int64_t i = 0; i < count; i++) {
            to[dstn_shape_stored_at(shape, i)] = from[i];
        }
        kernel->from_double(kernel, count, to, example);
    }
    free(to);
    free(from);
}

static dstn_status read_batch(tools_fixture *fixture, dstn_error *err) {
    int64_t inputs = fixture->rows * dstn_shape_count(fixture->model->in);
    int64_t targets = fixture->rows * fixture->outputs;
    dstn_scalar scalar = fixture->kernel->scalar;
    fixture->x = dstn_alloc((size_t)inputs + 1, fixture->kernel->size);
    dstn_status status = dstn_reader_array(fixture->reader, "input/x", scalar, inputs, fixture->x, err);
    if (status != DSTN_OK) {
        return status;
    }
    put_channels_last(fixture, fixture->model->in, fixture->x);
    if (fixture->model->loss == DSTN_LOSS_MSE) {
        fixture->targets = dstn_alloc((size_t)targets + 1, fixture->kernel->size);
        status = dstn_reader_array(fixture->reader, "input/target", scalar, targets, fixture->targets, err);
        if (status == DSTN_OK) {
            put_channels_last(fixture, fixture->model->out, fixture->targets);
        }
        return status;
    }
    fixture->labels = dstn_alloc((size_t)fixture->rows + 1, sizeof(int64_t));
    status = dstn_reader_array(fixture->reader, "input/target", DSTN_I64, fixture->rows, fixture->labels, err);
    for (int64_t b = 0; status == DSTN_OK && b < fixture->rows; b++) {
        if (fixture->labels[b] < 0 || fixture->labels[b] >= fixture->outputs) {
            status = dstn_fail(err, DSTN_ERROR_DATA, "input/target: row %lld has label %lld of %lld classes",
                               (long long)b, (long long)fixture->labels[b], (long long)fixture->outputs);
        }
    }
    return status;
}

static dstn_status read_all(tools_fixture *fixture, const char *path, dstn_error *err) {
    dstn_status (*const stages[])(tools_fixture *, dstn_error *) = {read_space, make_model, read_noise, read_parameters,
                                                                    read_batch};
    dstn_status status = read_model_text(fixture, path, err);
    for (size_t i = 0; i < sizeof(stages) / sizeof(stages[0]) && status == DSTN_OK; i++) {
        status = stages[i](fixture, err);
    }
    if (!dstn_reader_number(fixture->reader, "", "entropy_weight", &fixture->entropy_weight)) {
        fixture->entropy_weight = 0;
    }
    return status;
}

dstn_status tools_fixture_open(const char *path, const dstn_kernel *kernel, tools_fixture *out, dstn_error *err) {
    memset(out, 0, sizeof(*out));
    out->kernel = kernel;
    dstn_status status = dstn_reader_open_foreign(path, NULL, DSTN_ERROR_DATA, &out->reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (read_all(out, path, err) != DSTN_OK) {
        tools_fixture_close(out);
        err->status = DSTN_ERROR_DATA;
        return dstn_fail_in(err, "%s", path);
    }
    return DSTN_OK;
}

void tools_fixture_close(tools_fixture *fixture) {
    dstn_model_destroy(fixture->model);
    dstn_space_destroy(fixture->space);
    dstn_doc_destroy(fixture->doc);
    if (fixture->reader) {
        dstn_reader_close(fixture->reader);
    }
    free(fixture->noise);
    free(fixture->epsilon);
    free(fixture->x);
    free(fixture->targets);
    free(fixture->labels);
}
