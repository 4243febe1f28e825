/* For the suites that walk the tables of layers and regularizers: every entry's networks. */
#ifndef DSTN_TESTS_CONFORMANCE_WALK_H
#define DSTN_TESTS_CONFORMANCE_WALK_H

#include "conformance_network.h"

typedef void network_check(const network_plan *plan);

/* With both responses and both losses. */
static inline void network_walk_kinds(network_plan plan, network_check *check) {
    for (int kind = 0; kind < 4; kind++) {
        plan.response = kind & 1 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        plan.loss = kind & 2 ? DSTN_LOSS_CROSS_ENTROPY : DSTN_LOSS_MSE;
        check(&plan);
    }
}

static inline void network_walk_places(network_plan plan, network_check *check) {
    for (int place = 0; place < 4; place++) {
        plan.below = place & 1;
        plan.above = place & 2;
        network_walk_kinds(plan, check);
    }
}

/* Other values than the example's for an option, one after the other; NULL: no more. */
static inline const char *network_other_value(const dstn_option *option, int i, char text[64]) {
    const char *choices = option->kind == DSTN_OPTION_BOOL ? "true|false" : option->choices;
    bool is_number = option->kind == DSTN_OPTION_INT && i + 1 >= option->low && i < 4;
    text[0] = '\0';
    if (is_number) {
        snprintf(text, 64, "%d", i + 1);
    } else if (option->kind == DSTN_OPTION_QUANTITY && i == 0) {
        snprintf(text, 64, "0.4");
    }
    for (int k = 0; choices && k < i; k++) {
        choices = strchr(choices, '|');
        choices = choices ? choices + 1 : NULL;
    }
    if (choices) {
        snprintf(text, 64, "%.*s", (int)strcspn(choices, "|"), choices);
    }
    return text[0] ? text : NULL;
}

/* With each of its options at some other values, but `padding`, which takes from the gradient what is the objective's.
 */
static inline void network_walk_options(network_plan plan, const dstn_option *options, network_check *check) {
    for (const dstn_option *option = options; option->key; option++) {
        char text[64];
        plan.option = option->key;
        for (int i = 0;
             strcmp(option->key, "padding") != 0 && (plan.value = network_other_value(option, i, text)) != NULL; i++) {
            network_walk_kinds(plan, check);
        }
    }
}

/* Every layer type: alone, as the first, as the last, and between others, there also with other options; with features
 * where its example is for images and the other way round. */
static inline void network_walk_layers(network_check *check) {
    const dstn_layer_type *type;
    const dstn_shape features = {.rank = 1, .dims = {4}}, image = {.rank = 3, .dims = {2, 5, 4}};
    for (size_t i = 0; (type = dstn_layer_type_at(i)) != NULL; i++) {
        network_plan plan = {.table = "layer", .name = type->name, .layers = type->example, .in = type->example_in};
        for (int other = 0; other < 2; other++) {
            plan.below = plan.above = true;
            network_walk_options(plan, type->options, check);
            plan.option = NULL;
            network_walk_places(plan, check);
            plan.in = plan.in.rank == 3 ? features : image;
            plan.is_other_in = true;
        }
    }
}

static inline void network_walk_regularizers(network_check *check) {
    const dstn_regularizer_type *type;
    for (size_t i = 0; (type = dstn_regularizer_type_at(i)) != NULL; i++) {
        char *options = dstn_format("{%s: %s}", type->name, type->example);
        network_plan plan = {.table = "regularizer",
                             .name = type->name,
                             .layers = type->example_layers,
                             .regularizers = options,
                             .in = {1, {4}, 0}};
        network_walk_kinds(plan, check);
        network_walk_options(plan, type->options, check);
        free(options);
    }
}

/* "5 examples of 2 steps", with a comma before it; returns text. */
static inline const char *network_rows_text(network_rows rows, char text[64]) {
    snprintf(text, 64, ", %d examples of %d steps", (int)rows.count, (int)rows.steps);
    return text;
}

/* Says where a check is; `more` may be "". */
static inline void network_enter(const network_plan *plan, const dstn_kernel *kernel, const char *objective,
                                 const char *more) {
    char shape[64];
    conformance_enter("%s %s%s%s %s%s%s on %s, %s response, %s, %s %s%s%s%s", plan->table, plan->name,
                      plan->option ? " with " : "", plan->option ? plan->option : "", plan->option ? plan->value : "",
                      plan->below ? " above a layer" : "", plan->above ? " below a layer" : "",
                      dstn_shape_text(plan->in, shape), plan->response == DSTN_RESPONSE_FULL ? "full" : "structured",
                      plan->loss == DSTN_LOSS_MSE ? "mse" : "cross_entropy", kernel->backend,
                      dstn_scalar_name(kernel->scalar), *objective ? ", " : "", objective, more);
}

#endif
