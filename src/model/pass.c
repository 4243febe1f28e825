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

/* Products of one map in units of its forward product: ordinary 3, response pass 6 (both gradients) or 4 (none),
 * linearized pass 5; less what one saves whose input doesn't move: it has no input adjoint or tangent. */
static double map_products(const dstn_response_map *map, const dstn_pass *pass, bool in_moves) {
    double terms = (double)map->terms, input = in_moves || map->recurs ? 1 : 0;
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
        const dstn_response_map *map;
        for (int m = 0; step->kind == STEP_BATCH && (map = dstn_layer_map(step->layer, m)) != NULL; m++) {
            flops += dstn_response_map_product_flops(map) * map_products(map, pass, step->in_moves);
        }
    }
    return flops * (double)dstn_pass_rows(pass).count;
}
