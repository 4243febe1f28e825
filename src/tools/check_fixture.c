/* dstn check FIXTURE.h5: the trainer's own objectives and hypergradient against the numbers of a fixture, one line a
 * quantity. A group under expect/ has the name of an objective; nothing is computed here but differences.
 *
 * A quantity passes at rel_err ≤ 1e-4 in f32, 1e-9 in f64. rel_err = ‖got − want‖ / ‖want‖, for gradients with at least
 * a thousandth of the norm of all gradients of the group below the line (a bias that a normalization cancels has a
 * gradient of nothing but rounding). Under mpirun the mini-batch is split over the ranks and gradients are summed. */
#include "check.h"
#include "dstn/bilevel.h"
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The comparison under way. */
typedef struct check {
    const dstn_console *console;
    tools_fixture *fixture;
    const char *file; /* without its folder */
    const dstn_objective *objective;
    double tolerance;
    double all_gradients; /* norm of all gradients that the group expects */
    dstn_problem *problem;
    dstn_batch batch; /* this rank's share of the mini-batch */
    int passed, failed;
} check;

/* Prints one quantity; rel_err NAN where the fixture lacks it or the shapes differ. */
static void judge(check *c, const char *quantity, double rel_err) {
    bool pass = rel_err <= c->tolerance;
    c->passed += pass;
    c->failed += !pass;
    if (c->console->out) {
        dstn_print_line(c->console->out, "%s %s %s %.3e", c->file, c->objective->name, quantity, rel_err);
    }
}

/* Compares got [count], the same on all ranks, with expect/GROUP/QUANTITY. */
static void compare(check *c, const char *quantity, int64_t count, const double *got) {
    char *name = dstn_format("expect/%s/%s", c->objective->name, quantity);
    double *want = dstn_alloc((size_t)count + 1, sizeof(double)), rel_err = NAN;
    dstn_error ignored;
    if (dstn_reader_array(c->fixture->reader, name, DSTN_F64, count, want, &ignored) == DSTN_OK) {
        bool gradient = strncmp(quantity, "grad", 4) == 0;
        double least = gradient ? 1e-3 * c->all_gradients : 1e-12;
        double scale = fmax(dstn_vector_norm(count, want), least);
        for (int64_t i = 0; i < count; i++) {
            want[i] = got[i] - want[i];
        }
        rel_err = scale > 0 ? dstn_vector_norm(count, want) / scale : dstn_vector_norm(count, want);
    }
    judge(c, quantity, rel_err);
    free(want);
    free(name);
}

/* ---- what is compared ---- */

/* Rows of this rank, spread to [T, B, cols] on every rank; images channels-first, as the fixture has them. */
static void compare_rows(check *c, const char *quantity, const void *rows) {
    int64_t cols = c->fixture->outputs, steps = c->fixture->steps, batch = c->fixture->rows;
    int64_t count = batch * steps * cols, own = c->batch.rows * steps * cols;
    double *all = dstn_alloc((size_t)count + 1, sizeof(double));
    double *stored = dstn_alloc((size_t)own + 1, sizeof(double));
    c->fixture->kernel->to_double(c->fixture->kernel, own, rows, stored);
    for (int64_t k = 0; k < own; k++) {
        int64_t row = k / cols, example = c->batch.first_row + row / steps;
        all[(row % steps * batch + example) * cols + k % cols] =
            stored[row * cols + dstn_shape_stored_at(c->fixture->model->out, k % cols)];
    }
    dstn_group_sum(c->console->world, all, count);
    compare(c, quantity, count, all);
    free(stored);
    free(all);
}

static void compare_sum(check *c, const char *quantity, double share) {
    dstn_group_sum(c->console->world, &share, 1);
    compare(c, quantity, 1, &share);
}

/* Of the weights, summed over the group by the trainer's own sums. */
static void compare_gradients(check *c) {
    const dstn_model *model = c->fixture->model;
    dstn_problem_sum_gradients(c->problem, c->objective);
    dstn_problem_gather_gradients(c->problem, c->objective);
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            if (!c->objective->grad[parameter->range] || dstn_parameter_is_shared(parameter)) {
                continue;
            }
            char *name = c->fixture->form->name(c->fixture, layer, parameter);
            char *quantity = dstn_format("grad/%s", name);
            double *got = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
            dstn_parameter_export(parameter, model->kernel, parameter->gradient, got);
            compare(c, quantity, parameter->count, got);
            free(got);
            free(quantity);
            free(name);
        }
    }
}

/* The loss of the hyperparameter step is L − τH. */
static void compare_hypergradient(check *c, const dstn_evaluation *evaluation) {
    double tau = c->fixture->entropy_weight;
    dstn_hypergradient gradient = dstn_problem_hypergradient(c->problem, evaluation, tau);
    double loss = gradient.loss - tau * gradient.entropy;
    compare(c, "loss", 1, &loss);
    compare(c, "entropy", 1, &gradient.entropy);
    compare(c, "grad_lambda", c->fixture->hypers, gradient.lambda);
    compare(c, "grad_raw_scale", c->fixture->hypers, gradient.raw_scale);
}

/* ---- one group ---- */

static void add_squares(const tools_fixture *fixture, const char *name, double *squares) {
    int64_t count;
    double *values;
    dstn_error ignored;
    if (dstn_reader_doubles(fixture->reader, name, &count, &values, &ignored) == DSTN_OK) {
        double length = dstn_vector_norm(count, values);
        *squares += length * length;
        free(values);
    }
}

static double all_gradients(const check *c) {
    const dstn_model *model = c->fixture->model;
    double squares = 0;
    for (int l = 0; l < model->layer_count; l++) {
        for (int p = 0; p < model->layers[l]->parameter_count; p++) {
            char *own = c->fixture->form->name(c->fixture, model->layers[l], &model->layers[l]->parameters[p]);
            char *name = dstn_format("expect/%s/grad/%s", c->objective->name, own);
            add_squares(c->fixture, name, &squares);
            free(name);
            free(own);
        }
    }
    const char *const hyper[] = {"grad_lambda", "grad_raw_scale"};
    for (int i = 0; i < 2; i++) {
        char *name = dstn_format("expect/%s/%s", c->objective->name, hyper[i]);
        add_squares(c->fixture, name, &squares);
        free(name);
    }
    return sqrt(squares);
}

static void check_group(check *c) {
    const tools_fixture *f = c->fixture;
    int64_t first = c->batch.first_row * f->hypers;
    dstn_perturbation perturbation = {f->noise + first, f->epsilon + first};
    c->all_gradients = all_gradients(c);
    dstn_evaluation evaluation = dstn_problem_evaluate(c->problem, c->objective, &c->batch, perturbation, 0);
    compare_rows(c, "output", dstn_model_output(f->model));
    if (c->objective->kind == DSTN_PASS_LINEARIZED) {
        compare_rows(c, "tangent", dstn_model_tangent(f->model));
    }
    if (c->objective->hyper) {
        compare_hypergradient(c, &evaluation);
    } else {
        compare_sum(c, "loss", evaluation.loss + evaluation.penalty);
        compare_gradients(c);
    }
}

/* ---- files ---- */

/* This rank's rows of the fixture's mini-batch. */
static dstn_batch share_of(const dstn_group *group, const tools_fixture *f) {
    dstn_batch batch = {.global_rows = f->rows, .steps = f->steps, .carried = true, .part = DSTN_PART_TRAIN};
    dstn_group_share(group, f->rows, &batch.first_row, &batch.rows);
    batch.stream = batch.part;
    batch.state_row = batch.first_row;
    size_t size = f->kernel->size, first = (size_t)(batch.first_row * f->steps);
    batch.x = f->x ? (char *)f->x + first * (size_t)dstn_shape_count(f->model->in) * size : NULL;
    batch.tokens = f->tokens ? f->tokens + first : NULL;
    batch.targets = f->targets ? (char *)f->targets + first * (size_t)f->outputs * size : NULL;
    batch.labels = f->labels ? f->labels + first : NULL;
    return batch;
}

static void check_groups(check *c) {
    for (size_t i = 0; (c->objective = dstn_objective_at(i)) != NULL; i++) {
        char *name = dstn_format("expect/%s", c->objective->name);
        if (dstn_reader_has(c->fixture->reader, name)) {
            check_group(c);
        }
        free(name);
    }
}

static dstn_status check_file(check *c, const char *path, const dstn_kernel *kernel, dstn_error *err) {
    tools_fixture fixture;
    const dstn_group *world = c->console->world;
    dstn_status status = tools_fixture_open(path, kernel, &fixture, err);
    if (dstn_group_agree(world, status, err) != DSTN_OK) {
        return err->status;
    }
    const char *slash = strrchr(path, '/');
    c->file = slash ? slash + 1 : path;
    c->fixture = &fixture;
    c->batch = share_of(world, &fixture);
    int before = c->passed + c->failed;
    status = dstn_problem_new(fixture.model, fixture.space, world, 0, &c->problem, err);
    if (dstn_group_agree(world, status, err) == DSTN_OK) {
        check_groups(c);
        dstn_problem_destroy(c->problem);
    }
    tools_fixture_close(&fixture);
    if (status == DSTN_OK && c->passed + c->failed == before) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: nothing to check: no known group under expect/", path);
    }
    return err->status;
}

dstn_status tools_check_fixture(const dstn_console *console, const char *path, const dstn_kernel *kernel,
                                tools_tally *tally, dstn_error *err) {
    check c = {.console = console, .tolerance = kernel->scalar == DSTN_F64 ? 1e-9 : 1e-4};
    dstn_status status = check_file(&c, path, kernel, err);
    tally->passed += c.passed;
    tally->failed += c.failed;
    return status;
}
