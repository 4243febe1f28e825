/* Every layer type and every regularizer of the tables, in f64, through every objective of the table: gradients and the
 * hypergradient against differences of the objective, tangents against differences of the output, the adjoint against
 * the tangent. That kernels, cuts of the rows and restored states change nothing is in
 * test_bilevel_kernels_conformance.c and tests/mpi. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "conformance_walk.h"

/* Differences are taken with several steps until one agrees: a long one crosses the kinks of a piecewise linear
 * network, a short one drowns in rounding. */
static const double steps[] = {1e-5, 1e-6, 1e-4, 1e-7};
enum { STEPS = sizeof steps / sizeof steps[0] };
static const double tolerance = 1e-6;

static dstn_group *self;

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* One objective on one network. */
typedef struct trial {
    network *network;
    const dstn_objective *objective;
    network_rows rows;
} trial;

typedef void trial_check(const trial *t);
static trial_check *current_check;

static void walk_objectives(network *n, network_rows rows) {
    const dstn_objective *objective;
    char more[64];
    network_rows_text(rows, more);
    for (size_t i = 0; (objective = dstn_objective_at(i)) != NULL; i++) {
        network_enter(n->plan, n->kernel, objective->name, more);
        current_check(&(trial){n, objective, rows});
    }
}

static void check_plan(const network_plan *plan) {
    const dstn_kernel *kernel;
    for (int k = 0; (kernel = dstn_kernel_at(k)) != NULL; k++) {
        network n;
        network_enter(plan, kernel, "", "");
        if (kernel->scalar != DSTN_F64) {
            continue;
        }
        if (network_new(&n, plan, (network_making){.kernel = kernel}, self)) {
            for (int i = 0; i < NETWORK_ALL; i++) {
                walk_objectives(&n, network_all[i]);
            }
        }
        network_destroy(&n);
    }
}

static void walk(trial_check *check) {
    current_check = check;
    network_walk_layers(check_plan);
    network_walk_regularizers(check_plan);
    conformance_end();
}

/* ---- differences ------------------------------------------------------------------------------------------------- */

/* A derivative `got` against differences of value(context, ±step), which have the rounding of the values; `floor` is
 * what counts as nothing beside it. */
static void check_difference(const char *what, double got, double floor, double (*value)(void *context, double step),
                             void *context) {
    double best = INFINITY, closest = NAN;
    for (int s = 0; s < STEPS && !(best <= tolerance); s++) {
        double above = value(context, steps[s]), below = value(context, -steps[s]);
        double want = (above - below) / (2 * steps[s]), rounding = 1e-15 * (1 + fabs(above)) / steps[s];
        double error = fmax(fabs(got - want) - rounding, 0) / fmax(fmax(fabs(want), floor), 1e-12);
        if (error < best) {
            best = error;
            closest = want;
        }
    }
    conformance_expect(best <= tolerance, "%s is %.10g, the difference quotient %.10g", what, got, closest);
}

/* A parameter that is moved along a normal direction of length 1. */
typedef struct movement {
    const trial *trial;
    dstn_parameter *parameter;
    double *start, *direction; /* [count] */
} movement;

static double value_along(void *context, double step) {
    const movement *m = context;
    const dstn_kernel *kernel = m->trial->network->kernel;
    kernel->copy(kernel, m->parameter->count, m->start, m->parameter->value);
    kernel->axpy(kernel, m->parameter->count, step, m->direction, m->parameter->value);
    double value = network_value(m->trial->network, m->trial->objective, m->trial->rows);
    kernel->copy(kernel, m->parameter->count, m->start, m->parameter->value);
    return value;
}

static void check_parameter(const trial *t, int l, int p, double all) {
    const dstn_kernel *kernel = t->network->kernel;
    dstn_parameter *parameter = &t->network->model->layers[l]->parameters[p];
    size_t count = (size_t)parameter->count;
    movement m = {t, parameter, dstn_alloc(count, sizeof(double)), dstn_alloc(count, sizeof(double))};
    memcpy(m.start, parameter->value, count * sizeof(double));
    network_shake(kernel, 100 + (uint64_t)(l * DSTN_MAX_PARAMETERS + p), parameter->count, 1, m.direction);
    double length = dstn_vector_norm(parameter->count, m.direction);
    kernel->scale(kernel, parameter->count, 1 / length, m.direction);
    char what[96];
    snprintf(what, sizeof what, "gradient of layer %d's %s", l, parameter->name);
    double got = kernel->dot(kernel, parameter->count, parameter->gradient, m.direction);
    check_difference(what, got, 1e-3 * all, value_along, &m);
    free(m.start);
    free(m.direction);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static double gradient_norm(const trial *t) {
    const dstn_model *model = t->network->model;
    double squares = 0;
    for (int r = 0; r < DSTN_RANGES; r++) {
        const double *gradient = model->gradient[r];
        squares += t->objective->grad[r] ? dstn_vector_dot(model->count[r], gradient, gradient) : 0;
    }
    return sqrt(squares);
}

static void check_gradients(const trial *t) {
    const dstn_model *model = t->network->model;
    dstn_objective objective = *t->objective;
    dstn_batch batch;
    objective.tracks_statistics = false;
    network_evaluate(t->network, &objective, t->rows, &batch);
    double all = gradient_norm(t);
    for (int l = 0; l < model->layer_count; l++) {
        for (int p = 0; p < model->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &model->layers[l]->parameters[p];
            if (objective.grad[parameter->range] && !dstn_parameter_is_shared(parameter)) {
                check_parameter(t, l, p, all);
            }
        }
    }
}

static void gradients_are_those_of_the_objective(void **state) {
    (void)state;
    walk(check_gradients);
}

/* λ_i or raw_scale_i. λ_0 stays where it is, so that λ moves z in the same way whether z is λ + ε or ε. */
typedef struct hyper_movement {
    const trial *trial;
    int i;
    bool is_scale;
} hyper_movement;

static const double entropy_weight = 0.3;

static double value_at(void *context, double step) {
    const hyper_movement *m = context;
    const network_rows rows = m->trial->rows;
    network *n = m->trial->network;
    double raw_scale = n->space->raw_scale[m->i];
    n->space->raw_scale[m->i] += m->is_scale ? step : 0;
    dstn_space_perturbation(n->space, n->noise, NETWORK_ROWS, n->epsilon);
    for (int64_t b = 0; !m->is_scale && b < NETWORK_ROWS; b++) {
        n->epsilon[b * n->space->count + m->i] += step;
    }
    double value = network_value(n, m->trial->objective, rows) - entropy_weight * dstn_space_entropy(n->space);
    n->space->raw_scale[m->i] = raw_scale;
    dstn_space_perturbation(n->space, n->noise, NETWORK_ROWS, n->epsilon);
    return value;
}

static void check_hypergradient(const trial *t) {
    const dstn_space *space = t->network->space;
    if (!t->objective->hyper) {
        return;
    }
    dstn_batch batch;
    dstn_evaluation evaluation = network_evaluate(t->network, t->objective, t->rows, &batch);
    dstn_hypergradient gradient = dstn_problem_hypergradient(t->network->problem, &evaluation, entropy_weight);
    double got[2][NETWORK_HYPERS], all = 0;
    assert_int_equal(space->count, NETWORK_HYPERS);
    for (int i = 0; i < space->count; i++) {
        got[0][i] = gradient.lambda[i];
        got[1][i] = gradient.raw_scale[i];
        all += got[0][i] * got[0][i] + got[1][i] * got[1][i];
    }
    for (int i = 0; i < 2 * space->count; i++) {
        hyper_movement m = {t, i / 2, i % 2};
        char what[64];
        snprintf(what, sizeof what, "hypergradient of %s's %s", space->items[m.i].name, m.is_scale ? "raw_scale" : "λ");
        if (m.is_scale && !space->items[m.i].tune_scale) {
            conformance_expect(got[1][m.i] == 0, "%s is %g though the scale is not tuned", what, got[1][m.i]);
        } else {
            check_difference(what, got[m.is_scale][m.i], 1e-3 * sqrt(all), value_at, &m);
        }
    }
}

static void hypergradients_are_those_of_the_objective(void **state) {
    (void)state;
    walk(check_hypergradient);
}

/* ---- the linear map of the linearized pass ----------------------------------------------------------------------- */

static bool is_hyper(const dstn_parameter *parameter) {
    return strstr(parameter->name, "hyper") != NULL;
}

/* Δw is linear in Θ, all that the full response trains, and in U and V of the structured one. */
static bool is_linear_in(const dstn_layer *layer, const dstn_parameter *parameter) {
    return parameter->range == DSTN_RANGE_RESPONSE && !dstn_parameter_is_shared(parameter) &&
           (layer->response == DSTN_RESPONSE_FULL || is_hyper(parameter));
}

static void scale_response(const network *n, double factor) {
    for (int l = 0; l < n->model->layer_count; l++) {
        dstn_layer *layer = n->model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            if (is_linear_in(layer, &layer->parameters[p])) {
                n->kernel->scale(n->kernel, layer->parameters[p].count, factor, layer->parameters[p].value);
            }
        }
    }
}

/* y [rows, out] of the ordinary response pass at Δw times `factor`. */
static void output_at(const trial *t, double factor, double *y) {
    network *n = t->network;
    dstn_objective objective = network_value_of(t->objective);
    dstn_batch batch;
    objective.kind = DSTN_PASS_RESPONSE;
    scale_response(n, factor);
    network_evaluate(n, &objective, t->rows, &batch);
    scale_response(n, 1 / factor);
    n->kernel->to_double(n->kernel, t->rows.count * t->rows.steps * n->outputs, dstn_model_output(n->model), y);
}

static double tangent_error(const trial *t, const double *tangent, double step) {
    int64_t count = t->rows.count * t->rows.steps * t->network->outputs;
    double *above = dstn_alloc((size_t)count, sizeof *above), *below = dstn_alloc((size_t)count, sizeof *below);
    double squares = 0;
    output_at(t, step, above);
    output_at(t, -step, below);
    for (int64_t i = 0; i < count; i++) {
        double error = tangent[i] - (above[i] - below[i]) / (2 * step);
        squares += error * error;
    }
    free(above);
    free(below);
    return sqrt(squares) / fmax(dstn_vector_norm(count, tangent), 1e-12);
}

static void check_tangent(const trial *t) {
    network *n = t->network;
    if (t->objective->kind != DSTN_PASS_LINEARIZED) {
        return;
    }
    int64_t count = t->rows.count * t->rows.steps * n->outputs;
    double *tangent = dstn_alloc((size_t)count, sizeof *tangent), best = INFINITY;
    dstn_batch batch;
    network_evaluate(n, t->objective, t->rows, &batch);
    n->kernel->to_double(n->kernel, count, dstn_model_tangent(n->model), tangent);
    for (int s = 0; s < STEPS && !(best <= tolerance); s++) {
        best = fmin(best, tangent_error(t, tangent, steps[s]));
    }
    conformance_expect(best <= tolerance, "the tangent is %.3g of its norm from the difference quotient", best);
    free(tangent);
}

static void tangents_are_derivatives_of_the_output(void **state) {
    (void)state;
    walk(check_tangent);
}

/* δ = ∂L/∂(y + ẏ) of one row from the definition of the loss, times the rows of the batch. */
static void loss_gradient(const network *n, int64_t row, const double *prediction, double *delta) {
    const double *targets = (const double *)n->targets + row * n->outputs;
    double sum = 0;
    for (int64_t o = 0; o < n->outputs; o++) {
        sum += exp(prediction[o] - prediction[0]);
    }
    for (int64_t o = 0; o < n->outputs; o++) {
        double softmax = exp(prediction[o] - prediction[0]) / sum;
        delta[o] = n->plan->loss == DSTN_LOSS_MSE ? prediction[o] - targets[o] : softmax - (o == n->labels[row]);
    }
}

/* ⟨δ, ẏ(Θ)⟩ = ⟨∂L/∂Θ, Θ⟩, for the terms' factors and for what they multiply: ẏ is linear in either. */
static void check_adjoint(const trial *t) {
    network *n = t->network;
    if (t->objective->kind != DSTN_PASS_LINEARIZED || n->plan->regularizers) {
        return;
    }
    dstn_batch batch;
    network_evaluate(n, t->objective, t->rows, &batch);
    const double *prediction = dstn_model_prediction(n->model), *tangent = dstn_model_tangent(n->model);
    double forward = 0, back[2] = {0, 0}, size = 0, *delta = dstn_alloc((size_t)n->outputs, sizeof *delta);
    for (int64_t r = 0; r < t->rows.count * t->rows.steps; r++) {
        loss_gradient(n, r, prediction + r * n->outputs, delta);
        forward +=
            dstn_vector_dot(n->outputs, delta, tangent + r * n->outputs) / (double)(t->rows.total * t->rows.steps);
        size += dstn_vector_norm(n->outputs, delta) * dstn_vector_norm(n->outputs, tangent + r * n->outputs);
    }
    for (int l = 0; l < n->model->layer_count; l++) {
        const dstn_layer *layer = n->model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            if (parameter->range == DSTN_RANGE_RESPONSE && !dstn_parameter_is_shared(parameter)) {
                back[is_linear_in(layer, parameter)] +=
                    dstn_vector_dot(parameter->count, parameter->gradient, parameter->value);
            }
        }
    }
    double rounding = 1e-11 * (1 + size / (double)t->rows.total);
    conformance_near(back[1], forward, rounding, "⟨∂L/∂Θ, Θ⟩");
    if (n->plan->response == DSTN_RESPONSE_STRUCTURED) {
        conformance_near(back[0], forward, rounding, "⟨∂L/∂W_r, W_r⟩ + ⟨∂L/∂b_r, b_r⟩");
    }
    free(delta);
}

static void adjoints_are_transposed_tangents(void **state) {
    (void)state;
    walk(check_adjoint);
}

/* ---- penalties of outputs ---------------------------------------------------------------------------------------- */

/* Strength times the mean of v², or of (v_{t+1} − v_t)², of the last layer's output v: y, linearized y + ẏ. */
static double output_penalty(const network *n, const dstn_evaluation *evaluation, network_rows rows, bool is_change) {
    const double *v = dstn_model_prediction(n->model);
    int64_t width = n->outputs, squares = rows.steps - is_change;
    double sum = 0;
    for (int64_t b = 0; b < rows.count; b++) {
        double strength = evaluation->values[b * NETWORK_HYPERS + 2], own = 0;
        for (int64_t i = 0; i < squares * width; i++) {
            const double *at = v + b * rows.steps * width + i;
            double term = is_change ? at[width] - at[0] : at[0];
            own += term * term;
        }
        sum += squares > 0 ? strength * own / (double)(squares * width) : 0;
    }
    return sum / (double)rows.total;
}

static void check_output_penalties(const network_plan *plan, bool is_change) {
    network n;
    assert_true(network_new(&n, plan, (network_making){.kernel = network_reference()}, self));
    assert_false(dstn_model_penalizes_parameters(n.model));
    const dstn_objective *objective;
    for (int k = 0; k < NETWORK_ALL; k++) {
        for (size_t i = 0; (objective = dstn_objective_at(i)) != NULL; i++) {
            dstn_batch batch;
            network_rows rows = network_all[k];
            rows.total += 2;
            network_enter(plan, n.kernel, objective->name, "");
            dstn_evaluation evaluation = network_evaluate(&n, objective, rows, &batch);
            double want = output_penalty(&n, &evaluation, rows, is_change);
            conformance_near(evaluation.penalty, objective->part == DSTN_PART_TRAIN ? want : 0, 1e-13 * (1 + want),
                             "the penalty");
        }
    }
    network_destroy(&n);
}

static void penalties_of_outputs_are_means_over_steps_examples_and_units(void **state) {
    (void)state;
    network_plan plan = {.table = "regularizer", .name = "ar", .in = {1, {4}, 0}};
    plan.layers = "[linear: {out: 3}, relu, linear: {name: top, out: 2}]";
    plan.regularizers = "{ar: {strength: c, tap: top}}";
    check_output_penalties(&plan, false);
    plan.name = "tar";
    plan.regularizers = "{tar: {strength: c, tap: top}}";
    check_output_penalties(&plan, true);
    conformance_end();
}

static void two_penalties_of_one_output_add_up(void **state) {
    (void)state;
    network_plan plan = {.table = "regularizer", .name = "ar", .in = {1, {4}, 0}};
    plan.layers = "[linear: {out: 3}, relu: {name: top}, linear: {out: 2}]";
    plan.regularizers = "{ar: {strength: c, tap: top}, tar: {strength: a, tap: top}, l2: {strength: b}}";
    current_check = check_gradients;
    check_plan(&plan);
    conformance_end();
}

/* ---- what an objective does not ask for -------------------------------------------------------------------------- */

static void check_rest(const trial *t) {
    const double mark = 12345.678;
    network *n = t->network;
    dstn_model *model = n->model;
    dstn_batch batch;
    for (int r = 0; r < DSTN_RANGES; r++) {
        n->kernel->fill(n->kernel, model->count[r], mark, model->gradient[r]);
    }
    double *buffers = dstn_alloc((size_t)model->buffer_count + 1, sizeof *buffers);
    size_t size = (size_t)model->buffer_count * sizeof *buffers;
    memcpy(buffers, model->buffers, size);
    network_evaluate(n, t->objective, t->rows, &batch);
    for (int r = 0; r < DSTN_RANGES; r++) {
        const double *gradient = model->gradient[r];
        int64_t marks = 0;
        for (int64_t i = 0; i < model->count[r]; i++) {
            marks += gradient[i] == mark;
        }
        conformance_expect(marks == (t->objective->grad[r] ? 0 : model->count[r]),
                           "writes %d of %d gradients of the %s range", (int)(model->count[r] - marks),
                           (int)model->count[r], r == DSTN_RANGE_GENERAL ? "general" : "response");
    }
    conformance_expect(!size || (memcmp(buffers, model->buffers, size) != 0) == t->objective->tracks_statistics,
                       "%s running statistics", t->objective->tracks_statistics ? "does not track" : "tracks");
    memcpy(model->buffers, buffers, size);
    free(buffers);
}

static void what_is_not_asked_for_is_left_alone(void **state) {
    (void)state;
    walk(check_rest);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_objective),
        cmocka_unit_test(hypergradients_are_those_of_the_objective),
        cmocka_unit_test(tangents_are_derivatives_of_the_output),
        cmocka_unit_test(adjoints_are_transposed_tangents),
        cmocka_unit_test(two_penalties_of_one_output_add_up),
        cmocka_unit_test(penalties_of_outputs_are_means_over_steps_examples_and_units),
        cmocka_unit_test(what_is_not_asked_for_is_left_alone),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    self = dstn_group_self();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    dstn_group_destroy(self);
    return dstn_ranks_finish(failed);
}
