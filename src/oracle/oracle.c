/* oracle: what the toys' exact answer is (family, curve) and what a model has learned of it. */
#include "dstn/oracle.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "curve.h"
#include "eigen.h"
#include "family.h"
#include "learned.h"
#include "match.h"

struct dstn_oracle {
    const oracle_closed_form *form;
    oracle_family *family;
    oracle_curve curve;
    int64_t widest;
    double *work[4]; /* [widest] each, for learned weights */
};

const char *dstn_oracle_version(void) {
    return oracle_eigen_version();
}

static dstn_status build(dstn_oracle *oracle, const dstn_model *model, const dstn_space *space,
                         const dstn_dataset *dataset, const dstn_group *group, dstn_error *err) {
    oracle_family_data data = {.n = dataset->rows[DSTN_PART_TRAIN],
                               .v = dataset->rows[DSTN_PART_VALID],
                               .d = dataset->features,
                               .x = dataset->x[DSTN_PART_TRAIN],
                               .t = dataset->targets[DSTN_PART_TRAIN],
                               .x_valid = dataset->x[DSTN_PART_VALID],
                               .t_valid = dataset->targets[DSTN_PART_VALID]};
    dstn_status status = oracle_closed_form_find(model, space, dataset, &oracle->form, &data.strength, err);
    if (status != DSTN_OK) {
        return status;
    }
    data.weighting = oracle->form->weighting;
    status = oracle_family_new(&data, group, &oracle->family, err);
    if (status != DSTN_OK) {
        return status;
    }
    oracle_curve_fill(&oracle->curve, oracle->family, group);
    oracle->widest = oracle_learned_widest(model);
    for (int i = 0; i < 4; i++) {
        oracle->work[i] = dstn_alloc((size_t)oracle->widest, sizeof(double));
    }
    return DSTN_OK;
}

dstn_status dstn_oracle_new(const dstn_model *model, const dstn_space *space, const dstn_dataset *dataset,
                            const dstn_group *group, dstn_oracle **out, dstn_error *err) {
    dstn_oracle *oracle = dstn_alloc(1, sizeof *oracle);
    dstn_status status = build(oracle, model, space, dataset, group, err);
    if (status != DSTN_OK) {
        dstn_oracle_destroy(oracle);
        return status;
    }
    *out = oracle;
    return DSTN_OK;
}

void dstn_oracle_destroy(dstn_oracle *oracle) {
    if (!oracle) {
        return;
    }
    oracle_family_destroy(oracle->family);
    for (int i = 0; i < 4; i++) {
        free(oracle->work[i]);
    }
    free(oracle);
}

const char *dstn_oracle_name(const dstn_oracle *oracle) {
    return oracle->form->name;
}

int64_t dstn_oracle_dimension(const dstn_oracle *oracle) {
    return oracle->family->dimension;
}

double dstn_oracle_lambda_star(const dstn_oracle *oracle) {
    return oracle->curve.lambda_star;
}

dstn_edge dstn_oracle_edge(const dstn_oracle *oracle) {
    return oracle->curve.edge;
}

const char *dstn_edge_name(dstn_edge edge) {
    static const char *const names[] = {[DSTN_EDGE_NONE] = "none", [DSTN_EDGE_LOW] = "low", [DSTN_EDGE_HIGH] = "high"};
    return names[edge];
}

double dstn_oracle_best_loss(const dstn_oracle *oracle) {
    return oracle->curve.best_loss;
}

void dstn_oracle_curve(const dstn_oracle *oracle, int64_t *count, const double **lambda, const double **loss) {
    *count = DSTN_CURVE_POINTS;
    *lambda = oracle->curve.lambda;
    *loss = oracle->curve.loss;
}

double dstn_oracle_loss(const dstn_oracle *oracle, double lambda) {
    double loss;
    oracle_family_losses(oracle->family, 1, &lambda, &loss);
    return loss;
}

void dstn_oracle_response(const dstn_oracle *oracle, double lambda, double *w) {
    oracle_family_response(oracle->family, lambda, w);
}

void dstn_oracle_jacobian(const dstn_oracle *oracle, double lambda, double *theta) {
    oracle_family_jacobian(oracle->family, lambda, theta);
}

/* Written so that a loss that is no number stays none. */
double dstn_oracle_regret(const dstn_oracle *oracle, double lambda) {
    double regret = dstn_oracle_loss(oracle, lambda) - oracle->curve.best_loss;
    return regret < 0 ? 0 : regret;
}

void dstn_oracle_smoothed_jacobian(const dstn_oracle *oracle, double lambda, double sigma, const double *w0,
                                   double *theta) {
    oracle_family_smoothed_jacobian(oracle->family, lambda, sigma, w0, theta);
}

void dstn_oracle_learned(const dstn_oracle *oracle, dstn_model *model, double z, double *w, double *theta) {
    assert(oracle_learned_widest(model) <= oracle->widest && model->hypers == 1);
    oracle_learned_weights(model, z, oracle->work, w, theta);
}
