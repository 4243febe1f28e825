/* optim: reads the section of an optimizer: `name` and `schedule` say which tables its keys are in. */
#include "section.h"
#include "optimizers.h"
#include "schedules.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- registries -------------------------------------------------------------------------------------------------- */

#define TYPE_ENTRY(name) &optim_##name,
static const dstn_optimizer_type *const types[] = {OPTIM_TYPES(TYPE_ENTRY)};

#define SCHEDULE_ENTRY(name) &optim_schedule_##name,
static const dstn_schedule_type *const schedules[] = {OPTIM_SCHEDULES(SCHEDULE_ENTRY)};

#define NAME(name) #name,
static const char *const type_names[] = {OPTIM_TYPES(NAME)};
static const char *const schedule_names[] = {OPTIM_SCHEDULES(NAME)};

enum { TYPES = sizeof types / sizeof types[0], SCHEDULES = sizeof schedules / sizeof schedules[0] };

const dstn_optimizer_type *dstn_optimizer_type_find(const char *name) {
    for (size_t i = 0; i < TYPES; i++) {
        if (strcmp(types[i]->name, name) == 0) {
            return types[i];
        }
    }
    return NULL;
}

const dstn_optimizer_type *dstn_optimizer_type_at(size_t i) {
    return i < TYPES ? types[i] : NULL;
}

const dstn_schedule_type *dstn_schedule_type_at(size_t i) {
    return i < SCHEDULES ? schedules[i] : NULL;
}

#define IN_LIST(name) "|" #name
static const char schedule_list[] = OPTIM_SCHEDULES(IN_LIST);

/* ---- the section ------------------------------------------------------------------------------------------------- */

typedef struct common_settings {
    const char *name;
    double rate, clip;
    int schedule;
    int64_t average_after;
} common_settings;

#define IN_HELP(name) " " #name

const dstn_option dstn_optimizer_options[] = {
    DSTN_TEXT("name", common_settings, name, "~",
              "its kind:" OPTIM_TYPES(IN_HELP) "; where absent, sgd for weights and rmsprop for hyperparameters"),
    DSTN_REAL("rate", common_settings, rate, 0, 1e30, DSTN_REQUIRED, "learning rate"),
    DSTN_REAL("clip", common_settings, clip, 1e-300, INFINITY, ".inf",
              "largest norm of the gradient, which is scaled down to it; .inf: none"),
    DSTN_CHOICE("schedule", common_settings, schedule, schedule_list + 1, "constant",
                "how the learning rate goes on from epoch to epoch"),
    DSTN_INT("average_after", common_settings, average_after, 0, 1000, "0",
             "weights are averaged from the first epoch on whose validation loss is above the least of those more than "
             "so many epochs before (NT-ASGD, with sgd; Merity et al., 2018, take 5); evaluations, the best epoch and "
             "what eval takes from a checkpoint are the average, while training and hyperparameter steps go on with "
             "the weights themselves; 0: never"),
    DSTN_OPTIONS_END,
};

enum { OPTIONS = sizeof dstn_optimizer_options / sizeof dstn_optimizer_options[0] };

/* What a section names; a name that is no text is left to the reader of options, which says so. */
static dstn_status choose(dstn_node node, const char *default_name, optim_section *section, dstn_error *err) {
    dstn_node type_place = dstn_node_child(node, "name"), schedule_place = dstn_node_child(node, "schedule");
    const char *type = dstn_node_text(type_place), *schedule = dstn_node_text(schedule_place);
    section->type = dstn_optimizer_type_find(type ? type : default_name);
    if (!section->type) {
        return dstn_node_fail_name(type_place, "optimizer", type ? type : default_name, type_names, TYPES, err);
    }
    size_t i = 0;
    while (schedule && i < SCHEDULES && strcmp(schedule_names[i], schedule) != 0) {
        i++;
    }
    if (i == SCHEDULES) {
        return dstn_node_fail_name(schedule_place, "schedule", schedule, schedule_names, SCHEDULES, err);
    }
    section->schedule = schedules[i];
    return DSTN_OK;
}

dstn_status optim_section_read(dstn_node node, const char *path, const char *default_name, optim_section *out,
                               dstn_error *err) {
    *out = (optim_section){0};
    dstn_status status = choose(node, default_name, out, err);
    if (status != DSTN_OK) {
        return status;
    }
    out->type_settings = dstn_alloc(1, out->type->settings_size);
    out->schedule_settings = dstn_alloc(1, out->schedule->settings_size);
    /* The default name goes into the document like any other default. */
    dstn_option common[OPTIONS];
    memcpy(common, dstn_optimizer_options, sizeof common);
    common[0].fallback = default_name;
    common_settings settings = {0};
    dstn_binding bindings[] = {{common, &settings},
                               {out->type->options, out->type_settings},
                               {out->schedule->options, out->schedule_settings}};
    status = dstn_options_read(node, path, bindings, 3, err);
    if (status == DSTN_OK && out->schedule->check) {
        status = out->schedule->check(out->schedule_settings, node, err);
    }
    if (status != DSTN_OK) {
        optim_section_clear(out);
    }
    out->rate = settings.rate;
    out->clip = settings.clip;
    out->average_after = settings.average_after;
    return status;
}

void optim_section_clear(optim_section *section) {
    free(section->type_settings);
    free(section->schedule_settings);
    section->type_settings = section->schedule_settings = NULL;
}
