/* dstn check CONFIG.yaml: the promises that fixtures prove for some networks, on a user's own network and data, in f64.
 *
 * For every objective that the network can have, on some rows of the training part: the gradient of each parameter
 * against differences of the objective along a random direction, the tangent ẏ against differences of y along the
 * response, and the hypergradient against differences in λ and raw_scale, one by one. One line a quantity, as for
 * fixtures: rel_err = |got − want| / max(|want|, a thousandth of the norm of all of the objective's).
 *
 * Differences are taken with several steps, since a piecewise linear network has kinks that a long one crosses, while a
 * short one drowns in rounding; the best one counts. */
#include "check.h"

#include "dstn/bilevel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STEPS = 5, MOST_ROWS = 32, MOST_WORDS = 6 };
static const double steps[STEPS] = {1e-3, 1e-4, 1e-5, 1e-6, 1e-7};
static const double tolerance = 1e-5;

/* One derivative: what the program says, and what differences with each step come to. */
typedef struct comparison {
    char *quantity;
    double got, want[STEPS];
} comparison;

typedef struct config_check {
    const dstn_console *console;
    const char *file;
    dstn_job *job;
    dstn_problem *problem;
    dstn_batch batch; /* this rank's share of the rows */
    dstn_arena *arena;
    double *noise, *epsilon; /* [B, h] */
    const dstn_objective *objective;
    comparison *comparisons; /* [count], of this objective */
    int count;
    int passed, failed;
} config_check;

/* ---- judging ---------------------------------------------------------------------------------------------------- */

static void print_line(config_check *c, const char *quantity, double rel_err) {
    bool pass = rel_err <= tolerance;
    c->passed += pass;
    c->failed += !pass;
    if (c->console->out) {
        dstn_print_line(c->console->out, "%s %s %s %.3e", c->file, c->objective->name, quantity, rel_err);
    }
}

static comparison *add_comparison(config_check *c, char *quantity, double got) {
    comparison *longer = dstn_alloc((size_t)c->count + 1, sizeof(comparison));
    if (c->count > 0) {
        memcpy(longer, c->comparisons, (size_t)c->count * sizeof(comparison));
    }
    free(c->comparisons);
    c->comparisons = longer;
    longer[c->count] = (comparison){.quantity = quantity, .got = got};
    return &longer[c->count++];
}

/* All of an objective's comparisons, once it is known how large its derivatives are. */
static void judge_comparisons(config_check *c) {
    double squares = 0;
    for (int i = 0; i < c->count; i++) {
        squares += c->comparisons[i].got * c->comparisons[i].got;
    }
    for (int i = 0; i < c->count; i++) {
        const comparison *one = &c->comparisons[i];
        double best = INFINITY;
        for (int s = 0; s < STEPS; s++) {
            double scale = fmax(fabs(one->want[s]), 1e-3 * sqrt(squares));
            double rel_err = fabs(one->got - one->want[s]) / fmax(scale, 1e-300);
            best = isnan(rel_err) ? NAN : fmin(best, rel_err);
        }
        print_line(c, one->quantity, best);
        free(one->quantity);
    }
    free(c->comparisons);
    c->comparisons = NULL;
    c->count = 0;
}

/* ---- differences ------------------------------------------------------------------------------------------------ */

/* The same objective without what a step leaves behind: its value alone. */
static dstn_objective value_of(const dstn_objective *objective) {
    dstn_objective value = *objective;
    value.grad[DSTN_RANGE_GENERAL] = value.grad[DSTN_RANGE_RESPONSE] = value.hyper = value.tracks_statistics = false;
    return value;
}

static dstn_perturbation perturbation_of(const config_check *c) {
    return (dstn_perturbation){c->noise, c->epsilon};
}

/* The objective over the group at the present parameters and perturbation. */
static double value_now(const config_check *c) {
    dstn_objective objective = value_of(c->objective);
    dstn_evaluation evaluation = dstn_problem_evaluate(c->problem, &objective, &c->batch, perturbation_of(c), 0);
    double sum = evaluation.loss + evaluation.penalty;
    dstn_group_sum(c->console->world, &sum, 1);
    return sum;
}

/* A normal direction for parameter p of layer l: the same on every rank. */
static double *direction_of(const dstn_parameter *parameter, int l, int p) {
    double *direction = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
    dstn_rng rng = {1, DSTN_PURPOSE_TEST};
    for (int64_t i = 0; i < parameter->count; i++) {
        double normals[2];
        dstn_rng_normals(rng, (uint64_t)l, (uint64_t)p, (uint64_t)i, normals);
        direction[i] = normals[0];
    }
    return direction;
}

static void check_parameter(config_check *c, int l, int p) {
    const dstn_kernel *kernel = c->job->kernel;
    const dstn_parameter *parameter = &c->job->model->layers[l]->parameters[p];
    double *direction = direction_of(parameter, l, p);
    double *start = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
    memcpy(start, parameter->value, (size_t)parameter->count * sizeof(double));
    comparison *one = add_comparison(c, dstn_format("grad/%d/%s", l, parameter->name),
                                     kernel->dot(kernel, parameter->count, parameter->gradient, direction));
    double length = sqrt(kernel->dot(kernel, parameter->count, direction, direction));
    for (int s = 0; s < STEPS; s++) {
        double step = steps[s] / length, sides[2];
        for (int side = 0; side < 2; side++) {
            kernel->copy(kernel, parameter->count, start, parameter->value);
            kernel->axpy(kernel, parameter->count, side ? -step : step, direction, parameter->value);
            sides[side] = value_now(c);
        }
        one->want[s] = (sides[0] - sides[1]) / (2 * step);
    }
    kernel->copy(kernel, parameter->count, start, parameter->value);
    free(start);
    free(direction);
}

/* Gradients of the weights, each parameter along a direction of its own. */
static void check_weights(config_check *c) {
    const dstn_model *model = c->job->model;
    dstn_objective objective = *c->objective;
    objective.tracks_statistics = false;
    dstn_problem_evaluate(c->problem, &objective, &c->batch, perturbation_of(c), 0);
    dstn_problem_sum_gradients(c->problem, &objective);
    dstn_problem_gather_gradients(c->problem, &objective);
    for (int l = 0; l < model->layer_count; l++) {
        for (int p = 0; p < model->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &model->layers[l]->parameters[p];
            if (c->objective->grad[parameter->range] && !dstn_parameter_is_shared(parameter)) {
                check_parameter(c, l, p);
            }
        }
    }
}

/* ---- the hypergradient ------------------------------------------------------------------------------------------ */

/* L_V − τH at raw_scale_i + step (σ follows, and ε with it) or, for λ_i, with ε_i of all rows moved by the step: λ
 * enters through z alone, in which it stands beside ε. */
static double moved_value(config_check *c, int i, bool is_scale, double step) {
    dstn_space *space = c->job->space;
    double tau = c->job->train.entropy_weight, raw_scale = space->raw_scale[i];
    space->raw_scale[i] += is_scale ? step : 0;
    dstn_space_perturbation(space, c->noise, c->batch.rows, c->epsilon);
    for (int64_t b = 0; !is_scale && b < c->batch.rows; b++) {
        c->epsilon[b * space->count + i] += step;
    }
    double value = value_now(c) - tau * dstn_space_entropy(space);
    space->raw_scale[i] = raw_scale;
    dstn_space_perturbation(space, c->noise, c->batch.rows, c->epsilon);
    return value;
}

static void check_hyper(config_check *c, int i, bool is_scale, double got) {
    const char *what = is_scale ? "raw_scale" : "lambda";
    comparison *one = add_comparison(c, dstn_format("grad_%s/%s", what, c->job->space->items[i].name), got);
    for (int s = 0; s < STEPS; s++) {
        one->want[s] =
            (moved_value(c, i, is_scale, steps[s]) - moved_value(c, i, is_scale, -steps[s])) / (2 * steps[s]);
    }
}

/* The running statistics that evaluation normalizes by are at the start those of no data: many layers without
 * normalization have values that differences tell nothing of. So these rows enter them first. */
static void settle_statistics(const config_check *c) {
    const int passes = c->job->model->buffer_count > 0 ? 30 : 0;
    dstn_objective objective = value_of(c->objective);
    objective.part = DSTN_PART_TRAIN;
    objective.tracks_statistics = true;
    for (int i = 0; i < passes; i++) {
        dstn_problem_evaluate(c->problem, &objective, &c->batch, perturbation_of(c), 0);
    }
}

static void check_hypergradient(config_check *c) {
    const dstn_space *space = c->job->space;
    settle_statistics(c);
    dstn_evaluation evaluation = dstn_problem_evaluate(c->problem, c->objective, &c->batch, perturbation_of(c), 0);
    dstn_hypergradient gradient = dstn_problem_hypergradient(c->problem, &evaluation, c->job->train.entropy_weight);
    double *got = dstn_alloc(2 * (size_t)space->count + 1, sizeof(double));
    memcpy(got, gradient.lambda, (size_t)space->count * sizeof(double));
    memcpy(got + space->count, gradient.raw_scale, (size_t)space->count * sizeof(double));
    for (int i = 0; i < space->count; i++) {
        check_hyper(c, i, false, got[i]);
        if (space->items[i].tune_scale) {
            check_hyper(c, i, true, got[space->count + i]);
        }
    }
    free(got);
}

/* ---- the tangent ------------------------------------------------------------------------------------------------ */

/* Multiplies Δw by `factor` in all layers: it is linear in U and V where the response is structured, else in Θ. */
static void scale_response(const dstn_job *job, double factor) {
    for (int l = 0; l < job->model->layer_count; l++) {
        dstn_layer *layer = job->model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            dstn_parameter *parameter = &layer->parameters[p];
            bool is_hyper = strstr(parameter->name, "hyper") != NULL;
            bool is_own = parameter->range == DSTN_RANGE_RESPONSE && !dstn_parameter_is_shared(parameter);
            if (is_own && is_hyper == (layer->response == DSTN_RESPONSE_STRUCTURED)) {
                job->kernel->scale(job->kernel, parameter->count, factor, parameter->value);
            }
        }
    }
}

/* y [B, out] of the ordinary response pass at Δw times `factor`. */
static void output_at(const config_check *c, double factor, double *y) {
    dstn_objective objective = value_of(c->objective);
    objective.kind = DSTN_PASS_RESPONSE;
    scale_response(c->job, factor);
    dstn_problem_evaluate(c->problem, &objective, &c->batch, perturbation_of(c), 0);
    scale_response(c->job, 1 / factor);
    int64_t count = c->batch.rows * c->batch.steps * dstn_shape_count(c->job->model->out);
    c->job->kernel->to_double(c->job->kernel, count, dstn_model_output(c->job->model), y);
}

/* ‖ẏ − (y(step) − y(−step)) / 2 step‖ / ‖ẏ‖ over the group. */
static double tangent_error(const config_check *c, int64_t count, const double *tangent, double step) {
    double *above = dstn_alloc((size_t)count + 1, sizeof(double)),
           *below = dstn_alloc((size_t)count + 1, sizeof(double));
    double squares[2] = {0, 0};
    output_at(c, step, above);
    output_at(c, -step, below);
    for (int64_t i = 0; i < count; i++) {
        double error = tangent[i] - (above[i] - below[i]) / (2 * step);
        squares[0] += error * error;
        squares[1] += tangent[i] * tangent[i];
    }
    free(above);
    free(below);
    dstn_group_sum(c->console->world, squares, 2);
    return sqrt(squares[0] / fmax(squares[1], 1e-300));
}

static void check_tangent(config_check *c) {
    const dstn_job *job = c->job;
    int64_t count = c->batch.rows * c->batch.steps * dstn_shape_count(job->model->out);
    double *tangent = dstn_alloc((size_t)count + 1, sizeof(double)), best = INFINITY;
    dstn_objective objective = value_of(c->objective);
    dstn_problem_evaluate(c->problem, &objective, &c->batch, perturbation_of(c), 0);
    job->kernel->to_double(job->kernel, count, dstn_model_tangent(job->model), tangent);
    for (int s = 0; s < STEPS; s++) {
        best = fmin(best, tangent_error(c, count, tangent, steps[s]));
    }
    free(tangent);
    print_line(c, "tangent", best);
}

/* ---- one config ------------------------------------------------------------------------------------------------- */

static bool applies(const dstn_objective *objective, const dstn_space *space) {
    bool has_gradient = objective->grad[DSTN_RANGE_GENERAL] || objective->grad[DSTN_RANGE_RESPONSE] || objective->hyper;
    return has_gradient && (space->count > 0 || objective->input == DSTN_INPUT_NONE);
}

static void check_objectives(config_check *c) {
    for (size_t i = 0; (c->objective = dstn_objective_at(i)) != NULL; i++) {
        if (!applies(c->objective, c->job->space)) {
            continue;
        }
        if (c->objective->kind == DSTN_PASS_LINEARIZED) {
            check_tangent(c);
        }
        if (c->objective->hyper) {
            check_hypergradient(c);
        } else {
            check_weights(c);
        }
        judge_comparisons(c);
    }
}

/* A response that starts at zero would hide its own errors. */
static void shake_response(const dstn_model *model) {
    const double size = 0.1;
    double *values = model->value[DSTN_RANGE_RESPONSE];
    dstn_rng rng = {2, DSTN_PURPOSE_TEST};
    for (int64_t i = 0; i < model->count[DSTN_RANGE_RESPONSE]; i++) {
        double normals[2];
        dstn_rng_normals(rng, 0, 0, (uint64_t)i, normals);
        values[i] += size * normals[0];
    }
}

/* The first rows of the training part, this rank's share of them, with their noise; of a text so many short pieces, one
 * after the other. */
static bool take_rows(config_check *c) {
    const dstn_job *job = c->job;
    int64_t total = job->train.batch < MOST_ROWS ? job->train.batch : MOST_ROWS, first, rows;
    int64_t world = dstn_group_size(c->console->world);
    total = total < world ? world : total;
    dstn_group_share(c->console->world, total, &first, &rows);
    int64_t length = job->model->max_steps < MOST_WORDS ? job->model->max_steps : MOST_WORDS;
    size_t table = (size_t)(rows * job->space->count) * sizeof(double);
    int64_t *indices = dstn_arena_take(c->arena, (size_t)rows * sizeof(int64_t));
    c->noise = dstn_arena_take(c->arena, table);
    c->epsilon = dstn_arena_take(c->arena, table);
    if (!indices || !c->noise || !c->epsilon ||
        !dstn_batch_bind(&c->batch, job->dataset, job->kernel, job->model->max_rows, job->model->max_steps, c->arena)) {
        return false;
    }
    for (int64_t r = 0; r < rows; r++) {
        indices[r] = (first + r) * length;
    }
    dstn_batch_fill(&c->batch, job->dataset, job->kernel, DSTN_PART_TRAIN, indices, length, rows, first, total, NULL);
    dstn_rng rng = {(uint32_t)job->settings.seed, DSTN_PURPOSE_NOISE};
    dstn_space_noise(job->space, rng, 0, first, rows, c->noise);
    dstn_space_perturbation(job->space, c->noise, rows, c->epsilon);
    return true;
}

static dstn_status check_job(config_check *c, dstn_error *err) {
    const dstn_job *job = c->job;
    const dstn_group *world = c->console->world;
    dstn_status status =
        dstn_problem_new(job->model, job->space, world, (uint32_t)job->settings.seed, &c->problem, err);
    c->arena = dstn_arena_new();
    if (status == DSTN_OK && !take_rows(c)) {
        status = dstn_fail(err, DSTN_ERROR_RUN, "out of memory for %d rows", (int)MOST_ROWS);
    }
    if (dstn_group_agree(world, status, err) == DSTN_OK) {
        shake_response(job->model);
        check_objectives(c);
    }
    dstn_arena_destroy(c->arena);
    dstn_problem_destroy(c->problem);
    return err->status;
}

/* Differences need the digits of f64, whatever the config trains in. */
static dstn_status load(const char *path, dstn_assignments set, dstn_doc **doc, dstn_error *err) {
    dstn_status status = dstn_job_load(path, set, doc, err);
    if (status != DSTN_OK) {
        return status;
    }
    status = dstn_doc_put(*doc, "precision", "f64", "check", err);
    if (status == DSTN_OK) {
        status = dstn_doc_put(*doc, "backend", "auto", "check", err);
    }
    if (status != DSTN_OK) {
        dstn_doc_destroy(*doc);
    }
    return status;
}

dstn_status tools_check_config(const dstn_console *console, const char *path, dstn_assignments set, tools_tally *tally,
                               dstn_error *err) {
    const char *slash = strrchr(path, '/');
    config_check c = {.console = console, .file = slash ? slash + 1 : path};
    dstn_doc *doc;
    dstn_status status = dstn_group_agree(console->world, load(path, set, &doc, err), err);
    if (status == DSTN_OK) {
        status = dstn_job_new(doc, console->world, &console->log, DSTN_JOB_APART, &c.job, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    status = check_job(&c, err);
    dstn_job_destroy(c.job);
    tally->passed += c.passed;
    tally->failed += c.failed;
    return status;
}
