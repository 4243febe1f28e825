/* layer: regularizers of a layer's output: which layer, and each example with its own strength. */
#include "tap.h"

#include <stdlib.h>
#include <string.h>

typedef struct tap_content {
    double *weights, *sums; /* [B] */
    void *scratch;          /* [BT, out] */
} tap_content;

/* ---- which layer ------------------------------------------------------------------------------------------------- */

static const dstn_layer *last_with_state(const dstn_regularizer *regularizer) {
    int l = regularizer->layer_count - 1;
    while (l >= 0 && regularizer->layers[l]->state_count == 0) {
        l--;
    }
    return l >= 0 ? regularizer->layers[l] : NULL;
}

dstn_status layer_tap_plan(dstn_regularizer *regularizer, dstn_node node, dstn_error *err) {
    const char *name = ((const tap_settings *)regularizer->settings)->tap;
    dstn_layer *const *layers = regularizer->layers;
    int count = regularizer->layer_count;
    regularizer->tapped = name ? dstn_layer_named(layers, count, name) : last_with_state(regularizer);
    if (regularizer->tapped) {
        return DSTN_OK;
    }
    return name ? dstn_layer_fail_name(layers, count, "layer named", name, dstn_node_child(node, "tap"), err)
                : dstn_node_fail(node, err,
                                 "no layer keeps a state from step to step, as lstm does; accepted: tap: the name of "
                                 "the layer whose output is meant");
}

/* ---- the examples ------------------------------------------------------------------------------------------------ */

bool layer_tap_bind(dstn_regularizer *regularizer, dstn_arena *arena) {
    size_t rows = (size_t)regularizer->max_rows, width = (size_t)dstn_shape_count(regularizer->tapped->out);
    tap_content *content = dstn_arena_take(arena, sizeof *content);
    if (!content) {
        return false;
    }
    regularizer->content = content;
    content->weights = dstn_arena_take(arena, rows * sizeof(double));
    content->sums = dstn_arena_take(arena, rows * sizeof(double));
    content->scratch =
        dstn_arena_take(arena, rows * (size_t)regularizer->max_steps * width * regularizer->kernel->size);
    return content->weights && content->sums && content->scratch;
}

typedef struct tap_call {
    const dstn_regularizer *regularizer;
    int64_t steps, width;
    double scale; /* of the examples' strengths */
    bool is_wanted;
    layer_tap_work *work;
} tap_call;

static void work_on_examples(void *context, int64_t first, int64_t count, int thread) {
    (void)thread;
    const tap_call *call = context;
    const dstn_kernel *kernel = call->regularizer->kernel;
    const dstn_tap *tap = call->regularizer->tap;
    const tap_content *content = call->regularizer->content;
    for (int64_t b = first; b < first + count; b++) {
        int64_t values = call->steps * call->width;
        void *adjoint = call->is_wanted ? layer_element(kernel, tap->adjoint, b * values) : NULL;
        if (adjoint && !tap->has_adjoint) {
            kernel->fill(kernel, values, 0, adjoint);
        }
        content->sums[b] = call->work(kernel, call->steps, call->width, call->scale * content->weights[b],
                                      layer_element(kernel, tap->value, b * values),
                                      layer_element(kernel, content->scratch, b * values), adjoint);
    }
}

double layer_tap_penalize(const dstn_regularizer *regularizer, const dstn_pass *pass, int64_t squares,
                          layer_tap_work *work) {
    const tap_content *content = regularizer->content;
    int64_t width = dstn_shape_count(regularizer->tapped->out);
    if (squares == 0) {
        return 0;
    }
    tap_call call = {.regularizer = regularizer,
                     .steps = dstn_pass_steps(pass),
                     .width = width,
                     .scale = 1 / (double)(squares * width),
                     .is_wanted =
                         dstn_pass_wants(pass, DSTN_RANGE_GENERAL) || dstn_pass_wants(pass, DSTN_RANGE_RESPONSE),
                     .work = work};
    layer_penalty_weights(regularizer, pass, content->weights);
    dstn_kernel_for_rows(pass->rows, 1, work_on_examples, &call);
    regularizer->tap->has_adjoint = regularizer->tap->has_adjoint || call.is_wanted;
    double sum = 0;
    for (int64_t b = 0; b < pass->rows; b++) {
        sum += content->sums[b];
    }
    return sum;
}
