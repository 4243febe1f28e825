/* Reads fixtures: the layer list in their own small language, translated into the YAML of a model file. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
enum {
    LAYER_WORDS = sizeof(layer_words) / sizeof(layer_words[0]),
    MOST_NUMBERS = 5,
    MOST_OF_A_NUMBER = 1 << 30,
    MOST_LINES = 4096,
    MOST_HYPERS = 1 << 20
};

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

/* The word of a line and its numbers; what follows them is no layer's. */
static const layer_word *parse_line(const char *line, long long numbers[MOST_NUMBERS]) {
    char word[32];
    int used = 0, count = 0, step;
    if (sscanf(line, "%31s%n", word, &used) != 1) {
        return NULL;
    }
    const char *rest = line + used;
    while (count < MOST_NUMBERS && sscanf(rest, "%lld%n", &numbers[count], &step) == 1) {
        if (numbers[count] < 0 || numbers[count] > MOST_OF_A_NUMBER) {
            return NULL;
        }
        rest += step;
        count++;
    }
    for (int w = 0; w < LAYER_WORDS && !rest[strspn(rest, " \t\r")]; w++) {
        if (strcmp(word, layer_words[w].word) == 0 && count == layer_words[w].numbers) {
            return &layer_words[w];
        }
    }
    return NULL;
}

/* Values of all arrays in a group. */
static double count_values(const dstn_reader *reader, const char *group) {
    int64_t count;
    char **names;
    dstn_error ignored;
    double values = 0;
    if (dstn_reader_list(reader, group, &count, &names, &ignored) != DSTN_OK) {
        return 0;
    }
    for (int64_t i = 0; i < count; i++) {
        char *path = dstn_format("%s/%s", group, names[i]);
        dstn_data_set about;
        if (dstn_reader_describe(reader, path, &about, &ignored) == DSTN_OK) {
            values += (double)about.count;
        }
        free(path);
        free(names[i]);
    }
    free(names);
    return values;
}

/* A layer's parameters are in the file: memory is not asked for on the word of a few digits. */
static dstn_status check_size(const dstn_reader *reader, int number, const char *line, const layer_word *word,
                              const long long *numbers, dstn_error *err) {
    bool is_conv = strcmp(word->word, "conv") == 0;
    if (!is_conv && strcmp(word->word, "linear") != 0) {
        return DSTN_OK;
    }
    if (is_conv && numbers[4] >= numbers[2]) {
        return dstn_fail(err, DSTN_ERROR_DATA, "layers: \"%s\": accepted: a padding below the kernel", line);
    }
    char *group = dstn_format("params/%d", number);
    double side = is_conv ? (double)numbers[2] : 1, there = count_values(reader, group);
    double needed = (double)numbers[0] * (double)numbers[1] * side * side;
    free(group);
    return needed <= there ? DSTN_OK
                           : dstn_fail(err, DSTN_ERROR_DATA,
                                       "layers: \"%s\" has %.0f weights, and the file has %.0f values for line %d",
                                       line, needed, there, number);
}

/* The list of layers as YAML, a line each. */
static dstn_status translate_layers(const dstn_reader *reader, char *layers, FILE *yaml, dstn_error *err) {
    char *place = NULL;
    int number = 0;
    for (char *line = strtok_r(layers, "\n", &place); line; line = strtok_r(NULL, "\n", &place), number++) {
        long long numbers[MOST_NUMBERS] = {0};
        const layer_word *word = parse_line(line, numbers);
        if (number == MOST_LINES) {
            return dstn_fail(err, DSTN_ERROR_DATA, "layers: more than %d lines", MOST_LINES);
        }
        if (!word) {
            return dstn_fail(err, DSTN_ERROR_DATA, "layers: \"%s\" is no layer that this build knows", line);
        }
        if (check_size(reader, number, line, word, numbers, err) != DSTN_OK) {
            return err->status;
        }
        char *text = fill_in(word->yaml, numbers);
        fprintf(yaml, "    - %s\n", text);
        free(text);
    }
    return DSTN_OK;
}

/* A word of letters, so that nothing but a word gets into the model's document. */
static bool is_word(const char *text) {
    return text[0] && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz_")];
}

dstn_status tools_fixture_translate(const dstn_reader *reader, char *layers, const char *loss, const char *response,
                                    char **out, dstn_error *err) {
    if (!is_word(loss) || !is_word(response)) {
        return dstn_fail(err, DSTN_ERROR_DATA, "loss or response: \"%s\" is no word", is_word(loss) ? response : loss);
    }
    size_t size;
    FILE *yaml = open_memstream(out, &size);
    if (!yaml) {
        return dstn_fail(err, DSTN_ERROR_RUN, "there is no memory for the list of layers");
    }
    fprintf(yaml, "model:\n  loss: %s\n  response: %s\n  layers:\n", loss, response);
    dstn_status status = translate_layers(reader, layers, yaml, err);
    if (fclose(yaml) != 0 && status == DSTN_OK) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "there is no memory for the list of layers");
    }
    return status;
}

static dstn_status describe_layers(const tools_fixture *fixture, char **yaml, dstn_error *err) {
    char *layers = dstn_reader_text(fixture->reader, "", "layers");
    char *loss = dstn_reader_text(fixture->reader, "", "loss");
    char *response = dstn_reader_text(fixture->reader, "", "response");
    dstn_status status = DSTN_OK;
    if (!layers || !loss) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "no attribute \"%s\": this is no fixture", layers ? "loss" : "layers");
    }
    if (status == DSTN_OK) {
        status = tools_fixture_translate(fixture->reader, layers, loss, response ? response : "structured", yaml, err);
    }
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
    if (count > MOST_HYPERS) {
        free(lambda);
        return dstn_fail(err, DSTN_ERROR_DATA, "hyper/lambda has %lld values; accepted: up to %d", (long long)count,
                         MOST_HYPERS);
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

dstn_status tools_fixture_doubles(const tools_fixture *fixture, const char *name, double count, double **values,
                                  dstn_error *err) {
    int64_t there;
    dstn_status status = dstn_reader_doubles(fixture->reader, name, &there, values, err);
    if (status == DSTN_OK && (double)there != count) {
        free(*values);
        *values = NULL;
        status = dstn_fail(err, DSTN_ERROR_DATA, "%s has %lld elements where %.0f are expected", name, (long long)there,
                           count);
    }
    return status;
}

static dstn_status read_noise(tools_fixture *fixture, dstn_error *err) {
    double count = (double)fixture->rows * (double)fixture->hypers;
    dstn_status status = tools_fixture_doubles(fixture, "hyper/noise", count, &fixture->noise, err);
    if (status == DSTN_OK) {
        fixture->epsilon = dstn_alloc((size_t)count + 1, sizeof(double));
        dstn_space_perturbation(fixture->space, fixture->noise, fixture->rows, fixture->epsilon);
    }
    return status;
}

/* Bytes that a network of the file's may take: activations are larger than what they come from, but not by any factor.
 */
static size_t most_memory(const char *path) {
    enum { ALWAYS = 256 << 20, FACTOR = 1000 };
    struct stat about;
    return ALWAYS + (stat(path, &about) == 0 ? FACTOR * (size_t)about.st_size : 0);
}

static dstn_status measure_examples(tools_fixture *fixture, dstn_shape *input, dstn_error *err) {
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
    for (int d = 0; d < rank; d++) {
        if (shape[d] < 1) {
            return dstn_fail(err, DSTN_ERROR_DATA, "input/x is empty; accepted: [rows, features] or [rows, c, h, w]");
        }
    }
    *input = (dstn_shape){.rank = rank - 1};
    memcpy(input->dims, shape + 1, (size_t)(rank - 1) * sizeof(int64_t));
    fixture->rows = shape[0];
    fixture->steps = 1;
    return DSTN_OK;
}

/* Every rank has the state of all rows: those that its share begins with are told by the batch. */
static dstn_status make_model(tools_fixture *fixture, dstn_error *err) {
    dstn_shape input = {0};
    dstn_status status = fixture->form->measure(fixture, &input, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_node root = dstn_doc_root(fixture->doc);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = fixture->kernel,
                                  .space = fixture->space,
                                  .input = input,
                                  .max_rows = fixture->rows,
                                  .max_steps = fixture->steps,
                                  .train_rows = fixture->rows,
                                  .most_memory = most_memory(fixture->path),
                                  .stream_rows = {[DSTN_PART_TRAIN] = fixture->rows}};
    status = dstn_model_new(&request, &fixture->model, err);
    if (status == DSTN_OK) {
        fixture->outputs = dstn_shape_count(fixture->model->out);
    }
    return status;
}

static char *name_in_list(const tools_fixture *fixture, const dstn_layer *layer, const dstn_parameter *parameter) {
    (void)fixture;
    return dstn_format("%d/%s", layer->index, parameter->name);
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
            char *own = fixture->form->name(fixture, layer, parameter), *name = dstn_format("params/%s", own);
            double *values = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
            status = dstn_reader_array(fixture->reader, name, DSTN_F64, parameter->count, values, err);
            if (status == DSTN_OK) {
                dstn_parameter_import(parameter, fixture->kernel, values, parameter->value);
            }
            free(values);
            free(name);
            free(own);
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

dstn_status tools_fixture_numbers(const tools_fixture *fixture, const char *name, int64_t count, int64_t limit,
                                  int64_t **values, dstn_error *err) {
    *values = dstn_alloc((size_t)count + 1, sizeof(int64_t));
    dstn_status status = dstn_reader_array(fixture->reader, name, DSTN_I64, count, *values, err);
    for (int64_t i = 0; status == DSTN_OK && i < count; i++) {
        if ((*values)[i] < 0 || (*values)[i] >= limit) {
            status = dstn_fail(err, DSTN_ERROR_DATA, "%s: element %lld is %lld; accepted: 0 to %lld", name,
                               (long long)i, (long long)(*values)[i], (long long)limit - 1);
        }
    }
    return status;
}

static dstn_status read_examples(tools_fixture *fixture, dstn_error *err) {
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
    return tools_fixture_numbers(fixture, "input/target", fixture->rows, fixture->outputs, &fixture->labels, err);
}

static const tools_fixture_form list_of_layers = {
    .describe = describe_layers, .measure = measure_examples, .read_batch = read_examples, .name = name_in_list};

static dstn_status find_form(tools_fixture *fixture, dstn_error *err) {
    char *kind = dstn_reader_text(fixture->reader, "", "kind");
    dstn_status status = DSTN_OK;
    fixture->form = &list_of_layers;
    if (kind && strcmp(kind, tools_fixture_lstm.kind) == 0) {
        fixture->form = &tools_fixture_lstm;
    } else if (kind && !dstn_reader_has(fixture->reader, "input/x")) {
        status = dstn_fail(err, DSTN_ERROR_DATA, "kind: \"%s\"; accepted: %s, or a list of layers without it", kind,
                           tools_fixture_lstm.kind);
    }
    free(kind);
    return status;
}

static dstn_status read_document(tools_fixture *fixture, dstn_error *err) {
    char *text = NULL;
    dstn_status status = fixture->form->describe(fixture, &text, err);
    if (status == DSTN_OK) {
        status = dstn_doc_parse(text, fixture->path, &fixture->doc, err);
    }
    free(text);
    return status;
}

static dstn_status read_batch(tools_fixture *fixture, dstn_error *err) {
    return fixture->form->read_batch(fixture, err);
}

static dstn_status read_all(tools_fixture *fixture, dstn_error *err) {
    dstn_status (*const stages[])(tools_fixture *, dstn_error *) = {find_form,  read_document,   read_space, make_model,
                                                                    read_noise, read_parameters, read_batch};
    dstn_status status = DSTN_OK;
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
    out->path = path;
    dstn_status status = dstn_reader_open_foreign(path, NULL, DSTN_ERROR_DATA, &out->reader, err);
    if (status != DSTN_OK) {
        return status;
    }
    if (read_all(out, err) != DSTN_OK) {
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
    free(fixture->tokens);
    free(fixture->targets);
    free(fixture->labels);
}
