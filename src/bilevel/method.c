/* bilevel: the methods, as combinations of three switches and as lists of objectives. */
#include "methods.h"

#define OBJECTIVE(name) &bilevel_objectives[BILEVEL_##name]

static const dstn_method methods[] = {
    {.name = "stn",
     .tunes = true,
     .train = {OBJECTIVE(STN_TRAIN)},
     .valid = OBJECTIVE(STN_VALID),
     .evaluation = OBJECTIVE(STN_EVALUATION),
     .algorithm = &bilevel_stn},
    {.name = "stn-centered",
     .tunes = true,
     .centered = true,
     .train = {OBJECTIVE(CENTERED_TRAIN)},
     .valid = OBJECTIVE(DELTA_VALID),
     .evaluation = OBJECTIVE(GENERAL_EVALUATION),
     .algorithm = &bilevel_stn},
    {.name = "stn-centered-split",
     .tunes = true,
     .centered = true,
     .split_objective = true,
     .train = {OBJECTIVE(DELTA_GENERAL), OBJECTIVE(DELTA_RESPONSE_NONLINEAR)},
     .valid = OBJECTIVE(DELTA_VALID),
     .evaluation = OBJECTIVE(GENERAL_EVALUATION),
     .algorithm = &bilevel_delta_stn},
    {.name = "delta-stn",
     .tunes = true,
     .centered = true,
     .split_objective = true,
     .linearize = true,
     .train = {OBJECTIVE(DELTA_GENERAL), OBJECTIVE(DELTA_RESPONSE_LINEARIZED)},
     .valid = OBJECTIVE(DELTA_VALID),
     .evaluation = OBJECTIVE(GENERAL_EVALUATION),
     .algorithm = &bilevel_delta_stn},
    {.name = "fixed",
     .train = {OBJECTIVE(DELTA_GENERAL)},
     .evaluation = OBJECTIVE(GENERAL_EVALUATION),
     .algorithm = &bilevel_ordinary},
    {.name = "fixed-perturbed",
     .train = {OBJECTIVE(PERTURBED_GENERAL)},
     .evaluation = OBJECTIVE(GENERAL_EVALUATION),
     .algorithm = &bilevel_ordinary},
};

enum { METHOD_COUNT = sizeof(methods) / sizeof(methods[0]) };

const dstn_option dstn_method_options[] = {
    DSTN_CHOICE(
        "method", dstn_method_settings, method, "stn|stn-centered|stn-centered-split|delta-stn|fixed|fixed-perturbed",
        "delta-stn",
        "how hyperparameters are tuned; fixed: not at all; fixed-perturbed: neither, but training perturbs them"),
    DSTN_SWITCH("centered", dstn_method_settings, switches[0], "auto",
                "hypernetwork input is the difference to the current lambda (Sec. 3.1); auto: as the method has it"),
    DSTN_SWITCH("split_objective", dstn_method_settings, switches[1], "auto",
                "general weights on the unperturbed loss (Sec. 3.2); needs centered"),
    DSTN_SWITCH("linearize", dstn_method_settings, switches[2], "auto",
                "response weights on linearized predictions (Sec. 3.3); needs centered and split_objective"),
    DSTN_OPTIONS_END,
};

dstn_status dstn_method_choose(const dstn_method_settings *settings, const dstn_method **out, dstn_error *err) {
    const dstn_method *base = &methods[settings->method];
    const dstn_switch *switches = settings->switches;
    bool centered = dstn_switch_is(switches[0], base->centered);
    bool split = dstn_switch_is(switches[1], base->split_objective);
    bool linearize = dstn_switch_is(switches[2], base->linearize);
    if (!base->tunes && (centered || split || linearize)) {
        return dstn_fail(err, DSTN_ERROR_USAGE,
                         "method %s has no response: centered, split_objective and linearize must be auto or false",
                         base->name);
    }
    if (!base->tunes) {
        *out = base;
        return DSTN_OK;
    }
    for (int m = 0; m < METHOD_COUNT; m++) {
        const dstn_method *method = &methods[m];
        if (method->tunes && method->centered == centered && method->split_objective == split &&
            method->linearize == linearize) {
            *out = method;
            return DSTN_OK;
        }
    }
    return dstn_fail(err, DSTN_ERROR_USAGE,
                     "centered: %s, split_objective: %s, linearize: %s is no method: split_objective needs centered, "
                     "linearize needs both",
                     centered ? "true" : "false", split ? "true" : "false", linearize ? "true" : "false");
}
