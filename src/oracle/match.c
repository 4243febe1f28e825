/* oracle: the table of closed forms (App. H.1) and what a model must look like to have one. */
#include "match.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

DSTN_PRINTF(3, 4)
static bool misfits(char *reason, size_t size, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(reason, size, format, args);
    va_end(args);
    return false;
}

/* ---- parts that several forms share ---- */

static bool linear_without_bias(const dstn_layer *layer, char *reason, size_t size) {
    const dstn_response_map *map = dstn_layer_matrix(layer);
    if (!map) {
        return misfits(reason, size, "layer %d is %s, not linear", layer->index, layer->type->name);
    }
    if (map->bias) {
        return misfits(reason, size, "layer %d has a bias (accepted: bias: false)", layer->index);
    }
    return true;
}

/* The one regularizer, of the given type, with the hyperparameter as its strength. */
static bool regularized_by(const dstn_model *model, const char *name, char *reason, size_t size) {
    if (model->regularizer_count != 1) {
        return misfits(reason, size, "%d regularizers, not %s alone", model->regularizer_count, name);
    }
    const dstn_regularizer *regularizer = model->regularizers[0];
    if (strcmp(regularizer->type->name, name) != 0) {
        return misfits(reason, size, "the regularizer is %s, not %s", regularizer->type->name, name);
    }
    const dstn_penalty_settings *settings = regularizer->settings;
    if (!settings->strength.name) {
        return misfits(reason, size, "the strength of %s is a number, not the hyperparameter", name);
    }
    return true;
}

/* c(λ) = s(λ), which ½ c‖w‖² has after L_T is multiplied by n; n s(λ) where the penalty is not over n. */
static oracle_strength penalty_strength(const dstn_model *model, const dstn_hyper *hyper, int64_t train_rows) {
    const dstn_penalty_settings *settings = model->regularizers[0]->settings;
    bool exponential = strcmp(hyper->transform->name, "exp") == 0;
    oracle_strength strength = {exponential ? &oracle_strength_exponential : &oracle_strength_scaled, hyper,
                                settings->penalty_over_n ? 1 : (double)train_rows};
    return strength;
}

/* ---- ridge ---- */

static bool fits_ridge(const dstn_model *model, char *reason, size_t size) {
    if (model->layer_count != 1) {
        return misfits(reason, size, "%d layers, not one linear layer", model->layer_count);
    }
    return linear_without_bias(model->layers[0], reason, size) && regularized_by(model, "l2", reason, size);
}

/* ---- input dropout: E over masks of ‖(R ⊙ X)w − t‖² adds p/(1 − p) wᵀ diag(XᵀX) w ---- */

/* The rate, which only the layer's own table knows how to find in its settings. */
static const dstn_quantity *dropout_rate(const dstn_layer *layer) {
    if (strcmp(layer->type->name, "dropout") != 0) {
        return NULL;
    }
    for (const dstn_option *option = layer->type->options; option->key; option++) {
        if (strcmp(option->key, "rate") == 0 && option->kind == DSTN_OPTION_QUANTITY) {
            return (const dstn_quantity *)(const void *)((const char *)layer->settings + option->offset);
        }
    }
    return NULL;
}

static bool fits_input_dropout(const dstn_model *model, char *reason, size_t size) {
    if (model->layer_count != 2) {
        return misfits(reason, size, "%d layers, not dropout and a linear layer", model->layer_count);
    }
    const dstn_quantity *rate = dropout_rate(model->layers[0]);
    if (!rate) {
        return misfits(reason, size, "layer 0 is %s, not dropout", model->layers[0]->type->name);
    }
    if (!rate->name) {
        return misfits(reason, size, "the rate of dropout is a number, not the hyperparameter");
    }
    if (model->regularizer_count != 0) {
        return misfits(reason, size, "%d regularizers, not none", model->regularizer_count);
    }
    return linear_without_bias(model->layers[1], reason, size);
}

static oracle_strength dropout_strength(const dstn_model *model, const dstn_hyper *hyper, int64_t train_rows) {
    (void)model;
    (void)train_rows;
    return (oracle_strength){&oracle_strength_odds, hyper, 1};
}

/* ---- Jacobian norm: a deep linear network, ridge in the product of its layers ---- */

static bool fits_jacobian_norm(const dstn_model *model, char *reason, size_t size) {
    for (int l = 0; l < model->layer_count; l++) {
        if (!linear_without_bias(model->layers[l], reason, size)) {
            return false;
        }
    }
    return regularized_by(model, "jacobian", reason, size);
}

/* ---- the table ---- */

static const oracle_closed_form forms[] = {
    {"ridge", DSTN_WEIGHTING_IDENTITY, fits_ridge, penalty_strength},
    {"input dropout", DSTN_WEIGHTING_FEATURES, fits_input_dropout, dropout_strength},
    {"jacobian norm", DSTN_WEIGHTING_IDENTITY, fits_jacobian_norm, penalty_strength},
};
enum { FORMS = sizeof forms / sizeof forms[0] };

static dstn_status check_setting(const dstn_model *model, const dstn_space *space, const dstn_dataset *dataset,
                                 dstn_error *err) {
    const char *none = "no exact best response is known here";
    if (dataset->task != DSTN_TASK_REGRESSION || model->loss != DSTN_LOSS_MSE) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: it takes a regression with the loss mse", none);
    }
    if (dstn_shape_count(model->out) != 1 || dataset->outputs != 1) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: it takes one output, not %lld", none,
                         (long long)dstn_shape_count(model->out));
    }
    if (!dataset->x[DSTN_PART_TRAIN]) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: it takes a table of numbers, not bytes", none);
    }
    if (space->count != 1) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: it takes one hyperparameter, not %d", none, space->count);
    }
    if (space->items[0].discrete) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: the hyperparameter %s is discrete", none, space->items[0].name);
    }
    if (dataset->rows[DSTN_PART_TRAIN] < 1 || dataset->rows[DSTN_PART_VALID] < 1) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "%s: it takes training and validation rows", none);
    }
    return DSTN_OK;
}

/* c must be a penalty wherever the curve is: never negative, never beyond all numbers. It is monotone in λ. */
static dstn_status check_strength(const oracle_strength *strength, dstn_error *err) {
    double low = strength->type->value(strength, -12), high = strength->type->value(strength, 12);
    if (low >= 0 && high >= 0 && isfinite(low) && isfinite(high)) {
        return DSTN_OK;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE,
                     "no exact best response is known here: the hyperparameter %s (transform %s) makes the penalty's "
                     "factor go from %g to %g on [-12, 12]; it takes one that stays positive, as with exp",
                     strength->hyper->name, strength->hyper->transform->name, low, high);
}

static dstn_status refuse(const dstn_model *model, dstn_error *err) {
    char text[1024] = "";
    size_t used = 0;
    for (int f = 0; f < FORMS; f++) {
        char reason[256];
        forms[f].fits(model, reason, sizeof reason);
        int wrote = snprintf(text + used, sizeof text - used, "%s%s: %s", f ? "; " : "", forms[f].name, reason);
        used += wrote > 0 && (size_t)wrote < sizeof text - used ? (size_t)wrote : 0;
    }
    return dstn_fail(err, DSTN_ERROR_USAGE, "the model has none of the forms whose exact best response is known (%s)",
                     text);
}

dstn_status oracle_closed_form_find(const dstn_model *model, const dstn_space *space, const dstn_dataset *dataset,
                                    const oracle_closed_form **out, oracle_strength *strength, dstn_error *err) {
    dstn_status status = check_setting(model, space, dataset, err);
    if (status != DSTN_OK) {
        return status;
    }
    for (int f = 0; f < FORMS; f++) {
        char reason[256];
        if (!forms[f].fits(model, reason, sizeof reason)) {
            continue;
        }
        *out = &forms[f];
        *strength = forms[f].strength(model, &space->items[0], dataset->rows[DSTN_PART_TRAIN]);
        return check_strength(strength, err);
    }
    return refuse(model, err);
}
