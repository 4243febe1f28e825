/* What the tables of objectives and methods say fits together, and every method does what its row says: it evaluates
 * its objectives in their order, and goes on from a restored state, with any optimizer and schedule, bit for bit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "dstn/bilevel.h"

enum { SIDE = 4, CLASSES = 3, ROWS = 32, BATCH = 4, EPOCHS = 3, WARMUP = 2, TRAIN_STEPS = 2 };

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

typedef void method_check(int index, const dstn_method *method);

/* Every choice of the key `method`. */
static void walk_methods(method_check *check) {
    char choices[256], *rest = choices;
    assert_string_equal(dstn_method_options[0].key, "method");
    snprintf(choices, sizeof choices, "%s", dstn_method_options[0].choices);
    int index = 0;
    for (char *name; (name = strtok_r(rest, "|", &rest)) != NULL; index++) {
        const dstn_method *method;
        dstn_error err;
        dstn_method_settings choice = {.method = index};
        conformance_enter("method %s", name);
        if (conformance_expect(dstn_method_choose(&choice, &method, &err) == DSTN_OK, "is refused") &&
            conformance_expect(strcmp(method->name, name) == 0, "the choice gives method %s", method->name)) {
            check(index, method);
        }
    }
    conformance_end();
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static void check_objective(const dstn_objective *objective) {
    bool wants_weights = objective->grad[DSTN_RANGE_GENERAL] || objective->grad[DSTN_RANGE_RESPONSE];
    conformance_enter("objective %s", objective->name);
    conformance_expect(dstn_objective_find(objective->name) == objective, "its name finds another");
    conformance_expect((objective->kind == DSTN_PASS_GENERAL) == (objective->input == DSTN_INPUT_NONE),
                       "the general weights alone have no input, and all else has one");
    conformance_expect(objective->input != DSTN_INPUT_NONE || !objective->grad[DSTN_RANGE_RESPONSE],
                       "wants gradients of a response that it does not look at");
    conformance_expect(objective->kind != DSTN_PASS_LINEARIZED || !objective->grad[DSTN_RANGE_GENERAL],
                       "wants gradients of general weights from a linearized pass");
    conformance_expect(!objective->hyper || (objective->part == DSTN_PART_VALID && objective->perturbed &&
                                             objective->kind == DSTN_PASS_RESPONSE && !wants_weights),
                       "a hypergradient is that of the perturbed validation loss alone, not linearized");
    conformance_expect(!wants_weights || objective->part == DSTN_PART_TRAIN, "weights are trained on another part");
    conformance_expect(!objective->tracks_statistics || objective->part == DSTN_PART_TRAIN,
                       "tracks statistics in evaluation mode");
}

static void objectives_fit_together(void **state) {
    (void)state;
    const dstn_objective *objective;
    for (size_t i = 0; (objective = dstn_objective_at(i)) != NULL; i++) {
        check_objective(objective);
    }
    conformance_enter("objectives");
    conformance_expect(!dstn_objective_find("stn_trai") && !dstn_objective_find(""), "an unknown name is found");
    conformance_end();
}

static void check_switches(const dstn_method *method, const dstn_objective *objective) {
    bool is_general = objective->kind == DSTN_PASS_GENERAL;
    conformance_expect(is_general || (objective->input == DSTN_INPUT_EPSILON) == method->centered,
                       "is %s, and %s is not", method->centered ? "centred" : "not centred", objective->name);
    conformance_expect(is_general || (objective->kind == DSTN_PASS_LINEARIZED) == method->linearize,
                       "linearize is %d, and not of %s", method->linearize, objective->name);
}

/* The gradients of each range from one objective, and running statistics too (DESIGN: objectives are data). */
static void check_method(int index, const dstn_method *method) {
    (void)index;
    int general = 0, response = 0, trackers = 0, count = 0;
    for (const dstn_objective *const *objective = method->train; *objective; objective++) {
        conformance_expect(dstn_objective_find((*objective)->name) == *objective, "%s is not of the table",
                           (*objective)->name);
        conformance_expect((*objective)->part == DSTN_PART_TRAIN, "%s is of another part", (*objective)->name);
        check_switches(method, *objective);
        general += (*objective)->grad[DSTN_RANGE_GENERAL];
        response += (*objective)->grad[DSTN_RANGE_RESPONSE];
        trackers += (*objective)->tracks_statistics;
        count++;
    }
    conformance_expect(general == 1 && response == method->tunes && trackers == 1,
                       "takes gradients of general from %d objectives, of the response from %d, statistics from %d",
                       general, response, trackers);
    conformance_expect(count == 1 + method->split_objective, "has %d objectives", count);
    conformance_expect((method->valid != NULL) == method->tunes, "tunes without a hyperparameter step, or has one");
    conformance_expect(!method->valid || (method->valid->hyper && method->valid->part == DSTN_PART_VALID &&
                                          (method->valid->input == DSTN_INPUT_EPSILON) == method->centered),
                       "its hyperparameter step is of another kind");
    conformance_expect(method->evaluation && !method->evaluation->hyper && !method->evaluation->grad[0] &&
                           !method->evaluation->grad[1] && !method->evaluation->perturbed,
                       "its evaluation is none");
    conformance_expect((method->evaluation->input == DSTN_INPUT_LAMBDA) == (method->tunes && !method->centered),
                       "its evaluation is not of the best response to the current λ");
}

static void methods_fit_their_switches(void **state) {
    (void)state;
    walk_methods(check_method);
}

/* ---- a member ---------------------------------------------------------------------------------------------------- */

typedef struct member {
    dstn_doc *doc;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_augment *augment;
    dstn_model *model;
    dstn_group *group;
    dstn_trainer *trainer;
} member;

static const char config[] =
    "model:\n"
    "  loss: cross_entropy\n"
    "  layers: [flatten, dropout: {rate: a}, linear: {out: 5}, batchnorm, relu, linear: {out: 3}]\n"
    "regularizers: {l2: {strength: c}}\n"
    "augment: [flip: {rate: b}]\n"
    "hyperparameters:\n"
    "  a: {range: [0, 1], start: 0.3, scale: 0.4}\n"
    "  b: {range: [0, 1], start: 0.2, scale: 0.3, tune_scale: false}\n"
    "  c: {transform: exp, start: 0.5, scale: 0.2}\n";

static void must(dstn_status status, const dstn_error *err) {
    if (status != DSTN_OK) {
        fail_msg("%s: %s", conformance.entry, err->message);
    }
}

/* Both optimizers are of one type, with one schedule. */
static dstn_doc *read_config(const dstn_optimizer_type *optimizer, const dstn_schedule_type *schedule) {
    dstn_doc *doc;
    dstn_error err;
    must(dstn_doc_parse(config, "job.yaml", &doc, &err), &err);
    const char *const sections[] = {"optimizer", "hyper_optimizer"};
    for (int i = 0; i < 2; i++) {
        char *name = dstn_format("%s.name", sections[i]), *rate = dstn_format("%s.rate", sections[i]);
        char *kind = dstn_format("%s.schedule", sections[i]);
        must(dstn_doc_put(doc, sections[i], schedule->example, "job.yaml", &err), &err);
        must(dstn_doc_put(doc, name, optimizer->name, "job.yaml", &err), &err);
        must(dstn_doc_put(doc, rate, "0.01", "job.yaml", &err), &err);
        must(dstn_doc_put(doc, kind, schedule->name, "job.yaml", &err), &err);
        free(name);
        free(rate);
        free(kind);
    }
    return doc;
}

static void build(member *m, const dstn_method *method, const dstn_optimizer_type *optimizer,
                  const dstn_schedule_type *schedule, uint32_t start) {
    dstn_error err;
    const int64_t shape[3] = {1, SIDE, SIDE};
    *m = (member){.doc = read_config(optimizer, schedule), .group = dstn_group_self()};
    dstn_node root = dstn_doc_root(m->doc);
    must(dstn_space_read(dstn_node_child(root, "hyperparameters"), &m->space, &err), &err);
    m->dataset = dstn_dataset_synthetic_bytes(DSTN_TASK_CLASSIFICATION, 3, shape, CLASSES, ROWS, 5);
    must(dstn_augment_read(dstn_node_child(root, "augment"), m->dataset, dstn_space_names(m->space), &m->augment, &err),
         &err);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = dstn_kernel_at(0),
                                  .space = m->space,
                                  .input = {3, {1, SIDE, SIDE}, 0},
                                  .outputs = CLASSES,
                                  .max_rows = BATCH,
                                  .train_rows = m->dataset->rows[DSTN_PART_TRAIN]};
    must(dstn_model_new(&request, &m->model, &err), &err);
    dstn_trainer_request trainer = {.method = method,
                                    .train = {.epochs = EPOCHS,
                                              .batch = BATCH,
                                              .train_steps = TRAIN_STEPS,
                                              .valid_steps = 2,
                                              .warmup = WARMUP,
                                              .entropy_weight = 0.01},
                                    .seed = 3,
                                    .optimizer = dstn_node_child(root, "optimizer"),
                                    .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                    .augment = m->augment,
                                    .model = m->model,
                                    .space = m->space,
                                    .dataset = m->dataset,
                                    .group = m->group};
    must(dstn_trainer_new(&trainer, &m->trainer, &err), &err);
    dstn_model_initialize(m->model, start);
    dstn_space_reset(m->space);
}

static void tear_down(member *m) {
    dstn_trainer_destroy(m->trainer);
    dstn_model_destroy(m->model);
    dstn_augment_destroy(m->augment);
    dstn_dataset_destroy(m->dataset);
    dstn_space_destroy(m->space);
    dstn_group_destroy(m->group);
    dstn_doc_destroy(m->doc);
}

/* ---- restarts ---------------------------------------------------------------------------------------------------- */

/* A run that is looked at after every step. */
typedef struct restarts {
    member *running;
    const dstn_method *method;
    const dstn_optimizer_type *optimizer;
    const dstn_schedule_type *schedule;
    char end[DSTN_DIGEST_SIZE]; /* of the state that a run without stops ends with */
    dstn_epoch epoch;           /* its last one */
} restarts;

static void run_to_end(member *m, const dstn_observer *observer, char digest[DSTN_DIGEST_SIZE]) {
    dstn_error err;
    dstn_state state = {0};
    must(dstn_trainer_run(m->trainer, observer, observer != NULL, &err), &err);
    dstn_trainer_add_state(m->trainer, &state);
    dstn_state_digest(&state, NULL, digest);
    dstn_state_clear(&state);
}

static void copy_state(const member *from, const member *to) {
    dstn_state lists[2] = {{0}, {0}};
    dstn_trainer_add_state(from->trainer, &lists[0]);
    dstn_trainer_add_state(to->trainer, &lists[1]);
    assert_int_equal(lists[0].count, lists[1].count);
    for (size_t e = 0; e < lists[0].count; e++) {
        memcpy(lists[1].entries[e].data, lists[0].entries[e].data, dstn_state_bytes(&lists[0].entries[e]));
    }
    dstn_state_clear(&lists[0]);
    dstn_state_clear(&lists[1]);
    dstn_trainer_restored(to->trainer);
}

/* Another member, made anew with another start, takes over from here. */
static dstn_status take_over(void *self, dstn_trainer *trainer, dstn_error *err) {
    (void)err;
    const restarts *r = self;
    const dstn_progress *progress = dstn_trainer_progress(trainer);
    member fresh;
    char end[DSTN_DIGEST_SIZE];
    build(&fresh, r->method, r->optimizer, r->schedule, 99);
    copy_state(r->running, &fresh);
    run_to_end(&fresh, NULL, end);
    conformance_expect(strcmp(end, r->end) == 0, "ends elsewhere after a restart at step %d", (int)progress->step);
    conformance_expect(progress->step == progress->steps ||
                           memcmp(dstn_trainer_last_epoch(fresh.trainer), &r->epoch, sizeof r->epoch) == 0,
                       "tells another last epoch after a restart at step %d", (int)progress->step);
    tear_down(&fresh);
    return DSTN_OK;
}

static void check_restarts(const dstn_method *method, const dstn_optimizer_type *optimizer,
                           const dstn_schedule_type *schedule) {
    member whole, running;
    restarts r = {.running = &running, .method = method, .optimizer = optimizer, .schedule = schedule};
    const dstn_observer observer = {&r, take_over, dstn_observer_ignore, dstn_observer_ignore};
    char end[DSTN_DIGEST_SIZE];
    build(&whole, method, optimizer, schedule, 3);
    build(&running, method, optimizer, schedule, 3);
    run_to_end(&whole, NULL, r.end);
    r.epoch = *dstn_trainer_last_epoch(whole.trainer);
    take_over(&r, running.trainer, NULL);
    run_to_end(&running, &observer, end);
    conformance_expect(strcmp(end, r.end) == 0, "an observer that looks on changes the run");
    conformance_expect((dstn_trainer_progress(running.trainer)->hyper_step > 0) == method->tunes,
                       "made %d hyperparameter steps", (int)dstn_trainer_progress(running.trainer)->hyper_step);
    tear_down(&whole);
    tear_down(&running);
}

/* With every optimizer, and schedules in turn. */
static void check_all_restarts(int index, const dstn_method *method) {
    const dstn_optimizer_type *optimizer;
    size_t schedules = 0;
    while (dstn_schedule_type_at(schedules)) {
        schedules++;
    }
    for (size_t i = 0; (optimizer = dstn_optimizer_type_at(i)) != NULL; i++) {
        const dstn_schedule_type *schedule = dstn_schedule_type_at((i + (size_t)index) % schedules);
        conformance_enter("method %s, optimizer %s, schedule %s", method->name, optimizer->name, schedule->name);
        check_restarts(method, optimizer, schedule);
    }
}

static void a_restored_trainer_goes_on_bit_for_bit(void **state) {
    (void)state;
    walk_methods(check_all_restarts);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* The objectives that were evaluated. */
typedef struct passes {
    const dstn_objective *objectives[8];
    int count;
} passes;

static void note_pass(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation) {
    (void)trainer;
    passes *p = self;
    p->objectives[p->count++ % 8] = evaluation->objective;
}

static void ignore_gradient(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    (void)self, (void)trainer, (void)gradient;
}

static void ignore_update(void *self, dstn_trainer *trainer) {
    (void)self, (void)trainer;
}

static void check_steps(int index, const dstn_method *method) {
    (void)index;
    member m;
    passes p = {{NULL}, 0};
    const dstn_listener listener = {&p, note_pass, ignore_gradient, ignore_update};
    build(&m, method, dstn_optimizer_type_at(0), dstn_schedule_type_at(0), 3);
    dstn_trainer_set_listener(m.trainer, &listener);
    dstn_trainer_train_step(m.trainer);
    int count = 0;
    for (; method->train[count]; count++) {
        conformance_expect(p.objectives[count] == method->train[count], "objective %d of a step is not %s", count,
                           method->train[count]->name);
    }
    conformance_expect(p.count == count, "a step evaluates %d objectives, not %d", p.count, count);
    if (method->tunes) {
        p.count = 0;
        dstn_trainer_hyper_step(m.trainer);
        conformance_expect(p.count == 1 && p.objectives[0] == method->valid,
                           "a hyperparameter step evaluates %d objectives, the first not %s", p.count,
                           method->valid->name);
    }
    tear_down(&m);
}

static void steps_evaluate_the_objectives_of_their_method(void **state) {
    (void)state;
    walk_methods(check_steps);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objectives_fit_together),
        cmocka_unit_test(methods_fit_their_switches),
        cmocka_unit_test(a_restored_trainer_goes_on_bit_for_bit),
        cmocka_unit_test(steps_evaluate_the_objectives_of_their_method),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed);
}
