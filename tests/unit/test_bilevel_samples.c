/* Several perturbations of each example in a step: what the trainer does on B·k rows is the mean of what k passes over
 * the B examples give, each made here by itself from the draws of its rows; pairs ε, −ε cancel what is odd in ε; and
 * only objectives that are perturbed take samples. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dstn/bilevel.h"

enum { BATCH = 6, VALID_BATCH = 5, SEED = 4, SIDE = 4, FEATURES = SIDE * SIDE, PASSES = 3 };

/* Everything that is drawn for a row: masks at a rate of its own, holes of its own, one ε an example and one a batch.
 */
static const char *const network =
    "model:\n"
    "  layers: [flatten, dropout: {rate: drop}, linear: {out: 7}, relu, linear: {out: 2}]\n"
    "regularizers: {l2: {strength: decay}}\n"
    "augment: [cutout: {holes: 1, length: length}]\n"
    "hyperparameters:\n"
    "  drop: {range: [0, 0.95], start: 0.3}\n"
    "  decay: {transform: exp, start: 0.5, per_batch: true}\n"
    "  length: {range: [0, 4], start: 2, discrete: true, tune_scale: false}\n"
    "optimizer: {name: sgd, rate: 0.05}\n"
    "hyper_optimizer: {name: sgd, rate: 0.05}\n";

/* Linear in the weights, and nothing that depends on λ but the response: y = (W_g + ε Θ) x, masks at a fixed rate. */
static const char *const linear = "model:\n"
                                  "  response: full\n"
                                  "  layers: [flatten, dropout: {rate: 0.4}, linear: {out: 1, bias: false}]\n"
                                  "augment: [cutout: {holes: 1, length: 2}]\n"
                                  "hyperparameters: {of_nothing: {start: 0.3, scale: 0.7}}\n"
                                  "optimizer: {name: sgd, rate: 0.05}\n"
                                  "hyper_optimizer: {name: sgd, rate: 0.05}\n";

static const char *const dropping = "model: {layers: [flatten, linear: {out: 2, weight_dropout: drop}]}\n"
                                    "hyperparameters: {drop: {range: [0, 0.95], start: 0.3, per_batch: true}}\n"
                                    "optimizer: {name: sgd, rate: 0.05}\n";

/* What a listener saw of a step. */
typedef struct seen {
    int passes;
    dstn_evaluation evaluation[PASSES];
    int64_t rows[PASSES], indices[PASSES][BATCH];
    double *response; /* gradient, [count]; of the last training step */
    double *general;
    double lambda[3], raw_scale[3], loss; /* hypergradient */
} seen;

typedef struct member {
    dstn_doc *doc;
    const dstn_kernel *kernel;
    const dstn_method *method;
    dstn_group *group;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_augment *augment;
    dstn_model *model;
    dstn_train_settings train;
    dstn_trainer_request request;
    dstn_trainer *trainer;
    seen seen;
} member;

static double *copy_of(int64_t count, const void *values) {
    double *out = dstn_alloc((size_t)count + 1, sizeof *out);
    memcpy(out, values, (size_t)count * sizeof *out);
    return out;
}

static void on_pass(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation) {
    (void)trainer;
    seen *s = self;
    assert_true(s->passes < PASSES);
    s->evaluation[s->passes] = *evaluation;
    s->rows[s->passes] = evaluation->batch->rows;
    for (int64_t r = 0; r < evaluation->batch->rows && r < BATCH; r++) {
        s->indices[s->passes][r] = evaluation->batch->indices[r];
    }
    s->passes++;
}

static member *current; /* whose steps are listened to */

static void on_gradient(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    (void)trainer;
    seen *s = self;
    if (gradient) {
        size_t bytes = (size_t)current->space->count * sizeof(double);
        memcpy(s->lambda, gradient->lambda, bytes);
        memcpy(s->raw_scale, gradient->raw_scale, bytes);
        s->loss = gradient->loss;
        return;
    }
    const dstn_model *model = current->model;
    free(s->general);
    free(s->response);
    s->general = copy_of(model->count[DSTN_RANGE_GENERAL], model->gradient[DSTN_RANGE_GENERAL]);
    s->response = copy_of(model->count[DSTN_RANGE_RESPONSE], model->gradient[DSTN_RANGE_RESPONSE]);
}

static void on_update(void *self, dstn_trainer *trainer) {
    (void)self;
    (void)trainer;
}

static void prepare(member *m, const char *config, const char *method, int64_t samples, bool antithetic) {
    static const char *const names[] = {"stn",       "stn-centered", "stn-centered-split",
                                        "delta-stn", "fixed",        "fixed-perturbed"};
    dstn_error err = {0};
    *m = (member){.group = dstn_group_self()};
    m->train = (dstn_train_settings){.iterations = 100,
                                     .batch = BATCH,
                                     .valid_batch = VALID_BATCH,
                                     .train_steps = 50,
                                     .valid_steps = 1,
                                     .entropy_weight = 0.02,
                                     .samples = samples,
                                     .antithetic = antithetic};
    dstn_method_settings choice = {0};
    while (strcmp(names[choice.method], method) != 0) {
        choice.method++;
    }
    const int64_t shape[] = {1, SIDE, SIDE};
    assert_int_equal(dstn_method_choose(&choice, &m->method, &err), DSTN_OK);
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &m->kernel, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(config, "test", &m->doc, &err), DSTN_OK);
    dstn_node root = dstn_doc_root(m->doc);
    assert_int_equal(dstn_space_read(dstn_node_child(root, "hyperparameters"), &m->space, &err), DSTN_OK);
    m->dataset = dstn_dataset_synthetic(DSTN_TASK_REGRESSION, 3, shape, config == linear ? 1 : 2, 60, 9);
    dstn_status status =
        dstn_augment_read(dstn_node_child(root, "augment"), m->dataset, dstn_space_names(m->space), &m->augment, &err);
    if (status != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = m->kernel,
                                  .space = m->space,
                                  .input = {3, {1, SIDE, SIDE}, 0},
                                  .max_rows = dstn_train_max_rows(&m->train, m->group),
                                  .train_rows = m->dataset->rows[DSTN_PART_TRAIN]};
    if (dstn_model_new(&request, &m->model, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    dstn_model_initialize(m->model, SEED);
    dstn_space_reset(m->space);
    m->request = (dstn_trainer_request){.method = m->method,
                                        .train = m->train,
                                        .seed = SEED,
                                        .optimizer = dstn_node_child(root, "optimizer"),
                                        .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                        .augment = m->augment,
                                        .model = m->model,
                                        .space = m->space,
                                        .dataset = m->dataset,
                                        .group = m->group};
}

static void build(member *m, const char *config, const char *method, int64_t samples, bool antithetic) {
    static dstn_listener listener = {NULL, on_pass, on_gradient, on_update};
    dstn_error err = {0};
    prepare(m, config, method, samples, antithetic);
    if (dstn_trainer_new(&m->request, &m->trainer, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    listener.self = &m->seen;
    current = m;
    dstn_trainer_set_listener(m->trainer, &listener);
}

static void tear_down(member *m) {
    dstn_trainer_destroy(m->trainer);
    dstn_model_destroy(m->model);
    dstn_augment_destroy(m->augment);
    dstn_dataset_destroy(m->dataset);
    dstn_space_destroy(m->space);
    dstn_group_destroy(m->group);
    dstn_doc_destroy(m->doc);
    free(m->seen.general);
    free(m->seen.response);
}

static void compare(const char *what, int64_t count, const double *got, const double *want, double tolerance) {
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - want[i]) <= tolerance * (1 + fabs(want[i])))) {
            fail_msg("%s %lld: got %.17g, want %.17g", what, (long long)i, got[i], want[i]);
        }
    }
}

/* ---- the same by single samples ---------------------------------------------------------------------------------- */

/* Passes of one sample each, of an objective and the examples that the trainer took, at the step that it was at. */
typedef struct singles {
    member *m;
    const dstn_objective *objective;
    const int64_t *indices;
    int64_t batch;
    dstn_problem *problem;
    dstn_arena *arena;
    double noise[BATCH * 3], epsilon[BATCH * 3];
} singles;

/* Sample s has draws of its own, those of rows s·B … of a long batch, unless it is the other one of a pair. */
static dstn_evaluation evaluate_sample(singles *s, int64_t sample, dstn_batch *batch) {
    member *m = s->m;
    int64_t half = m->train.samples / 2;
    bool is_valid = s->objective->part == DSTN_PART_VALID, mirrored = m->train.antithetic && sample >= half;
    int64_t first_row = s->batch * (mirrored ? sample - half : sample);
    dstn_rng rng = {.seed = SEED, .purpose = is_valid ? DSTN_PURPOSE_VALID_NOISE : DSTN_PURPOSE_NOISE};
    int h = m->space->count;
    double whole[2], *noise = s->noise;
    dstn_space_noise(m->space, rng, 0, first_row, s->batch, noise);
    dstn_rng_normals(rng, 0, 0xffffffffu - (uint64_t)(mirrored ? sample - half : sample), 0, whole);
    for (int64_t r = 0; r < s->batch; r++) {
        noise[r * h + 1] = whole[1]; /* `decay`, one a batch */
        noise[r * h + 2] *= !is_valid;
        for (int i = 0; i < h && mirrored; i++) {
            noise[r * h + i] = -noise[r * h + i];
        }
    }
    dstn_space_perturbation(m->space, noise, s->batch, s->epsilon);
    dstn_perturbation perturbation = {noise, s->epsilon};
    const dstn_augmenting augmenting = {.augment = m->augment,
                                        .rng = {.seed = SEED, .purpose = DSTN_PURPOSE_AUGMENTATION},
                                        .values = dstn_problem_values(s->problem, s->objective, perturbation, s->batch),
                                        .hypers = h};
    dstn_batch_fill(batch, m->dataset, m->kernel, s->objective->part, s->indices, 1, s->batch, first_row, s->batch,
                    is_valid ? NULL : &augmenting);
    return dstn_problem_evaluate(s->problem, s->objective, batch, perturbation, 0);
}

static void open_singles(singles *s, member *m, int pass, dstn_batch *batch) {
    dstn_error err = {0};
    *s = (singles){.m = m, .objective = m->seen.evaluation[pass].objective, .indices = m->seen.indices[pass]};
    s->batch = s->objective->part == DSTN_PART_VALID ? VALID_BATCH : BATCH;
    s->arena = dstn_arena_new();
    assert_int_equal(dstn_problem_new(m->model, m->space, m->group, SEED, &s->problem, &err), DSTN_OK);
    assert_true(dstn_batch_bind(batch, m->dataset, m->kernel, BATCH, 1, s->arena));
}

static void close_singles(singles *s) {
    dstn_problem_destroy(s->problem);
    dstn_arena_destroy(s->arena);
}

/* Weights of the response that are nowhere zero, so that no gradient is. */
static void shake(const member *m) {
    double *response = m->model->value[DSTN_RANGE_RESPONSE];
    for (int64_t i = 0; i < m->model->count[DSTN_RANGE_RESPONSE]; i++) {
        response[i] += 0.3 * sin((double)i + 1);
    }
}

static void add_mean(int64_t count, const double *values, double samples, double *sum) {
    for (int64_t i = 0; i < count; i++) {
        sum[i] += values[i] / samples;
    }
}

/* The trainer takes its step at rate 0.05: what singles are evaluated at is put back. */
static void check_train_step(const char *method, int64_t samples, bool antithetic) {
    member m;
    build(&m, network, method, samples, antithetic);
    shake(&m);
    int64_t count[] = {m.model->count[0], m.model->count[1]};
    double *before[] = {copy_of(count[0], m.model->value[0]), copy_of(count[1], m.model->value[1])};
    dstn_trainer_train_step(m.trainer);
    for (int r = 0; r < DSTN_RANGES; r++) {
        memcpy(m.model->value[r], before[r], (size_t)count[r] * sizeof(double));
    }
    int last = m.seen.passes - 1;
    assert_int_equal(m.seen.rows[last], BATCH * samples);
    singles s;
    dstn_batch batch;
    open_singles(&s, &m, last, &batch);
    double *mean[] = {dstn_alloc((size_t)count[0], sizeof(double)), dstn_alloc((size_t)count[1], sizeof(double))};
    double loss = 0, penalty = 0;
    for (int64_t k = 0; k < samples; k++) {
        dstn_evaluation evaluation = evaluate_sample(&s, k, &batch);
        loss += evaluation.loss / (double)samples;
        penalty += evaluation.penalty / (double)samples;
        for (int r = 0; r < DSTN_RANGES; r++) {
            add_mean(count[r], m.model->gradient[r], (double)samples, mean[r]);
        }
    }
    compare("loss", 1, &m.seen.evaluation[last].loss, &loss, 1e-13);
    compare("penalty", 1, &m.seen.evaluation[last].penalty, &penalty, 1e-13);
    compare("response gradient", count[1], m.seen.response, mean[1], 1e-12);
    if (s.objective->grad[DSTN_RANGE_GENERAL]) {
        compare("general gradient", count[0], m.seen.general, mean[0], 1e-12);
    }
    close_singles(&s);
    for (int r = 0; r < DSTN_RANGES; r++) {
        free(before[r]);
        free(mean[r]);
    }
    tear_down(&m);
}

static void gradients_of_k_samples_are_the_mean_of_k_passes(void **state) {
    (void)state;
    for (int64_t samples = 1; samples <= 3; samples += 2) {
        check_train_step("stn", samples, false);
        check_train_step("stn-centered", samples, false);
        check_train_step("stn-centered-split", samples, false);
        check_train_step("delta-stn", samples, false);
    }
}

static void gradients_of_pairs_are_the_mean_over_both_signs(void **state) {
    (void)state;
    check_train_step("stn", 4, true);
    check_train_step("delta-stn", 2, true);
    check_train_step("delta-stn", 6, true);
}

static void check_hyper_step(const char *method, int64_t samples, bool antithetic) {
    member m;
    build(&m, network, method, samples, antithetic);
    shake(&m);
    double before[] = {m.space->lambda[0],    m.space->lambda[1],    m.space->lambda[2],
                       m.space->raw_scale[0], m.space->raw_scale[1], m.space->raw_scale[2]};
    dstn_trainer_hyper_step(m.trainer);
    memcpy(m.space->lambda, before, 3 * sizeof(double));
    memcpy(m.space->raw_scale, before + 3, 3 * sizeof(double));
    assert_int_equal(m.seen.rows[0], VALID_BATCH * samples);
    singles s;
    dstn_batch batch;
    open_singles(&s, &m, 0, &batch);
    double lambda[3] = {0}, raw_scale[3] = {0}, loss = 0;
    for (int64_t k = 0; k < samples; k++) {
        dstn_evaluation evaluation = evaluate_sample(&s, k, &batch);
        dstn_hypergradient gradient = dstn_problem_hypergradient(s.problem, &evaluation, 0.02);
        loss += gradient.loss / (double)samples;
        add_mean(3, gradient.lambda, (double)samples, lambda);
        add_mean(3, gradient.raw_scale, (double)samples, raw_scale);
    }
    compare("validation loss", 1, &m.seen.loss, &loss, 1e-13);
    compare("gradient of lambda", 3, m.seen.lambda, lambda, 1e-13);
    compare("gradient of raw_scale", 3, m.seen.raw_scale, raw_scale, 1e-13);
    close_singles(&s);
    tear_down(&m);
}

static void hypergradients_of_k_samples_are_the_mean_of_k_passes(void **state) {
    (void)state;
    check_hyper_step("stn", 3, false);
    check_hyper_step("stn", 2, true);
    check_hyper_step("delta-stn", 1, false);
    check_hyper_step("delta-stn", 3, false);
    check_hyper_step("delta-stn", 4, true);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

/* ∇_Θ of ½(W_g x + ε Θ x − t)² is ε (W_g x − t) x + ε² Θ x², of which pairs leave the second, at Θ = 0 nothing: if both
 * of a pair have the same mask and the same hole. */
static void pairs_cancel_what_is_odd_in_epsilon(void **state) {
    (void)state;
    for (int antithetic = 0; antithetic < 2; antithetic++) {
        member m;
        build(&m, linear, "delta-stn", 2, antithetic);
        dstn_trainer_train_step(m.trainer);
        double largest = 0;
        for (int64_t i = 0; i < m.model->count[DSTN_RANGE_RESPONSE]; i++) {
            largest = fmax(largest, fabs(m.seen.response[i]));
        }
        assert_true(antithetic ? largest < 1e-15 : largest > 1e-2);
        tear_down(&m);
    }
}

/* dL_V/dz = Θ x (W_g x + ε Θ x − t), whose mean over a pair is the exact gradient at λ itself, whatever ε. */
static void pairs_give_a_quadratic_loss_its_exact_hypergradient(void **state) {
    (void)state;
    member m;
    build(&m, linear, "delta-stn", 2, true);
    shake(&m);
    double raw_scale = m.space->raw_scale[0];
    dstn_trainer_hyper_step(m.trainer);
    const double *w = m.model->value[DSTN_RANGE_GENERAL], *theta = m.model->value[DSTN_RANGE_RESPONSE];
    double at_lambda = 0, at_scale = 0;
    for (int64_t b = 0; b < VALID_BATCH; b++) {
        int64_t row = m.seen.indices[0][b];
        const double *x = m.dataset->x[DSTN_PART_VALID] + row * FEATURES;
        double y = 0, change = 0, noise;
        for (int f = 0; f < FEATURES; f++) {
            y += w[f] * x[f];
            change += theta[f] * x[f];
        }
        dstn_rng rng = {.seed = SEED, .purpose = DSTN_PURPOSE_VALID_NOISE};
        dstn_space_noise(m.space, rng, 0, b, 1, &noise);
        at_lambda += change * (y - m.dataset->targets[DSTN_PART_VALID][row]) / VALID_BATCH;
        at_scale += dstn_softplus(raw_scale) * noise * noise * change * change / VALID_BATCH;
    }
    at_scale *= dstn_logistic(raw_scale);
    at_scale -= 0.02 * dstn_logistic(raw_scale) / dstn_softplus(raw_scale);
    compare("gradient of lambda", 1, m.seen.lambda, &at_lambda, 1e-13);
    compare("gradient of raw_scale", 1, m.seen.raw_scale, &at_scale, 1e-13);
    tear_down(&m);
}

/* ---- who takes samples ------------------------------------------------------------------------------------------- */

static void objectives_that_are_not_perturbed_take_no_samples(void **state) {
    (void)state;
    member one, four;
    build(&one, network, "delta-stn", 1, false);
    dstn_trainer_train_step(one.trainer);
    build(&four, network, "delta-stn", 4, false);
    dstn_trainer_train_step(four.trainer);
    assert_int_equal(four.seen.rows[0], BATCH);
    assert_int_equal(four.seen.rows[1], 4 * BATCH);
    /* and the general gradient is the same, to the last bit */
    assert_memory_equal(four.seen.general, one.seen.general,
                        (size_t)one.model->count[DSTN_RANGE_GENERAL] * sizeof(double));
    double general = dstn_objective_flops(one.seen.evaluation[0].objective, one.model, BATCH, 1);
    double response = dstn_objective_flops(one.seen.evaluation[1].objective, one.model, BATCH, 1);
    assert_true(dstn_trainer_step_flops(one.trainer) == general + response);
    assert_true(dstn_trainer_step_flops(four.trainer) == general + 4 * response);
    tear_down(&one);
    tear_down(&four);
}

static void hyper_steps_without_noise_take_no_samples(void **state) {
    (void)state;
    member m;
    prepare(&m, network, "delta-stn", 4, false);
    for (int i = 0; i < m.space->count; i++) {
        m.space->items[i].tune_scale = false;
    }
    dstn_error err = {0};
    assert_int_equal(dstn_trainer_new(&m.request, &m.trainer, &err), DSTN_OK);
    const dstn_listener listener = {&m.seen, on_pass, on_gradient, on_update};
    current = &m;
    dstn_trainer_set_listener(m.trainer, &listener);
    dstn_trainer_hyper_step(m.trainer);
    assert_int_equal(m.seen.rows[0], VALID_BATCH);
    dstn_trainer_train_step(m.trainer);
    assert_int_equal(m.seen.rows[2], 4 * BATCH);
    tear_down(&m);
}

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static void expect_refusal(const char *config, int64_t samples, bool antithetic, int64_t shards, const char *method,
                           const char *words) {
    member m;
    dstn_error err = {0};
    prepare(&m, config, method, 1, false);
    m.request.train.samples = samples;
    m.request.train.antithetic = antithetic;
    m.request.train.shards = shards;
    assert_int_equal(dstn_trainer_new(&m.request, &m.trainer, &err), DSTN_ERROR_USAGE);
    if (!strstr(err.message, words)) {
        fail_msg("\"%s\" does not say \"%s\"", err.message, words);
    }
    tear_down(&m);
}

static void settings_that_can_t_work_are_refused(void **state) {
    (void)state;
    expect_refusal(dropping, 2, false, 0, "stn", "several values of hyperparameter \"drop\"");
    expect_refusal(network, 3, true, 0, "stn", "an even number of samples");
    expect_refusal(network, 1, true, 0, "stn", "train.samples is 1");
    expect_refusal(network, INT64_C(1) << 31, false, 0, "stn", "at most 357913941");
    /* a batch has examples times samples to divide, but where an objective is not perturbed */
    expect_refusal(network, 2, false, 11, "stn", "10 examples times samples of a validation batch: 1 to 10");
    expect_refusal(network, 4, false, 7, "delta-stn", "6 examples of a training batch: 1 to 6");
}

int main(int argc, char **argv) {
    dstn_error err = {0};
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_k_samples_are_the_mean_of_k_passes),
        cmocka_unit_test(gradients_of_pairs_are_the_mean_over_both_signs),
        cmocka_unit_test(hypergradients_of_k_samples_are_the_mean_of_k_passes),
        cmocka_unit_test(pairs_cancel_what_is_odd_in_epsilon),
        cmocka_unit_test(pairs_give_a_quadratic_loss_its_exact_hypergradient),
        cmocka_unit_test(objectives_that_are_not_perturbed_take_no_samples),
        cmocka_unit_test(hyper_steps_without_noise_take_no_samples),
        cmocka_unit_test(settings_that_can_t_work_are_refused),
    };
    return dstn_ranks_finish(cmocka_run_group_tests(tests, NULL, NULL));
}
