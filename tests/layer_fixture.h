/* For tests of the layer room: a small chain of layers with everything bound and random parameters, an objective on top
 * of it, and finite differences of that. */
#ifndef DSTN_TESTS_LAYER_FIXTURE_H
#define DSTN_TESTS_LAYER_FIXTURE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/layer.h"

enum { CHAIN_LAYERS = 12, CHAIN_SPACE = 4096 };

static const dstn_rng chain_rng = {.seed = 11, .purpose = DSTN_PURPOSE_TEST};

/* What a chain is made from. Hyperparameters are named a, b, c. */
typedef struct chain_plan {
    const char *layers;      /* YAML list, "[linear: {out: 2}, relu]" */
    const char *regularizer; /* its name, or NULL */
    const char *options;     /* its options, "{strength: a}" */
    dstn_response response;
    dstn_scalar scalar;
    int64_t hypers, in, rows;
    int64_t max_rows;    /* 0: rows */
    dstn_shape image;    /* of an example; rank 0: `in` features */
    const char *backend; /* NULL: openblas */
    bool synchronized;
    bool per_batch; /* all examples have one value of every hyperparameter */
} chain_plan;

typedef struct chain {
    chain_plan plan;
    dstn_doc *doc;
    dstn_arena *arena;
    const dstn_kernel *kernel;
    int count;
    dstn_layer *layers[CHAIN_LAYERS];
    dstn_regularizer *regularizer;
    int64_t out;
    int64_t width[CHAIN_LAYERS + 1];
    void *x[CHAIN_LAYERS + 1];     /* activations, [rows, width] */
    void *x_dot[CHAIN_LAYERS + 1]; /* tangents */
    void *delta[CHAIN_LAYERS + 1]; /* adjoints */
    void *changed;                 /* the adjoint that a layer is given: it may change it in place */
    int64_t block;                 /* rows at a time in the row-by-row stage; 0: all; below 0: from the last block on */
    int64_t part;                  /* rows at a time in the other one, where the layer allows parts; 0: all */
    bool has_input_tangent;        /* x_dot[0] is the input's tangent, which is otherwise zero */
    void *z, *dz;                  /* [rows, h] */
    double *values;                /* [rows, h] */
    double weights[CHAIN_SPACE];   /* of the outputs in the objective, [rows, out] */
    dstn_pass pass;
} chain;

static inline const char *chain_hyper_name(const void *user, size_t i) {
    static const char *const names[] = {"a", "b", "c"};
    return (int64_t)i < *(const int64_t *)user ? names[i] : NULL;
}

static inline void chain_normals(uint64_t step, int64_t count, double *values) {
    for (int64_t i = 0; i < count; i++) {
        double pair[2];
        dstn_rng_normals(chain_rng, step, 0, (uint64_t)i, pair);
        values[i] = (double)(float)pair[0];
    }
}

static inline void chain_set(const chain *c, uint64_t step, int64_t count, void *array) {
    double values[CHAIN_SPACE];
    chain_normals(step, count, values);
    c->kernel->from_double(c->kernel, count, values, array);
}

static inline void *chain_take(chain *c, int64_t count) {
    return dstn_arena_take(c->arena, (size_t)count * c->kernel->size);
}

/* Parameters of a range one after the other, as a model lays them out, and random. */
static inline void chain_bind(chain *c) {
    int64_t next[DSTN_RANGES] = {0, 1000}; /* no range begins at 0 in particular */
    for (int l = 0; l < c->count; l++) {
        dstn_layer *layer = c->layers[l];
        for (int i = 0; i < layer->buffer_count; i++) {
            dstn_buffer *buffer = &layer->buffers[i];
            buffer->value = dstn_arena_take(c->arena, (size_t)buffer->count * sizeof(double));
            chain_normals((uint64_t)(200 + 10 * l + i), buffer->count, buffer->value);
            for (int64_t e = 0; e < buffer->count; e++) { /* fit for a variance */
                buffer->value[e] = 0.5 + fabs(buffer->value[e]);
            }
        }
        for (int p = 0; p < layer->parameter_count; p++) {
            dstn_parameter *parameter = &layer->parameters[p];
            dstn_layer_bind_parameter(layer, p, next[parameter->range], chain_take(c, parameter->count),
                                      chain_take(c, parameter->count));
            next[parameter->range] += parameter->count;
        }
        if (!dstn_layer_bind(layer, c->arena)) {
            abort();
        }
        for (int p = 0; p < layer->parameter_count; p++) {
            double values[CHAIN_SPACE];
            chain_normals((uint64_t)(100 + 10 * l + p), layer->parameters[p].count, values);
            dstn_parameter_import(&layer->parameters[p], c->kernel, values, layer->parameters[p].value);
        }
    }
}

static inline void chain_take_passes(chain *c) {
    int64_t rows = c->plan.rows, h = c->plan.hypers, widest = 0;
    for (int l = 0; l <= c->count; l++) {
        int64_t width = dstn_shape_count(l ? c->layers[l - 1]->out : c->layers[0]->in);
        if (rows * width > CHAIN_SPACE) {
            abort();
        }
        c->width[l] = width;
        widest = width > widest ? width : widest;
        c->x[l] = chain_take(c, rows * width);
        c->x_dot[l] = chain_take(c, rows * width);
        c->delta[l] = chain_take(c, rows * width);
    }
    c->changed = chain_take(c, rows * widest);
    c->out = c->width[c->count];
    c->z = chain_take(c, rows * h);
    c->dz = chain_take(c, rows * h);
    c->values = dstn_arena_take(c->arena, (size_t)(rows * h) * sizeof(double));
    chain_set(c, 1, rows * c->width[0], c->x[0]);
    chain_set(c, 2, rows * h, c->z);
    chain_normals(3, rows * c->out, c->weights);
    for (int64_t i = 0; i < rows * h; i++) {
        c->values[i] = 0.15 + 0.3 * fabs(sin((double)i)); /* fit for a rate and for a strength */
    }
}

/* On failure the message is in err and the chain needs no destruction. */
static inline dstn_status chain_new(chain *c, chain_plan plan, dstn_error *err) {
    static const bool per_batch[] = {true, true, true};
    *c = (chain){.plan = plan, .arena = dstn_arena_new()};
    char *text = dstn_format("layers: %s\nregularizer: %s\n", plan.layers, plan.options ? plan.options : "{}");
    dstn_shape shape = plan.image.rank ? plan.image : (dstn_shape){.rank = 1, .dims = {plan.in}};
    dstn_layer_setting setting = {.response = plan.response,
                                  .hypers = plan.hypers,
                                  .max_rows = plan.max_rows ? plan.max_rows : plan.rows,
                                  .hyper_names = {.at = chain_hyper_name, .user = &plan.hypers},
                                  .per_batch = plan.per_batch ? per_batch : NULL,
                                  .synchronized = plan.synchronized};
    dstn_status status = dstn_doc_parse(text, "chain.yaml", &c->doc, err);
    free(text);
    if (!status) {
        status = dstn_kernel_find(plan.backend ? plan.backend : "openblas", plan.scalar, &c->kernel, err);
    }
    setting.kernel = c->kernel;
    dstn_node list = status ? (dstn_node){0} : dstn_node_child(dstn_doc_root(c->doc), "layers");
    for (size_t i = 0; !status && i < dstn_node_count(list); i++) {
        status = dstn_layer_read(dstn_node_at(list, i), (int)i, shape, &setting, &c->layers[i], err);
        if (!status) {
            shape = c->layers[i]->out;
            c->count++;
        }
    }
    if (!status && plan.regularizer) {
        status = dstn_regularizer_read(plan.regularizer, dstn_node_child(dstn_doc_root(c->doc), "regularizer"),
                                       c->layers, c->count, 17, &setting, &c->regularizer, err);
    }
    if (!status) {
        chain_bind(c);
        chain_take_passes(c);
        status = c->regularizer && !c->regularizer->type->bind(c->regularizer, c->arena) ? DSTN_ERROR_RUN : DSTN_OK;
    }
    c->pass = (dstn_pass){.training = true,
                          .rows = plan.rows,
                          .batch_rows = plan.rows + 3,
                          .values = c->values,
                          .masks = chain_rng,
                          .step = 5};
    return status;
}

static inline void chain_destroy(chain *c) {
    dstn_regularizer_destroy(c->regularizer);
    for (int l = 0; l < c->count; l++) {
        dstn_layer_destroy(c->layers[l]);
    }
    dstn_arena_destroy(c->arena);
    dstn_doc_destroy(c->doc);
}

/* A pass of the kind; the gradients it wants are those that a training step of that kind does. */
static inline void chain_set_kind(chain *c, dstn_pass_kind kind, bool general, bool response) {
    c->pass.kind = kind;
    c->pass.grad[DSTN_RANGE_GENERAL] = general;
    c->pass.grad[DSTN_RANGE_RESPONSE] = response;
    c->pass.z = kind == DSTN_PASS_GENERAL ? NULL : c->z;
    c->pass.dz = kind == DSTN_PASS_RESPONSE ? c->dz : NULL;
}

/* ---- the two stages of a layer ----------------------------------------------------------------------------------- */

/* Row r of an array [rows, width]; NULL stays NULL. */
static inline void *chain_row(const chain *c, void *array, int64_t r, int64_t width) {
    return array ? (char *)array + (size_t)(r * width) * c->kernel->size : NULL;
}

typedef void chain_rows_stage(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);

/* Parts of a batch layer, in order, and blocks of a part; `at` counts from its beginning. */
static inline dstn_rows chain_part_from(const chain *c, int l, int64_t first) {
    const dstn_layer *layer = c->layers[l];
    int64_t left = c->pass.rows - first;
    bool in_parts = c->part > 0 && layer->type->batch.part_values(layer) > 0 && c->part < left;
    return (dstn_rows){.first = first, .count = in_parts ? c->part : left, .last = !in_parts};
}

static inline dstn_rows chain_block_of(const chain *c, dstn_rows part, int64_t i) {
    int64_t size = c->block == 0 ? part.count : c->block < 0 ? -c->block : c->block;
    int64_t blocks = (part.count + size - 1) / size, at = size * (c->block < 0 ? blocks - 1 - i : i);
    if (i >= blocks) {
        return (dstn_rows){0};
    }
    return (dstn_rows){.first = part.first + at, .count = part.count - at < size ? part.count - at : size, .at = at};
}

/* These rows of an array between layers l − 1 and l; NULL stays NULL. */
static inline void *chain_at(const chain *c, void *array, int l, dstn_rows rows) {
    return chain_row(c, array, rows.first, c->width[l]);
}

static inline void chain_layer_forward(chain *c, int l) {
    dstn_layer *layer = c->layers[l];
    const dstn_layer_type *type = layer->type;
    void *x = c->x[l], *y = c->x[l + 1];
    if (type->kind == DSTN_LAYER_SHAPE) {
        c->kernel->copy(c->kernel, c->pass.rows * c->width[l + 1], x, y);
        return;
    }
    for (dstn_rows part = chain_part_from(c, l, 0), rows; part.count > 0;
         part = chain_part_from(c, l, part.first + part.count)) {
        if (type->kind == DSTN_LAYER_BATCH) {
            type->batch.forward(layer, &c->pass, part, chain_at(c, x, l, part), chain_at(c, y, l + 1, part));
        }
        for (int64_t i = 0; (rows = chain_block_of(c, part, i)).count > 0; i++) {
            chain_rows_stage *stage = type->kind == DSTN_LAYER_BATCH ? type->batch.forward_rows : type->rows.forward;
            stage(layer, &c->pass, rows, chain_at(c, x, l, rows), chain_at(c, y, l + 1, rows));
        }
    }
}

static inline void chain_layer_tangent(chain *c, int l) {
    dstn_layer *layer = c->layers[l];
    const dstn_layer_type *type = layer->type;
    bool is_batch = type->kind == DSTN_LAYER_BATCH;
    void *x = c->x[l], *x_dot = c->x_dot[l], *y_dot = c->x_dot[l + 1];
    if (l == 0 && !c->has_input_tangent) { /* only a batch layer can be told that there is none */
        c->kernel->fill(c->kernel, c->pass.rows * c->width[0], 0, x_dot);
        x_dot = is_batch ? NULL : x_dot;
    }
    if (type->kind == DSTN_LAYER_SHAPE) {
        c->kernel->copy(c->kernel, c->pass.rows * c->width[l + 1], x_dot, y_dot);
        return;
    }
    for (dstn_rows part = chain_part_from(c, l, 0), rows; part.count > 0;
         part = chain_part_from(c, l, part.first + part.count)) {
        if (is_batch) {
            type->batch.tangent(layer, &c->pass, part, chain_at(c, x, l, part), chain_at(c, x_dot, l, part),
                                chain_at(c, y_dot, l + 1, part));
        }
        for (int64_t i = 0; (rows = chain_block_of(c, part, i)).count > 0; i++) {
            void *to = chain_at(c, y_dot, l + 1, rows), *from = chain_at(c, x_dot, l, rows);
            if (is_batch) {
                type->batch.tangent_rows(layer, &c->pass, rows, chain_at(c, x, l, rows), from, to);
            } else {
                type->rows.tangent(layer, &c->pass, rows, from, to);
            }
        }
    }
}

/* From delta[l + 1] to dx, delta[l] or NULL. */
static inline void chain_layer_adjoint(chain *c, int l, void *dx) {
    dstn_layer *layer = c->layers[l];
    const dstn_layer_type *type = layer->type;
    bool is_batch = type->kind == DSTN_LAYER_BATCH;
    void *x = c->x[l], *dy = c->changed;
    c->kernel->copy(c->kernel, c->pass.rows * c->width[l + 1], c->delta[l + 1], dy);
    if (type->kind == DSTN_LAYER_SHAPE) {
        c->kernel->copy(c->kernel, c->pass.rows * c->width[l], dy, dx);
        return;
    }
    for (dstn_rows part = chain_part_from(c, l, 0), rows; part.count > 0;
         part = chain_part_from(c, l, part.first + part.count)) {
        for (int64_t i = 0; (rows = chain_block_of(c, part, i)).count > 0; i++) {
            if (is_batch) {
                type->batch.adjoint_rows(layer, &c->pass, rows, chain_at(c, dy, l + 1, rows));
            } else {
                type->rows.adjoint(layer, &c->pass, rows, chain_at(c, dy, l + 1, rows), chain_at(c, dx, l, rows));
            }
        }
        if (is_batch) {
            type->batch.adjoint(layer, &c->pass, part, chain_at(c, x, l, part), chain_at(c, dy, l + 1, part),
                                chain_at(c, dx, l, part));
        }
    }
}

static inline void chain_forward(chain *c) {
    for (int l = 0; l < c->count; l++) {
        dstn_layer_begin(c->layers[l], &c->pass);
        chain_layer_forward(c, l);
        if (c->pass.kind == DSTN_PASS_LINEARIZED) {
            chain_layer_tangent(c, l);
        }
    }
}

/* y, or y + ẏ in a linearized pass, in double. */
static inline void chain_prediction(const chain *c, double *y) {
    double tangent[CHAIN_SPACE];
    int64_t count = c->plan.rows * c->out;
    c->kernel->to_double(c->kernel, count, c->x[c->count], y);
    if (c->pass.kind == DSTN_PASS_LINEARIZED) {
        c->kernel->to_double(c->kernel, count, c->x_dot[c->count], tangent);
        for (int64_t i = 0; i < count; i++) {
            y[i] += tangent[i];
        }
    }
}

/* Σ (weights ⊙ y + ½ y²) of the prediction y, plus the penalty. */
static inline double chain_objective(chain *c) {
    double y[CHAIN_SPACE], sum = 0;
    dstn_pass wanted = c->pass;
    chain_forward(c);
    chain_prediction(c, y);
    for (int64_t i = 0; i < c->plan.rows * c->out; i++) {
        sum += c->weights[i] * y[i] + 0.5 * y[i] * y[i];
    }
    if (c->regularizer) {
        wanted.grad[0] = wanted.grad[1] = false;
        sum += c->regularizer->type->penalize(c->regularizer, &wanted);
    }
    return sum;
}

static inline void chain_adjoint(chain *c) {
    for (int l = c->count - 1; l >= 0; l--) {
        chain_layer_adjoint(c, l, c->delta[l]);
    }
}

/* Gradients of chain_objective in delta[0], dz and the parameters; the objective's penalty alone is returned. */
static inline double chain_gradients(chain *c) {
    double delta[CHAIN_SPACE];
    for (int l = 0; l < c->count; l++) {
        for (int p = 0; p < c->layers[l]->parameter_count; p++) {
            c->kernel->fill(c->kernel, c->layers[l]->parameters[p].count, 0, c->layers[l]->parameters[p].gradient);
        }
    }
    c->kernel->fill(c->kernel, c->plan.rows * c->plan.hypers, 0, c->dz);
    chain_forward(c);
    chain_prediction(c, delta);
    for (int64_t i = 0; i < c->plan.rows * c->out; i++) {
        delta[i] += c->weights[i];
    }
    c->kernel->from_double(c->kernel, c->plan.rows * c->out, delta, c->delta[c->count]);
    double penalty = c->regularizer ? c->regularizer->type->penalize(c->regularizer, &c->pass) : 0;
    chain_adjoint(c);
    return penalty;
}

/* Central difference of the objective in element i of an array (f64 only). */
static inline double chain_difference(chain *c, void *array, int64_t i) {
    const double step = 1e-6;
    double *element = (double *)array + i, kept = *element;
    *element = kept + step;
    double above = chain_objective(c);
    *element = kept - step;
    double below = chain_objective(c);
    *element = kept;
    return (above - below) / (2 * step);
}

/* The array's analytic gradient [count] against differences, or against zero where the pass does not want it. */
static inline void chain_check_array(chain *c, const char *what, void *array, const void *gradient, int64_t count,
                                     bool wanted) {
    double objective = wanted ? fabs(chain_objective(c)) : 0;
    for (int64_t i = 0; i < count; i++) {
        double got = ((const double *)gradient)[i], want = wanted ? chain_difference(c, array, i) : 0;
        /* The second is the rounding of the objective, divided by the step. */
        if (!(fabs(got - want) <= 2e-7 * (1 + fabs(want)) + 1e-9 * objective)) {
            fail_msg("%s[%d]: gradient %.10g, difference quotient %.10g", what, (int)i, got, want);
        }
    }
}

/* All parameters' gradients, the input's and z's, of the pass as it is set. */
static inline void chain_check_gradients(chain *c) {
    chain_gradients(c);
    for (int l = 0; l < c->count; l++) {
        for (int p = 0; p < c->layers[l]->parameter_count; p++) {
            dstn_parameter *parameter = &c->layers[l]->parameters[p];
            bool reached = !(parameter->range == DSTN_RANGE_RESPONSE && c->pass.kind == DSTN_PASS_GENERAL) &&
                           !(parameter->range == DSTN_RANGE_GENERAL && c->pass.kind == DSTN_PASS_LINEARIZED);
            chain_check_array(c, parameter->name, parameter->value, parameter->gradient, parameter->count,
                              reached && c->pass.grad[parameter->range]);
        }
    }
}

#endif
