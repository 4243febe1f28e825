/* hyper: the space of hyperparameters: read from a config, made by hand, reset, looked at. */
#include "transforms.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct hyper_settings {
    double range[2];
    int transform; /* 0: by the range */
    double start, scale;
    bool tune_scale, discrete, per_batch;
} hyper_settings;

const dstn_option dstn_hyper_options[] = {
    DSTN_RANGE("range", hyper_settings, range, -INFINITY, INFINITY, "[-.inf, .inf]",
               "lowest and highest value in natural units; with transform: exp the default is [0, .inf]"),
    DSTN_CHOICE("transform", hyper_settings, transform, HYPER_TRANSFORM_CHOICES, "auto",
                "map from the real line to the range; auto: by the range's finite ends"),
    DSTN_REAL("start", hyper_settings, start, -INFINITY, INFINITY, DSTN_REQUIRED,
              "starting value in natural units, inside the range"),
    DSTN_REAL("scale", hyper_settings, scale, 1e-300, 1e300, "1",
              "starting standard deviation of the perturbation, on the unconstrained side"),
    DSTN_BOOL("tune_scale", hyper_settings, tune_scale, "true", "whether the perturbation's scale is trained too"),
    DSTN_BOOL("discrete", hyper_settings, discrete, "false", "whether the value is rounded down to an integer"),
    DSTN_BOOL("per_batch", hyper_settings, per_batch, "false",
              "one perturbation a mini-batch rather than one an example"),
    DSTN_OPTIONS_END,
};

/* ---- one entry of a config --------------------------------------------------------------------------------------- */

/* What YAML reads as no value or as a number can't stand for a hyperparameter in a layer's option. */
static bool is_reserved(const char *name) {
    const char *const words[] = {"inf", "nan", "NaN", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(name, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_name(const char *name) {
    if (isdigit((unsigned char)name[0]) || name[0] == '\0' || is_reserved(name)) {
        return false;
    }
    return strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") == strlen(name);
}

/* A key's own place; an entry's default is inserted where the key is absent, so that it is always there. */
static dstn_node place_of(dstn_node entry, const char *key) {
    dstn_node child = dstn_node_child(entry, key);
    return child.handle ? child : entry;
}

static dstn_status choose_transform(dstn_node entry, const hyper_settings *settings, dstn_hyper *hyper,
                                    dstn_error *err) {
    const dstn_transform *transform = settings->transform
                                          ? dstn_transform_at((size_t)settings->transform - 1)
                                          : dstn_transform_default(settings->range[0], settings->range[1]);
    hyper->transform = transform;
    hyper->low = settings->range[0] == -INFINITY ? transform->lowest : settings->range[0];
    hyper->high = settings->range[1];
    if (transform->accepts(hyper->low, hyper->high)) {
        return DSTN_OK;
    }
    return dstn_node_fail(place_of(entry, "range"), err, "[%g, %g] doesn't fit transform %s; accepted: %s",
                          settings->range[0], settings->range[1], transform->name, transform->accepted);
}

static dstn_status check_start(dstn_node entry, const dstn_hyper *hyper, dstn_error *err) {
    if (hyper->start > hyper->low && hyper->start < hyper->high &&
        isfinite(hyper->transform->inverse(hyper->start, hyper->low, hyper->high))) {
        return DSTN_OK;
    }
    return dstn_node_fail(place_of(entry, "start"), err,
                          "%g is not inside the range; accepted: above %g and below %g, the ends not included",
                          hyper->start, hyper->low, hyper->high);
}

static dstn_status read_entry(dstn_node entry, const char *name, dstn_hyper *hyper, dstn_error *err) {
    if (!is_name(name)) {
        return dstn_node_fail(entry, err,
                              "\"%s\" can't be a hyperparameter's name; accepted: letters, digits and _, not "
                              "beginning with a digit, and not inf, nan or null",
                              name);
    }
    hyper_settings settings;
    char *path = dstn_format("hyperparameters.%s", name);
    dstn_binding binding = {dstn_hyper_options, &settings};
    dstn_status status = dstn_options_read(entry, path, &binding, 1, err);
    free(path);
    if (status == DSTN_OK) {
        status = choose_transform(entry, &settings, hyper, err);
    }
    if (status != DSTN_OK) {
        return status;
    }
    hyper->name = dstn_strdup(name);
    hyper->start = settings.start;
    hyper->scale = settings.scale;
    hyper->tune_scale = settings.tune_scale;
    hyper->discrete = settings.discrete;
    hyper->per_batch = settings.per_batch;
    return check_start(entry, hyper, err);
}

/* ---- spaces ------------------------------------------------------------------------------------------------------ */

static dstn_space *space_of(int count) {
    dstn_space *space = dstn_alloc(1, sizeof *space);
    space->count = count;
    space->items = dstn_alloc((size_t)count, sizeof *space->items);
    space->lambda = dstn_alloc((size_t)count, sizeof *space->lambda);
    space->raw_scale = dstn_alloc((size_t)count, sizeof *space->raw_scale);
    space->used = dstn_alloc((size_t)count, sizeof *space->used);
    return space;
}

/* `hyperparameters:` with nothing behind it is as good as absent. */
static bool is_absent(dstn_node node) {
    const char *text = dstn_node_text(node);
    return !node.handle || (text && (!*text || strcmp(text, "~") == 0 || strcmp(text, "null") == 0));
}

static void index_names(dstn_space *space) {
    for (int i = 0; i < space->count; i++) {
        dstn_texts_put(&space->names, space->items[i].name, i);
    }
}

dstn_status dstn_space_read(dstn_node node, dstn_space **out, dstn_error *err) {
    *out = NULL;
    if (!is_absent(node) && dstn_node_get_kind(node) != DSTN_NODE_MAPPING) {
        return dstn_node_fail(
            node, err,
            "is no mapping; accepted: a name and its options for each hyperparameter, as in \"name: {start: 1}\"");
    }
    dstn_space *space = space_of((int)dstn_node_count(node));
    for (int i = 0; i < space->count; i++) {
        dstn_node entry = dstn_node_at(node, (size_t)i);
        dstn_status status = read_entry(entry, dstn_node_key_at(node, (size_t)i), &space->items[i], err);
        if (status != DSTN_OK) {
            dstn_space_destroy(space);
            return status;
        }
    }
    index_names(space);
    dstn_space_reset(space);
    *out = space;
    return DSTN_OK;
}

dstn_space *dstn_space_new(int count, const char *const *names) {
    dstn_space *space = space_of(count);
    for (int i = 0; i < count; i++) {
        space->items[i] = (dstn_hyper){
            .name = dstn_strdup(names[i]),
            .transform = &hyper_transform_identity,
            .low = -INFINITY,
            .high = INFINITY,
            .start = 0,
            .scale = 1,
            .tune_scale = true,
        };
    }
    index_names(space);
    dstn_space_reset(space);
    return space;
}

void dstn_space_destroy(dstn_space *space) {
    if (!space) {
        return;
    }
    for (int i = 0; i < space->count; i++) {
        free((char *)space->items[i].name);
    }
    free(space->items);
    free(space->lambda);
    free(space->raw_scale);
    free(space->used);
    dstn_texts_clear(&space->names);
    free(space);
}

bool dstn_space_is_valid(const dstn_space *space) {
    for (int i = 0; i < space->count; i++) {
        const dstn_hyper *hyper = &space->items[i];
        if (!hyper->name || !is_name(hyper->name) || !hyper->transform || dstn_space_find(space, hyper->name) != i) {
            return false;
        }
        if (!(hyper->low < hyper->start && hyper->start < hyper->high) || !(hyper->scale > 0)) {
            return false;
        }
        if (!isfinite(space->lambda[i]) || !isfinite(space->raw_scale[i])) {
            return false;
        }
    }
    return space->count >= 0;
}

int dstn_space_find(const dstn_space *space, const char *name) {
    return (int)dstn_texts_find(&space->names, name);
}

static int64_t find_name(const void *user, const char *name) {
    return dstn_space_find(user, name);
}

static const char *name_at(const void *user, size_t i) {
    const dstn_space *space = user;
    return i < (size_t)space->count ? space->items[i].name : NULL;
}

dstn_names dstn_space_names(const dstn_space *space) {
    return (dstn_names){.at = name_at, .find = find_name, .user = space, .used = space->used};
}

void dstn_space_reset(dstn_space *space) {
    for (int i = 0; i < space->count; i++) {
        const dstn_hyper *hyper = &space->items[i];
        space->lambda[i] = hyper->transform->inverse(hyper->start, hyper->low, hyper->high);
        space->raw_scale[i] = dstn_softplus_inverse(hyper->scale);
    }
}

double dstn_space_unrounded(const dstn_space *space, int i, double u) {
    const dstn_hyper *hyper = &space->items[i];
    return hyper->transform->value(u, hyper->low, hyper->high);
}

double dstn_space_value(const dstn_space *space, int i, double u) {
    double value = dstn_space_unrounded(space, i, u);
    /* The margin keeps a start at an integer on that integer (App. F). */
    return space->items[i].discrete ? floor(value + 1e-6) : value;
}

bool dstn_space_rounds(const dstn_space *space) {
    for (int i = 0; i < space->count; i++) {
        if (space->items[i].discrete) {
            return true;
        }
    }
    return false;
}

void dstn_space_print(const dstn_space *space, FILE *out) {
    for (int i = 0; i < space->count; i++) {
        const dstn_hyper *hyper = &space->items[i];
        dstn_print_line(out, "%s %.17g", hyper->name, dstn_space_value(space, i, space->lambda[i]));
        if (hyper->discrete) {
            dstn_print_line(out, "unrounded.%s %.17g", hyper->name, dstn_space_unrounded(space, i, space->lambda[i]));
        }
    }
}

double dstn_space_derivative(const dstn_space *space, int i, double u) {
    const dstn_hyper *hyper = &space->items[i];
    return hyper->transform->derivative(u, hyper->low, hyper->high);
}

void dstn_space_values(const dstn_space *space, const double *epsilon, int64_t rows, double *values) {
    int h = space->count;
    for (int64_t r = 0; r < rows; r++) {
        for (int i = 0; i < h; i++) {
            double shift = epsilon ? epsilon[r * h + i] : 0;
            values[r * h + i] = dstn_space_value(space, i, space->lambda[i] + shift);
        }
    }
}

void dstn_space_add_state(dstn_space *space, dstn_state *state) {
    dstn_state_add_values(state, "hyper/lambda", DSTN_F64, space->count, space->lambda);
    dstn_state_add_values(state, "hyper/raw_scale", DSTN_F64, space->count, space->raw_scale);
}
