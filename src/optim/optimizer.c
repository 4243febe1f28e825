/* optim: one optimizer over a range of parameters. */
#include "optimizers.h"
#include "section.h"

#include <stdlib.h>

/* ---- reading ----------------------------------------------------------------------------------------------------- */

struct dstn_optimizer {
    const dstn_optimizer_type *type;
    void *settings; /* of the type's options */
    const dstn_kernel *kernel;
    int64_t count; /* parameters */
    int64_t time;  /* updates made */
    double rate, clip;
    /* [type->moments], each [count] in the kernel's scalar type; behind them the average, where there is to be one */
    void *moments[OPTIM_MAX_MOMENTS + 1];
    int64_t average_after; /* 0: there is none */
    int64_t averaged;      /* updates whose outcomes it is the mean of; −1: it hasn't begun */
};

static void *average_of(const dstn_optimizer *optimizer) {
    return optimizer->moments[optimizer->type->moments];
}

static dstn_status take_moments(dstn_optimizer *optimizer, dstn_arena *arena, dstn_error *err) {
    size_t bytes = (size_t)optimizer->count * optimizer->kernel->size;
    for (int k = 0; k < dstn_optimizer_moments(optimizer); k++) {
        optimizer->moments[k] = dstn_arena_take(arena, bytes);
        if (!optimizer->moments[k]) {
            return dstn_fail(err, DSTN_ERROR_RUN, "not enough memory for %zu bytes of moments of optimizer %s", bytes,
                             optimizer->type->name);
        }
    }
    return DSTN_OK;
}

dstn_status dstn_optimizer_read(dstn_node node, const char *path, const char *default_name, const dstn_kernel *kernel,
                                int64_t count, dstn_arena *arena, dstn_optimizer **out, dstn_error *err) {
    *out = NULL;
    optim_section section;
    dstn_status status = optim_section_read(node, path, default_name, &section, err);
    if (status != DSTN_OK) {
        return status;
    }
    dstn_optimizer *optimizer = dstn_alloc(1, sizeof *optimizer);
    *optimizer = (dstn_optimizer){.type = section.type,
                                  .settings = section.type_settings,
                                  .kernel = kernel,
                                  .count = count,
                                  .rate = section.rate,
                                  .clip = section.clip,
                                  .average_after = section.average_after,
                                  .averaged = -1};
    section.type_settings = NULL;
    optim_section_clear(&section);
    status = arena ? take_moments(optimizer, arena, err) : DSTN_OK;
    if (status != DSTN_OK) {
        dstn_optimizer_destroy(optimizer);
        return status;
    }
    *out = optimizer;
    return DSTN_OK;
}

void dstn_optimizer_destroy(dstn_optimizer *optimizer) {
    if (!optimizer) {
        return;
    }
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

void dstn_optimizer_step(dstn_optimizer *optimizer, double factor, const void *gradient, void *parameters) {
    dstn_optimizer_begin(optimizer);
    dstn_optimizer_update(optimizer, factor, 0, optimizer->count, gradient, parameters);
}

int dstn_optimizer_moments(const dstn_optimizer *optimizer) {
    return optimizer->type->moments + (optimizer->average_after > 0);
}

int64_t dstn_optimizer_average_after(const dstn_optimizer *optimizer) {
    return optimizer->average_after;
}

void dstn_optimizer_begin_average(dstn_optimizer *optimizer) {
    optimizer->averaged = optimizer->averaged < 0 ? 0 : optimizer->averaged;
}

void *dstn_optimizer_average(const dstn_optimizer *optimizer) {
    return optimizer->averaged > 0 ? average_of(optimizer) : NULL;
}

void *dstn_optimizer_moment(const dstn_optimizer *optimizer, int moment) {
    return optimizer->moments[moment];
}

void dstn_optimizer_set_moment(dstn_optimizer *optimizer, int moment, void *array) {
    optimizer->moments[moment] = array;
}

void dstn_optimizer_begin(dstn_optimizer *optimizer) {
    optimizer->time++;
    optimizer->averaged += optimizer->averaged >= 0;
}

/* w̄ ← w̄ + (w − w̄)/k, the mean of the last k outcomes. */
static void average(const dstn_optimizer *optimizer, size_t at, int64_t count, const void *parameters) {
    const dstn_kernel *kernel = optimizer->kernel;
    char *mean = (char *)average_of(optimizer) + at;
    const char *now = (const char *)parameters + at;
    if (optimizer->averaged == 1) {
        kernel->copy(kernel, count, now, mean);
        return;
    }
    double share = 1 / (double)optimizer->averaged;
    kernel->scale(kernel, count, 1 - share, mean);
    kernel->axpy(kernel, count, share, now, mean);
}

void dstn_optimizer_update(dstn_optimizer *optimizer, double factor, int64_t first, int64_t count, const void *gradient,
                           void *parameters) {
    size_t at = (size_t)first * optimizer->kernel->size;
    void *moments[OPTIM_MAX_MOMENTS] = {NULL};
    for (int k = 0; k < optimizer->type->moments; k++) {
        moments[k] = (char *)optimizer->moments[k] + at;
    }
    optimizer->type->update(optimizer->settings, optimizer->kernel, optimizer->time, optimizer->rate, factor, count,
                            (const char *)gradient + at, moments, (char *)parameters + at);
    if (optimizer->averaged > 0) {
        average(optimizer, at, count, parameters);
    }
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
    if (optimizer->average_after > 0) {
        snprintf(name, sizeof name, "%s/averaged", prefix);
        dstn_state_add_values(state, name, DSTN_I64, 1, &optimizer->averaged);
        snprintf(name, sizeof name, "%s/average", prefix);
        dstn_state_add_values(state, name, optimizer->kernel->scalar, optimizer->count, average_of(optimizer));
    }
}
