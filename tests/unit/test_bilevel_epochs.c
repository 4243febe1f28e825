/* bilevel: where augmentation acts, and what happens at the end of an epoch. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/bilevel.h"

enum { ROWS = 64, BATCH = 16, SIDE = 6, CLASSES = 3, STN = 0, DELTA_STN = 3, FIXED = 4 };

/* A small network on noise, and all that it stands on. */
typedef struct world {
    dstn_doc *doc;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_augment *augment;
    dstn_model *model;
    dstn_group *group;
    dstn_trainer *trainer;
    dstn_status status;
    dstn_error err;
} world;

/* What tells the worlds of these tests apart. */
typedef struct setup {
    int method;
    const char *layers;    /* YAML; NULL: one linear layer */
    const char *augment;   /* YAML */
    const char *optimizer; /* YAML */
    bool regression;
    dstn_train_settings train;
    bool wants_evaluation;
} setup;

static void must(dstn_status status, const dstn_error *err) {
    if (status != DSTN_OK) {
        fail_msg("%s", err->message);
    }
}

static void read_config(world *w, const setup *s) {
    char *text =
        dstn_format("model: {loss: %s, layers: %s}\n"
                    "hyperparameters: {length: {range: [0, 24], start: 0.5, scale: 6, discrete: true}}\n"
                    "augment: %s\n"
                    "optimizer: %s\n"
                    "hyper_optimizer: {rate: 0.01}\n",
                    s->regression ? "mse" : "cross_entropy", s->layers ? s->layers : "[flatten, linear: {out: 3}]",
                    s->augment ? s->augment : "[]", s->optimizer ? s->optimizer : "{rate: 0.1}");
    must(dstn_doc_parse(text, "test", &w->doc, &w->err), &w->err);
    free(text);
}

static dstn_status make_trainer(world *w, const setup *s, const dstn_method *method, dstn_trainer **out) {
    dstn_node root = dstn_doc_root(w->doc);
    dstn_trainer_request trainer = {.method = method,
                                    .train = s->train,
                                    .seed = 3,
                                    .optimizer = dstn_node_child(root, "optimizer"),
                                    .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                    .wants_evaluation = s->wants_evaluation,
                                    .augment = w->augment,
                                    .model = w->model,
                                    .space = w->space,
                                    .dataset = w->dataset,
                                    .group = w->group};
    trainer.train.batch = BATCH;
    trainer.train.train_steps = 1;
    trainer.train.valid_steps = 1;
    if (trainer.train.iterations == 0 && trainer.train.epochs == 0) {
        trainer.train.epochs = 3;
    }
    return dstn_trainer_new(&trainer, out, &w->err);
}

/* w->status is the trainer's. */
static void build(world *w, const setup *s) {
    *w = (world){0};
    read_config(w, s);
    dstn_node root = dstn_doc_root(w->doc);
    const dstn_kernel *kernel;
    const dstn_method *method;
    dstn_method_settings choice = {.method = s->method};
    const int64_t shape[3] = {1, SIDE, SIDE};
    dstn_task task = s->regression ? DSTN_TASK_REGRESSION : DSTN_TASK_CLASSIFICATION;
    must(dstn_kernel_find("openblas", DSTN_F64, &kernel, &w->err), &w->err);
    must(dstn_method_choose(&choice, &method, &w->err), &w->err);
    must(dstn_space_read(dstn_node_child(root, "hyperparameters"), &w->space, &w->err), &w->err);
    w->dataset = dstn_dataset_synthetic_bytes(task, 3, shape, CLASSES, ROWS, 5);
    must(dstn_augment_read(dstn_node_child(root, "augment"), w->dataset, dstn_space_names(w->space), &w->augment,
                           &w->err),
         &w->err);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .kernel = kernel,
                                  .space = w->space,
                                  .input = {3, {1, SIDE, SIDE}, 0},
                                  .outputs = CLASSES,
                                  .max_rows = BATCH,
                                  .train_rows = w->dataset->rows[DSTN_PART_TRAIN]};
    must(dstn_model_new(&request, &w->model, &w->err), &w->err);
    w->group = dstn_group_self();
    w->status = make_trainer(w, s, method, &w->trainer);
    dstn_model_initialize(w->model, 3);
    dstn_space_reset(w->space);
}

static void tear_down(world *w) {
    dstn_trainer_destroy(w->trainer);
    dstn_model_destroy(w->model);
    dstn_augment_destroy(w->augment);
    dstn_dataset_destroy(w->dataset);
    dstn_space_destroy(w->space);
    dstn_group_destroy(w->group);
    dstn_doc_destroy(w->doc);
}

/* The parameters of one range after one training step; free with free(). */
static double *after_one_step(const setup *s, dstn_range range, int64_t *count) {
    world w;
    build(&w, s);
    must(w.status, &w.err);
    dstn_trainer_train_step(w.trainer);
    *count = w.model->count[range];
    double *values = dstn_alloc((size_t)*count, sizeof(double));
    memcpy(values, w.model->value[range], (size_t)*count * sizeof(double));
    tear_down(&w);
    return values;
}

/* How many parameters a step leaves different with another augmentation. */
static int64_t differing(int method, dstn_range range, const char *augment, const char *other) {
    const setup a = {.method = method, .augment = augment}, b = {.method = method, .augment = other};
    int64_t count, different = 0;
    double *x = after_one_step(&a, range, &count), *y = after_one_step(&b, range, &count);
    for (int64_t i = 0; i < count; i++) {
        different += x[i] != y[i];
    }
    free(x);
    free(y);
    return different;
}

static const char *const tuned = "[cutout: {holes: 1, length: length}]"; /* 0 at λ_0, of another size at most λ_0 + ε */
static const char *const all = "[cutout: {holes: 1, length: 12}]";       /* nothing is left of an image */

static void every_method_trains_on_augmented_images(void **state) {
    (void)state;
    const int methods[] = {STN, DELTA_STN, FIXED};
    for (int m = 0; m < 3; m++) {
        assert_true(differing(methods[m], DSTN_RANGE_GENERAL, all, "[]") > 0);
    }
    assert_true(differing(STN, DSTN_RANGE_RESPONSE, all, "[]") > 0);
    assert_true(differing(DELTA_STN, DSTN_RANGE_RESPONSE, all, "[]") > 0);
}

static void the_general_pass_sees_images_at_lambda_and_the_response_beyond(void **state) {
    (void)state;
    assert_int_equal(differing(DELTA_STN, DSTN_RANGE_GENERAL, tuned, "[]"), 0);
    assert_true(differing(DELTA_STN, DSTN_RANGE_RESPONSE, tuned, "[]") > 0);
    assert_true(differing(STN, DSTN_RANGE_GENERAL, tuned, "[]") > 0);
    assert_int_equal(differing(FIXED, DSTN_RANGE_GENERAL, tuned, "[]"), 0);
}

/* Whether U, which starts at zero and learns from images alone, has moved in a step. */
static bool scales_have_moved(const world *w) {
    const dstn_parameter *hyper = dstn_layer_parameter(w->model->layers[1], "hyper"); /* U over V */
    assert_non_null(hyper);
    double values[2 * CLASSES];
    assert_int_equal(hyper->count, 2 * CLASSES);
    dstn_parameter_export(hyper, w->model->kernel, hyper->value, values);
    bool moved = false;
    for (int c = 0; c < CLASSES; c++) {
        moved = moved || values[c] != 0;
    }
    return moved;
}

/* The general pass has erased the images before the response pass gets them. */
static void the_response_pass_starts_from_whole_images(void **state) {
    (void)state;
    const setup erasing = {.method = DELTA_STN, .augment = all}, perturbed = {.method = DELTA_STN, .augment = tuned};
    world w, v;
    build(&w, &erasing);
    build(&v, &perturbed);
    v.space->lambda[0] = 8; /* nothing left at λ_0, but much of it at λ_0 + ε where ε is far below */
    v.space->raw_scale[0] = 40;
    dstn_trainer_train_step(w.trainer);
    dstn_trainer_train_step(v.trainer);
    assert_memory_equal(w.model->value[0], v.model->value[0], (size_t)w.model->count[0] * sizeof(double));
    assert_false(scales_have_moved(&w));
    assert_true(scales_have_moved(&v));
    tear_down(&w);
    tear_down(&v);
}

static void evaluation_is_of_whole_images(void **state) {
    (void)state;
    const setup with = {.method = DELTA_STN, .augment = all}, without = {.method = DELTA_STN};
    world w, v;
    double losses[2], accuracy;
    build(&w, &with);
    build(&v, &without);
    dstn_trainer_evaluate(w.trainer, DSTN_PART_VALID, &losses[0], &accuracy);
    dstn_trainer_evaluate(v.trainer, DSTN_PART_VALID, &losses[1], &accuracy);
    assert_true(losses[0] == losses[1]);
    dstn_trainer_hyper_step(w.trainer);
    dstn_trainer_hyper_step(v.trainer);
    assert_true(w.space->lambda[0] == v.space->lambda[0]);
    tear_down(&w);
    tear_down(&v);
}

/* ---- epochs ---- */

/* Follows a run from step to step. */
typedef struct witness {
    double sum, losses[8], rates[8], means[8];
    int epochs;
} witness;

static dstn_status see_step(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)self, (void)trainer, (void)err;
    return DSTN_OK;
}

static dstn_status see_epoch(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    witness *seen = self;
    const dstn_epoch *epoch = dstn_trainer_last_epoch(trainer);
    double loss, accuracy;
    dstn_trainer_evaluate(trainer, DSTN_PART_VALID, &loss, &accuracy);
    assert_true(epoch->loss[DSTN_PART_VALID] == loss && epoch->accuracy[DSTN_PART_VALID] == accuracy);
    assert_true(isnan(epoch->loss[DSTN_PART_TEST]) && isnan(epoch->loss[DSTN_PART_TRAIN]));
    assert_int_equal(epoch->epoch, seen->epochs + 1);
    seen->rates[seen->epochs] = epoch->rate;
    seen->means[seen->epochs] = epoch->train_loss;
    seen->epochs++;
    return DSTN_OK;
}

static void epochs_are_evaluated_and_schedules_follow(void **state) {
    (void)state;
    const setup s = {.method = DELTA_STN,
                     .optimizer = "{rate: 0.1, schedule: step, milestones: [2, 3], factor: 0.5}",
                     .train = {.epochs = 4}};
    world w;
    witness seen = {0};
    build(&w, &s);
    must(w.status, &w.err);
    assert_true(dstn_trainer_evaluates_epochs(w.trainer));
    dstn_observer observer = {&seen, see_step, dstn_observer_ignore, see_epoch};
    must(dstn_trainer_run(w.trainer, &observer, 1, &w.err), &w.err);
    assert_int_equal(seen.epochs, 4);
    const double rates[] = {0.1, 0.1, 0.05, 0.025};
    for (int e = 0; e < 4; e++) {
        assert_true(seen.rates[e] == rates[e]);
    }
    tear_down(&w);
}

/* Steps taken singly give the losses whose mean the epoch has. */
static void an_epochs_training_loss_is_the_mean_of_its_steps(void **state) {
    (void)state;
    const setup s = {.method = STN, .train = {.epochs = 2}};
    world w;
    witness seen = {0};
    build(&w, &s);
    dstn_observer observer = {&seen, see_step, dstn_observer_ignore, see_epoch};
    must(dstn_trainer_run(w.trainer, &observer, 1, &w.err), &w.err);
    world v;
    build(&v, &s);
    int64_t batches = v.dataset->rows[DSTN_PART_TRAIN] / BATCH;
    for (int e = 0; e < 2; e++) {
        double sum = 0;
        for (int64_t b = 0; b < batches; b++) {
            dstn_trainer_train_step(v.trainer);
            sum += dstn_trainer_progress(v.trainer)->train_loss;
            dstn_trainer_hyper_step(v.trainer);
        }
        assert_true(fabs(seen.means[e] - sum / (double)batches) <= 1e-14);
    }
    tear_down(&w);
    tear_down(&v);
}

static void auto_evaluates_where_it_is_needed(void **state) {
    (void)state;
    static const char plateau[] = "{rate: 0.1, schedule: plateau}";
    const struct {
        setup s;
        bool evaluates;
    } cases[] = {
        {{.regression = true}, false},
        {{.regression = false}, true},
        {{.regression = true, .optimizer = plateau}, true},
        {{.regression = true, .wants_evaluation = true}, true},
        {{.regression = true, .train = {.evaluate = DSTN_SWITCH_TRUE}}, true},
        {{.regression = false, .train = {.evaluate = DSTN_SWITCH_FALSE}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        world w;
        build(&w, &cases[i].s);
        must(w.status, &w.err);
        assert_int_equal(dstn_trainer_evaluates_epochs(w.trainer), cases[i].evaluates);
        tear_down(&w);
    }
    const setup impossible[] = {{.optimizer = plateau, .train = {.evaluate = DSTN_SWITCH_FALSE}},
                                {.wants_evaluation = true, .train = {.evaluate = DSTN_SWITCH_FALSE}}};
    for (int i = 0; i < 2; i++) {
        world w;
        build(&w, &impossible[i]);
        assert_int_equal(w.status, DSTN_ERROR_USAGE);
        assert_non_null(strstr(w.err.message, "train.evaluate: false"));
        tear_down(&w);
    }
}

/* What a toy's digests are of must not grow. */
static void a_constant_schedule_adds_nothing_to_the_state(void **state) {
    (void)state;
    const setup plain = {.regression = true},
                scheduled = {.regression = true, .optimizer = "{rate: 1, schedule: plateau}"};
    world w, v;
    build(&w, &plain);
    build(&v, &scheduled);
    dstn_state a = {0}, b = {0};
    dstn_trainer_add_state(w.trainer, &a);
    dstn_trainer_add_state(v.trainer, &b);
    assert_null(dstn_state_find(&a, "progress/epoch_loss"));
    assert_null(dstn_state_find(&a, "optimizer/schedule/memory"));
    assert_non_null(dstn_state_find(&b, "progress/epoch_loss"));
    assert_non_null(dstn_state_find(&b, "optimizer/schedule/memory"));
    dstn_state_clear(&a);
    dstn_state_clear(&b);
    tear_down(&w);
    tear_down(&v);
}

/* ---- shards ------------------------------------------------------------------------------------------------------ */

static dstn_status keep_rows(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    dstn_layer_declare_state(layer, "s", dstn_shape_count(layer->in));
    return DSTN_OK;
}

static void pass_on(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    memcpy(out, in, (size_t)(rows.count * dstn_shape_count(layer->in)) * sizeof(double));
}

static const dstn_layer_type remembering_type = {.name = "remembering",
                                                 .help = "y = x, beside a state of each row",
                                                 .kind = DSTN_LAYER_ROWS,
                                                 .example = "[remembering]",
                                                 .plan = keep_rows,
                                                 .rows = {.forward = pass_on}};

/* Several samples of an example have one state. */
static void layers_with_state_of_rows_are_refused_in_samples_alone(void **state) {
    (void)state;
    dstn_layer_type_register(&remembering_type);
    static const struct {
        int64_t shards, samples;
        const char *words;
    } cases[] = {{0, 1, NULL}, {4, 1, NULL}, {0, 2, "train.samples: 2"}};
    setup s = {.method = STN, .layers = "[flatten, remembering, linear: {out: 3}]"};
    for (int i = 0; i < 3; i++) {
        world w;
        s.train.shards = cases[i].shards;
        s.train.samples = cases[i].samples;
        build(&w, &s);
        assert_int_equal(w.status, cases[i].words ? DSTN_ERROR_USAGE : DSTN_OK);
        assert_true(!cases[i].words || strstr(w.err.message, cases[i].words));
        tear_down(&w);
    }
}

static void a_second_trainer_in_shards_is_an_error(void **state) {
    (void)state;
    const dstn_method *method;
    dstn_method_settings choice = {.method = STN};
    setup s = {.method = STN, .train = {.shards = 4}};
    world w;
    build(&w, &s);
    assert_int_equal(w.status, DSTN_OK);
    must(dstn_method_choose(&choice, &method, &w.err), &w.err);
    dstn_trainer *second = NULL;
    assert_int_equal(make_trainer(&w, &s, method, &second), DSTN_ERROR_RUN);
    assert_non_null(strstr(w.err.message, "one trainer"));
    assert_null(second);
    dstn_trainer_train_step(w.trainer);
    assert_true(isfinite(dstn_trainer_progress(w.trainer)->train_loss));
    tear_down(&w);
}

/* An evaluation needn't cost what products of a shard's few rows do. */
static void evaluations_in_shards_take_more_rows_at_a_time(void **state) {
    (void)state;
    dstn_group *self = dstn_group_self();
    const int64_t batches[][2] = {{128, 64}, {48, 48}, {1024, 128}};
    for (int i = 0; i < 3; i++) {
        dstn_train_settings train = {.batch = batches[i][0], .shards = 8};
        assert_int_equal(dstn_train_max_rows(&train, self), batches[i][1]);
    }
    dstn_group_destroy(self);
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_trains_on_augmented_images),
        cmocka_unit_test(the_general_pass_sees_images_at_lambda_and_the_response_beyond),
        cmocka_unit_test(the_response_pass_starts_from_whole_images),
        cmocka_unit_test(evaluation_is_of_whole_images),
        cmocka_unit_test(epochs_are_evaluated_and_schedules_follow),
        cmocka_unit_test(an_epochs_training_loss_is_the_mean_of_its_steps),
        cmocka_unit_test(auto_evaluates_where_it_is_needed),
        cmocka_unit_test(a_constant_schedule_adds_nothing_to_the_state),
        cmocka_unit_test(layers_with_state_of_rows_are_refused_in_samples_alone),
        cmocka_unit_test(a_second_trainer_in_shards_is_an_error),
        cmocka_unit_test(evaluations_in_shards_take_more_rows_at_a_time),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed ? DSTN_ERROR_RUN : DSTN_OK);
}
