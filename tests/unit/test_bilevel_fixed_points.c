/* The fixed points of App. G: with weights and response trained to convergence at fixed λ on
 *   L_T = ‖Xw − t‖²/2n + λ‖w‖²/2n                                                                          (G.1)
 * STN's are w_0 = (A − σ²A⁻¹)⁻¹Xᵀt, Θ = −A⁻¹w_0 (G.7 and G.8 together), Δ-STN's w_0 = A⁻¹Xᵀt (G.9), Θ = −A⁻¹w_0, with
 * A = XᵀX + λI. Every row stands in the batch once with ε = +σ and once with −σ: this noise has exactly the moments
 * that App. G uses, so both points are reached to rounding. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dstn/bilevel.h"

enum { D = 4, N = 12 }; /* features, rows (each row twice) */

static const double lambda0 = 1.2, sigma = 1.0;

/* XᵀX = diag(curvature) for the N rows, so that A is diagonal, with eigenvalues in [2σ, 4σ]. */
static const double curvature[D] = {0.8, 1.4, 2.0, 2.8};

typedef struct world {
    dstn_doc *doc;
    dstn_space *space;
    dstn_dataset *dataset;
    dstn_model *model;
    dstn_group *group;
    const dstn_method *method;
    dstn_trainer *trainer;
    double xt[D]; /* Xᵀt */
} world;

static void assert_close(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.12g, want %.12g to %g", got, want, tolerance);
    }
}

static double *numbers(size_t count) {
    return dstn_alloc(count, sizeof(double));
}

/* N/2 distinct rows with orthogonal columns, each twice. */
static dstn_dataset *make_dataset(double *xt) {
    static const double signs[D][N / 2] = {
        {1, 1, 1, 1, 0, 0}, {1, -1, 1, -1, 0, 0}, {1, 1, -1, -1, 0, 0}, {0, 0, 0, 0, 1, 1}};
    static const double targets[N / 2] = {0.9, -1.3, 0.4, 1.7, -0.6, 1.1};
    dstn_dataset *set = dstn_alloc(1, sizeof(*set));
    set->rank = 1;
    set->shape[0] = set->features = D;
    set->outputs = 1;
    for (int part = 0; part < 2; part++) {
        set->rows[part] = N;
        set->x[part] = numbers(N * D);
        set->targets[part] = numbers(N);
        set->source_rows[part] = dstn_alloc(N, sizeof(int64_t));
    }
    for (int j = 0; j < D; j++) {
        double squares = 0;
        for (int r = 0; r < N; r++) {
            squares += signs[j][r / 2] * signs[j][r / 2];
        }
        xt[j] = 0;
        for (int r = 0; r < N; r++) {
            double x = signs[j][r / 2] * sqrt(curvature[j] / squares);
            set->x[0][r * D + j] = set->x[1][r * D + j] = x;
            set->targets[0][r] = set->targets[1][r] = targets[r / 2];
            xt[j] += x * targets[r / 2];
        }
    }
    return set;
}

static const char *const config = "model:\n"
                                  "  response: full\n"
                                  "  layers: [{linear: {out: 1, bias: false}}]\n"
                                  "regularizers: {l2: {strength: penalty}}\n"
                                  "hyperparameters:\n"
                                  "  penalty: {start: 1.2, scale: 1, tune_scale: false}\n"
                                  "optimizer: {name: sgd, rate: 0.01}\n"
                                  "hyper_optimizer: {name: sgd, rate: 0.5}\n";

static void build(world *w, int method_index) {
    dstn_error err = {0};
    const dstn_kernel *kernel;
    dstn_method_settings choice = {.method = method_index};
    assert_int_equal(dstn_method_choose(&choice, &w->method, &err), DSTN_OK);
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &kernel, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(config, "test", &w->doc, &err), DSTN_OK);
    dstn_node root = dstn_doc_root(w->doc);
    assert_int_equal(dstn_space_read(dstn_node_child(root, "hyperparameters"), &w->space, &err), DSTN_OK);
    w->dataset = make_dataset(w->xt);
    dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                  .regularizers = dstn_node_child(root, "regularizers"),
                                  .kernel = kernel,
                                  .space = w->space,
                                  .input = {1, {D}, 0},
                                  .outputs = 1,
                                  .max_rows = N,
                                  .train_rows = N};
    if (dstn_model_new(&request, &w->model, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    w->group = dstn_group_self();
    dstn_trainer_request trainer = {.method = w->method,
                                    .train = {.iterations = 1000, .batch = N, .train_steps = 10, .valid_steps = 1},
                                    .seed = 3,
                                    .optimizer = dstn_node_child(root, "optimizer"),
                                    .hyper_optimizer = dstn_node_child(root, "hyper_optimizer"),
                                    .model = w->model,
                                    .space = w->space,
                                    .dataset = w->dataset,
                                    .group = w->group};
    if (dstn_trainer_new(&trainer, &w->trainer, &err) != DSTN_OK) {
        fail_msg("%s", err.message);
    }
    assert_true(dstn_model_is_valid(w->model));
    dstn_model_initialize(w->model, 3);
    dstn_space_reset(w->space);
}

static void tear_down(world *w) {
    dstn_trainer_destroy(w->trainer);
    dstn_model_destroy(w->model);
    dstn_space_destroy(w->space);
    dstn_dataset_destroy(w->dataset);
    dstn_group_destroy(w->group);
    dstn_doc_destroy(w->doc);
}

/* Gradient descent on the objectives of a training step, with the two-point noise in place of a draw. */
static void converge(world *w) {
    dstn_error err = {0};
    dstn_problem *problem;
    dstn_arena *arena = dstn_arena_new();
    dstn_batch batch;
    int64_t rows[N];
    double epsilon[N];
    for (int r = 0; r < N; r++) {
        rows[r] = r;
        epsilon[r] = r % 2 ? -sigma : sigma;
    }
    const dstn_perturbation perturbation = {NULL, epsilon};
    const dstn_kernel *kernel = w->model->kernel;
    assert_int_equal(dstn_problem_new(w->model, w->space, w->group, 3, &problem, &err), DSTN_OK);
    assert_true(dstn_batch_bind(&batch, w->dataset, kernel, N, 1, arena));
    dstn_batch_fill(&batch, w->dataset, kernel, DSTN_PART_TRAIN, rows, 1, N, 0, N, NULL);
    for (int step = 0; step < 20000; step++) {
        for (int o = 0; w->method->train[o]; o++) {
            dstn_problem_evaluate(problem, w->method->train[o], &batch, perturbation, step);
        }
        for (int r = 0; r < DSTN_RANGES; r++) {
            kernel->axpy(kernel, w->model->count[r], -1.0, w->model->gradient[r], w->model->value[r]);
        }
    }
    dstn_problem_destroy(problem);
    dstn_arena_destroy(arena);
}

/* A test that would pass for either method if the two were exchanged proves nothing: they are 6 % apart at least. */
static void check_point(const world *w, bool biased) {
    const double *general = w->model->value[DSTN_RANGE_GENERAL];
    const double *theta = w->model->value[DSTN_RANGE_RESPONSE];
    double offset = w->method->centered ? 0 : lambda0;
    for (int j = 0; j < D; j++) {
        double a = curvature[j] + lambda0;
        double unbiased = w->xt[j] / a, stn = w->xt[j] / (a - sigma * sigma / a);
        double want = biased ? stn : unbiased;
        assert_true(fabs(stn - unbiased) > 0.05 * fabs(unbiased));
        /* w_0 is the response at ε = 0. */
        assert_close(general[j] + offset * theta[j], want, 1e-6);
        assert_close(theta[j], -want / a, 1e-6);
    }
}

static void stn_fixed_point_is_biased_as_app_g_says(void **state) {
    (void)state;
    world w;
    build(&w, 0);
    converge(&w);
    check_point(&w, true);
    tear_down(&w);
}

static void centring_alone_leaves_the_biased_fixed_point(void **state) {
    (void)state;
    world w;
    build(&w, 1);
    converge(&w);
    check_point(&w, true);
    tear_down(&w);
}

static void split_objective_fixed_point_is_unbiased(void **state) {
    (void)state;
    world w;
    build(&w, 2);
    converge(&w);
    check_point(&w, false);
    tear_down(&w);
}

static void delta_stn_fixed_point_is_unbiased(void **state) {
    (void)state;
    world w;
    build(&w, 3);
    converge(&w);
    check_point(&w, false);
    tear_down(&w);
}

/* For a model linear in its weights y + J_yw Δw is the prediction at w_0 + Δw. */
static void linearize_changes_nothing_for_a_linear_model(void **state) {
    (void)state;
    world split, linear;
    build(&split, 2);
    build(&linear, 3);
    dstn_error err = {0};
    assert_int_equal(dstn_trainer_run(split.trainer, NULL, 0, &err), DSTN_OK);
    assert_int_equal(dstn_trainer_run(linear.trainer, NULL, 0, &err), DSTN_OK);
    assert_true(fabs(split.space->lambda[0] - lambda0) > 1e-2); /* it did move */
    assert_close(split.space->lambda[0], linear.space->lambda[0], 1e-11);
    for (int j = 0; j < D; j++) {
        for (int r = 0; r < DSTN_RANGES; r++) {
            const double *a = split.model->value[r], *b = linear.model->value[r];
            assert_close(a[j], b[j], 1e-11);
        }
    }
    tear_down(&split);
    tear_down(&linear);
}

static void impossible_switches_are_refused(void **state) {
    (void)state;
    const dstn_method *method;
    dstn_error err = {0};
    dstn_method_settings split_alone = {.method = 0, .switches = {[1] = DSTN_SWITCH_TRUE}};
    assert_int_equal(dstn_method_choose(&split_alone, &method, &err), DSTN_ERROR_USAGE);
    dstn_method_settings spelled_out = {.method = 0,
                                        .switches = {DSTN_SWITCH_TRUE, DSTN_SWITCH_TRUE, DSTN_SWITCH_TRUE}};
    assert_int_equal(dstn_method_choose(&spelled_out, &method, &err), DSTN_OK);
    assert_string_equal(method->name, "delta-stn");
    dstn_method_settings fixed = {.method = 4, .switches = {DSTN_SWITCH_TRUE}};
    assert_int_equal(dstn_method_choose(&fixed, &method, &err), DSTN_ERROR_USAGE);
    for (fixed = (dstn_method_settings){.method = 4}; fixed.method < 6; fixed.method++) {
        static const char *const names[] = {"fixed", "fixed-perturbed"};
        assert_int_equal(dstn_method_choose(&fixed, &method, &err), DSTN_OK);
        assert_string_equal(method->name, names[fixed.method - 4]);
        assert_int_equal(method->train[0]->perturbed, fixed.method == 5);
    }
}

int main(int argc, char **argv) {
    dstn_error err = {0};
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stn_fixed_point_is_biased_as_app_g_says),
        cmocka_unit_test(centring_alone_leaves_the_biased_fixed_point),
        cmocka_unit_test(split_objective_fixed_point_is_unbiased),
        cmocka_unit_test(delta_stn_fixed_point_is_unbiased),
        cmocka_unit_test(linearize_changes_nothing_for_a_linear_model),
        cmocka_unit_test(impossible_switches_are_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed);
}
