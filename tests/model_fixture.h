/* For tests of the model room: a model from YAML with its data, its whole loss, and finite differences of that. */
#ifndef DSTN_TESTS_MODEL_FIXTURE_H
#define DSTN_TESTS_MODEL_FIXTURE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/model.h"

enum { WORLD_HYPERS = 3 };

static const dstn_rng world_rng = {.seed = 7, .purpose = DSTN_PURPOSE_TEST};

/* Hyperparameters are named a, b, c; a and b are rates, c a strength. */
typedef struct world {
    dstn_doc *doc;
    dstn_space *space;
    dstn_model *model;
    const dstn_kernel *kernel;
    dstn_pass pass;
    int64_t rows, inputs, outputs;
    void *x, *targets, *z, *dz;
    int64_t *labels;
    double *values;
    dstn_error err;
} world;

typedef struct world_plan {
    const char *model;        /* YAML, several lines; line 1 is the first */
    const char *regularizers; /* YAML mapping in flow style, or NULL */
    dstn_shape input;
    int64_t rows, max_rows; /* max_rows 0: rows */
    int64_t outputs;        /* that the data need; 0: any */
    dstn_scalar scalar;     /* DSTN_F32, or DSTN_F64 */
    const char *backend;    /* NULL: openblas */
    int64_t block, part;    /* data rows at a time; 0: the model's choice */
    int64_t stream_rows;    /* of the first stream: rows whose state goes on */
    int64_t steps;          /* time steps of an example; 0: 1 */
} world_plan;

static inline void *world_draw(const world *w, uint64_t step, int64_t count) {
    double *values = dstn_alloc((size_t)count + 2, sizeof *values);
    void *array = dstn_alloc((size_t)count + 2, w->kernel->size);
    for (int64_t i = 0; i < count; i += 2) {
        dstn_rng_normals(world_rng, step, 0, (uint64_t)i, values + i);
    }
    w->kernel->from_double(w->kernel, count, values, array);
    free(values);
    return array;
}

/* All parameters random, so that the response is not zero. */
static inline void world_fill(world *w) {
    for (int r = 0; r < DSTN_RANGES; r++) {
        void *values = world_draw(w, 20 + (uint64_t)r, w->model->count[r]);
        w->kernel->copy(w->kernel, w->model->count[r], values, w->model->value[r]);
        w->kernel->scale(w->kernel, w->model->count[r], 0.5, w->model->value[r]);
        free(values);
    }
    for (int64_t i = 0; i < w->model->buffer_count; i++) {
        w->model->buffers[i] = 0.6 + 0.3 * sin((double)i);
    }
}

static inline void world_take_data(world *w, const world_plan *plan) {
    int64_t data = plan->rows * (plan->steps ? plan->steps : 1);
    w->rows = plan->rows;
    w->inputs = dstn_shape_count(w->model->in);
    w->outputs = dstn_shape_count(w->model->out);
    w->x = world_draw(w, 1, data * w->inputs);
    w->targets = world_draw(w, 2, data * w->outputs);
    w->z = world_draw(w, 3, w->rows * WORLD_HYPERS);
    w->dz = dstn_alloc((size_t)(w->rows * WORLD_HYPERS), w->kernel->size);
    w->labels = dstn_alloc((size_t)data, sizeof *w->labels);
    w->values = dstn_alloc((size_t)(w->rows * WORLD_HYPERS), sizeof *w->values);
    for (int64_t i = 0; i < w->rows * WORLD_HYPERS; i++) {
        w->values[i] = 0.15 + 0.3 * fabs(sin((double)i));
    }
    for (int64_t r = 0; r < data; r++) {
        w->labels[r] = r * 5 % w->outputs;
    }
}

/* On failure the model is NULL and the message in err; destroy it all the same. */
static inline dstn_status world_try(world *w, world_plan plan) {
    static const char *const names[WORLD_HYPERS] = {"a", "b", "c"};
    *w = (world){.space = dstn_space_new(WORLD_HYPERS, names)};
    char *text = dstn_format("%s\nregularizers: %s\n", plan.model, plan.regularizers ? plan.regularizers : "{}");
    dstn_status status = dstn_doc_parse(text, "model.yaml", &w->doc, &w->err);
    free(text);
    if (!status) {
        status = dstn_kernel_find(plan.backend ? plan.backend : "openblas", plan.scalar, &w->kernel, &w->err);
    }
    if (!status) {
        dstn_node root = dstn_doc_root(w->doc);
        dstn_model_request request = {.node = dstn_node_child(root, "model"),
                                      .regularizers = dstn_node_child(root, "regularizers"),
                                      .kernel = w->kernel,
                                      .space = w->space,
                                      .input = plan.input,
                                      .outputs = plan.outputs,
                                      .max_rows = plan.max_rows ? plan.max_rows : plan.rows,
                                      .max_steps = plan.steps,
                                      .train_rows = 17,
                                      .stream_rows = {plan.stream_rows},
                                      .block = plan.block,
                                      .part = plan.part};
        status = dstn_model_new(&request, &w->model, &w->err);
    }
    if (!status) {
        world_take_data(w, &plan);
        world_fill(w);
    }
    w->pass = (dstn_pass){.training = true,
                          .rows = plan.rows,
                          .steps = plan.steps,
                          .batch_rows = plan.rows + 1,
                          .values = w->values,
                          .masks = world_rng,
                          .step = 5};
    return status;
}

static inline void world_new(world *w, world_plan plan) {
    if (world_try(w, plan)) {
        fail_msg("%s", w->err.message);
    }
    assert_true(dstn_model_is_valid(w->model));
}

static inline void world_destroy(world *w) {
    dstn_model_destroy(w->model);
    dstn_space_destroy(w->space);
    dstn_doc_destroy(w->doc);
    free(w->x);
    free(w->targets);
    free(w->z);
    free(w->dz);
    free(w->labels);
    free(w->values);
}

static inline void world_set_kind(world *w, dstn_pass_kind kind) {
    w->pass.kind = kind;
    w->pass.grad[DSTN_RANGE_GENERAL] = kind != DSTN_PASS_LINEARIZED;
    w->pass.grad[DSTN_RANGE_RESPONSE] = kind != DSTN_PASS_GENERAL;
    w->pass.z = kind == DSTN_PASS_GENERAL ? NULL : w->z;
    w->pass.dz = kind == DSTN_PASS_RESPONSE ? w->dz : NULL;
}

/* Loss and penalty at the pass as it is set; `with_penalty` false: the loss alone, which is what dz is of. */
static inline double world_objective(world *w, bool with_penalty) {
    dstn_pass plain = w->pass;
    plain.grad[0] = plain.grad[1] = false;
    plain.track_statistics = false;
    dstn_model_forward(w->model, &plain, w->x);
    double loss = dstn_model_loss(w->model, &plain, w->targets, w->labels, NULL);
    return with_penalty ? loss + dstn_model_penalty(w->model, &plain) : loss;
}

/* All gradients, and dz. */
static inline void world_gradients(world *w) {
    w->kernel->fill(w->kernel, w->rows * WORLD_HYPERS, 0, w->dz);
    for (int r = 0; r < DSTN_RANGES; r++) {
        if (!w->pass.overwrite) {
            dstn_model_zero_gradient(w->model, (dstn_range)r);
        }
    }
    dstn_model_forward(w->model, &w->pass, w->x);
    dstn_model_loss(w->model, &w->pass, w->targets, w->labels, NULL);
    dstn_model_penalty(w->model, &w->pass);
    dstn_model_adjoint(w->model, &w->pass);
}

/* f64 only. */
static inline void world_check_array(world *w, const char *what, void *array, const void *gradient, int64_t count,
                                     bool wanted) {
    const double step = 1e-6;
    double *at = array;
    bool with_penalty = array != w->z;
    for (int64_t i = 0; i < count; i++) {
        double kept = at[i], got = ((const double *)gradient)[i], want = 0;
        if (wanted) {
            at[i] = kept + step;
            double above = world_objective(w, with_penalty);
            at[i] = kept - step;
            want = (above - world_objective(w, with_penalty)) / (2 * step);
            at[i] = kept;
        }
        if (!(fabs(got - want) <= 1e-7 * (1 + fabs(want)))) {
            fail_msg("%s[%d] in a pass of kind %d: gradient %.10g, difference quotient %.10g", what, (int)i,
                     w->pass.kind, got, want);
        }
    }
}

/* Every gradient of the pass as it is set, against differences of the whole loss. */
static inline void world_check(world *w) {
    world_gradients(w);
    for (int l = 0; l < w->model->layer_count; l++) {
        for (int p = 0; p < w->model->layers[l]->parameter_count; p++) {
            dstn_parameter *parameter = &w->model->layers[l]->parameters[p];
            if (dstn_parameter_is_shared(parameter)) {
                continue; /* checked where its owner is */
            }
            char *name = dstn_format("%d/%s", l, parameter->name);
            world_check_array(w, name, parameter->value, parameter->gradient, parameter->count,
                              w->pass.grad[parameter->range]);
            free(name);
        }
    }
    if (w->pass.dz) {
        world_check_array(w, "z", w->z, w->dz, w->rows * WORLD_HYPERS, true);
    }
}

#endif
