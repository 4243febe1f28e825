/* What a training step of a group asks of MPI: counted in the calls themselves, by what --profile counts with. Ranks
 * that share memory exchange the losses of the step and nothing else; where they share none, their messages have the
 * fewest bytes that there can be. No step has a barrier. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dstn/bilevel.h"

#include <math.h>
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

typedef struct calls {
    int64_t barriers, sums, others, sends;
    int64_t bytes; /* of sends */
} calls;

/* Of the calls that a step made; looking whether something has come is none. */
static calls seen_in_steps(void) {
    calls seen = {0};
    dstn_profile profile;
    dstn_profile_read(&profile);
    dstn_traffic traffic = dstn_profile_traffic(&profile, DSTN_PHASE_TRAIN);
    seen.barriers = (int64_t)traffic.barriers;
    seen.bytes = (int64_t)traffic.sent;
    seen.others = (int64_t)(traffic.calls - traffic.barriers);
    for (int c = 0; c < DSTN_PROFILE_CALLS; c++) {
        const char *name = dstn_profile_call_name(c);
        dstn_profile_count count = profile.counts[DSTN_PHASE_TRAIN][c];
        bool is_sum = strcmp(name, "MPI_Allreduce") == 0, is_send = strcmp(name, "MPI_Isend") == 0;
        seen.sums += is_sum ? count.calls : 0;
        seen.sends += is_send ? count.calls : 0;
        seen.others -= is_sum || is_send || strcmp(name, "MPI_Irecv") == 0 ? count.calls : 0;
    }
    return seen;
}

/* ---- a member ---------------------------------------------------------------------------------------------------- */

static dstn_group *world;

static const char *const config =
    "model:\n"
    "  response: structured\n"
    "  layers: [{dropout: {rate: input}}, {linear: {out: 64}}, relu, {linear: {out: 2}}]\n"
    "hyperparameters: {input: {range: [0, 0.95], start: 0.2}}\n"
    "optimizer: {name: sgd, rate: 0.05, momentum: 0.9}\n"
    "hyper_optimizer: {name: adam, rate: 0.05}\n";

typedef struct member {
    dstn_doc *doc;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_model *model;
    dstn_trainer *trainer;
    double norms[DSTN_RANGES]; /* of the gradients that were last listened to */
} member;

static const dstn_method *build_in_shards(member *m, const char *name, int most_ranks, int shards) {
    dstn_error err = {0};
    const dstn_method *method;
    const dstn_kernel *kernel;
    dstn_method_settings choice = {.method = 0};
    while (dstn_method_choose(&choice, &method, &err) == DSTN_OK && strcmp(method->name, name) != 0) {
        choice.method++;
    }
    dstn_train_settings train = {.iterations = 40,
                                 .batch = 24,
                                 .valid_batch = 24,
                                 .train_steps = 3,
                                 .valid_steps = 1,
                                 .entropy_weight = 0.01,
                                 .shards = shards};
    int64_t shape[] = {30};
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &kernel, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(config, "test", &m->doc, &err), DSTN_OK);
    dstn_node root = dstn_doc_root(m->doc);
    assert_int_equal(dstn_space_read(dstn_node_child(root, "hyperparameters"), &m->space, &err), DSTN_OK);
    m->dataset = dstn_dataset_synthetic(DSTN_TASK_REGRESSION, 1, shape, 2, 200, 9);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .kernel = kernel,
                                  .space = m->space,
                                  .input = {1, {30}, 0},
                                  .outputs = 2,
                                  .max_rows = dstn_train_max_rows(&train, world),
                                  .train_rows = m->dataset->rows[DSTN_PART_TRAIN]};
    assert_int_equal(dstn_model_new(&request, &m->model, &err), DSTN_OK);
    dstn_model_initialize(m->model, 4);
    dstn_space_reset(m->space);
    dstn_trainer_request trainer = {.method = method,
                                    .train = train,
                                    .optimizer = dstn_node_child(root, "optimizer"),
                                    .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                    .model = m->model,
                                    .space = m->space,
                                    .dataset = m->dataset,
                                    .group = world,
                                    .most_ranks = most_ranks};
    assert_int_equal(dstn_trainer_new(&trainer, &m->trainer, &err), DSTN_OK);
    return method;
}

static const dstn_method *build(member *m, const char *name, int most_ranks) {
    return build_in_shards(m, name, most_ranks, 0);
}

static void tear_down(member *m) {
    dstn_trainer_destroy(m->trainer);
    dstn_model_destroy(m->model);
    dstn_space_destroy(m->space);
    dstn_dataset_destroy(m->dataset);
    dstn_doc_destroy(m->doc);
}

static calls count_steps(member *m, int steps) {
    dstn_trainer_train_step(m->trainer);
    dstn_profile_switch(true);
    for (int s = 0; s < steps; s++) {
        dstn_trainer_train_step(m->trainer);
    }
    calls seen = seen_in_steps();
    dstn_profile_switch(false);
    return seen;
}

/* What the other tests rely on: calls are seen, in their phase, with their bytes, as long as they are to be counted. */
static void calls_are_counted_in_their_phase(void **state) {
    (void)state;
    double values[5] = {0};
    dstn_profile profile;
    dstn_profile_switch(true);
    dstn_group_barrier(world);
    dstn_phase before = dstn_profile_enter(DSTN_PHASE_HYPER);
    MPI_Allreduce(MPI_IN_PLACE, values, 5, MPI_DOUBLE, MPI_SUM, MPI_COMM_WORLD);
    dstn_profile_leave(before);
    dstn_group_barrier(world);
    dstn_profile_read(&profile);
    for (int c = 0; c < DSTN_PROFILE_CALLS; c++) {
        bool is_barrier = strcmp(dstn_profile_call_name(c), "MPI_Barrier") == 0;
        bool is_sum = strcmp(dstn_profile_call_name(c), "MPI_Allreduce") == 0;
        assert_int_equal(profile.counts[DSTN_PHASE_OUTSIDE][c].calls, is_barrier ? 2 : 0);
        assert_int_equal(profile.counts[DSTN_PHASE_HYPER][c].calls, is_sum ? 1 : 0);
        assert_int_equal(profile.counts[DSTN_PHASE_HYPER][c].bytes, is_sum ? 40 : 0);
    }
    assert_int_equal(profile.times[DSTN_PHASE_HYPER], 1);
    dstn_profile_sum(world, &profile);
    assert_true(dstn_profile_traffic(&profile, DSTN_PHASE_OUTSIDE).barriers == 2 * dstn_group_size(world));
    dstn_profile_switch(false);
    dstn_group_barrier(world);
    dstn_profile_read(&profile);
    assert_true(dstn_profile_traffic(&profile, DSTN_PHASE_OUTSIDE).barriers == 0);
}

enum { STEPS = 7 };
static const char *const methods[] = {"stn", "delta-stn", "fixed"};

static void ranks_that_share_memory_exchange_losses_alone(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        member m;
        build(&m, methods[i], 0);
        calls counted = count_steps(&m, STEPS);
        assert_int_equal(counted.barriers, 0);
        assert_int_equal(counted.sends, 0);
        assert_int_equal(counted.others, 0);
        assert_int_equal(counted.sums, dstn_group_size(world) > 1 ? STEPS : 0);
        tear_down(&m);
    }
}

/* Of n nodes each sends what others own, and what it owns to all others: 2 (n − 1)/n of the gradients each, on average.
 */
static void messages_have_the_fewest_bytes(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        member m;
        build(&m, methods[i], 1);
        calls counted = count_steps(&m, STEPS);
        double bytes = (double)counted.bytes, want = 0;
        dstn_group_sum(world, &bytes, 1);
        for (int r = 0; r < DSTN_RANGES; r++) {
            bool is_trained = r == DSTN_RANGE_GENERAL || strcmp(methods[i], "fixed") != 0;
            want += is_trained ? 2.0 * STEPS * (double)(m.model->count[r] * 8) * (dstn_group_size(world) - 1) : 0;
        }
        assert_true(bytes == want);
        assert_int_equal(counted.barriers, 0);
        assert_int_equal(counted.others, 0);
        tear_down(&m);
    }
}

/* Ranks are not equally fast: what one has filled before the others is summed while it is in its next pass. */
static void sums_of_a_first_objective_are_made_during_the_second(void **state) {
    (void)state;
    enum { ROWS = 6 };
    member m;
    dstn_problem *problem;
    dstn_batch batch = {0};
    dstn_error err;
    const int64_t indices[ROWS] = {0, 1, 2, 3, 4, 5};
    double noise[ROWS] = {0.5, -1, 0.25, 2, -0.5, 1};
    const dstn_perturbation perturbation = {noise, noise};
    const dstn_method *method = build(&m, "delta-stn", 0);
    dstn_arena *arena = dstn_arena_new();
    int rank = dstn_group_rank(world), size = dstn_group_size(world);
    assert_int_equal(dstn_problem_new(m.model, m.space, world, 3, &problem, &err), DSTN_OK);
    assert_true(dstn_batch_bind(&batch, m.dataset, m.model->kernel, ROWS, 1, arena));
    dstn_batch_fill(&batch, m.dataset, m.model->kernel, DSTN_PART_TRAIN, indices, 1, ROWS, rank * ROWS, size * ROWS,
                    NULL);
    size_t count = (size_t)m.model->count[DSTN_RANGE_GENERAL];
    double *want = dstn_alloc(count, sizeof *want);
    for (int r = 0; r < size; r++) { /* one after the other, so that none but the last has found all filled */
        if (r == rank) {
            dstn_problem_evaluate(problem, method->train[0], &batch, perturbation, 0);
            memcpy(want, m.model->gradient[DSTN_RANGE_GENERAL], count * sizeof *want);
        }
        dstn_group_barrier(world);
    }
    dstn_group_sum(world, want, (int64_t)count);
    dstn_problem_evaluate(problem, method->train[1], &batch, perturbation, 0);
    const dstn_reducer *reducer = dstn_problem_reducer(problem, DSTN_RANGE_GENERAL);
    const double *sum = dstn_reducer_sum(reducer);
    int64_t first, length;
    for (int64_t s = 0; size > 1 && dstn_reducer_slice(reducer, s, &first, &length); s++) {
        for (int64_t i = first; i < first + length; i++) {
            assert_true(fabs(sum[i] - want[i]) <= 1e-12 * (1 + fabs(want[i])));
        }
    }
    for (int o = 0; o < 2; o++) {
        dstn_problem_sum_gradients(problem, method->train[o]);
    }
    dstn_group_barrier(world);
    free(want);
    dstn_problem_destroy(problem);
    dstn_arena_destroy(arena);
    tear_down(&m);
}

static void keep_norms(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient) {
    (void)gradient;
    (void)trainer;
    member *m = self;
    for (int r = 0; r < DSTN_RANGES; r++) {
        m->norms[r] = dstn_vector_norm(m->model->count[r], m->model->gradient[r]);
    }
}

static void ignore_pass(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation) {
    (void)self;
    (void)trainer;
    (void)evaluation;
}

static void ignore_update(void *self, dstn_trainer *trainer) {
    (void)self;
    (void)trainer;
}

static void listen_to_a_step(member *m) {
    const dstn_listener listener = {
        .self = m, .on_pass = ignore_pass, .on_gradient = keep_norms, .on_update = ignore_update};
    dstn_trainer_set_listener(m->trainer, &listener);
    dstn_trainer_train_step(m->trainer);
    tear_down(m);
}

/* The partial sums of shards are in arrays of their own, and not always is the whole sum the gradient's. */
static void listeners_see_sums_over_shards_in_the_gradient(void **state) {
    (void)state;
    for (int shards = 4; shards < 8; shards++) {
        for (int most = 0; most < 2; most++) {
            member whole = {0}, sharded = {0};
            build(&whole, "stn", most);
            listen_to_a_step(&whole);
            build_in_shards(&sharded, "stn", most, shards);
            listen_to_a_step(&sharded);
            for (int r = 0; r < DSTN_RANGES && dstn_group_leads(world); r++) {
                assert_true(whole.norms[r] > 0);
                assert_true(fabs(whole.norms[r] - sharded.norms[r]) <= 1e-9 * whole.norms[r]);
            }
        }
    }
}

int main(int argc, char **argv) {
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    world = dstn_group_world();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calls_are_counted_in_their_phase),
        cmocka_unit_test(ranks_that_share_memory_exchange_losses_alone),
        cmocka_unit_test(messages_have_the_fewest_bytes),
        cmocka_unit_test(listeners_see_sums_over_shards_in_the_gradient),
        cmocka_unit_test(sums_of_a_first_objective_are_made_during_the_second),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(world);
    return dstn_ranks_finish(failed != 0);
}
