/* The oracle on real models: which are matched and which refused, that its best response is where the model's own
 * training loss is stationary, and what it reads as the learned response. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/oracle.h"

#define LINEAR "{linear: {out: 1, bias: false}}"
#define SQUARE "{linear: {out: 10, bias: false}}"
#define PENALTY "penalty: {transform: exp, start: 1}"
#define RATE "rate: {range: [0, .95], start: .2}"
#define RIDGE "l2: {strength: penalty}"

/* A model on the diabetes data, with everything that it borrows from. */
typedef struct toy {
    dstn_doc *doc;
    dstn_dataset *dataset;
    dstn_space *space;
    dstn_model *model;
    dstn_group *group;
    dstn_oracle *oracle; /* NULL: refused */
    dstn_error err;
} toy;

static toy toy_new(const char *precision, const char *model, const char *regularizers, const char *hypers) {
    toy t = {.group = dstn_group_self()};
    char *text =
        dstn_format("data: {source: csv, path: %s/jobs/data/diabetes.csv, target: progression, split_seed: 3}\n"
                    "model: {%s}\nregularizers: {%s}\nhyperparameters: {%s}\n",
                    DSTN_SOURCE_DIR, model, regularizers, hypers);
    const dstn_kernel *kernel;
    dstn_status status = dstn_doc_parse(text, "toy.yaml", &t.doc, &t.err);
    free(text);
    dstn_node root = {0};
    if (status == DSTN_OK) {
        root = dstn_doc_root(t.doc);
        status = dstn_dataset_read(dstn_node_child(root, "data"), 1, NULL, &t.dataset, &t.err);
    }
    if (status == DSTN_OK) {
        status = dstn_kernel_find("openblas", strcmp(precision, "f32") == 0 ? DSTN_F32 : DSTN_F64, &kernel, &t.err);
    }
    if (status == DSTN_OK) {
        status = dstn_space_read(dstn_node_child(root, "hyperparameters"), &t.space, &t.err);
    }
    if (status == DSTN_OK) {
        dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                      .regularizers = dstn_node_child(root, "regularizers"),
                                      .kernel = kernel,
                                      .space = t.space,
                                      .input = {1, {t.dataset->features}, 0},
                                      .max_rows = t.dataset->rows[DSTN_PART_TRAIN],
                                      .train_rows = t.dataset->rows[DSTN_PART_TRAIN]};
        status = dstn_model_new(&request, &t.model, &t.err);
    }
    if (status != DSTN_OK) {
        fail_msg("%s", t.err.message);
    }
    dstn_model_initialize(t.model, 1);
    dstn_space_reset(t.space);
    status = dstn_oracle_new(t.model, t.space, t.dataset, t.group, &t.oracle, &t.err);
    assert_int_equal(status, t.oracle ? DSTN_OK : DSTN_ERROR_USAGE);
    return t;
}

static void toy_free(toy *t) {
    dstn_oracle_destroy(t->oracle);
    dstn_model_destroy(t->model);
    dstn_space_destroy(t->space);
    dstn_dataset_destroy(t->dataset);
    dstn_doc_destroy(t->doc);
    dstn_group_destroy(t->group);
}

/* ---- matching ---- */

static void assert_matched(const char *layers, const char *regularizers, const char *hyper, const char *name) {
    char *model = dstn_format("response: full, layers: [%s]", layers);
    toy t = toy_new("f64", model, regularizers, hyper);
    if (!t.oracle) {
        fail_msg("%s", t.err.message);
    }
    assert_string_equal(dstn_oracle_name(t.oracle), name);
    assert_int_equal(dstn_oracle_dimension(t.oracle), 10);
    assert_true(dstn_oracle_regret(t.oracle, t.space->lambda[0]) >= 0);
    assert_true(isnan(dstn_oracle_regret(t.oracle, NAN)));
    toy_free(&t);
    free(model);
}

static void toys_are_matched(void **state) {
    (void)state;
    assert_matched(LINEAR, RIDGE, PENALTY, "ridge");
    assert_matched(LINEAR, "l2: {strength: penalty, penalty_over_n: false}", PENALTY, "ridge");
    assert_matched(LINEAR, RIDGE, "penalty: {range: [0, .inf], start: 1}", "ridge");
    assert_matched("{dropout: {rate: rate}}, " LINEAR, "", RATE, "input dropout");
    assert_matched(SQUARE ", " SQUARE ", " LINEAR, "jacobian: {strength: penalty}", PENALTY, "jacobian norm");
    assert_matched(LINEAR, "jacobian: {strength: penalty}", PENALTY, "jacobian norm");
}

/* The message has all words of `says`, and so names what does not fit. */
static void assert_refused(const char *model, const char *regularizers, const char *hyper, const char *says) {
    toy t = toy_new("f64", model, regularizers, hyper);
    assert_null(t.oracle);
    if (!strstr(t.err.message, says)) {
        fail_msg("\"%s\" does not say \"%s\"", t.err.message, says);
    }
    toy_free(&t);
}

static void other_models_are_refused_with_the_reason(void **state) {
    (void)state;
    assert_refused("layers: [{linear: {out: 1}}]", RIDGE, PENALTY, "ridge: layer 0 has a bias");
    assert_refused("layers: [" LINEAR "]", "l2: {strength: 3}", PENALTY, "strength of l2 is a number");
    assert_refused("layers: [" LINEAR "]", "", PENALTY, "ridge: 0 regularizers");
    assert_refused("layers: [" LINEAR "]", RIDGE ", jacobian: {strength: 1}", PENALTY, "2 regularizers");
    assert_refused("layers: [" SQUARE ", relu, " LINEAR "]", RIDGE, PENALTY, "layer 1 is relu, not linear");
    assert_refused("layers: [" SQUARE ", " LINEAR "]", RIDGE, PENALTY, "ridge: 2 layers");
    assert_refused("layers: [{dropout: {rate: rate}}, " LINEAR "]", "l2: {strength: .1}", RATE,
                   "input dropout: 1 regularizers");
    assert_refused("layers: [{dropout: {rate: .1}}, " LINEAR "]", "", RATE, "rate of dropout is a number");
    assert_refused("layers: [{linear: {out: 2, bias: false}}]", RIDGE, PENALTY, "one output");
    assert_refused("layers: [" LINEAR "]", RIDGE, PENALTY ", " RATE, "one hyperparameter, not 2");
    assert_refused("layers: [" LINEAR "]", "l2: {strength: 1}", "", "one hyperparameter, not 0");
    assert_refused("layers: [" LINEAR "]", RIDGE, "penalty: {start: 1}", "identity");
    assert_refused("loss: cross_entropy, layers: [" LINEAR "]", RIDGE, PENALTY, "mse");
}

/* ---- the model's own losses ---- */

static void set_weights(const toy *t, int layer, const double *canonical) {
    const dstn_parameter *weight = dstn_layer_parameter(t->model->layers[layer], "general_weight");
    dstn_parameter_import(weight, t->model->kernel, canonical, weight->value);
}

/* Loss and penalty of a part as one batch, through the general layers at λ; gradients are left in the model. */
static double whole_loss(const toy *t, dstn_part part, double lambda) {
    int64_t rows = t->dataset->rows[part];
    double *values = dstn_alloc((size_t)rows, sizeof(double));
    for (int64_t r = 0; r < rows; r++) {
        values[r] = dstn_space_value(t->space, 0, lambda);
    }
    dstn_pass pass = {.kind = DSTN_PASS_GENERAL,
                      .rows = rows,
                      .batch_rows = rows,
                      .values = values,
                      .grad = {[DSTN_RANGE_GENERAL] = part == DSTN_PART_TRAIN}};
    int64_t *order = dstn_alloc((size_t)rows, sizeof(int64_t));
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    for (int64_t r = 0; r < rows; r++) {
        order[r] = r;
    }
    assert_true(dstn_batch_bind(&batch, t->dataset, t->model->kernel, rows, 1, arena));
    dstn_batch_fill(&batch, t->dataset, t->model->kernel, part, order, 1, rows, 0, rows, NULL);
    dstn_model_zero_gradient(t->model, DSTN_RANGE_GENERAL);
    dstn_model_forward(t->model, &pass, batch.x);
    double loss = dstn_model_loss(t->model, &pass, batch.targets, NULL, NULL);
    if (part == DSTN_PART_TRAIN) {
        loss += dstn_model_penalty(t->model, &pass);
        dstn_model_adjoint(t->model, &pass);
    }
    free(values);
    free(order);
    dstn_arena_destroy(arena);
    return loss;
}

/* Layers below the last are the identity, so that the last one is the whole product. */
static void assert_stationary(const char *layers, int count, const char *regularizers) {
    char *model = dstn_format("response: full, layers: [%s]", layers);
    toy t = toy_new("f64", model, regularizers, PENALTY);
    double identity[100] = {0}, w[10], gradient[10];
    for (int i = 0; i < 10; i++) {
        identity[i * 11] = 1;
    }
    for (int l = 0; l < count - 1; l++) {
        set_weights(&t, l, identity);
    }
    const dstn_parameter *last = dstn_layer_parameter(t.model->layers[count - 1], "general_weight");
    for (double lambda = -4; lambda <= 6; lambda += 2) {
        dstn_oracle_response(t.oracle, lambda, w);
        set_weights(&t, count - 1, w);
        whole_loss(&t, DSTN_PART_TRAIN, lambda);
        dstn_parameter_export(last, t.model->kernel, last->gradient, gradient);
        for (int i = 0; i < 10; i++) {
            assert_true(fabs(gradient[i]) < 1e-11);
        }
        double valid = whole_loss(&t, DSTN_PART_VALID, lambda);
        assert_float_equal(dstn_oracle_loss(t.oracle, lambda), valid, 1e-12);
        /* And it would not be so elsewhere. */
        w[2] += 0.01;
        set_weights(&t, count - 1, w);
        whole_loss(&t, DSTN_PART_TRAIN, lambda);
        dstn_parameter_export(last, t.model->kernel, last->gradient, gradient);
        assert_true(fabs(gradient[2]) > 1e-3);
    }
    toy_free(&t);
    free(model);
}

static void best_response_is_stationary_for_the_models_own_loss(void **state) {
    (void)state;
    assert_stationary(LINEAR, 1, RIDGE);
    assert_stationary(LINEAR, 1, "l2: {strength: penalty, penalty_over_n: false}");
    assert_stationary(SQUARE ", " SQUARE ", " LINEAR, 3, "jacobian: {strength: penalty}");
    assert_stationary(SQUARE ", " LINEAR, 2, "jacobian: {strength: penalty, penalty_over_n: false}");
}

/* ---- what has been learned ---- */

static void fill_parameters(const toy *t) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        double *draws = dstn_alloc((size_t)t->model->count[r] + 2, sizeof(double));
        for (int64_t i = 0; i < t->model->count[r]; i += 2) {
            dstn_rng_normals((dstn_rng){8, DSTN_PURPOSE_TEST}, 0, (uint64_t)i, (uint64_t)r, draws + i);
        }
        t->model->kernel->from_double(t->model->kernel, t->model->count[r], draws, t->model->value[r]);
        t->model->kernel->scale(t->model->kernel, t->model->count[r], 0.3, t->model->value[r]);
        free(draws);
    }
}

/* w by passing unit vectors through the network in evaluation mode. */
static void weights_by_probing(const toy *t, double z, double *w) {
    const dstn_kernel *kernel = t->model->kernel;
    double identity[100] = {0}, zs[10], values[10], x[100], z_given[10];
    for (int i = 0; i < 10; i++) {
        identity[i * 11] = 1;
        zs[i] = z;
        values[i] = 0.2;
    }
    kernel->from_double(kernel, 100, identity, x);
    kernel->from_double(kernel, 10, zs, z_given);
    dstn_pass pass = {.kind = DSTN_PASS_RESPONSE, .rows = 10, .batch_rows = 10, .z = z_given, .values = values};
    kernel->to_double(kernel, 10, dstn_model_forward(t->model, &pass, x), w);
}

static void assert_learned(const char *precision, const char *response, const char *layers, const char *regularizers,
                           const char *hyper, double tolerance) {
    char *model = dstn_format("response: %s, layers: [%s]", response, layers);
    toy t = toy_new(precision, model, regularizers, hyper);
    fill_parameters(&t);
    double w[10], theta[10], want[10], before[10], after[10], moved = 0;
    const double h = tolerance < 1e-8 ? 1e-4 : 0.05;
    for (double z = -0.5; z <= 1; z += 0.5) {
        dstn_oracle_learned(t.oracle, t.model, z, w, theta);
        weights_by_probing(&t, z, want);
        weights_by_probing(&t, z - h, before);
        weights_by_probing(&t, z + h, after);
        for (int i = 0; i < 10; i++) {
            double slope = (after[i] - before[i]) / (2 * h);
            assert_float_equal(w[i], want[i], tolerance);
            assert_float_equal(theta[i], slope, 30 * h * h + 100 * tolerance);
            moved += fabs(theta[i]);
        }
    }
    if (moved < 0.1) {
        fail_msg("%s %s: the response hardly moves (%g)", precision, model, moved);
    }
    toy_free(&t);
    free(model);
}

static void learned_response_is_what_the_network_computes(void **state) {
    (void)state;
    const char *responses[] = {"full", "structured"};
    for (int r = 0; r < 2; r++) {
        assert_learned("f64", responses[r], LINEAR, RIDGE, PENALTY, 1e-12);
        assert_learned("f32", responses[r], LINEAR, RIDGE, PENALTY, 1e-5);
        assert_learned("f64", responses[r], "{dropout: {rate: rate}}, " LINEAR, "", RATE, 1e-12);
        assert_learned("f64", responses[r], SQUARE ", " SQUARE ", " LINEAR, "jacobian: {strength: penalty}", PENALTY,
                       1e-12);
        assert_learned("f32", responses[r], SQUARE ", " LINEAR, "jacobian: {strength: penalty}", PENALTY, 1e-5);
    }
}

static void version_names_the_library(void **state) {
    (void)state;
    assert_int_equal(strncmp(dstn_oracle_version(), "ScaLAPACK 2.", 12), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(toys_are_matched),
        cmocka_unit_test(other_models_are_refused_with_the_reason),
        cmocka_unit_test(best_response_is_stationary_for_the_models_own_loss),
        cmocka_unit_test(learned_response_is_what_the_network_computes),
        cmocka_unit_test(version_names_the_library),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed ? 1 : 0);
}
