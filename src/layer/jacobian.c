/* layer: the regularizer Σ_b c_b ½‖∂y/∂x at z_b‖²_F of a chain of linear layers (App. H.1). Row k of ∂y/∂x is
 * v_0 = e_k W_L(z) … W_1(z), got from v_L = e_k by v_{l−1} = v_l W_l(z); with dv_0 = c v_0 the gradient in W_l is
 * v_l ⊗ dv_{l−1}, where dv_l = W_l(z) dv_{l−1}. One output k is taken at a time, a row for each example; at z = 0 all
 * examples have one Jacobian, whose rows are taken together.
 * Linearized (Sec. 3.3), the vector is β + β̇: v̇_{l−1} = v̇_l W_l + v_l ΔW_l, of which ΔW_l has the gradient
 * v_l ⊗ dv̇_{l−1} with dv̇_l = W_l dv̇_{l−1}. */
#include "penalty.h"

typedef struct jacobian_content {
    double *weights;   /* [B]: c_b */
    void *row_weights; /* [B] in the kernel's type */
    void **v;          /* [layers + 1], v_l [B, width of layer l's output] */
    void *tangent[2];  /* v̇_l and v̇_{l−1}, [B, widest] */
    void *adjoint[2];  /* dv_{l−1} and dv_l, [B, widest] */
} jacobian_content;

static const dstn_option options[] = {PENALTY_OPTIONS, DSTN_OPTIONS_END};

static dstn_status plan(dstn_regularizer *regularizer, dstn_node node, dstn_error *err) {
    for (int l = 0; l < regularizer->layer_count; l++) {
        const dstn_layer *layer = regularizer->layers[l];
        if (!dstn_layer_matrix(layer)) {
            return dstn_node_fail(node, err,
                                  "layer %d is %s, but the Jacobian's norm is known for chains of linear layers only",
                                  layer->index, layer->type->name);
        }
    }
    return DSTN_OK;
}

/* Values an example has after layer l, 0 being the input. */
static int64_t width_at(const dstn_regularizer *regularizer, int l) {
    return dstn_shape_count(l == 0 ? regularizer->layers[0]->in : regularizer->layers[l - 1]->out);
}

static bool bind(dstn_regularizer *regularizer, dstn_arena *arena) {
    int count = regularizer->layer_count;
    jacobian_content *jacobian = dstn_arena_take(arena, sizeof *jacobian);
    void **v = dstn_arena_take(arena, ((size_t)count + 1) * sizeof *v);
    if (!jacobian || !v) {
        return false;
    }
    regularizer->content = jacobian;
    jacobian->v = v;
    size_t rows = (size_t)regularizer->max_rows, column = rows * regularizer->kernel->size;
    int64_t widest = 0;
    bool complete = true;
    for (int l = 0; l <= count; l++) {
        int64_t width = width_at(regularizer, l);
        widest = width > widest ? width : widest;
        v[l] = dstn_arena_take(arena, column * (size_t)width);
        complete = complete && v[l];
    }
    for (int i = 0; i < 2; i++) {
        jacobian->tangent[i] = dstn_arena_take(arena, column * (size_t)widest);
        jacobian->adjoint[i] = dstn_arena_take(arena, column * (size_t)widest);
        complete = complete && jacobian->tangent[i] && jacobian->adjoint[i];
    }
    jacobian->weights = dstn_arena_take(arena, rows * sizeof(double));
    jacobian->row_weights = dstn_arena_take(arena, column);
    return complete && jacobian->weights && jacobian->row_weights;
}

/* v_L: row r is the unit vector of output first + r (at z = 0), or of output first in every row. */
static void set_unit_rows(const dstn_regularizer *regularizer, const dstn_pass *pass, int64_t first) {
    const jacobian_content *jacobian = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    int64_t outputs = width_at(regularizer, regularizer->layer_count);
    void *rows = jacobian->v[regularizer->layer_count];
    kernel->fill(kernel, pass->rows * outputs, 0, rows);
    for (int64_t r = 0; r < pass->rows; r++) {
        int64_t output = pass->kind == DSTN_PASS_GENERAL ? first + r : first;
        kernel->fill(kernel, 1, 1, layer_element(kernel, rows, r * outputs + output));
    }
}

/* From v_L down to v_0, and in a linearized pass from v̇_L = 0 to v̇_0. Returns the vector whose norm is penalized,
 * v_0 or v_0 + v̇_0, [rows, in]. */
static void *descend(dstn_regularizer *regularizer, const dstn_pass *pass) {
    const jacobian_content *jacobian = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    bool is_linearized = pass->kind == DSTN_PASS_LINEARIZED;
    void *above = NULL, *below = jacobian->tangent[0];
    for (int l = regularizer->layer_count; l > 0; l--) {
        dstn_response_map *map = dstn_layer_matrix(regularizer->layers[l - 1]);
        dstn_response_map_transpose(map, pass, jacobian->v[l], jacobian->v[l - 1]);
        if (!is_linearized) {
            continue;
        }
        if (above) {
            dstn_response_map_transpose(map, pass, above, below);
        } else {
            kernel->fill(kernel, pass->rows * width_at(regularizer, l - 1), 0, below);
        }
        dstn_response_map_transpose_response(map, pass, jacobian->v[l], below);
        above = below;
        below = above == jacobian->tangent[0] ? jacobian->tangent[1] : jacobian->tangent[0];
    }
    if (!is_linearized) {
        return jacobian->v[0];
    }
    kernel->axpy(kernel, pass->rows * width_at(regularizer, 0), 1, jacobian->v[0], above);
    return above;
}

/* Gradients from dv_0 [rows, in], in adjoint[0], upwards. */
static void ascend(dstn_regularizer *regularizer, const dstn_pass *pass) {
    const jacobian_content *jacobian = regularizer->content;
    void *below = jacobian->adjoint[0], *above = jacobian->adjoint[1];
    for (int l = 1; l <= regularizer->layer_count; l++) {
        dstn_response_map *map = dstn_layer_matrix(regularizer->layers[l - 1]);
        dstn_response_map_accumulate(map, pass, jacobian->v[l], below);
        if (l < regularizer->layer_count) {
            dstn_response_map_apply(map, pass, below, above);
        }
        void *done = below;
        below = above;
        above = done;
    }
}

/* The share of the Jacobian's rows that the pass's rows stand for, from output `first`. */
static double penalize_rows(dstn_regularizer *regularizer, const dstn_pass *pass, int64_t first) {
    const jacobian_content *jacobian = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    int64_t in = width_at(regularizer, 0);
    set_unit_rows(regularizer, pass, first);
    void *vector = descend(regularizer, pass);
    dstn_factor weights = {jacobian->row_weights, 1, 0};
    kernel->response_scale(kernel, pass->rows, 1, in, weights, vector, jacobian->adjoint[0]);
    double sum = kernel->dot(kernel, pass->rows * in, vector, jacobian->adjoint[0]);
    if (dstn_pass_wants(pass, DSTN_RANGE_GENERAL) || dstn_pass_wants(pass, DSTN_RANGE_RESPONSE)) {
        ascend(regularizer, pass);
    }
    return 0.5 * sum;
}

static double penalize(dstn_regularizer *regularizer, const dstn_pass *pass) {
    const jacobian_content *jacobian = regularizer->content;
    const dstn_kernel *kernel = regularizer->kernel;
    int64_t outputs = width_at(regularizer, regularizer->layer_count);
    dstn_pass rows = *pass;
    double total = layer_penalty_weights(regularizer, pass, jacobian->weights), sum = 0;
    kernel->from_double(kernel, pass->rows, jacobian->weights, jacobian->row_weights);
    int64_t outputs_at_once = 1;
    if (pass->kind == DSTN_PASS_GENERAL) {
        outputs_at_once = regularizer->max_rows < outputs ? regularizer->max_rows : outputs;
        kernel->fill(kernel, outputs_at_once, total, jacobian->row_weights);
    }
    for (int64_t first = 0; first < outputs; first += outputs_at_once) {
        if (pass->kind == DSTN_PASS_GENERAL) {
            rows.rows = outputs - first < outputs_at_once ? outputs - first : outputs_at_once;
        }
        sum += penalize_rows(regularizer, &rows, first);
    }
    return sum;
}

const dstn_regularizer_type layer_regularizer_jacobian = {
    .name = "jacobian",
    .help = "half the squared norm of the outputs' derivative in the inputs, for chains of linear layers",
    .options = options,
    .settings_size = sizeof(dstn_penalty_settings),
    .example = "{strength: a}",
    .example_layers = "[linear: {out: 3}, linear: {out: 2}]",
    .plan = plan,
    .bind = bind,
    .penalize = penalize,
};
