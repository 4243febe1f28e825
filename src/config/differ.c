/* config: which key keeps a run from being resumed with another config: values are compared by what they mean. */
#include "scalar.h"
#include "schema.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

typedef struct comparison {
    const dstn_section *sections; /* [count] */
    size_t count;
    dstn_difference *found; /* [out] */
} comparison;

/* ---- the schema at a place --------------------------------------------------------------------------------------- */

/* Whether the variant "source: csv" is the one that a mapping chooses. */
static bool is_chosen(const char *variant, const config_node *mapping) {
    if (!variant) {
        return true;
    }
    size_t length = strcspn(variant, ":");
    if (!variant[length]) {
        return false;
    }
    char *key = dstn_format("%.*s", (int)length, variant);
    const config_node *choice = config_node_find(mapping, key);
    free(key);
    const char *value = variant + length + 1;
    value += strspn(value, " ");
    return choice && choice->kind == DSTN_NODE_SCALAR && strcmp(choice->text, value) == 0;
}

const dstn_option *config_find_option(const dstn_section *sections, size_t count, const char *path,
                                      const config_node *mapping, const char *key) {
    const dstn_option *other_variant = NULL;
    for (size_t s = 0; s < count; s++) {
        if (!config_path_matches(sections[s].path, path)) {
            continue;
        }
        for (const dstn_option *option = sections[s].options; option->key; option++) {
            if (strcmp(option->key, key) != 0) {
                continue;
            }
            if (is_chosen(sections[s].variant, mapping)) {
                return option;
            }
            other_variant = option;
        }
    }
    return other_variant;
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static bool same_number(const config_node *a, const config_node *b, bool *same) {
    int64_t i, j;
    double x, y;
    if (!a->plain || !b->plain || config_read_real(a->text, &x) || config_read_real(b->text, &y)) {
        return false;
    }
    /* Large integers, such as seeds, are not told apart by doubles. */
    bool both_integers = !config_read_integer(a->text, &i) && !config_read_integer(b->text, &j);
    *same = both_integers ? i == j : x == y;
    return true;
}

static bool same_scalar(const config_node *a, const config_node *b, const dstn_option *option) {
    bool is_text = option && (option->kind == DSTN_OPTION_TEXT || option->kind == DSTN_OPTION_CHOICE ||
                              option->kind == DSTN_OPTION_SWITCH);
    bool same = false;
    if (config_node_is_null(a) || config_node_is_null(b)) {
        return config_node_is_null(a) && config_node_is_null(b);
    }
    if (!is_text && same_number(a, b, &same)) {
        return same;
    }
    return strcmp(a->text, b->text) == 0;
}

/* Whether what the option falls back to is the value that stands in the other document. */
static bool is_fallback(const config_node *value, const dstn_option *option) {
    if (!option || !option->fallback) {
        return false;
    }
    dstn_doc *aside = config_doc_new(option->key);
    config_problem problem;
    const char *text = option->fallback;
    const config_node *fallback = config_parse(aside, text, strlen(text), aside->file, false, &problem);
    bool same = false;
    if (fallback && value->kind == DSTN_NODE_SCALAR && fallback->kind == DSTN_NODE_SCALAR) {
        same = same_scalar(value, fallback, option);
    } else if (fallback && value->kind == fallback->kind && value->count == fallback->count) {
        same = true;
        for (size_t i = 0; i < value->count && same; i++) {
            const config_node *a = value->children[i], *b = fallback->children[i];
            same = value->kind == DSTN_NODE_SEQUENCE && a->kind == DSTN_NODE_SCALAR && b->kind == DSTN_NODE_SCALAR &&
                   same_scalar(a, b, option);
        }
    }
    dstn_doc_destroy(aside);
    return same;
}

/* ---- the walk ---------------------------------------------------------------------------------------------------- */

/* A value on one line; NULL: "not set". */
static void describe_value(const config_node *node, char out[DSTN_VALUE_SIZE]) {
    char *yaml = node ? config_flow_text(node) : NULL;
    if (!yaml) {
        snprintf(out, DSTN_VALUE_SIZE, "not set");
    } else if (dstn_escape(yaml, out, DSTN_VALUE_SIZE) >= DSTN_VALUE_SIZE) {
        dstn_escape(yaml, out, DSTN_VALUE_SIZE - 3);
        strcat(out, "...");
    }
    free(yaml);
}

/* NULL: that side has no value there. */
static bool report(const comparison *c, const char *path, const config_node *a, const config_node *b) {
    snprintf(c->found->key, sizeof c->found->key, "%s", path);
    describe_value(a, c->found->before);
    describe_value(b, c->found->now);
    return true;
}

static bool values_differ(const comparison *c, const char *path, const config_node *a, const config_node *b,
                          const dstn_option *option);

static bool sequences_differ(const comparison *c, const char *path, const config_node *a, const config_node *b,
                             const dstn_option *option) {
    bool differ = a->count != b->count;
    if (differ) {
        return report(c, path, a, b);
    }
    for (size_t i = 0; i < a->count && !differ; i++) {
        char index[24];
        snprintf(index, sizeof index, "%zu", i);
        char *below = config_join_path(path, index);
        differ = values_differ(c, below, a->children[i], b->children[i], option);
        free(below);
    }
    return differ;
}

/* One key of the mapping `a`, which `b` may lack. */
static bool entries_differ(const comparison *c, const char *path, const config_node *a, const config_node *b,
                           const char *key) {
    const dstn_option *option = config_find_option(c->sections, c->count, path, a, key);
    if (option && option->may_differ) {
        return false;
    }
    const config_node *before = config_node_find(a, key), *now = config_node_find(b, key);
    char *below = config_join_path(path, key);
    bool differ = false;
    if (before && now) {
        differ = values_differ(c, below, before, now, option);
    } else if (!is_fallback(before ? before : now, option)) {
        differ = report(c, below, before, now);
    }
    free(below);
    return differ;
}

static bool mappings_differ(const comparison *c, const char *path, const config_node *a, const config_node *b) {
    for (size_t i = 0; i < a->count; i++) {
        if (entries_differ(c, path, a, b, a->children[i]->key)) {
            return true;
        }
    }
    for (size_t i = 0; i < b->count; i++) {
        if (!config_node_find(a, b->children[i]->key) && entries_differ(c, path, a, b, b->children[i]->key)) {
            return true;
        }
    }
    return false;
}

static bool values_differ(const comparison *c, const char *path, const config_node *a, const config_node *b,
                          const dstn_option *option) {
    if (a->kind == b->kind && a->kind == DSTN_NODE_MAPPING) {
        return mappings_differ(c, path, a, b);
    }
    if (a->kind == b->kind && a->kind == DSTN_NODE_SEQUENCE) {
        return sequences_differ(c, path, a, b, option);
    }
    if (a->kind == b->kind && same_scalar(a, b, option)) {
        return false;
    }
    /* One number may stand for a list of one. */
    bool is_list = option && (option->kind == DSTN_OPTION_INTS || option->kind == DSTN_OPTION_REALS);
    const config_node *list = a->kind == DSTN_NODE_SEQUENCE ? a : b, *single = list == a ? b : a;
    if (is_list && single->kind == DSTN_NODE_SCALAR && list->kind == DSTN_NODE_SEQUENCE && list->count == 1 &&
        list->children[0]->kind == DSTN_NODE_SCALAR && same_scalar(single, list->children[0], option)) {
        return false;
    }
    return report(c, path, a, b);
}

bool dstn_schema_differs(const dstn_section *sections, size_t count, dstn_node before, dstn_node now,
                         dstn_difference *found) {
    comparison c = {.sections = sections, .count = count, .found = found};
    *found = (dstn_difference){.key = ""};
    if (!before.handle || !now.handle) {
        return before.handle != now.handle;
    }
    return values_differ(&c, "", config_of(before), config_of(now), NULL);
}
