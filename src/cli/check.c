/* dstn check FIXTURE.h5…: every pass of the program against the numbers of a fixture, one line a quantity.
 *
 * A quantity passes at rel_err ≤ 1e-4 in f32, 1e-9 in f64. rel_err = ‖got − want‖ / ‖want‖, for gradients with at least
 * a thousandth of the norm of all gradients of the group below the line (a bias that a normalization cancels has a
 * gradient of nothing but rounding). Under mpirun the mini-batch is split over the ranks and gradients are summed. */
#include "cli.h"
#include "fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A group under expect/ and the pass that it is of. */
typedef struct group_kind {
    const char *name;
    dstn_pass_kind kind;
    bool at_lambda;         /* z = λ + ε rather than ε */
    bool grad[DSTN_RANGES]; /* parameter gradients that it has */
    bool validation;        /* gradients of λ and raw_scale instead */
} group_kind;

static const group_kind group_kinds[] = {
    {"stn_train", DSTN_PASS_RESPONSE, true, {true, true}, false},
    {"delta_general", DSTN_PASS_GENERAL, false, {true, false}, false},
    {"delta_response_linearized", DSTN_PASS_LINEARIZED, false, {false, true}, false},
    {"delta_response_nonlinear", DSTN_PASS_RESPONSE, false, {false, true}, false},
    {"stn_valid", DSTN_PASS_RESPONSE, true, {false, false}, true},
    {"delta_valid", DSTN_PASS_RESPONSE, false, {false, false}, true},
};

/* The comparison under way. */
typedef struct check {
    const dstn_cli *cli;
    dstn_fixture *fixture;
    const char *file; /* without its folder */
    const char *group;
    double tolerance;
    double all_gradients; /* norm of all gradients that the group expects */
    int64_t first, rows;  /* this rank's share of the mini-batch */
    int passed, failed;
} check;

static double norm(int64_t n, const double *x) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += x[i] * x[i];
    }
    return sqrt(sum);
}

/* Prints one quantity; rel_err NAN where the fixture lacks it or the shapes differ. */
static void judge(check *c, const char *quantity, double rel_err) {
    bool pass = rel_err <= c->tolerance;
    c->passed += pass;
    c->failed += !pass;
    if (c->cli->out) {
        fprintf(c->cli->out, "%s %s %s %.3e\n", c->file, c->group, quantity, rel_err);
    }
}

/* Compares got [count], the same on all ranks, with expect/GROUP/QUANTITY. */
static void compare(check *c, const char *quantity, int64_t count, const double *got) {
    char *name = dstn_format("expect/%s/%s", c->group, quantity);
    double *want = dstn_alloc((size_t)count + 1, sizeof(double)), rel_err = NAN;
    dstn_error ignored;
    if (dstn_reader_array(c->fixture->reader, name, DSTN_F64, count, want, &ignored) == DSTN_OK) {
        bool gradient = strncmp(quantity, "grad", 4) == 0;
        double least = gradient ? 1e-3 * c->all_gradients : 1e-12;
        double scale = fmax(norm(count, want), least);
        for (int64_t i = 0; i < count; i++) {
            want[i] = got[i] - want[i];
        }
        rel_err = scale > 0 ? norm(count, want) / scale : norm(count, want);
    }
    judge(c, quantity, rel_err);
    free(want);
    free(name);
}

/* ---- what is compared ---- */

/* Rows of this rank, spread to [B, cols] on every rank; images channels-first, as the fixture has them. */
static void compare_rows(check *c, const char *quantity, const void *rows) {
    int64_t cols = c->fixture->outputs, count = c->fixture->rows * cols;
    double *all = dstn_alloc((size_t)count + 1, sizeof(double));
    double *stored = dstn_alloc((size_t)(c->rows * cols) + 1, sizeof(double));
    c->fixture->kernel->to_double(c->fixture->kernel, c->rows * cols, rows, stored);
    for (int64_t k = 0; k < c->rows * cols; k++) {
        int64_t row = k / cols;
        all[(c->first + row) * cols + k % cols] =
            stored[row * cols + dstn_shape_stored_at(c->fixture->model->out, k % cols)];
    }
    dstn_group_sum(c->cli->world, all, count);
    compare(c, quantity, count, all);
    free(stored);
    free(all);
}

static void compare_sum(check *c, const char *quantity, double share) {
    dstn_group_sum(c->cli->world, &share, 1);
    compare(c, quantity, 1, &share);
}

static void compare_gradients(check *c, const group_kind *kind) {
    const dstn_model *model = c->fixture->model;
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        for (int p = 0; p < layer->parameter_count; p++) {
            const dstn_parameter *parameter = &layer->parameters[p];
            if (!kind->grad[parameter->range]) {
                continue;
            }
            char *quantity = dstn_format("grad/%d/%s", l, parameter->name);
            double *got = dstn_alloc((size_t)parameter->count + 1, sizeof(double));
            dstn_parameter_export(parameter, model->kernel, parameter->gradient, got);
            dstn_group_sum(c->cli->world, got, parameter->count);
            compare(c, quantity, parameter->count, got);
            free(got);
            free(quantity);
        }
    }
}

/* ∂(L − τH)/∂λ and ∂(L − τH)/∂raw_scale from ∂L/∂z [rows, h]. */
static void compare_hyper_gradients(check *c, const void *dz, double loss) {
    dstn_fixture *f = c->fixture;
    int64_t h = f->hypers;
    double tau = f->entropy_weight, entropy = dstn_space_entropy(f->space);
    double *rows = dstn_alloc((size_t)(c->rows * h) + 1, sizeof(double));
    double *sums = dstn_alloc((size_t)(2 * h) + 1, sizeof(double));
    double *slope = dstn_alloc((size_t)h + 1, sizeof(double));
    f->kernel->to_double(f->kernel, c->rows * h, dz, rows);
    for (int64_t b = 0; b < c->rows; b++) {
        for (int64_t i = 0; i < h; i++) {
            double change = f->noise[(c->first + b) * h + i] * dstn_logistic(f->space->raw_scale[i]);
            sums[i] += rows[b * h + i];
            sums[h + i] += rows[b * h + i] * change;
        }
    }
    dstn_group_sum(c->cli->world, sums, 2 * h);
    dstn_group_sum(c->cli->world, &loss, 1);
    dstn_space_entropy_gradient(f->space, slope);
    for (int64_t i = 0; i < h; i++) {
        sums[h + i] -= tau * slope[i];
    }
    loss -= tau * entropy;
    compare(c, "loss", 1, &loss);
    compare(c, "entropy", 1, &entropy);
    compare(c, "grad_lambda", h, sums);
    compare(c, "grad_raw_scale", h, sums + h);
    free(slope);
    free(sums);
    free(rows);
}

/* ---- one group ---- */

static void add_squares(const dstn_fixture *fixture, const char *name, double *squares) {
    int64_t count;
    double *values;
    dstn_error ignored;
    if (dstn_reader_doubles(fixture->reader, name, &count, &values, &ignored) == DSTN_OK) {
        double length = norm(count, values);
        *squares += length * length;
        free(values);
    }
}

static double all_gradients(const check *c, const group_kind *kind) {
    const dstn_model *model = c->fixture->model;
    double squares = 0;
    for (int l = 0; l < model->layer_count; l++) {
        for (int p = 0; p < model->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &model->layers[l]->parameters[p];
            char *name = dstn_format("expect/%s/grad/%d/%s", kind->name, l, parameter->name);
            add_squares(c->fixture, name, &squares);
            free(name);
        }
    }
    const char *const hyper[] = {"grad_lambda", "grad_raw_scale"};
    for (int i = 0; i < 2; i++) {
        char *name = dstn_format("expect/%s/%s", kind->name, hyper[i]);
        add_squares(c->fixture, name, &squares);
        free(name);
    }
    return sqrt(squares);
}

/* z of this rank's rows. */
static void *make_inputs(const check *c, const group_kind *kind) {
    dstn_fixture *f = c->fixture;
    int64_t count = c->rows * f->hypers;
    double *z = dstn_alloc((size_t)count + 1, sizeof(double));
    for (int64_t k = 0; k < count; k++) {
        double lambda = kind->at_lambda ? f->space->lambda[k % f->hypers] : 0;
        z[k] = lambda + f->epsilon[c->first * f->hypers + k];
    }
    void *out = dstn_alloc((size_t)count + 1, f->kernel->size);
    f->kernel->from_double(f->kernel, count, z, out);
    free(z);
    return out;
}

static void sum_over_ranks(void *user, double *values, int64_t count) {
    const dstn_cli *cli = user;
    dstn_group_sum(cli->world, values, count);
}

static void check_group(check *c, const group_kind *kind) {
    dstn_fixture *f = c->fixture;
    dstn_model *model = f->model;
    void *z = make_inputs(c, kind), *dz = dstn_alloc((size_t)(c->rows * f->hypers) + 1, f->kernel->size);
    c->group = kind->name;
    c->all_gradients = all_gradients(c, kind);
    dstn_pass pass = {.kind = kind->kind,
                      .training = !kind->validation,
                      .grad = {kind->grad[0], kind->grad[1]},
                      .rows = c->rows,
                      .first_row = c->first,
                      .batch_rows = f->rows,
                      .z = kind->kind == DSTN_PASS_GENERAL ? NULL : z,
                      .dz = kind->validation ? dz : NULL,
                      .reduce = sum_over_ranks,
                      .user = (void *)c->cli};
    size_t size = f->kernel->size;
    int64_t inputs = dstn_shape_count(model->in);
    const char *x = (const char *)f->x + (size_t)(c->first * inputs) * size;
    const char *targets = f->targets ? (const char *)f->targets + (size_t)(c->first * f->outputs) * size : NULL;
    dstn_model_zero_gradient(model, DSTN_RANGE_GENERAL);
    dstn_model_zero_gradient(model, DSTN_RANGE_RESPONSE);
    dstn_model_forward(model, &pass, x);
    double loss = dstn_model_loss(model, &pass, targets, f->labels ? f->labels + c->first : NULL, NULL);
    dstn_model_adjoint(model, &pass);

    compare_rows(c, "output", model->segments[model->segment_count - 1].out);
    if (kind->kind == DSTN_PASS_LINEARIZED) {
        compare_rows(c, "tangent", model->segments[model->segment_count - 1].out_tangent);
    }
    if (kind->validation) {
        compare_hyper_gradients(c, dz, loss);
    } else {
        compare_sum(c, "loss", loss);
        compare_gradients(c, kind);
    }
    free(dz);
    free(z);
}

/* ---- files ---- */

static dstn_status check_file(check *c, const char *path, const dstn_kernel *kernel, dstn_error *err) {
    dstn_fixture fixture;
    const dstn_group *world = c->cli->world;
    dstn_status status = dstn_fixture_open(path, kernel, &fixture, err);
    if (dstn_group_agree(world, status, err) != DSTN_OK) {
        return err->status;
    }
    const char *slash = strrchr(path, '/');
    c->file = slash ? slash + 1 : path;
    c->fixture = &fixture;
    int before = c->passed + c->failed;
    dstn_group_share(world, fixture.rows, &c->first, &c->rows);
    for (size_t g = 0; g < sizeof(group_kinds) / sizeof(group_kinds[0]); g++) {
        char *name = dstn_format("expect/%s", group_kinds[g].name);
        if (dstn_reader_has(fixture.reader, name)) {
            check_group(c, &group_kinds[g]);
        }
        free(name);
    }
    dstn_fixture_close(&fixture);
    if (c->passed + c->failed == before) {
        return dstn_fail(err, DSTN_ERROR_DATA, "%s: nothing to check: no known group under expect/", path);
    }
    return DSTN_OK;
}

static dstn_status choose_kernel(const dstn_arguments *arguments, const dstn_kernel **out, dstn_error *err) {
    const char *precision = arguments->precision ? arguments->precision : "f32";
    const char *backend = arguments->backend ? arguments->backend : "auto";
    if (strcmp(precision, "f32") != 0 && strcmp(precision, "f64") != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--precision %s: accepted: f32, f64", precision);
    }
    dstn_status status = dstn_kernel_find(backend, strcmp(precision, "f64") == 0 ? DSTN_F64 : DSTN_F32, out, err);
    return status == DSTN_OK ? status : dstn_fail_in(err, "--backend %s", backend);
}

dstn_status dstn_check_command(const dstn_cli *cli, const dstn_arguments *arguments, dstn_error *err) {
    const dstn_kernel *kernel;
    dstn_status status = choose_kernel(arguments, &kernel, err);
    if (status != DSTN_OK) {
        return status;
    }
    check c = {.cli = cli, .tolerance = kernel->scalar == DSTN_F64 ? 1e-9 : 1e-4};
    for (int i = 0; i < arguments->operand_count && status == DSTN_OK; i++) {
        status = check_file(&c, arguments->operands[i], kernel, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    if (cli->out) {
        fprintf(cli->out, "%d passed, %d failed\n", c.passed, c.failed);
    }
    return c.failed > 0 ? dstn_fail(err, DSTN_ERROR_RUN, "%d quantities differ", c.failed) : DSTN_OK;
}
