/* layer: the LSTM. With the gates of step t, p_t = W_i x_t + b_i + W_h h_{t−1} + b_h, in the order forget, input,
 * output, cell: c_t = σ(p_f) ⊙ c_{t−1} + σ(p_i) ⊙ tanh(p_g),   h_t = σ(p_o) ⊙ tanh(c_t). W_i and W_h with their biases
 * are response maps; all steps of an example share its z. h and c go on from batch to batch as state of the rows, and
 * derivatives end there: truncated back-propagation.
 *
 * What doesn't wait for the step before is one product over all steps: the input's part, in a linearized pass the
 * response's part of both maps, and all gradients of weights. Only W_h h, W_h ḣ and W_hᵀ δ go step by step. */
#include "response_map.h"

typedef struct lstm_content {
    dstn_response_map input, hidden; /* W_i and W_h */
    int64_t units;
    /* Of the last forward pass, [BT, units] where nothing else is said. */
    void *gates;    /* [BT, 4 units] p, then f, i, o, g, and on the way down ∂L/∂p */
    void *before_h; /* h_{t−1}: the hidden map's input */
    void *c, *tanh_c;
    void *gate_tangents; /* [BT, 4 units] ṗ; NULL where nothing responds */
    void *delta;         /* ∂L/∂h */
    void *cell;          /* [B, units] ċ on the way up, ∂L/∂c on the way down */
    void *zero;          /* [B, units] what rows start from that don't go on */
} lstm_content;

static const dstn_option options[] = {
    DSTN_INT("out", dstn_map_settings, out, 0, 1e9, "0", "number of units; 0: as many as inputs"), MAP_OPTIONS,
    DSTN_OPTIONS_END};

/* ---- making ------------------------------------------------------------------------------------------------------ */

static dstn_status plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    const dstn_map_settings *settings = layer->settings;
    lstm_content *lstm = layer->content;
    int64_t in = dstn_shape_count(layer->in), units = settings->out > 0 ? settings->out : in;
    lstm->units = units;
    layer->out = (dstn_shape){.rank = 1, .dims = {units}};
    dstn_map_request request = {.prefix = "i2h_",
                                .shape = dstn_map_shape_of_matrix(in, 4 * units),
                                .channels = dstn_shape_channels(layer->in),
                                .bias = settings->bias,
                                .responds = true,
                                .init = settings->init};
    dstn_status status = dstn_response_map_plan(&lstm->input, layer, &request, node, err);
    if (status != DSTN_OK) {
        return status;
    }
    request.prefix = "h2h_";
    request.shape = dstn_map_shape_of_matrix(units, 4 * units);
    request.channels = 1;
    request.recurs = true;
    request.weight_dropout = &settings->weight_dropout;
    dstn_layer_declare_state(layer, "h", units);
    dstn_layer_declare_state(layer, "c", units);
    return dstn_response_map_plan(&lstm->hidden, layer, &request, node, err);
}

static bool bind(dstn_layer *layer, dstn_arena *arena) {
    lstm_content *lstm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    size_t rows = (size_t)(layer->max_rows * lstm->units) * kernel->size;
    size_t examples = (size_t)(layer->max_examples * lstm->units) * kernel->size;
    bool responds = lstm->hidden.terms > 0;
    lstm->gates = dstn_arena_take(arena, 4 * rows);
    lstm->before_h = dstn_arena_take(arena, rows);
    lstm->c = dstn_arena_take(arena, rows);
    lstm->tanh_c = dstn_arena_take(arena, rows);
    lstm->gate_tangents = responds ? dstn_arena_take(arena, 4 * rows) : NULL;
    lstm->delta = dstn_arena_take(arena, rows);
    lstm->cell = dstn_arena_take(arena, examples);
    lstm->zero = dstn_arena_take(arena, examples);
    if (!lstm->gates || !lstm->before_h || !lstm->c || !lstm->tanh_c || !lstm->delta || !lstm->cell || !lstm->zero) {
        return false;
    }
    kernel->fill(kernel, layer->max_examples * lstm->units, 0, lstm->zero);
    return lstm->gate_tangents || !responds;
}

/* ---- time steps -------------------------------------------------------------------------------------------------- */

/* What the rows had before the first step; rows one behind the other. */
static const void *state_of(const dstn_layer *layer, const dstn_pass *pass, int which) {
    const lstm_content *lstm = layer->content;
    const void *value = layer->states[which].value[pass->stream];
    return pass->carried && value ? layer_element(layer->kernel, value, pass->state_row * lstm->units) : lstm->zero;
}

/* Step t of an array [BT, units]. */
static void *at_step(const dstn_layer *layer, const void *array, int64_t t) {
    return layer_element(layer->kernel, array, t * ((const lstm_content *)layer->content)->units);
}

static void *gates_at(const dstn_layer *layer, const void *array, int64_t t) {
    return at_step(layer, array, 4 * t);
}

static dstn_lstm_rows rows_at(const dstn_layer *layer, const dstn_pass *pass, int64_t t) {
    int64_t units = ((const lstm_content *)layer->content)->units, width = dstn_pass_steps(pass) * units;
    return (dstn_lstm_rows){
        .count = pass->rows, .units = units, .gates = 4 * width, .states = width, .before = t > 0 ? width : units};
}

static const void *cells_before(const dstn_layer *layer, const dstn_pass *pass, int64_t t) {
    const lstm_content *lstm = layer->content;
    return t > 0 ? at_step(layer, lstm->c, t - 1) : state_of(layer, pass, 1);
}

/* to[b] = from[b] of some steps of every example, [B, steps, units] in arrays of these strides. */
static void copy_steps(const dstn_layer *layer, const dstn_pass *pass, int64_t steps, const void *from,
                       int64_t from_stride, void *to, int64_t to_stride) {
    const dstn_kernel *kernel = layer->kernel;
    int64_t units = ((const lstm_content *)layer->content)->units;
    for (int64_t b = 0; b < pass->rows; b++) {
        kernel->copy(kernel, steps * units, at_step(layer, from, b * from_stride), at_step(layer, to, b * to_stride));
    }
}

/* h_{t−1} of every row, from the h that the output has. */
static void keep_before(const dstn_layer *layer, const dstn_pass *pass, const void *h) {
    const lstm_content *lstm = layer->content;
    int64_t steps = dstn_pass_steps(pass);
    copy_steps(layer, pass, 1, state_of(layer, pass, 0), 1, lstm->before_h, steps);
    copy_steps(layer, pass, steps - 1, h, steps, at_step(layer, lstm->before_h, 1), steps);
}

/* What the batch after this one goes on from. */
static void leave_state(const dstn_layer *layer, const dstn_pass *pass, const void *h) {
    const lstm_content *lstm = layer->content;
    int64_t steps = dstn_pass_steps(pass);
    const void *const last[] = {at_step(layer, h, steps - 1), at_step(layer, lstm->c, steps - 1)};
    for (int i = 0; i < 2 && dstn_pass_moves_rows(pass); i++) {
        void *next = layer->states[i].next[pass->stream];
        if (next) {
            copy_steps(layer, pass, 1, last[i], steps, at_step(layer, next, pass->state_row), 1);
        }
    }
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

static void forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    lstm_content *lstm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    int64_t steps = dstn_pass_steps(pass);
    dstn_response_map_forward(&lstm->input, pass, rows, x, lstm->gates);
    dstn_response_map_forward_rows(&lstm->input, pass, rows, lstm->gates);
    layer_map_begin_steps(&lstm->hidden, pass, rows, lstm->gates);
    for (int64_t t = 0; t < steps; t++) {
        const void *h = t > 0 ? at_step(layer, y, t - 1) : state_of(layer, pass, 0);
        layer_map_step_forward(&lstm->hidden, pass, t, h, rows_at(layer, pass, t).before,
                               gates_at(layer, lstm->gates, t));
        kernel->lstm_forward(kernel, rows_at(layer, pass, t), gates_at(layer, lstm->gates, t),
                             cells_before(layer, pass, t), at_step(layer, lstm->c, t), at_step(layer, lstm->tanh_c, t),
                             at_step(layer, y, t));
    }
    keep_before(layer, pass, y);
    leave_state(layer, pass, y);
}

/* h and c of the batch before have no tangents. */
static void tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *x_tangent,
                    void *y_tangent) {
    lstm_content *lstm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    int64_t steps = dstn_pass_steps(pass);
    void *gates = lstm->gate_tangents;
    dstn_response_map_tangent(&lstm->input, pass, rows, x, x_tangent, gates);
    dstn_response_map_tangent_rows(&lstm->input, pass, rows, x_tangent, gates);
    dstn_response_map_tangent(&lstm->hidden, pass, rows, lstm->before_h, NULL, gates);
    dstn_response_map_tangent_rows(&lstm->hidden, pass, rows, lstm->before_h, gates); /* to what is there */
    kernel->fill(kernel, pass->rows * lstm->units, 0, lstm->cell);
    for (int64_t t = 0; t < steps; t++) {
        if (t > 0) {
            layer_map_step_tangent(&lstm->hidden, pass, at_step(layer, y_tangent, t - 1),
                                   rows_at(layer, pass, t).before, gates_at(layer, gates, t));
        }
        kernel->lstm_tangent(kernel, rows_at(layer, pass, t), gates_at(layer, lstm->gates, t),
                             cells_before(layer, pass, t), at_step(layer, lstm->tanh_c, t), gates_at(layer, gates, t),
                             lstm->cell, at_step(layer, y_tangent, t));
    }
}

/* Of a linearized pass the same at the tangent's adjoint: both are the transposed map of ṗ to ḣ. */
static void adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy, void *dx) {
    lstm_content *lstm = layer->content;
    const dstn_kernel *kernel = layer->kernel;
    kernel->copy(kernel, rows.count * lstm->units, dy, lstm->delta);
    kernel->fill(kernel, pass->rows * lstm->units, 0, lstm->cell);
    layer_map_begin_adjoint_steps(&lstm->hidden, pass);
    for (int64_t t = dstn_pass_steps(pass) - 1; t >= 0; t--) {
        void *gates = gates_at(layer, lstm->gates, t);
        kernel->lstm_adjoint(kernel, rows_at(layer, pass, t), gates, cells_before(layer, pass, t),
                             at_step(layer, lstm->tanh_c, t), at_step(layer, lstm->delta, t), lstm->cell, gates);
        if (t > 0) {
            layer_map_step_adjoint(&lstm->hidden, pass, t, gates, at_step(layer, lstm->delta, t - 1),
                                   rows_at(layer, pass, t).states);
        }
    }
    dstn_response_map_adjoint_rows(&lstm->hidden, pass, rows, lstm->gates);
    dstn_response_map_adjoint(&lstm->hidden, pass, rows, lstm->before_h, lstm->gates, NULL);
    dstn_response_map_adjoint_rows(&lstm->input, pass, rows, lstm->gates);
    dstn_response_map_adjoint(&lstm->input, pass, rows, x, lstm->gates, dx);
}

const dstn_layer_type layer_lstm = {
    .name = "lstm",
    .help = "a layer of long short-term memory over the time steps of each example",
    .options = options,
    .settings_size = sizeof(dstn_map_settings),
    .content_size = sizeof(lstm_content),
    .kind = DSTN_LAYER_BATCH,
    .example = "[lstm: {out: 3}]",
    .plan = plan,
    .bind = bind,
    .batch = {.forward = forward, .tangent = tangent, .adjoint = adjoint},
};
