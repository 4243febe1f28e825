/* For the suites that walk the tables of layers and regularizers: small networks that have an entry of one of them, on
 * any kernel, with data, and all that an evaluation of an objective leaves. */
#ifndef DSTN_TESTS_CONFORMANCE_NETWORK_H
#define DSTN_TESTS_CONFORMANCE_NETWORK_H

#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "dstn/bilevel.h"

/* Examples, their time steps, and data rows of the largest batch. */
enum { NETWORK_ROWS = 9, NETWORK_STEPS = 3, NETWORK_DATA = NETWORK_ROWS * NETWORK_STEPS };
enum { NETWORK_HYPERS = 3, NETWORK_SEED = 5, NETWORK_STEP = 3 };

/* Names that examples may use: two rates, a strength; the scale of `b` is not tuned. */
static const char network_hypers[] = "  a: {range: [0, 1], start: 0.3, scale: 0.4}\n"
                                     "  b: {range: [0, 1], start: 0.2, scale: 0.3, tune_scale: false}\n"
                                     "  c: {transform: exp, start: 0.5, scale: 0.2}\n";

/* One network: an entry's example, by itself or between layers with parameters. */
typedef struct network_plan {
    const char *table, *name; /* "layer", "conv" */
    const char *layers;       /* its example: a list in YAML */
    const char *regularizers; /* a mapping in YAML */
    dstn_shape in;
    bool is_other_in;           /* the input is not the example's own: it may be refused */
    bool below, above;          /* whether a layer with parameters is */
    const char *option, *value; /* an option that is not the example's own, which may be refused; NULL: none */
    dstn_response response;
    dstn_loss loss;
} network_plan;

/* How it is made. */
typedef struct network_making {
    const dstn_kernel *kernel;
    int64_t block, part; /* as in dstn_model_request */
} network_making;

typedef struct network {
    const network_plan *plan;
    const dstn_kernel *kernel;
    dstn_doc *doc;
    dstn_space *space;
    dstn_model *model;
    dstn_group *group;
    dstn_problem *problem;
    dstn_arena *arena;
    int64_t inputs, outputs; /* values of a row */
    void *x, *targets;       /* [NETWORK_DATA, …] in the kernel's type; x NULL where the input is words */
    int64_t *tokens;         /* [NETWORK_DATA], NULL where it is not */
    int64_t *labels;         /* [NETWORK_DATA] */
    double *noise, *epsilon; /* [NETWORK_ROWS, h] */
    dstn_error err;
} network;

/* ---- making ------------------------------------------------------------------------------------------------------ */

static const dstn_rng network_rng = {.seed = NETWORK_SEED, .purpose = DSTN_PURPOSE_TEST};

static inline const dstn_kernel *network_reference(void) {
    const dstn_kernel *kernel;
    dstn_error err;
    if (dstn_kernel_find("reference", DSTN_F64, &kernel, &err)) {
        fail_msg("%s", err.message);
    }
    return kernel;
}

/* `count` normal draws times `size`, added to an array in the kernel's type. */
static inline void network_shake(const dstn_kernel *kernel, uint64_t stream, int64_t count, double size, void *array) {
    double *values = dstn_alloc((size_t)count + 2, sizeof *values);
    void *drawn = dstn_alloc((size_t)count + 2, kernel->size);
    for (int64_t i = 0; i < count; i += 2) {
        dstn_rng_normals(network_rng, stream, 0, (uint64_t)i, values + i);
    }
    kernel->from_double(kernel, count, values, drawn);
    kernel->axpy(kernel, count, size, drawn, array);
    free(values);
    free(drawn);
}

/* Nothing lies below words. */
static inline bool network_has_below(const network_plan *plan) {
    return plan->below && plan->in.words == 0;
}

/* The example's layers, without the brackets around them, between others: what lies below keeps the shape. */
static inline char *network_layers(const network_plan *plan) {
    const char *first = strchr(plan->layers, '[') + 1, *last = strrchr(plan->layers, ']');
    const int64_t *dims = plan->in.dims;
    char *below = plan->in.rank == 3 ? dstn_format("conv: {out: %lld, kernel: 3, padding: 1}, ", (long long)dims[0])
                                     : dstn_format("linear: {out: %lld}, ", (long long)dims[0]);
    char *list = dstn_format("[%s%.*s%s]", network_has_below(plan) ? below : "", (int)(last - first), first,
                             plan->above ? ", flatten, linear: {out: 3}" : "");
    free(below);
    return list;
}

static inline char *network_text(const network_plan *plan) {
    char *layers = network_layers(plan);
    char *text = dstn_format("model:\n  response: %s\n  loss: %s\n  layers: %s\nregularizers: %s\nhyperparameters:\n%s",
                             plan->response == DSTN_RESPONSE_FULL ? "full" : "structured",
                             plan->loss == DSTN_LOSS_MSE ? "mse" : "cross_entropy", layers,
                             plan->regularizers ? plan->regularizers : "{}", network_hypers);
    free(layers);
    return text;
}

/* Parameters that are nowhere at zero, so that no response hides its errors; running statistics that are not those of
 * any batch. */
static inline void network_start(network *n) {
    dstn_model *model = n->model;
    dstn_model_initialize(model, NETWORK_SEED);
    for (int r = 0; r < DSTN_RANGES; r++) {
        network_shake(n->kernel, 20 + (uint64_t)r, model->count[r], 0.4, model->value[r]);
    }
    for (int64_t i = 0; i < model->buffer_count; i++) {
        model->buffers[i] += 0.3 * fabs(sin((double)i + 1));
    }
    dstn_space_reset(n->space);
}

/* Words come back, and not all of them are there. */
static inline void network_take_input(network *n) {
    const int64_t words = n->model->in.words, count = NETWORK_DATA * n->inputs;
    if (words == 0) {
        n->x = dstn_arena_take(n->arena, (size_t)count * n->kernel->size);
        network_shake(n->kernel, 1, count, 1, n->x);
        return;
    }
    n->tokens = dstn_arena_take(n->arena, (size_t)count * sizeof *n->tokens);
    for (int64_t r = 0; r < count; r++) {
        n->tokens[r] = (r * r + 3 * r) / 2 % (words - 1);
    }
}

static inline void network_take_data(network *n) {
    const int64_t rows = NETWORK_DATA;
    size_t size = n->kernel->size, table = (size_t)(NETWORK_ROWS * n->space->count) * sizeof(double);
    n->arena = dstn_arena_new();
    n->inputs = dstn_shape_count(n->model->in);
    n->outputs = dstn_shape_count(n->model->out);
    network_take_input(n);
    n->targets = dstn_arena_take(n->arena, (size_t)(rows * n->outputs) * size);
    n->labels = dstn_arena_take(n->arena, (size_t)rows * sizeof *n->labels);
    n->noise = dstn_arena_take(n->arena, table);
    n->epsilon = dstn_arena_take(n->arena, table);
    network_shake(n->kernel, 2, rows * n->outputs, 1, n->targets);
    for (int64_t r = 0; r < rows; r++) {
        n->labels[r] = r * 5 % n->outputs;
    }
    dstn_space_noise(n->space, (dstn_rng){NETWORK_SEED, DSTN_PURPOSE_NOISE}, NETWORK_STEP, 0, NETWORK_ROWS, n->noise);
    dstn_space_perturbation(n->space, n->noise, NETWORK_ROWS, n->epsilon);
}

/* A network without parameters is refused; a type may refuse the full response, and an input that is not its example's.
 */
static inline bool network_may_be_refused(const network *n) {
    bool is_alone = !n->plan->below && !n->plan->above && strstr(n->err.message, "parameters");
    return n->err.status == DSTN_ERROR_USAGE && n->err.message[0] &&
           (is_alone || n->plan->is_other_in || n->plan->option || n->plan->response == DSTN_RESPONSE_FULL);
}

/* Where the entry's options are: its line in the list of layers, or its key. */
static inline char *network_options_path(const network *n) {
    const char *name = n->plan->name;
    if (n->plan->regularizers) {
        return dstn_format("regularizers.%s", name);
    }
    dstn_node list = dstn_node_child(dstn_node_child(dstn_doc_root(n->doc), "model"), "layers"), options;
    size_t i = network_has_below(n->plan);
    while (i < dstn_node_count(list) && strcmp(dstn_entry_name(dstn_node_at(list, i), &options), name) != 0) {
        i++;
    }
    return dstn_format("model.layers.%zu.%s", i, name);
}

/* A line without options has no place for one: it is written anew. */
static inline void network_set_option(network *n) {
    char *path = network_options_path(n), *key = dstn_format("%s.%s", path, n->plan->option);
    if (dstn_doc_put(n->doc, key, n->plan->value, "network.yaml", &n->err)) {
        char *line = dstn_format("{%s: {%s: %s}}", n->plan->name, n->plan->option, n->plan->value);
        *strrchr(path, '.') = '\0';
        if (dstn_doc_put(n->doc, path, line, "network.yaml", &n->err)) {
            fail_msg("%s", n->err.message);
        }
        free(line);
    }
    free(path);
    free(key);
}

/* `group` is borrowed. False: there is no such network; that it may be so has been checked. */
static inline bool network_new(network *n, const network_plan *plan, network_making making, dstn_group *group) {
    *n = (network){.plan = plan, .kernel = making.kernel, .group = group};
    char *text = network_text(plan);
    if (dstn_doc_parse(text, "network.yaml", &n->doc, &n->err)) {
        fail_msg("%s %s: %s", plan->table, plan->name, n->err.message);
    }
    free(text);
    if (plan->option) {
        network_set_option(n);
    }
    dstn_node root = dstn_doc_root(n->doc);
    dstn_status status = dstn_space_read(dstn_node_child(root, "hyperparameters"), &n->space, &n->err);
    if (!status) {
        dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                      .regularizers = dstn_node_child(root, "regularizers"),
                                      .kernel = making.kernel,
                                      .space = n->space,
                                      .input = plan->in,
                                      .max_rows = NETWORK_ROWS,
                                      .max_steps = NETWORK_STEPS,
                                      .train_rows = 17,
                                      .block = making.block,
                                      .part = making.part};
        status = dstn_model_new(&request, &n->model, &n->err);
    }
    if (status) {
        conformance_expect(network_may_be_refused(n), "is refused: %s", n->err.message);
        return false;
    }
    conformance_expect(dstn_model_is_valid(n->model), "the model is not valid");
    network_take_data(n);
    network_start(n);
    if (dstn_problem_new(n->model, n->space, group, NETWORK_SEED, &n->problem, &n->err)) {
        fail_msg("%s", n->err.message);
    }
    return true;
}

static inline void network_destroy(network *n) {
    dstn_problem_destroy(n->problem);
    dstn_model_destroy(n->model);
    dstn_space_destroy(n->space);
    dstn_doc_destroy(n->doc);
    dstn_arena_destroy(n->arena);
}

/* ---- evaluations ------------------------------------------------------------------------------------------------- */

/* Examples first … of a global batch of `total`, with some time steps each. */
typedef struct network_rows {
    int64_t first, count, total, steps;
} network_rows;

static const network_rows network_all[] = {{0, 1, 1, 1},
                                           {0, 5, 5, 1},
                                           {0, NETWORK_ROWS, NETWORK_ROWS, 1},
                                           {0, 1, 1, NETWORK_STEPS},
                                           {0, 4, 4, 2},
                                           {0, NETWORK_ROWS, NETWORK_ROWS, NETWORK_STEPS}};
enum { NETWORK_ALL = sizeof network_all / sizeof network_all[0] };

static inline void *network_row(const network *n, void *array, int64_t row, int64_t width) {
    return (char *)array + (size_t)(row * width) * n->kernel->size;
}

static inline dstn_batch network_batch(const network *n, network_rows rows) {
    int64_t first = rows.first * rows.steps;
    return (dstn_batch){.rows = rows.count,
                        .first_row = rows.first,
                        .global_rows = rows.total,
                        .steps = rows.steps,
                        .x = n->x ? network_row(n, n->x, first, n->inputs) : NULL,
                        .tokens = n->tokens ? n->tokens + first : NULL,
                        .targets = network_row(n, n->targets, first, n->outputs),
                        .labels = n->labels + first};
}

static inline dstn_perturbation network_perturbation(const network *n, network_rows rows) {
    int64_t start = rows.first * n->space->count;
    return (dstn_perturbation){n->noise + start, n->epsilon + start};
}

/* The evaluation keeps a pointer to `batch`. */
static inline dstn_evaluation network_evaluate(network *n, const dstn_objective *objective, network_rows rows,
                                               dstn_batch *batch) {
    *batch = network_batch(n, rows);
    return dstn_problem_evaluate(n->problem, objective, batch, network_perturbation(n, rows), NETWORK_STEP);
}

/* The same objective without what a step leaves behind: its value alone. */
static inline dstn_objective network_value_of(const dstn_objective *objective) {
    dstn_objective value = *objective;
    value.grad[DSTN_RANGE_GENERAL] = value.grad[DSTN_RANGE_RESPONSE] = value.hyper = value.tracks_statistics = false;
    return value;
}

static inline double network_value(network *n, const dstn_objective *objective, network_rows rows) {
    dstn_objective value = network_value_of(objective);
    dstn_batch batch;
    dstn_evaluation evaluation = network_evaluate(n, &value, rows, &batch);
    return evaluation.loss + evaluation.penalty;
}

/* All that an objective leaves behind, in double. */
enum {
    LEFT_LOSS,
    LEFT_OUTPUT,
    LEFT_TANGENT,
    LEFT_GENERAL,
    LEFT_RESPONSE,
    LEFT_LAMBDA,
    LEFT_SCALE,
    LEFT_BUFFERS,
    LEFTS
};
static const char *const network_left_names[LEFTS] = {"loss and penalty",
                                                      "output",
                                                      "tangent",
                                                      "gradient of general",
                                                      "gradient of response",
                                                      "hypergradient of lambda",
                                                      "hypergradient of raw_scale",
                                                      "buffers"};

typedef struct network_left {
    double *values[LEFTS]; /* [count]; NULL: the objective does not leave it */
    int64_t count[LEFTS];
} network_left;

static inline double *network_keep(network_left *left, int what, int64_t count) {
    left->count[what] = count;
    return left->values[what] = dstn_alloc((size_t)count + 1, sizeof(double));
}

static inline void network_keep_array(const network *n, network_left *left, int what, int64_t count,
                                      const void *array) {
    n->kernel->to_double(n->kernel, count, array, network_keep(left, what, count));
}

/* Evaluates an objective; gradients are summed over the group. */
static inline network_left network_run(network *n, const dstn_objective *objective, network_rows rows) {
    network_left left = {{NULL}, {0}};
    dstn_batch batch;
    int64_t h = n->space->count, outputs = rows.count * rows.steps * n->outputs;
    dstn_evaluation evaluation = network_evaluate(n, objective, rows, &batch);
    dstn_problem_sum_gradients(n->problem, objective);
    dstn_problem_gather_gradients(n->problem, objective);
    double *loss = network_keep(&left, LEFT_LOSS, 3);
    loss[0] = evaluation.loss;
    loss[1] = evaluation.penalty;
    loss[2] = (double)evaluation.correct;
    network_keep_array(n, &left, LEFT_OUTPUT, outputs, dstn_model_output(n->model));
    if (objective->kind == DSTN_PASS_LINEARIZED) {
        network_keep_array(n, &left, LEFT_TANGENT, outputs, dstn_model_tangent(n->model));
    }
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (objective->grad[r]) {
            network_keep_array(n, &left, LEFT_GENERAL + r, n->model->count[r], n->model->gradient[r]);
        }
    }
    if (objective->hyper) {
        dstn_hypergradient gradient = dstn_problem_hypergradient(n->problem, &evaluation, 0.01);
        memcpy(network_keep(&left, LEFT_LAMBDA, h), gradient.lambda, (size_t)h * sizeof(double));
        memcpy(network_keep(&left, LEFT_SCALE, h), gradient.raw_scale, (size_t)h * sizeof(double));
    }
    int64_t buffers = n->model->buffer_count;
    memcpy(network_keep(&left, LEFT_BUFFERS, buffers), n->model->buffers, (size_t)buffers * sizeof(double));
    return left;
}

static inline void network_left_clear(network_left *left) {
    for (int i = 0; i < LEFTS; i++) {
        free(left->values[i]);
    }
    *left = (network_left){{NULL}, {0}};
}

static inline double network_norm(const network_left *left, int first, int last) {
    double squares = 0;
    for (int i = first; i <= last; i++) {
        squares += left->values[i] ? dstn_vector_dot(left->count[i], left->values[i], left->values[i]) : 0;
    }
    return sqrt(squares);
}

/* ‖got − want‖ ≤ tolerance ‖want‖, where a gradient that nearly cancels has a thousandth of all gradients for its norm;
 * with tolerance 0, bit for bit. `with` says what the difference is between. */
static inline void network_compare(const network_left *got, const network_left *want, double tolerance,
                                   const char *with) {
    double all = 1e-3 * network_norm(want, LEFT_GENERAL, LEFT_SCALE);
    for (int what = 0; what < LEFTS; what++) {
        const double *a = got->values[what], *b = want->values[what];
        if (!conformance_expect(!a == !b && got->count[what] == want->count[what], "%s: %s has another size", with,
                                network_left_names[what]) ||
            !a) {
            continue;
        }
        if (tolerance == 0) {
            conformance_expect(memcmp(a, b, (size_t)got->count[what] * sizeof *a) == 0, "%s: %s is not the same", with,
                               network_left_names[what]);
            continue;
        }
        double squares = 0, norm = fmax(network_norm(want, what, what), 1e-12);
        for (int64_t i = 0; i < got->count[what]; i++) {
            squares += (a[i] - b[i]) * (a[i] - b[i]);
        }
        norm = what >= LEFT_GENERAL && what <= LEFT_SCALE ? fmax(norm, all) : norm;
        conformance_expect(sqrt(squares) <= tolerance * norm, "%s: %s differs by %.3g of its norm", with,
                           network_left_names[what], sqrt(squares) / norm);
    }
}

/* The start of another network with the same plan, which may have another scalar type. */
static inline void network_copy(const network *from, network *to) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        int64_t count = from->model->count[r];
        double *values = dstn_alloc((size_t)count + 1, sizeof *values);
        from->kernel->to_double(from->kernel, count, from->model->value[r], values);
        to->kernel->from_double(to->kernel, count, values, to->model->value[r]);
        free(values);
    }
    memcpy(to->model->buffers, from->model->buffers, (size_t)from->model->buffer_count * sizeof(double));
}

#endif
