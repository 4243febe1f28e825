/* A member trained by a group of ranks follows the trajectory of the same member on one rank: per-example noise, masks
 * and data order don't depend on how the batch is split, gradients are summed, λ is the leader's. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "text_world.h"

static const char *const config = "model:\n"
                                  "  response: structured\n"
                                  "  layers: [{dropout: {rate: input}}, {linear: {out: 7}}, relu, {linear: {out: 2}}]\n"
                                  "regularizers: {l2: {strength: penalty}}\n"
                                  "hyperparameters:\n"
                                  "  input: {range: [0, 0.95], start: 0.2}\n"
                                  "  penalty: {transform: exp, start: 0.5}\n"
                                  "optimizer: {name: sgd, rate: 0.05, momentum: 0.9, clip: 1}\n"
                                  "hyper_optimizer: {name: adam, rate: 0.05}\n";

typedef struct member {
    dstn_doc *doc;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_model *model;
    dstn_trainer *trainer;
} member;

static void build(member *m, const dstn_group *group, int method_index, int64_t samples) {
    dstn_error err = {0};
    const dstn_method *method;
    const dstn_kernel *kernel;
    dstn_method_settings choice = {.method = method_index};
    dstn_train_settings train = {.iterations = 40,
                                 .batch = 11,
                                 .valid_batch = 7,
                                 .train_steps = 3,
                                 .valid_steps = 2,
                                 .entropy_weight = 0.01,
                                 .samples = samples,
                                 .antithetic = samples % 2 == 0};
    int64_t shape[] = {5};
    assert_int_equal(dstn_method_choose(&choice, &method, &err), DSTN_OK);
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &kernel, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(config, "test", &m->doc, &err), DSTN_OK);
    dstn_node root = dstn_doc_root(m->doc);
    assert_int_equal(dstn_space_read(dstn_node_child(root, "hyperparameters"), &m->space, &err), DSTN_OK);
    m->dataset = dstn_dataset_synthetic(DSTN_TASK_REGRESSION, 1, shape, 2, 60, 9);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = kernel,
                                  .space = m->space,
                                  .input = {1, {5}, 0},
                                  .outputs = 2,
                                  .max_rows = dstn_train_max_rows(&train, group),
                                  .train_rows = m->dataset->rows[DSTN_PART_TRAIN]};
    if (dstn_model_new(&request, &m->model, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    dstn_model_initialize(m->model, 4);
    dstn_space_reset(m->space);
    dstn_trainer_request trainer = {.method = method,
                                    .train = train,
                                    .seed = 4,
                                    .optimizer = dstn_node_child(root, "optimizer"),
                                    .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                    .model = m->model,
                                    .space = m->space,
                                    .dataset = m->dataset,
                                    .group = group};
    if (dstn_trainer_new(&trainer, &m->trainer, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
}

static void tear_down(member *m) {
    dstn_trainer_destroy(m->trainer);
    dstn_model_destroy(m->model);
    dstn_space_destroy(m->space);
    dstn_dataset_destroy(m->dataset);
    dstn_doc_destroy(m->doc);
}

static void compare(int64_t count, const double *got, const double *want) {
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - want[i]) <= 1e-10 * (1 + fabs(want[i])))) {
            fail_msg("element %lld: %.17g on the group, %.17g alone", (long long)i, got[i], want[i]);
        }
    }
}

static void check_samples(int method, int64_t samples) {
    dstn_group *world = dstn_group_world(), *self = dstn_group_self();
    member together, alone;
    build(&together, world, method, samples);
    build(&alone, self, method, samples);
    dstn_error err = {0};
    assert_int_equal(dstn_trainer_run(together.trainer, NULL, 0, &err), DSTN_OK);
    assert_int_equal(dstn_trainer_run(alone.trainer, NULL, 0, &err), DSTN_OK);
    for (int r = 0; r < DSTN_RANGES; r++) {
        compare(alone.model->count[r], together.model->value[r], alone.model->value[r]);
    }
    compare(2, together.space->lambda, alone.space->lambda);
    compare(2, together.space->raw_scale, alone.space->raw_scale);
    double loss[2], accuracy;
    dstn_trainer_evaluate(together.trainer, DSTN_PART_VALID, &loss[0], &accuracy);
    dstn_trainer_evaluate(alone.trainer, DSTN_PART_VALID, &loss[1], &accuracy);
    compare(1, &loss[0], &loss[1]);
    if (method != 4) {
        assert_int_equal(dstn_trainer_progress(alone.trainer)->hyper_step, 26);
    }
    tear_down(&together);
    tear_down(&alone);
    dstn_group_destroy(self);
    dstn_group_destroy(world);
}

static void check_method(int method) {
    check_samples(method, 1);
}

static void stn_does_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    check_method(0);
    check_method(1);
}

static void split_objective_does_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    check_method(2);
}

static void delta_stn_does_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    check_method(3);
}

static void fixed_does_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    check_method(4);
}

/* Ranks divide examples times samples, so that the samples of one example may be on several, and one of a pair apart
 * from the other. */
static void samples_do_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    check_samples(0, 3);
    check_samples(1, 2);
    check_samples(3, 3);
    check_samples(3, 4);
    check_samples(4, 2);
}

/* ---- texts ------------------------------------------------------------------------------------------------------- */

/* Streams are divided like rows, 6 and 5 of them, and words 200 and 61 = 5·12 + 1. */
static text_plan text_of(int method, int64_t shards, bool varies) {
    return (text_plan){.method = method,
                       .rows = {200, 61, 0},
                       .train = {.iterations = 17,
                                 .batch = 6,
                                 .valid_batch = 5,
                                 .length = 5,
                                 .vary_length = varies,
                                 .train_steps = 2,
                                 .valid_steps = 1,
                                 .shards = shards}};
}

/* States of all streams as a checkpoint has them, on the leader: [of training, then of validation]. */
static void gather_states(const text_world *w, double *states) {
    dstn_arena *arena = dstn_arena_new();
    dstn_state own = {0}, whole = {0};
    dstn_model_add_row_state(w->model, &own);
    assert_true(dstn_group_whole_state(w->group, &own, arena, &whole));
    dstn_group_gather_state(w->group, &own, &whole);
    if (dstn_group_leads(w->group)) {
        assert_int_equal(whole.entries[0].shape[0], 6);
        assert_int_equal(whole.entries[1].shape[0], 5);
        memcpy(states, whole.entries[0].data, 6 * TEXT_WIDTH * sizeof *states);
        memcpy(states + 6 * TEXT_WIDTH, whole.entries[1].data, 5 * TEXT_WIDTH * sizeof *states);
    }
    dstn_state_clear(&own);
    dstn_state_clear(&whole);
    dstn_arena_destroy(arena);
}

static void compare_texts(const text_world *got, const text_world *want, double tolerance) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        const double *a = got->model->value[r], *b = want->model->value[r];
        for (int64_t i = 0; i < want->model->count[r]; i++) {
            assert_true(fabs(a[i] - b[i]) <= tolerance * (1 + fabs(b[i])));
        }
    }
    double losses[2], accuracies[2], states[2][11 * TEXT_WIDTH], own = *(const double *)got->model->value[0];
    dstn_trainer_show_average(got->trainer, true);
    assert_true(!dstn_trainer_averages(got->trainer) || *(const double *)got->model->value[0] != own);
    dstn_trainer_show_average(got->trainer, false);
    assert_true(*(const double *)got->model->value[0] == own);
    dstn_trainer_evaluate(got->trainer, DSTN_PART_VALID, &losses[0], &accuracies[0]);
    dstn_trainer_evaluate(want->trainer, DSTN_PART_VALID, &losses[1], &accuracies[1]);
    assert_true(fabs(losses[0] - losses[1]) <= tolerance);
    assert_true(accuracies[0] == accuracies[1]);
    assert_true(fabs(got->space->lambda[0] - want->space->lambda[0]) <= tolerance);
    gather_states(got, states[0]);
    gather_states(want, states[1]);
    assert_true(!dstn_group_leads(got->group) || memcmp(states[0], states[1], sizeof states[0]) == 0);
}

static void check_plan(text_plan plan) {
    text_world together, alone;
    text_build(&together, &plan, dstn_group_world());
    text_build(&alone, &plan, dstn_group_self());
    assert_int_equal(together.status, DSTN_OK);
    assert_int_equal(alone.status, DSTN_OK);
    assert_int_equal(dstn_trainer_run(together.trainer, NULL, 0, &together.err), DSTN_OK);
    assert_int_equal(dstn_trainer_run(alone.trainer, NULL, 0, &alone.err), DSTN_OK);
    compare_texts(&together, &alone, plan.train.shards > 0 ? 0 : 1e-12);
    text_tear_down(&together);
    text_tear_down(&alone);
}

static void check_text(int method, int64_t shards, bool varies) {
    check_plan(text_of(method, shards, varies));
}

/* Each rank has the averages of its own slices. */
static void averages_do_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    for (int64_t shards = 0; shards <= 4; shards += 4) {
        text_plan plan = text_of(3, shards, false);
        plan.train.iterations = 40;
        plan.optimizer = "{rate: 6, average_after: 1}";
        check_plan(plan);
    }
}

static void streams_do_not_depend_on_the_number_of_ranks(void **state) {
    (void)state;
    check_text(0, 0, false);
    check_text(3, 0, true);
    check_text(4, 0, false);
}

static void streams_in_shards_are_the_same_to_the_last_bit(void **state) {
    (void)state;
    check_text(0, 4, true);
    check_text(3, 5, false);
}

int main(int argc, char **argv) {
    dstn_error err = {0};
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stn_does_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(split_objective_does_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(delta_stn_does_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(fixed_does_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(samples_do_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(streams_do_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(averages_do_not_depend_on_the_number_of_ranks),
        cmocka_unit_test(streams_in_shards_are_the_same_to_the_last_bit),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed);
}
