/* A trainer on a small text, for tests of streams: random words, a layer whose state of each row is a function of the
 * words that the row has read, and one linear layer that tells the next word from it. What the state must be is so
 * computed by going through the words. */
#ifndef TESTS_TEXT_WORLD_H
#define TESTS_TEXT_WORLD_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/bilevel.h"

enum { TEXT_WORDS = 7, TEXT_WIDTH = 3 };

/* ---- echo: s ← (s + e(word)) / 2, y = s ------------------------------------------------------------------------- */

static double text_echo_of(int64_t word, int i) {
    return sin(1 + 2.5 * (double)word + (double)i);
}

static void text_echo_step(int64_t word, double *s) {
    for (int i = 0; i < TEXT_WIDTH; i++) {
        s[i] = (s[i] + text_echo_of(word, i)) / 2;
    }
}

static dstn_status text_echo_plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    layer->out = (dstn_shape){.rank = 1, .dims = {TEXT_WIDTH}};
    dstn_layer_declare_state(layer, "s", TEXT_WIDTH);
    return DSTN_OK;
}

static void text_echo_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)x;
    const double *kept = layer->states[0].value[pass->stream];
    double *next = layer->states[0].next[pass->stream], *out = y;
    int64_t steps = dstn_pass_steps(pass);
    for (int64_t b = rows.first / steps; b < (rows.first + rows.count) / steps; b++) {
        double s[TEXT_WIDTH] = {0};
        int64_t row = (pass->state_row + b) * TEXT_WIDTH;
        if (pass->carried) {
            memcpy(s, kept + row, sizeof s);
        }
        for (int64_t t = 0; t < steps; t++) {
            text_echo_step(pass->tokens[b * steps + t], s);
            memcpy(out + (b * steps + t - rows.first) * TEXT_WIDTH, s, sizeof s);
        }
        if (dstn_pass_moves_rows(pass)) {
            memcpy(next + row, s, sizeof s);
        }
    }
}

static void text_echo_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                              const void *x_tangent, void *y_tangent) {
    (void)layer, (void)pass, (void)rows, (void)x, (void)x_tangent, (void)y_tangent;
}

static void text_echo_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy,
                              void *dx) {
    (void)layer, (void)pass, (void)rows, (void)x, (void)dy, (void)dx;
}

static const dstn_layer_type text_echo_type = {
    .name = "echo",
    .help = "a sum of the words so far",
    .kind = DSTN_LAYER_BATCH,
    .takes_words = true,
    .example = "[echo]",
    .plan = text_echo_plan,
    .batch = {.forward = text_echo_forward, .tangent = text_echo_tangent, .adjoint = text_echo_adjoint},
};

/* ---- the trainer ------------------------------------------------------------------------------------------------- */

typedef struct text_plan {
    int method;
    int64_t rows[DSTN_PARTS]; /* words − 1 */
    dstn_train_settings train;
    const char *optimizer;    /* YAML; NULL: plain SGD */
    const char *regularizers; /* YAML; NULL: none */
    bool wants_evaluation;
} text_plan;

typedef struct text_world {
    dstn_doc *doc;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_model *model;
    dstn_trainer *trainer;
    dstn_group *group; /* owned */
    dstn_status status;
    dstn_error err;
} text_world;

static dstn_dataset *text_dataset(const int64_t rows[DSTN_PARTS]) {
    dstn_dataset *dataset = dstn_alloc(1, sizeof *dataset);
    *dataset = (dstn_dataset){.task = DSTN_TASK_CLASSIFICATION,
                              .rank = 1,
                              .shape = {1, 1, 1},
                              .features = 1,
                              .outputs = TEXT_WORDS,
                              .words = TEXT_WORDS,
                              .channels = 1};
    for (int part = 0; part < DSTN_PARTS; part++) {
        dataset->rows[part] = rows[part];
        dataset->tokens[part] = dstn_alloc((size_t)rows[part] + 1, sizeof(int32_t));
        for (int64_t i = 0; i <= rows[part]; i++) {
            double draws[2];
            dstn_rng_uniforms((dstn_rng){11, DSTN_PURPOSE_TEST}, (uint64_t)part, (uint64_t)i, 0, draws);
            dataset->tokens[part][i] = (int32_t)(draws[0] * TEXT_WORDS);
        }
    }
    return dataset;
}

/* w->status is the trainer's; whatever comes before it must be right. The group is taken over. */
static void text_build(text_world *w, const text_plan *plan, dstn_group *group) {
    *w = (text_world){.group = group};
    char *text = dstn_format("model: {loss: cross_entropy, layers: [echo, linear: {out: %d}]}\n"
                             "hyperparameters: {inert: {start: 0.5, scale: 0.5}}\n"
                             "optimizer: %s\n"
                             "regularizers: %s\n"
                             "hyper_optimizer: {name: adam, rate: 0.01}\n",
                             TEXT_WORDS, plan->optimizer ? plan->optimizer : "{rate: 0.5}",
                             plan->regularizers ? plan->regularizers : "{}");
    const dstn_kernel *kernel;
    const dstn_method *method;
    const dstn_method_settings choice = {.method = plan->method};
    dstn_layer_type_register(&text_echo_type);
    w->dataset = text_dataset(plan->rows);
    bool is_read =
        dstn_doc_parse(text, "test", &w->doc, &w->err) == DSTN_OK &&
        dstn_kernel_find("openblas", DSTN_F64, &kernel, &w->err) == DSTN_OK &&
        dstn_method_choose(&choice, &method, &w->err) == DSTN_OK &&
        dstn_space_read(dstn_node_child(dstn_doc_root(w->doc), "hyperparameters"), &w->space, &w->err) == DSTN_OK;
    free(text);
    if (!is_read) {
        fail_msg("%s", w->err.message);
    }
    dstn_node root = dstn_doc_root(w->doc);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = kernel,
                                  .space = w->space,
                                  .input = {.rank = 1, .dims = {1}, .words = TEXT_WORDS},
                                  .outputs = TEXT_WORDS,
                                  .train_rows = plan->rows[DSTN_PART_TRAIN]};
    dstn_train_size_model(&plan->train, w->dataset, group, &request);
    if (dstn_model_new(&request, &w->model, &w->err) != DSTN_OK) {
        fail_msg("%s", w->err.message);
    }
    dstn_model_initialize(w->model, 4);
    dstn_space_reset(w->space);
    const dstn_trainer_request trainer = {.method = method,
                                          .train = plan->train,
                                          .seed = 4,
                                          .optimizer = dstn_node_child(root, "optimizer"),
                                          .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                          .wants_evaluation = plan->wants_evaluation,
                                          .model = w->model,
                                          .space = w->space,
                                          .dataset = w->dataset,
                                          .group = group};
    w->status = dstn_trainer_new(&trainer, &w->trainer, &w->err);
}

static void text_tear_down(text_world *w) {
    dstn_trainer_destroy(w->trainer);
    dstn_model_destroy(w->model);
    dstn_space_destroy(w->space);
    dstn_dataset_destroy(w->dataset);
    dstn_doc_destroy(w->doc);
    dstn_group_destroy(w->group);
}

/* The state of the `batch` streams of a part once each has read so many places: [batch, TEXT_WIDTH]. */
static inline void text_states(const dstn_dataset *dataset, dstn_part part, int64_t batch, int64_t places,
                               double *states) {
    int64_t length = dataset->rows[part] / batch;
    memset(states, 0, (size_t)batch * TEXT_WIDTH * sizeof *states);
    for (int64_t b = 0; b < batch; b++) {
        for (int64_t t = 0; t < places; t++) {
            text_echo_step(dataset->tokens[part][b * length + t], states + b * TEXT_WIDTH);
        }
    }
}

/* ---- what several tests take ------------------------------------------------------------------------------------- */

enum { TEXT_STN = 0, TEXT_DELTA_STN = 3, TEXT_FIXED = 4, TEXT_BATCH = 4, TEXT_VALID_BATCH = 3, TEXT_LENGTH = 5 };

static inline text_plan text_plan_of(int method) {
    return (text_plan){.method = method,
                       .rows = {103, 61, 38},
                       .train = {.epochs = 4,
                                 .batch = TEXT_BATCH,
                                 .valid_batch = TEXT_VALID_BATCH,
                                 .length = TEXT_LENGTH,
                                 .train_steps = 1,
                                 .valid_steps = 1}};
}

static inline void text_must_build(text_world *w, const text_plan *plan) {
    text_build(w, plan, dstn_group_self());
    if (w->status != DSTN_OK) {
        fail_msg("%s", w->err.message);
    }
}

/* Every word of the part once, from streams whose lengths differ by one at most. */
static inline void text_expect(const text_world *w, dstn_part part, int64_t streams, double *loss, double *accuracy) {
    const dstn_dataset *dataset = w->dataset;
    const dstn_layer *linear = w->model->layers[1];
    const dstn_parameter *weight = dstn_layer_parameter(linear, "general_weight"),
                         *bias = dstn_layer_parameter(linear, "general_bias");
    double weights[TEXT_WORDS * TEXT_WIDTH], sum = 0;
    int64_t right = 0, words = dataset->rows[part];
    dstn_parameter_export(weight, w->model->kernel, weight->value, weights);
    for (int64_t s = 0; s < streams; s++) {
        int64_t first, count;
        double echo[TEXT_WIDTH] = {0};
        dstn_share_of(words, streams, s, &first, &count);
        for (int64_t i = first; i < first + count; i++) {
            double y[TEXT_WORDS], total = 0;
            int best = 0;
            text_echo_step(dataset->tokens[part][i], echo);
            for (int o = 0; o < TEXT_WORDS; o++) {
                y[o] = ((const double *)bias->value)[o];
                for (int j = 0; j < TEXT_WIDTH; j++) {
                    y[o] += weights[o * TEXT_WIDTH + j] * echo[j];
                }
                total += exp(y[o]);
                best = y[o] > y[best] ? o : best;
            }
            int32_t next = dataset->tokens[part][i + 1];
            sum += log(total) - y[next];
            right += best == next;
        }
    }
    *loss = sum / (double)words;
    *accuracy = (double)right / (double)words;
}

static inline void text_check_part(text_world *w, dstn_part part, int64_t streams) {
    double loss, accuracy, want, rightly;
    dstn_trainer_evaluate(w->trainer, part, &loss, &accuracy);
    text_expect(w, part, streams, &want, &rightly);
    assert_true(fabs(loss - want) <= 1e-12 * want);
    assert_true(fabs(accuracy - rightly) <= 1e-12);
}

#endif
