/* optim: the registry of optimizers, and one optimizer over a range of parameters. */
#include "optimizers.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- registry ---------------------------------------------------------------------------------------------------- */

#define TYPE_ENTRY(name) &optim_##name,
static const dstn_optimizer_type *const types[] = {OPTIM_TYPES(TYPE_ENTRY)};

#define TYPE_NAME(name) #name,
static const char *const names[] = {OPTIM_TYPES(TYPE_NAME)};

enum { TYPES = sizeof types / sizeof types[0] };

const dstn_optimizer_type *dstn_optimizer_type_find(const char *name) {
    for (size_t i = 0; i < TYPES; i++)
        if (strcmp(types[i]->name, name) == 0)
            return types[i];
    return NULL;
}

const dstn_optimizer_type *dstn_optimizer_type_at(size_t i) {
    return i < TYPES ? types[i] : NULL;
}

#define TYPE_IN_LIST(name) "|" #name
const char *dstn_optimizer_names(void) {
    return &(OPTIM_TYPES(TYPE_IN_LIST))[1];
}

/* ---- reading ----------------------------------------------------------------------------------------------------- */

typedef struct optimizer_settings {
    const char *name;
    double rate, clip;
} optimizer_settings;

struct dstn_optimizer {
    const dstn_optimizer_type *type;
    void *settings; /* of the type's options */
    const dstn_kernel *kernel;
    int64_t count; /* parameters */
    int64_t time;  /* updates made */
    double rate, clip;
    void *moments[OPTIM_MAX_MOMENTS]; /* [type->moments], each [count] in the kernel's scalar type */
};

const dstn_option dstn_optimizer_options[] = {
    {"name", DSTN_OPTION_TEXT, offsetof(optimizer_settings, name), 0, 0, NULL, "~",
     "sgd, rmsprop or adam; where absent, sgd for weights and rmsprop for hyperparameters", false},
    {"rate", DSTN_OPTION_REAL, offsetof(optimizer_settings, rate), 0, 1e30, NULL, NULL, "learning rate", false},
    {"clip", DSTN_OPTION_REAL, offsetof(optimizer_settings, clip), 1e-300, INFINITY, NULL, ".inf",
     "largest norm of the gradient, which is scaled down to it; .inf: none", false},
    {NULL, 0, 0, 0, 0, NULL, NULL, NULL, false},
};

enum { OPTIONS = sizeof dstn_optimizer_options / sizeof dstn_optimizer_options[0] };

/* The type that a section names; one that is no text is left to the reader of options, which says so. */
static dstn_status choose_type(dstn_node node, const char *default_name, const dstn_optimizer_type **out,
                               dstn_error *err) {
    dstn_node place = dstn_node_child(node, "name");
    const char *name = dstn_node_text(place);
    *out = dstn_optimizer_type_find(name ? name : default_name);
    if (*out)
        return DSTN_OK;
    const char *nearest = name ? dstn_nearest_name(name, names, TYPES) : NULL;
    if (nearest)
        return dstn_node_fail(place, err, "unknown optimizer \"%s\"; did you mean \"%s\"? accepted: %s", name, nearest,
                              dstn_optimizer_names());
    return dstn_node_fail(place, err, "unknown optimizer \"%s\"; accepted: %s", name ? name : default_name,
                          dstn_optimizer_names());
}

static dstn_status read_settings(dstn_node node, const char *path, const char *default_name, dstn_optimizer *optimizer,
                                 dstn_error *err) {
    /* The default name goes into the document like any other default. */
    dstn_option common[OPTIONS];
    memcpy(common, dstn_optimizer_options, sizeof common);
    common[0].fallback = default_name;
    optimizer_settings settings;
    dstn_binding bindings[] = {{common, &settings}, {optimizer->type->options, optimizer->settings}};
    dstn_status status = dstn_options_read(node, path, bindings, 2, err);
    if (status != DSTN_OK)
        return status;
    optimizer->rate = settings.rate;
    optimizer->clip = settings.clip;
    return DSTN_OK;
}

static dstn_status take_moments(dstn_optimizer *optimizer, dstn_arena *arena, dstn_error *err) {
    size_t bytes = (size_t)optimizer->count * optimizer->kernel->size;
    for (int k = 0; k < optimizer->type->moments; k++) {
        optimizer->moments[k] = dstn_arena_take(arena, bytes);
        if (!optimizer->moments[k])
            return dstn_fail(err, DSTN_ERROR_RUN, "not enough memory for %zu bytes of moments of optimizer %s", bytes,
                             optimizer->type->name);
    }
    return DSTN_OK;
}

dstn_status dstn_optimizer_read(dstn_node node, const char *path, const char *default_name, const dstn_kernel *kernel,
                                int64_t count, dstn_arena *arena, dstn_optimizer **out, dstn_error *err) {
    *out = NULL;
    const dstn_optimizer_type *type;
    dstn_status status = choose_type(node, default_name, &type, err);
    if (status != DSTN_OK)
        return status;
    dstn_optimizer *optimizer = dstn_alloc(1, sizeof *optimizer);
    optimizer->type = type;
    optimizer->settings = dstn_alloc(1, type->settings_size);
    optimizer->kernel = kernel;
    optimizer->count = count;
    status = read_settings(node, path, default_name, optimizer, err);
    if (status == DSTN_OK)
        status = take_moments(optimizer, arena, err);
    if (status != DSTN_OK) {
        dstn_optimizer_destroy(optimizer);
        return status;
    }
    *out = optimizer;
    return DSTN_OK;
}

void dstn_optimizer_destroy(dstn_optimizer *optimizer) {
    if (!optimizer)
        return;
    free(optimizer->settings);
    free(optimizer);
}

/* ---- use --------------------------------------------------------------------------------------------------------- */

double dstn_optimizer_rate(const dstn_optimizer *optimizer) {
    return optimizer->rate;
}

void dstn_optimizer_set_rate(dstn_optimizer *optimizer, double rate) {
    optimizer->rate = rate;
}

double dstn_optimizer_clip(const dstn_optimizer *optimizer) {
    return optimizer->clip;
}

void dstn_optimizer_step(dstn_optimizer *optimizer, double factor, void *gradient, void *parameters) {
    optimizer->time++;
    optimizer->type->update(optimizer->settings, optimizer->kernel, optimizer->time, optimizer->rate, factor,
                            optimizer->count, gradient, optimizer->moments, parameters);
}

double dstn_clip_factor(double norm, double clip) {
    return norm > clip ? clip / norm : 1;
}

void dstn_optimizer_add_state(dstn_optimizer *optimizer, const char *prefix, dstn_state *state) {
    char name[DSTN_NAME_SIZE];
    snprintf(name, sizeof name, "%s/time", prefix);
    dstn_state_add_values(state, name, DSTN_I64, 1, &optimizer->time);
    snprintf(name, sizeof name, "%s/rate", prefix);
    dstn_state_add_values(state, name, DSTN_F64, 1, &optimizer->rate);
    for (int k = 0; k < optimizer->type->moments; k++) {
        snprintf(name, sizeof name, "%s/moment-%d", prefix, k);
        dstn_state_add_values(state, name, optimizer->kernel->scalar, optimizer->count, optimizer->moments[k]);
    }
}
