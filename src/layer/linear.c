/* layer: the linear response layer,
 *   y = W_g x + b_g + Σ_j [ s_j(z) ⊙ (W_j x) + t_j(z) ⊙ b_j ]:
 * its parameters and its general part. Products a pass (less those with the input's tangent or adjoint in the first
 * layer): ordinary 3, response 6, linearized 5, hyperparameter step 4. */
#include "linear.h"

static const dstn_option options[] = {
    {"out", DSTN_OPTION_INT, offsetof(linear_settings, out), 0, 1e9, NULL, "0",
     "number of outputs; 0: as many as inputs", false},
    {"bias", DSTN_OPTION_BOOL, offsetof(linear_settings, bias), 0, 0, NULL, "true", "whether a bias is added", false},
    {"init", DSTN_OPTION_CHOICE, offsetof(linear_settings, init), 0, 0, "kaiming|orthogonal|zero", "kaiming",
     "initial general weights: uniform within 1/sqrt(inputs), orthonormal rows or columns, or zero", false},
    {NULL, 0, 0, 0, 0, NULL, NULL, NULL, false}};

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static void declare(dstn_layer *layer, const char *name, dstn_range range, dstn_layout layout, int rank,
                    const int64_t *shape) {
    dstn_parameter *parameter = &layer->parameters[layer->parameter_count++];
    *parameter = (dstn_parameter){.range = range, .layout = layout, .rank = rank, .count = 1};
    snprintf(parameter->name, sizeof parameter->name, "%s", name);
    for (int i = 0; i < rank; i++) {
        parameter->shape[i] = shape[i];
        parameter->count *= shape[i];
    }
}

static void declare_response(dstn_layer *layer, int64_t in, int64_t out, bool has_bias) {
    /* Without the leading h where there is one structured term. */
    bool is_full = layer->response == DSTN_RESPONSE_FULL;
    const int64_t shape[] = {layer->hypers, out, in};
    const int64_t hyper[] = {has_bias ? 2 * out : out, layer->hypers};
    declare(layer, "response_weight", DSTN_RANGE_RESPONSE, DSTN_LAYOUT_TRANSPOSED, is_full ? 3 : 2,
            is_full ? shape : shape + 1);
    if (has_bias) {
        declare(layer, "response_bias", DSTN_RANGE_RESPONSE, DSTN_LAYOUT_PLAIN, is_full ? 2 : 1,
                is_full ? shape : shape + 1);
    }
    if (!is_full) {
        declare(layer, "hyper", DSTN_RANGE_RESPONSE, DSTN_LAYOUT_PLAIN, 2, hyper);
    }
}

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const linear_settings *settings = layer->settings;
    int64_t in = dstn_shape_count(layer->in), out = settings->out > 0 ? settings->out : in;
    double copies = layer->response == DSTN_RESPONSE_FULL ? (double)layer->hypers + 1 : 2;
    if ((double)in * (double)out * copies > 1e15) {
        return dstn_node_fail(node, err, "%lld inputs and %lld outputs are more weights than any machine holds",
                              (long long)in, (long long)out);
    }
    const int64_t shape[] = {out, in};
    layer->out = (dstn_shape){1, {out}};
    declare(layer, "general_weight", DSTN_RANGE_GENERAL, DSTN_LAYOUT_TRANSPOSED, 2, shape);
    if (settings->bias) {
        declare(layer, "general_bias", DSTN_RANGE_GENERAL, DSTN_LAYOUT_PLAIN, 1, shape);
    }
    if (layer->hypers > 0) {
        declare_response(layer, in, out, settings->bias);
    }
    return DSTN_OK;
}

static void find_parameters(dstn_layer *layer, linear_content *linear) {
    linear->weight = (dstn_parameter *)dstn_layer_parameter(layer, "general_weight");
    linear->bias = (dstn_parameter *)dstn_layer_parameter(layer, "general_bias");
    linear->response_weight = (dstn_parameter *)dstn_layer_parameter(layer, "response_weight");
    linear->response_bias = (dstn_parameter *)dstn_layer_parameter(layer, "response_bias");
    linear->hyper = (dstn_parameter *)dstn_layer_parameter(layer, "hyper");
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    linear_content *linear = dstn_arena_take(arena, sizeof *linear);
    if (!linear) {
        return false;
    }
    layer->content = linear;
    find_parameters(layer, linear);
    linear->in = dstn_shape_count(layer->in);
    linear->out = dstn_shape_count(layer->out);
    bool is_full = layer->response == DSTN_RESPONSE_FULL;
    linear->terms = layer->hypers == 0 ? 0 : is_full ? layer->hypers : 1;
    linear->width = linear->hyper ? linear->hyper->shape[0] : 0;
    if (linear->terms == 0) {
        return true;
    }
    int64_t width = linear->width > linear->out ? linear->width : linear->out;
    size_t column = (size_t)layer->max_rows * layer->kernel->size;
    linear->factors = dstn_arena_take(arena, column * (size_t)linear->width);
    linear->products = dstn_arena_take(arena, column * (size_t)(linear->terms * linear->out));
    linear->scaled = dstn_arena_take(arena, column * (size_t)linear->out);
    linear->adjoints = dstn_arena_take(arena, column * (size_t)width);
    return linear->factors && linear->products && linear->scaled && linear->adjoints;
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

static void forward(dstn_layer *layer, const dstn_pass *pass, const void *x, void *y) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    layer->x = x;
    kernel->gemm(false, false, pass->rows, linear->out, linear->in, 1, x, linear->in, linear->weight->value,
                 linear->out, 0, y, linear->out);
    if (linear->bias) {
        kernel->add_row(pass->rows, linear->out, linear->bias->value, y);
    }
    if (pass->kind == DSTN_PASS_RESPONSE) {
        linear_terms_forward(layer, pass, x, y);
    }
}

/* dx = δ W_gᵀ. */
static void input_adjoint(const dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx) {
    const linear_content *linear = layer->content;
    layer->kernel->gemm(false, true, pass->rows, linear->in, linear->out, 1, dy, linear->out, linear->weight->value,
                        linear->out, 0, dx, linear->in);
}

static void adjoint(dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    if (layer_wants(pass, DSTN_RANGE_GENERAL)) {
        kernel->gemm(true, false, linear->in, linear->out, pass->rows, 1, layer->x, linear->in, dy, linear->out, 1,
                     linear->weight->gradient, linear->out);
        if (linear->bias) {
            kernel->sum_rows(pass->rows, linear->out, dy, linear->bias->gradient);
        }
        layer_gradient_ready(layer, pass, DSTN_RANGE_GENERAL);
    }
    if (dx) {
        input_adjoint(layer, pass, dy, dx);
    }
    linear_terms_adjoint(layer, pass, dy, dx);
}

static void tangent(dstn_layer *layer, const dstn_pass *pass, const void *x_tangent, void *y_tangent) {
    const linear_content *linear = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    layer->x_tangent = x_tangent;
    if (x_tangent) {
        kernel->gemm(false, false, pass->rows, linear->out, linear->in, 1, x_tangent, linear->in, linear->weight->value,
                     linear->out, 0, y_tangent, linear->out);
    } else {
        kernel->fill(pass->rows * linear->out, 0, y_tangent);
    }
    linear_terms_forward(layer, pass, layer->x, y_tangent);
}

static void tangent_adjoint(dstn_layer *layer, const dstn_pass *pass, const void *dy, void *dx) {
    if (dx) {
        input_adjoint(layer, pass, dy, dx);
    }
    linear_terms_adjoint(layer, pass, dy, NULL);
}

static double product_flops(const dstn_layer *layer) {
    return 2 * (double)dstn_shape_count(layer->in) * (double)dstn_shape_count(layer->out);
}

const dstn_layer_type layer_linear = {
    .name = "linear",
    .help = "y = W x + b with a response to the hyperparameters",
    .options = options,
    .settings_size = sizeof(linear_settings),
    .plan = plan,
    .bind = bind,
    .initialize = linear_initialize,
    .forward = forward,
    .adjoint = adjoint,
    .tangent = tangent,
    .tangent_adjoint = tangent_adjoint,
    .product_flops = product_flops,
};
