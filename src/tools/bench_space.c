/* The hyperparameters of a benchmark: a model file names them, but their ranges stand in a config. A rate gets the
 * range and start of the paper's experiments, anything else the range of the option that it stands in. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

/* A name and the option that it was first found in. */
typedef struct finding {
    const char *name;
    const dstn_option *option;
    bool per_batch; /* one of the options that it stands in needs it so */
} finding;

typedef struct findings {
    finding *items; /* [count] */
    int count;
} findings;

static void add_once(findings *found, const char *name, const dstn_option *option) {
    for (int i = 0; i < found->count; i++) {
        if (strcmp(found->items[i].name, name) == 0) {
            found->items[i].per_batch |= option->per_batch;
            return;
        }
    }
    finding *items = dstn_alloc((size_t)found->count + 1, sizeof(finding));
    if (found->count > 0) {
        memcpy(items, found->items, (size_t)found->count * sizeof(finding));
    }
    free(found->items);
    items[found->count++] = (finding){name, option, option->per_batch};
    found->items = items;
}

static bool is_number(const char *text) {
    char *end;
    strtod(text, &end);
    return end == text + strlen(text) || text[0] == '.';
}

/* The names among the options of one layer. */
static void find_in_options(dstn_node settings, const dstn_option *options, findings *found) {
    for (const dstn_option *option = options; option->key; option++) {
        const char *text = dstn_node_text(dstn_node_child(settings, option->key));
        if (option->kind == DSTN_OPTION_QUANTITY && text && strcmp(text, "~") != 0 && !is_number(text)) {
            add_once(found, text, option);
        }
    }
}

/* Layers may hold lists of layers. */
static void find_in(dstn_node node, findings *found) {
    for (size_t i = 0; i < dstn_node_count(node); i++) {
        dstn_node entry = dstn_node_at(node, i);
        if (dstn_node_get_kind(node) == DSTN_NODE_MAPPING) {
            const dstn_layer_type *type = dstn_layer_type_find(dstn_node_key_at(node, i));
            if (type) {
                find_in_options(entry, type->options, found);
            }
        }
        find_in(entry, found);
    }
}

static void set_range(dstn_hyper *hyper, const dstn_option *option) {
    const double most_rate = 0.95, start = 0.05;
    bool is_rate = option->low == 0 && option->high <= 1;
    hyper->low = option->low;
    hyper->high = is_rate ? most_rate : option->high;
    hyper->transform = dstn_transform_default(hyper->low, hyper->high);
    if (isfinite(hyper->low)) {
        hyper->start = hyper->low + (is_rate || !isfinite(hyper->high) ? start : start * (hyper->high - hyper->low));
    } else if (isfinite(hyper->high)) {
        hyper->start = hyper->high - start;
    }
}

dstn_status tools_bench_space(dstn_node layers, int64_t inert, dstn_space **out, dstn_error *err) {
    findings found = {NULL, 0};
    find_in(layers, &found);
    const int64_t most = 1000000;
    if (inert > most) {
        free(found.items);
        return dstn_fail(err, DSTN_ERROR_USAGE, "--hyper %lld: accepted: at most %lld", (long long)inert,
                         (long long)most);
    }
    int count = found.count + (int)inert;
    char **names = dstn_alloc((size_t)count, sizeof(char *));
    for (int i = 0; i < count; i++) {
        names[i] = i < found.count ? dstn_strdup(found.items[i].name) : dstn_format("inert-%d", i - found.count + 1);
    }
    *out = dstn_space_new(count, (const char *const *)names);
    for (int i = 0; i < found.count; i++) {
        set_range(&(*out)->items[i], found.items[i].option);
        (*out)->items[i].per_batch = found.items[i].per_batch;
    }
    dstn_space_reset(*out);
    for (int i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    free(found.items);
    return DSTN_OK;
}
