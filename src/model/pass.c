/* What a pass needs beside its layers: loss, penalties, and the count of its operations. */
#include "model_private.h"

double dstn_model_loss(dstn_model *model, const dstn_pass *pass, const void *targets, const int64_t *labels,
                       int64_t *correct) {
    const dstn_kernel *kernel = model->kernel;
    const void *prediction = dstn_model_prediction(model);
    void *delta = model->chain->delta[0];
    int64_t rows = dstn_pass_rows(pass).count, cols = dstn_shape_count(model->out);
    double weight = 1.0 / (double)(pass->batch_rows * dstn_pass_steps(pass));
    double sum = model->loss == DSTN_LOSS_MSE
                     ? kernel->squared_error(kernel, rows, cols, weight, prediction, targets, delta)
                     : kernel->cross_entropy(kernel, rows, cols, weight, prediction, labels, delta, correct);
    return sum * weight;
}

double dstn_model_penalty(dstn_model *model, const dstn_pass *pass) {
    double sum = 0;
    for (int r = 0; r < model->regularizer_count; r++) {
        sum += model->regularizers[r]->type->penalize(model->regularizers[r], pass);
    }
    return sum;
}

bool dstn_model_penalizes_parameters(const dstn_model *model) {
    for (int r = 0; r < model->regularizer_count; r++) {
        if (!model->regularizers[r]->tapped) {
            return true;
        }
    }
    return false;
}

void dstn_model_zero_gradient(dstn_model *model, dstn_range range) {
    model->kernel->fill(model->kernel, model->count[range], 0, model->gradient[range]);
}

/* Products of one layer in units of its forward product: ordinary 3, response pass 6 (both gradients) or 4 (none),
 * linearized pass 5; less what a layer saves whose input doesn't move: it has no input adjoint or tangent. */
static double layer_products(const dstn_model *model, const dstn_pass *pass, bool in_moves) {
    double terms = model->response == DSTN_RESPONSE_FULL ? (double)model->hypers : 1;
    double input = in_moves ? 1 : 0;
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
    double flops = 0;
    for (int i = 0; i < model->chain->step_count; i++) {
        const model_step *step = &model->chain->steps[i];
        if (step->kind == STEP_BATCH) {
            double products = layer_products(model, pass, step->in_moves);
            flops += dstn_layer_product_flops(step->layer) * (double)dstn_pass_rows(pass).count * products;
        }
    }
    return flops;
}
