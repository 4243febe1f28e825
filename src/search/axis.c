/* search: one axis of a sweep file: a list of values, {from, count}, or a mapping from labels to settings. */
#include "axis.h"
#include "distinct.h"

#include <stdlib.h>
#include <string.h>

/* A member's folder is made of labels, and sweep.h5 has a data set named after each axis. */
static const char label_characters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+-";
enum { MAX_LABEL = 100 };

/* Integers that a double holds exactly, since everything that reads the record may use doubles. */
static const double max_integer = 9007199254740992.0;

/* ---- settings ---------------------------------------------------------------------------------------------------- */

static bool has_empty_component(const char *path) {
    return path[0] == '\0' || path[0] == '.' || path[strlen(path) - 1] == '.' || strstr(path, "..");
}

/* Takes `yaml` over. */
static void append_setting(search_settings *settings, const char *path, char *yaml, dstn_node value) {
    settings->items[settings->count++] = (dstn_setting){dstn_strdup(path), yaml, value};
}

dstn_status search_settings_read(dstn_node mapping, search_settings *settings, dstn_error *err) {
    *settings = (search_settings){0};
    if (!mapping.handle) {
        return DSTN_OK;
    }
    if (dstn_node_get_kind(mapping) != DSTN_NODE_MAPPING) {
        return dstn_node_fail(mapping, err, "is no mapping; accepted: settings, such as {train.batch: 64}");
    }
    size_t count = dstn_node_count(mapping);
    settings->items = dstn_alloc(count + 1, sizeof *settings->items);
    for (size_t i = 0; i < count; i++) {
        dstn_node value = dstn_node_at(mapping, i);
        const char *path = dstn_node_key_at(mapping, i);
        if (has_empty_component(path)) {
            return dstn_node_fail(value, err, "empty key in the path \"%s\"; accepted: a.b.c", path);
        }
        append_setting(settings, path, dstn_node_yaml(value), value);
    }
    return DSTN_OK;
}

int search_settings_copy(const search_settings *settings, dstn_setting *to) {
    for (int i = 0; i < settings->count; i++) {
        const dstn_setting *from = &settings->items[i];
        to[i] = (dstn_setting){dstn_strdup(from->path), dstn_strdup(from->yaml), from->value};
    }
    return settings->count;
}

void search_settings_clear(search_settings *settings) {
    for (int i = 0; i < settings->count; i++) {
        free(settings->items[i].path);
        free(settings->items[i].yaml);
    }
    free(settings->items);
    *settings = (search_settings){0};
}

/* ---- names and labels -------------------------------------------------------------------------------------------- */

/* NULL where `text` can be a folder's name and stand in a table, else what is wrong with it. */
static const char *find_flaw(const char *text) {
    if (!*text) {
        return "is empty";
    }
    if (strlen(text) > MAX_LABEL) {
        return "is too long";
    }
    if (text[strspn(text, label_characters)]) {
        return "has a character that a folder's name may not have";
    }
    if (*text == '.') {
        return "begins with a dot, which hides a folder";
    }
    return NULL;
}

/* `what` is "label" or "axis name". */
static dstn_status check_name(dstn_node place, const char *what, const char *text, dstn_error *err) {
    const char *flaw = find_flaw(text);
    if (!flaw) {
        return DSTN_OK;
    }
    return dstn_node_fail(place, err,
                          "the %s \"%.*s\" %s; accepted: 1 to %d of letters, digits and . _ + -, no dot first", what,
                          MAX_LABEL, text, flaw, MAX_LABEL);
}

dstn_status search_path_check(dstn_node place, const char *path, dstn_error *err) {
    if (check_name(place, "path", path, err)) {
        return err->status;
    }
    if (has_empty_component(path)) {
        return dstn_node_fail(place, err, "empty key in the path \"%s\"; accepted: a.b.c", path);
    }
    return DSTN_OK;
}

/* What an axis has so far, by positions on it. */
typedef struct points {
    dstn_texts labels; /* borrowed from the document */
    search_distinct settings;
} points;

static dstn_status check_label(points *seen, int64_t at, dstn_node place, const char *label, dstn_error *err) {
    if (check_name(place, "label", label, err)) {
        return err->status;
    }
    if (dstn_texts_put(&seen->labels, label, at) != at) {
        return dstn_node_fail(place, err, "the label \"%s\" is on the axis twice; accepted: each label once", label);
    }
    return DSTN_OK;
}

/* Of the point that was appended last. */
static dstn_status check_settings(points *seen, const search_axis *axis, dstn_node place, dstn_error *err) {
    int64_t at = axis->count - 1, first = search_distinct_put(&seen->settings, &axis->settings[at], at);
    return first == at
               ? DSTN_OK
               : dstn_node_fail(place, err,
                                "the labels \"%s\" and \"%s\" stand for the same settings, so that equal runs would "
                                "look like several results; accepted: each value under one label",
                                axis->labels[first], axis->labels[at]);
}

/* ---- the three forms --------------------------------------------------------------------------------------------- */

static dstn_status fail_form(dstn_node place, const char *what, dstn_error *err) {
    return dstn_node_fail(place, err,
                          "%s; accepted: a list of values, {from: 0, count: 5}, or a mapping from labels to settings, "
                          "such as {small: {train.batch: 10}}",
                          what);
}

static void reserve(search_axis *axis, int64_t count) {
    axis->labels = dstn_alloc((size_t)count, sizeof *axis->labels);
    axis->settings = dstn_alloc((size_t)count, sizeof *axis->settings);
}

/* A point that sets the key named like the axis. Takes `yaml` over. */
static void append_value(search_axis *axis, const char *label, char *yaml, dstn_node value) {
    search_settings *settings = &axis->settings[axis->count];
    settings->items = dstn_alloc(1, sizeof *settings->items);
    append_setting(settings, axis->name, yaml, value);
    axis->labels[axis->count++] = dstn_strdup(label);
}

static dstn_status read_list(dstn_node list, search_axis *axis, points *seen, dstn_error *err) {
    size_t count = dstn_node_count(list);
    reserve(axis, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        dstn_node value = dstn_node_at(list, i);
        const char *text = dstn_node_text(value);
        if (!text) {
            return dstn_node_fail(value, err,
                                  "is not a single value; accepted: single values, or, for more than one setting "
                                  "each, a mapping from labels to settings in place of the list");
        }
        if (check_label(seen, (int64_t)i, value, text, err)) {
            return err->status;
        }
        append_value(axis, text, dstn_node_yaml(value), value);
        if (check_settings(seen, axis, value, err)) {
            return err->status;
        }
    }
    return DSTN_OK;
}

typedef struct integer_range {
    int64_t from, count;
} integer_range;

static const dstn_option range_options[] = {
    DSTN_INT("from", integer_range, from, -9007199254740992.0, 9007199254740992.0, "0", "the first integer of an axis"),
    DSTN_INT("count", integer_range, count, 1, DSTN_MAX_MEMBERS, DSTN_REQUIRED, "how many integers an axis has",
             DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};

static dstn_status read_range(dstn_node mapping, search_axis *axis, dstn_error *err) {
    integer_range range = {0};
    const dstn_binding binding = {range_options, &range};
    if (dstn_options_read(mapping, axis->name, &binding, 1, err)) {
        return err->status;
    }
    if ((double)range.from + (double)range.count > max_integer) {
        return dstn_node_fail(mapping, err, "counts beyond 2^53; accepted: a smaller from or count");
    }
    reserve(axis, range.count);
    for (int64_t i = 0; i < range.count; i++) {
        char *yaml = dstn_format("%lld", (long long)(range.from + i));
        append_value(axis, yaml, yaml, (dstn_node){mapping.doc, NULL});
    }
    return DSTN_OK;
}

static dstn_status read_labels(dstn_node mapping, search_axis *axis, points *seen, dstn_error *err) {
    size_t count = dstn_node_count(mapping);
    reserve(axis, (int64_t)count);
    for (size_t i = 0; i < count; i++) {
        dstn_node value = dstn_node_at(mapping, i);
        const char *label = dstn_node_key_at(mapping, i);
        if (dstn_node_get_kind(value) != DSTN_NODE_MAPPING) {
            return fail_form(value, "is no mapping of settings", err);
        }
        if (check_label(seen, (int64_t)i, value, label, err)) {
            return err->status;
        }
        axis->labels[axis->count] = dstn_strdup(label);
        if (search_settings_read(value, &axis->settings[axis->count++], err) ||
            check_settings(seen, axis, value, err)) {
            return err->status;
        }
    }
    return DSTN_OK;
}

/* {from, count} has numbers where a mapping from labels has mappings, so that "count" can be a label too. */
static bool is_range(dstn_node mapping) {
    return dstn_node_text(dstn_node_child(mapping, "from")) || dstn_node_text(dstn_node_child(mapping, "count"));
}

dstn_status search_axis_read(const char *name, dstn_node value, search_axis *axis, dstn_error *err) {
    *axis = (search_axis){.name = dstn_strdup(name)};
    if (check_name(value, "axis name", name, err)) {
        return err->status;
    }
    bool is_labelled = dstn_node_get_kind(value) == DSTN_NODE_MAPPING && !is_range(value);
    if (!is_labelled && has_empty_component(name)) {
        return dstn_node_fail(value, err, "empty key in the path \"%s\"; accepted: a.b.c", name);
    }
    if (dstn_node_get_kind(value) == DSTN_NODE_SCALAR) {
        return fail_form(value, "is a single value", err);
    }
    if (dstn_node_count(value) == 0) {
        return fail_form(value, "is an empty axis", err);
    }
    if (dstn_node_get_kind(value) == DSTN_NODE_MAPPING && !is_labelled) {
        return read_range(value, axis, err);
    }
    points seen = {.labels = {0}};
    dstn_status status = (is_labelled ? read_labels : read_list)(value, axis, &seen, err);
    dstn_texts_clear(&seen.labels);
    search_distinct_clear(&seen.settings);
    return status;
}

void search_axis_clear(search_axis *axis) {
    for (int64_t i = 0; i < axis->count; i++) {
        free(axis->labels[i]);
        search_settings_clear(&axis->settings[i]);
    }
    free(axis->labels);
    free(axis->settings);
    free(axis->name);
    *axis = (search_axis){0};
}
