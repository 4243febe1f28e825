/* oracle: a row vector goes down through the layers, v_{l−1} = v_l W_l(z), and its derivative with it by the product
 * rule: v̇_{l−1} = v̇_l W_l(z) + v_l ∂W_l/∂z. W_l is linear in z, so that ∂W_l/∂z is its response part at z = 1. */
#include "learned.h"

static dstn_pass response_pass(const void *z) {
    return (dstn_pass){.kind = DSTN_PASS_RESPONSE, .rows = 1, .batch_rows = 1, .z = z};
}

void oracle_learned_weights(dstn_model *model, double z, double *const work[4], double *w, double *theta) {
    const dstn_kernel *kernel = model->kernel;
    const double one = 1;
    double z_value, z_one; /* in the model's scalar type, which is not larger */
    kernel->from_double(kernel, 1, &z, &z_value);
    kernel->from_double(kernel, 1, &one, &z_one);
    dstn_pass at_z = response_pass(&z_value), at_one = response_pass(&z_one);
    void *v = work[0], *v_dot = work[1], *below = work[2], *below_dot = work[3];
    kernel->fill(kernel, 1, 1, v);
    kernel->fill(kernel, 1, 0, v_dot);
    for (int l = model->layer_count - 1; l >= 0; l--) {
        dstn_response_map *map = dstn_layer_matrix(model->layers[l]);
        if (!map) {
            continue;
        }
        dstn_response_map_transpose(map, &at_z, v, below);
        dstn_response_map_transpose(map, &at_z, v_dot, below_dot);
        dstn_response_map_transpose_response(map, &at_one, v, below_dot);
        void *done = v, *done_dot = v_dot;
        v = below;
        v_dot = below_dot;
        below = done;
        below_dot = done_dot;
    }
    int64_t d = dstn_shape_count(model->in);
    kernel->to_double(kernel, d, v, w);
    kernel->to_double(kernel, d, v_dot, theta);
}

int64_t oracle_learned_widest(const dstn_model *model) {
    int64_t widest = dstn_shape_count(model->in);
    for (int l = 0; l < model->layer_count; l++) {
        int64_t width = dstn_shape_count(model->layers[l]->out);
        widest = width > widest ? width : widest;
    }
    return widest;
}
