/* Passes over a whole model: forward and tangent from the input up, loss and penalties, adjoint from the output down.
 */
#include "dstn/model.h"

/* Below the first layer with parameters every tangent is zero and no adjoint is wanted. */
static int first_parametric(const dstn_model *model) {
    int first = 0;
    while (first < model->layer_count - 1 && model->layers[first]->parameter_count == 0) {
        first++;
    }
    return first;
}

const void *dstn_model_forward(dstn_model *model, const dstn_pass *pass, const void *x) {
    int first = first_parametric(model);
    int last = model->layer_count;
    model->activations[0] = (void *)x;
    for (int l = 0; l < last; l++) {
        dstn_layer *layer = model->layers[l];
        layer->type->forward(layer, pass, model->activations[l], model->activations[l + 1]);
        if (pass->kind == DSTN_PASS_LINEARIZED && l >= first) {
            layer->type->tangent(layer, pass, l == first ? NULL : model->tangents[l], model->tangents[l + 1]);
        }
    }
    if (pass->kind != DSTN_PASS_LINEARIZED) {
        return model->activations[last];
    }
    int64_t count = pass->rows * dstn_shape_count(model->out);
    model->kernel->copy(count, model->activations[last], model->prediction);
    model->kernel->axpy(count, 1, model->tangents[last], model->prediction);
    return model->prediction;
}

double dstn_model_loss(dstn_model *model, const dstn_pass *pass, const void *targets, const int64_t *labels,
                       int64_t *correct) {
    const dstn_kernel *kernel = model->kernel;
    const void *prediction =
        pass->kind == DSTN_PASS_LINEARIZED ? model->prediction : model->activations[model->layer_count];
    int64_t cols = dstn_shape_count(model->out);
    double weight = 1.0 / (double)pass->batch_rows;
    double sum = model->loss == DSTN_LOSS_MSE
                     ? kernel->squared_error(pass->rows, cols, weight, prediction, targets, model->delta[0])
                     : kernel->cross_entropy(pass->rows, cols, weight, prediction, labels, model->delta[0], correct);
    return sum * weight;
}

double dstn_model_penalty(dstn_model *model, const dstn_pass *pass) {
    double sum = 0;
    for (int r = 0; r < model->regularizer_count; r++) {
        sum += model->regularizers[r]->type->penalize(model->regularizers[r], pass);
    }
    return sum;
}

void dstn_model_adjoint(dstn_model *model, const dstn_pass *pass) {
    int first = first_parametric(model);
    int at = 0;
    for (int l = model->layer_count - 1; l >= first; l--) {
        dstn_layer *layer = model->layers[l];
        void *below = l == first ? NULL : model->delta[1 - at];
        if (pass->kind == DSTN_PASS_LINEARIZED) {
            layer->type->tangent_adjoint(layer, pass, model->delta[at], below);
        } else {
            layer->type->adjoint(layer, pass, model->delta[at], below);
        }
        at = 1 - at;
    }
}

void dstn_model_zero_gradient(dstn_model *model, dstn_range range) {
    model->kernel->fill(model->count[range], 0, model->gradient[range]);
}

/* Products of one layer in units of its forward product: ordinary 3, response pass 6 (both gradients) or 4 (none),
 * linearized pass 5; less what the first layer, which has no input adjoint or tangent, saves. */
static double layer_products(const dstn_model *model, const dstn_pass *pass, bool is_first) {
    double terms = model->response == DSTN_RESPONSE_FULL ? (double)model->hypers : 1;
    double input = is_first ? 0 : 1;
    double gradients = pass->grad[DSTN_RANGE_GENERAL] + terms * pass->grad[DSTN_RANGE_RESPONSE];
    switch (pass->kind) {
    case DSTN_PASS_GENERAL:
        return 1 + input + pass->grad[DSTN_RANGE_GENERAL];
    case DSTN_PASS_RESPONSE:
        return (1 + terms) * (1 + input) + gradients;
    case DSTN_PASS_LINEARIZED:
        return 1 + terms + 2 * input + gradients;
    }
    return 0;
}

double dstn_model_flops(const dstn_model *model, const dstn_pass *pass) {
    int first = first_parametric(model);
    double flops = 0;
    for (int l = 0; l < model->layer_count; l++) {
        const dstn_layer *layer = model->layers[l];
        flops += layer->type->product_flops(layer) * (double)pass->rows * layer_products(model, pass, l == first);
    }
    return flops;
}
