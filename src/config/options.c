/* config: reads mappings by option tables: types, ranges, defaults, unknown and missing keys. */
#include "scalar.h"
#include "tree.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ACCEPTED_SIZE = 1024 };

/* ---- messages ---------------------------------------------------------------------------------------------------- */

/* "VALUE what; accepted: …", at the value's place. */
static dstn_status fail_value(dstn_node node, const dstn_option *option, const char *what, dstn_error *err) {
    char accepted[ACCEPTED_SIZE];
    config_describe(option, accepted, sizeof accepted);
    if (config_node_is_null(config_of(node))) {
        return dstn_node_fail(node, err, "has no value; accepted: %s", accepted);
    }
    char *value = dstn_node_yaml(node);
    const char *dots = strlen(value) > 60 ? "..." : "";
    dstn_node_fail(node, err, "%.60s%s %s; accepted: %s", value, dots, what, accepted);
    free(value);
    return err->status;
}

/* ---- one value, by kind ------------------------------------------------------------------------------------------ */

/* The text of a scalar that may be a number or a boolean; NULL: `what` says why it is none. */
static const char *bare_text(dstn_node node, const char **what) {
    const config_node *from = config_of(node);
    *what = from->kind == DSTN_NODE_SEQUENCE  ? "is a list, not a single value"
            : from->kind == DSTN_NODE_MAPPING ? "is a mapping, not a single value"
            : !from->plain                    ? "is text in quotes"
                                              : NULL;
    return *what ? NULL : from->text;
}

static dstn_status read_bool(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    const char *what;
    const char *text = bare_text(node, &what);
    if (!text) {
        return fail_value(node, option, what, err);
    }
    bool is_true = strcmp(text, "true") == 0;
    if (!is_true && strcmp(text, "false") != 0) {
        return fail_value(node, option, "is neither true nor false", err);
    }
    *(bool *)out = is_true;
    return DSTN_OK;
}

static dstn_status read_int(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    const char *what;
    const char *text = bare_text(node, &what);
    int64_t value = 0;
    if (text) {
        what = config_read_integer(text, &value);
    }
    if (!what && ((double)value < option->low || (double)value > option->high)) {
        what = "is out of range";
    }
    if (what) {
        return fail_value(node, option, what, err);
    }
    *(int64_t *)out = value;
    return DSTN_OK;
}

static dstn_status read_real(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    const char *what;
    const char *text = bare_text(node, &what);
    double value = 0;
    if (text) {
        what = config_read_real(text, &value);
    }
    if (!what && (value < option->low || value > option->high)) {
        what = "is out of range";
    }
    if (what) {
        return fail_value(node, option, what, err);
    }
    *(double *)out = value;
    return DSTN_OK;
}

static dstn_status read_text(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    const config_node *from = config_of(node);
    if (from->kind != DSTN_NODE_SCALAR || config_node_is_null(from)) {
        return fail_value(node, option, from->kind == DSTN_NODE_MAPPING ? "is a mapping" : "is a list", err);
    }
    *(const char **)out = from->text;
    return DSTN_OK;
}

static dstn_status read_choice(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    const char *text = dstn_node_text(node);
    if (!text) {
        return fail_value(node, option, "is not a single word", err);
    }
    int choice = config_choice_index(option->choices, text);
    if (choice >= 0) {
        *(int *)out = choice;
        return DSTN_OK;
    }
    char accepted[ACCEPTED_SIZE];
    config_describe(option, accepted, sizeof accepted);
    size_t count;
    char **names = config_choice_names(option->choices, &count);
    char *suggestion = dstn_suggestion(text, (const char *const *)names, count, accepted);
    dstn_node_fail(node, err, "%.60s is unknown; %s", text, suggestion);
    free(suggestion);
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    return err->status;
}

static dstn_status read_switch(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    int choice;
    dstn_status status = read_choice(node, option, &choice, err);
    if (status == DSTN_OK) {
        *(dstn_switch *)out = (dstn_switch)choice;
    }
    return status;
}

/* Names of hyperparameters begin with a letter, which no number does but "inf" and "nan". */
static bool is_name(const config_node *node) {
    double number;
    return node->kind == DSTN_NODE_SCALAR && strcspn(node->text, " \t\n") == strlen(node->text) &&
           strspn(node->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_") > 0 &&
           !config_node_is_null(node) && config_read_real(node->text, &number) && strcmp(node->text, "nan") != 0 &&
           strcmp(node->text, "NaN") != 0;
}

static dstn_status read_quantity(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    dstn_quantity quantity = {.index = -1};
    if (is_name(config_of(node))) {
        quantity.name = config_of(node)->text;
    } else if (read_real(node, option, &quantity.number, err)) {
        return err->status;
    }
    *(dstn_quantity *)out = quantity;
    return DSTN_OK;
}

typedef dstn_status value_reader(dstn_node node, const dstn_option *option, void *out, dstn_error *err);

/* One value or a sequence of up to `most`, each by `read`, to values of `size` bytes. */
static dstn_status read_list(dstn_node node, const dstn_option *option, value_reader *read, size_t size, size_t most,
                             void *values, int *count, dstn_error *err) {
    bool is_list = dstn_node_get_kind(node) == DSTN_NODE_SEQUENCE;
    size_t length = is_list ? dstn_node_count(node) : 1;
    if (length > most) {
        return fail_value(node, option, "is too long", err);
    }
    for (size_t i = 0; i < length; i++) {
        dstn_node item = is_list ? dstn_node_at(node, i) : node;
        if (read(item, option, (char *)values + i * size, err)) {
            return err->status;
        }
    }
    *count = (int)length;
    return DSTN_OK;
}

static dstn_status read_ints(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    dstn_int_list list = {0};
    size_t size = sizeof list.values[0], most = sizeof list.values / size;
    dstn_status status = read_list(node, option, read_int, size, most, list.values, &list.count, err);
    if (status == DSTN_OK) {
        *(dstn_int_list *)out = list;
    }
    return status;
}

static dstn_status read_reals(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    dstn_real_list list = {0};
    size_t size = sizeof list.values[0], most = sizeof list.values / size;
    const char *text = dstn_node_text(node);
    dstn_status status = DSTN_OK;
    list.automatic = config_may_be_automatic(option) && text && strcmp(text, "auto") == 0;
    if (!list.automatic) {
        status = read_list(node, option, read_real, size, most, list.values, &list.count, err);
    }
    if (status == DSTN_OK) {
        *(dstn_real_list *)out = list;
    }
    return status;
}

static dstn_status read_range(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    double range[2];
    dstn_option unbounded = *option;
    if (!(option->low < option->high)) {
        unbounded.low = -INFINITY;
        unbounded.high = INFINITY;
    }
    if (dstn_node_get_kind(node) != DSTN_NODE_SEQUENCE || dstn_node_count(node) != 2) {
        return fail_value(node, option, "is not a list of two numbers", err);
    }
    for (size_t i = 0; i < 2; i++) {
        if (read_real(dstn_node_at(node, i), &unbounded, &range[i], err)) {
            return err->status;
        }
    }
    if (!(range[0] < range[1])) {
        return fail_value(node, option, "has its ends in the wrong order", err);
    }
    memcpy(out, range, sizeof range);
    return DSTN_OK;
}

static dstn_status read_section(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    (void)option, (void)err;
    *(dstn_node *)out = node;
    return DSTN_OK;
}

static value_reader *const readers[] = {
    [DSTN_OPTION_BOOL] = read_bool,         [DSTN_OPTION_INT] = read_int,         [DSTN_OPTION_REAL] = read_real,
    [DSTN_OPTION_TEXT] = read_text,         [DSTN_OPTION_CHOICE] = read_choice,   [DSTN_OPTION_SWITCH] = read_switch,
    [DSTN_OPTION_QUANTITY] = read_quantity, [DSTN_OPTION_INTS] = read_ints,       [DSTN_OPTION_REALS] = read_reals,
    [DSTN_OPTION_RANGE] = read_range,       [DSTN_OPTION_SECTION] = read_section,
};

/* A default of "~" makes a value optional; where it is absent, the structure gets what no value could be. */
static void set_nothing(const dstn_option *option, dstn_doc *doc, void *out) {
    switch (option->kind) {
    case DSTN_OPTION_BOOL:
        *(bool *)out = false;
        break;
    case DSTN_OPTION_INT:
        *(int64_t *)out = 0;
        break;
    case DSTN_OPTION_REAL:
        *(double *)out = NAN;
        break;
    case DSTN_OPTION_TEXT:
        *(const char **)out = NULL;
        break;
    case DSTN_OPTION_CHOICE:
        *(int *)out = -1;
        break;
    case DSTN_OPTION_SWITCH:
        *(dstn_switch *)out = DSTN_SWITCH_AUTO;
        break;
    case DSTN_OPTION_QUANTITY:
        *(dstn_quantity *)out = (dstn_quantity){.number = NAN, .index = -1};
        break;
    case DSTN_OPTION_INTS:
        *(dstn_int_list *)out = (dstn_int_list){0};
        break;
    case DSTN_OPTION_REALS:
        *(dstn_real_list *)out = (dstn_real_list){0};
        break;
    case DSTN_OPTION_RANGE:
        ((double *)out)[0] = ((double *)out)[1] = NAN;
        break;
    case DSTN_OPTION_SECTION:
        *(dstn_node *)out = (dstn_node){doc, NULL};
        break;
    }
}

static dstn_status read_value(dstn_node node, const dstn_option *option, void *out, dstn_error *err) {
    if (!config_is_optional(option) || !config_node_is_null(config_of(node))) {
        return readers[option->kind](node, option, out, err);
    }
    set_nothing(option, node.doc, out);
    return DSTN_OK;
}

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

/* Parses a default in `doc`; a table whose default is no YAML is a mistake of the program's, told like any other. */
static config_node *parse_fallback(dstn_doc *doc, const config_source *source, const dstn_option *option,
                                   dstn_error *err) {
    config_problem problem;
    config_node *node = config_parse(doc, option->fallback, strlen(option->fallback), source, false, &problem);
    if (!node) {
        dstn_fail(err, DSTN_ERROR_USAGE, "%s: default \"%s\" is no YAML", option->key, option->fallback);
    }
    return node;
}

static dstn_status insert_default(dstn_node mapping, const dstn_option *option, void *out, dstn_error *err) {
    config_node *parent = config_of(mapping);
    config_node *node = parse_fallback(mapping.doc, parent->source, option, err);
    if (!node) {
        return err->status;
    }
    node->line = parent->line;
    config_node_append(parent, node, option->key);
    return readers[option->kind]((dstn_node){mapping.doc, node}, option, out, err);
}

/* The default where there is no document to put it in: names and texts are then the table's own. */
static dstn_status use_default(const dstn_option *option, void *out, dstn_error *err) {
    const char *literal = option->fallback[0] == '"' || option->fallback[0] == '\'' ? "" : option->fallback;
    dstn_doc *aside = config_doc_new(option->key);
    config_node *node = parse_fallback(aside, aside->file, option, err);
    dstn_status status = node ? readers[option->kind]((dstn_node){aside, node}, option, out, err) : err->status;
    if (status == DSTN_OK && option->kind == DSTN_OPTION_TEXT && *(const char **)out) {
        *(const char **)out = literal;
    }
    if (status == DSTN_OK && option->kind == DSTN_OPTION_QUANTITY && ((dstn_quantity *)out)->name) {
        ((dstn_quantity *)out)->name = literal;
    }
    dstn_doc_destroy(aside);
    return status;
}

static dstn_status fail_missing(dstn_node mapping, const char *path, const dstn_option *option, dstn_error *err) {
    char accepted[ACCEPTED_SIZE];
    config_describe(option, accepted, sizeof accepted);
    if (!mapping.handle) {
        dstn_fail(err, DSTN_ERROR_USAGE, "missing; accepted: %s", accepted);
        dstn_fail_in(err, "%s%s%s", path ? path : "", path && *path ? "." : "", option->key);
        return mapping.doc ? dstn_fail_in(err, "%s", dstn_doc_name(mapping.doc)) : err->status;
    }
    /* Named as the option would be, if it were there. */
    config_node *parent = config_of(mapping);
    config_node absent = {.parent = parent, .key = (char *)option->key, .source = parent->source, .line = parent->line};
    return dstn_node_fail((dstn_node){mapping.doc, &absent}, err, "missing; accepted: %s", accepted);
}

static dstn_status read_absent(dstn_node mapping, const char *path, const dstn_option *option, void *out,
                               dstn_error *err) {
    bool is_section = option->kind == DSTN_OPTION_SECTION;
    if (config_is_optional(option) || (is_section && (!mapping.handle || !option->fallback))) {
        set_nothing(option, mapping.doc, out);
        return DSTN_OK;
    }
    if (!option->fallback) {
        return fail_missing(mapping, path, option, err);
    }
    return mapping.handle ? insert_default(mapping, option, out, err) : use_default(option, out, err);
}

/* ---- mappings ---------------------------------------------------------------------------------------------------- */

/* The keys of all tables, each once, in their order; free with free(). */
static const char **known_keys(const dstn_binding *bindings, size_t count, size_t *known) {
    size_t most = 1;
    for (size_t b = 0; b < count; b++) {
        for (const dstn_option *option = bindings[b].options; option->key; option++) {
            most++;
        }
    }
    const char **keys = dstn_alloc(most, sizeof *keys);
    *known = 0;
    for (size_t b = 0; b < count; b++) {
        for (const dstn_option *option = bindings[b].options; option->key; option++) {
            size_t i = 0;
            while (i < *known && strcmp(keys[i], option->key) != 0) {
                i++;
            }
            if (i == *known) {
                keys[(*known)++] = option->key;
            }
        }
    }
    return keys;
}

static dstn_status fail_unknown(dstn_node child, const char *const *keys, size_t count, dstn_error *err) {
    char *suggestion = dstn_suggestion(config_of(child)->key, keys, count, count ? NULL : "no key");
    dstn_node_fail(child, err, "unknown key; %s", suggestion);
    free(suggestion);
    return err->status;
}

static dstn_status check_keys(dstn_node mapping, const char *const *keys, size_t count, dstn_error *err) {
    const config_node *from = config_of(mapping);
    if (!from) {
        return DSTN_OK;
    }
    if (from->kind != DSTN_NODE_MAPPING) {
        char *suggestion = dstn_suggestion("", keys, count, count ? NULL : "no key");
        dstn_node_fail(mapping, err, "is %s, not a mapping; %s",
                       from->kind == DSTN_NODE_SEQUENCE ? "a list" : "a single value", suggestion);
        free(suggestion);
        return err->status;
    }
    for (size_t i = 0; i < from->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(keys[k], from->children[i]->key) != 0) {
            k++;
        }
        if (k == count) {
            return fail_unknown(dstn_node_at(mapping, i), keys, count, err);
        }
    }
    return DSTN_OK;
}

static dstn_status read_table(dstn_node mapping, const char *path, const dstn_binding *binding, dstn_error *err) {
    for (const dstn_option *option = binding->options; option->key; option++) {
        void *out = (char *)binding->settings + option->offset;
        dstn_node value = dstn_node_child(mapping, option->key);
        dstn_status status =
            value.handle ? read_value(value, option, out, err) : read_absent(mapping, path, option, out, err);
        if (status) {
            return status;
        }
    }
    return DSTN_OK;
}

dstn_status dstn_options_read(dstn_node node, const char *path, const dstn_binding *bindings, size_t count,
                              dstn_error *err) {
    if (node.handle) {
        config_node_make_mapping(config_of(node));
    }
    size_t known;
    const char **keys = known_keys(bindings, count, &known);
    dstn_status status = check_keys(node, keys, known, err);
    free(keys);
    for (size_t b = 0; b < count && !status; b++) {
        status = read_table(node, path, &bindings[b], err);
    }
    return status;
}
