/* bilevel: the objectives of all methods, in one table. The names are those that fixtures and traces use. */
#include "methods.h"

#include <string.h>

const dstn_objective bilevel_objectives[] = {
    /* L_T(λ + ε, r_φ(λ + ε)) of all weights together: STN's only objective (Alg. 2) */
    [BILEVEL_STN_TRAIN] = {"stn_train", DSTN_PART_TRAIN, DSTN_PASS_RESPONSE, DSTN_INPUT_LAMBDA, .perturbed = true,
                           .grad = {true, true}, .tracks_statistics = true},
    /* the same with r centred at the current λ_0 (Sec. 3.1) */
    [BILEVEL_CENTERED_TRAIN] = {"centered_train", DSTN_PART_TRAIN, DSTN_PASS_RESPONSE, DSTN_INPUT_EPSILON,
                                .perturbed = true, .grad = {true, true}, .tracks_statistics = true},
    /* L_T(λ_0, w_0) of the general weights (Eq. 3.9) */
    [BILEVEL_DELTA_GENERAL] = {"delta_general", DSTN_PART_TRAIN, DSTN_PASS_GENERAL, DSTN_INPUT_NONE,
                               .grad = {true, false}, .tracks_statistics = true},
    /* L_T(λ + ε, w) of the general weights: perturbed hyperparameters, and weights that don't answer them (App. I.1) */
    [BILEVEL_PERTURBED_GENERAL] = {"perturbed_general", DSTN_PART_TRAIN, DSTN_PASS_GENERAL, DSTN_INPUT_NONE,
                                   .perturbed = true, .grad = {true, false}, .tracks_statistics = true},
    /* L_T(λ_0 + ε, w_0 + Θε) of the response (Eq. 3.10), at linearized predictions (Sec. 3.3) or as it stands */
    [BILEVEL_DELTA_RESPONSE_LINEARIZED] = {"delta_response_linearized", DSTN_PART_TRAIN, DSTN_PASS_LINEARIZED,
                                           DSTN_INPUT_EPSILON, .perturbed = true, .grad = {false, true}},
    [BILEVEL_DELTA_RESPONSE_NONLINEAR] = {"delta_response_nonlinear", DSTN_PART_TRAIN, DSTN_PASS_RESPONSE,
                                          DSTN_INPUT_EPSILON, .perturbed = true, .grad = {false, true}},
    /* L_V(λ + ε, r(λ + ε)) − τH of λ and σ, in which λ enters through z alone */
    [BILEVEL_STN_VALID] = {"stn_valid", DSTN_PART_VALID, DSTN_PASS_RESPONSE, DSTN_INPUT_LAMBDA, .perturbed = true,
                           .hyper = true},
    [BILEVEL_DELTA_VALID] = {"delta_valid", DSTN_PART_VALID, DSTN_PASS_RESPONSE, DSTN_INPUT_EPSILON, .perturbed = true,
                             .hyper = true},
    /* L_V(λ, r(λ)): not centred, the weights at λ are general + response at z = λ; centred, z = λ − λ_0 = 0 */
    [BILEVEL_STN_EVALUATION] = {"stn_evaluation", DSTN_PART_VALID, DSTN_PASS_RESPONSE, DSTN_INPUT_LAMBDA},
    [BILEVEL_GENERAL_EVALUATION] = {"general_evaluation", DSTN_PART_VALID, DSTN_PASS_GENERAL, DSTN_INPUT_NONE},
};

enum { OBJECTIVES = sizeof bilevel_objectives / sizeof bilevel_objectives[0] };

const dstn_objective *dstn_objective_at(size_t i) {
    return i < OBJECTIVES ? &bilevel_objectives[i] : NULL;
}

const dstn_objective *dstn_objective_find(const char *name) {
    for (size_t i = 0; i < OBJECTIVES; i++) {
        if (strcmp(bilevel_objectives[i].name, name) == 0) {
            return &bilevel_objectives[i];
        }
    }
    return NULL;
}

double dstn_objective_flops(const dstn_objective *objective, const dstn_model *model, int64_t rows, int64_t steps) {
    dstn_pass pass = {
        .kind = objective->kind, .grad = {objective->grad[0], objective->grad[1]}, .rows = rows, .steps = steps};
    return dstn_model_flops(model, &pass);
}
