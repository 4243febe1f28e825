/* layer: makes a regularizer for planned layers, and weighs its examples. */
#include "penalty.h"

#include <stdlib.h>

#define NAME_REGULARIZER(name) #name,

dstn_status dstn_regularizer_read(const char *name, dstn_node node, dstn_layer *const *layers, int layer_count,
                                  int64_t train_rows, const dstn_layer_setting *setting, dstn_regularizer **out,
                                  dstn_error *err) {
    static const char *const names[] = {REGULARIZERS(NAME_REGULARIZER)};
    const dstn_regularizer_type *type = dstn_regularizer_type_find(name);
    if (!type) {
        return dstn_node_fail_name(node, "regularizer", name, names, sizeof names / sizeof names[0], err);
    }
    dstn_regularizer *regularizer = dstn_alloc(1, sizeof *regularizer);
    *regularizer = (dstn_regularizer){.type = type,
                                      .kernel = setting->kernel,
                                      .hypers = setting->hypers,
                                      .max_rows = setting->max_rows,
                                      .max_steps = setting->max_steps > 0 ? setting->max_steps : 1,
                                      .train_rows = train_rows,
                                      .layers = layers,
                                      .layer_count = layer_count,
                                      .settings = dstn_alloc(1, type->settings_size)};
    dstn_binding binding = {type->options, regularizer->settings};
    dstn_status status = dstn_entry_read(node, node, type->name, &binding, 1, setting->hyper_names, err);
    if (status == DSTN_OK) {
        status = type->plan(regularizer, node, err);
    }
    if (status != DSTN_OK) {
        dstn_regularizer_destroy(regularizer);
        return status;
    }
    *out = regularizer;
    return DSTN_OK;
}

void dstn_regularizer_destroy(dstn_regularizer *regularizer) {
    if (regularizer) {
        free(regularizer->settings);
        free(regularizer);
    }
}

double layer_penalty_weights(const dstn_regularizer *regularizer, const dstn_pass *pass, double *weights) {
    const dstn_penalty_settings *settings = regularizer->settings;
    double n = settings->penalty_over_n ? (double)regularizer->train_rows : 1;
    double scale = 1 / (n * (double)pass->batch_rows), sum = 0;
    for (int64_t b = 0; b < pass->rows; b++) {
        weights[b] = scale * dstn_pass_quantity(pass, regularizer->hypers, &settings->strength, b);
        sum += weights[b];
    }
    return sum;
}
