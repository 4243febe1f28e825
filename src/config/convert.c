/* config: a document as libfyaml holds it, into a tree of ours, with anchors, aliases and merge keys resolved. */
#include "convert.h"

#include <stdlib.h>
#include <string.h>

/* A few lines of aliases of aliases could ask for more nodes than there is memory. */
enum { MAX_COPIED = 100000 };

static const char merge_key[] = "<<";

typedef struct anchor {
    char *name;
    const config_node *node; /* the latest that has it */
} anchor;

typedef struct conversion {
    dstn_doc *doc;
    const config_source *source;
    bool has_lines;
    config_problem *problem;
    anchor *anchors; /* [anchor_names.count] of the nodes that are complete */
    size_t anchor_capacity;
    dstn_texts anchor_names;
    size_t copied;
} conversion;

static config_node *fail(const conversion *c, int line, const char *message) {
    c->problem->line = line;
    snprintf(c->problem->message, sizeof c->problem->message, "%s", message);
    return NULL;
}

static config_node *new_node(const conversion *c, dstn_node_kind kind, int line) {
    return config_node_new(c->doc, kind, c->source, c->has_lines ? line : 0);
}

int config_first_line(struct fy_node *from) {
    void *state = NULL;
    if (!from) {
        return 0;
    }
    switch (fy_node_get_type(from)) {
    case FYNT_MAPPING: {
        struct fy_node_pair *pair = fy_node_mapping_iterate(from, &state);
        return pair ? config_first_line(fy_node_pair_key(pair)) : 0;
    }
    case FYNT_SEQUENCE:
        return config_first_line(fy_node_sequence_iterate(from, &state));
    default: {
        struct fy_token *token = fy_node_get_scalar_token(from);
        const struct fy_mark *mark = token ? fy_token_start_mark(token) : NULL;
        return mark ? mark->line + 1 : 0;
    }
    }
}

static char *copy_text(const char *text, size_t length) {
    char *copy = dstn_alloc(length + 1, 1);
    if (text) {
        memcpy(copy, text, length);
    }
    return copy;
}

/* A scalar's text as a new string; NULL where it has a zero byte, which no option could hold. */
static char *scalar_text(struct fy_node *from) {
    size_t length = 0;
    const char *text = from ? fy_node_get_scalar(from, &length) : NULL;
    if (!text) {
        return dstn_strdup("");
    }
    return memchr(text, '\0', length) ? NULL : copy_text(text, length);
}

static bool is_plain(struct fy_node *from) {
    struct fy_token *token = from ? fy_node_get_scalar_token(from) : NULL;
    return !token || fy_token_scalar_style(token) == FYSS_PLAIN;
}

/* ---- anchors and aliases ----------------------------------------------------------------------------------------- */

static void make_room_for_anchor(conversion *c, size_t used) {
    if (used < c->anchor_capacity) {
        return;
    }
    c->anchor_capacity = used ? 2 * used : 8;
    anchor *larger = dstn_alloc(c->anchor_capacity, sizeof *larger);
    if (used) {
        memcpy(larger, c->anchors, used * sizeof *larger);
    }
    free(c->anchors);
    c->anchors = larger;
}

static void remember_anchor(conversion *c, struct fy_node *from, const config_node *node) {
    struct fy_anchor *named = from ? fy_node_get_anchor(from) : NULL;
    if (!named || !node) {
        return;
    }
    size_t length = 0;
    const char *name = fy_anchor_get_text(named, &length);
    char *own = copy_text(name, length);
    size_t count = c->anchor_names.count;
    size_t at = (size_t)dstn_texts_put(&c->anchor_names, own, (int64_t)count);
    if (at < count) {
        free(own);
    } else {
        make_room_for_anchor(c, count);
        c->anchors[at].name = own;
    }
    c->anchors[at].node = node;
}

static void forget_anchors(conversion *c) {
    for (size_t i = 0; i < c->anchor_names.count; i++) {
        free(c->anchors[i].name);
    }
    free(c->anchors);
    dstn_texts_clear(&c->anchor_names);
}

static size_t tree_size(const config_node *node) {
    size_t size = 1;
    for (size_t i = 0; i < node->count; i++) {
        size += tree_size(node->children[i]);
    }
    return size;
}

static config_node *convert_alias(conversion *c, struct fy_node *from, int line) {
    char *name = scalar_text(from);
    int64_t at = name ? dstn_texts_find(&c->anchor_names, name) : -1;
    free(name);
    if (at < 0) {
        return fail(c, line, "an alias names no anchor before it");
    }
    const config_node *found = c->anchors[at].node;
    c->copied += tree_size(found);
    if (c->copied > MAX_COPIED) {
        return fail(c, line, "aliases stand for too many values");
    }
    return config_node_copy(c->doc, found);
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

static config_node *convert(conversion *c, struct fy_node *from, int line);

static config_node *convert_scalar(conversion *c, struct fy_node *from, int line) {
    config_node *node = new_node(c, DSTN_NODE_SCALAR, line);
    node->plain = is_plain(from);
    node->text = scalar_text(from);
    return node->text ? node : fail(c, line, "a text contains a zero byte");
}

static config_node *convert_sequence(conversion *c, struct fy_node *from, int line) {
    config_node *node = new_node(c, DSTN_NODE_SEQUENCE, line);
    void *state = NULL;
    for (struct fy_node *item; (item = fy_node_sequence_iterate(from, &state));) {
        int item_line = config_first_line(item);
        config_node *child = convert(c, item, item_line ? item_line : line);
        if (!child) {
            return NULL;
        }
        config_node_append(node, child, NULL);
    }
    return node;
}

/* Adds the entries of a mapping, or of each of a list of mappings, under keys that are not there yet. */
static bool merge(conversion *c, config_node *mapping, const config_node *from) {
    if (from->kind == DSTN_NODE_SCALAR) {
        fail(c, from->line, "\"<<\" merges something that is no mapping");
        return false;
    }
    for (size_t i = 0; i < from->count; i++) {
        const config_node *child = from->children[i];
        if (from->kind == DSTN_NODE_SEQUENCE && !merge(c, mapping, child)) {
            return false;
        }
        if (from->kind == DSTN_NODE_MAPPING && !config_node_find(mapping, child->key)) {
            config_node_append(mapping, config_node_copy(c->doc, child), child->key);
        }
    }
    return true;
}

static void fail_repeated(const conversion *c, const char *key, int first, int line) {
    char message[160];
    char *shown = dstn_printable(key);
    int used = snprintf(message, sizeof message, "the key \"%.60s\" stands twice in one mapping", shown);
    free(shown);
    if (c->has_lines) {
        snprintf(message + used, sizeof message - (size_t)used, ", on lines %d and %d; accepted: each key once", first,
                 line);
    }
    fail(c, line, message);
}

/* A mapping on its way: the keys so far with their lines, and what is to be merged, since keys that come after it take
 * precedence. */
typedef struct pairs {
    config_node *mapping, *merged;
    dstn_texts lines;
} pairs;

/* Adds one `key: value`; the value has the key's line, since that is where one looks for it. */
static bool convert_pair(conversion *c, pairs *to, struct fy_node_pair *pair, int line) {
    struct fy_node *key_node = fy_node_pair_key(pair);
    int key_line = config_first_line(key_node);
    key_line = key_line ? key_line : line;
    bool is_word = !key_node || (fy_node_get_type(key_node) == FYNT_SCALAR && !fy_node_is_alias(key_node));
    char *key = is_word ? scalar_text(key_node) : NULL;
    int64_t first = key ? dstn_texts_find(&to->lines, key) : -1;
    config_node *child = NULL;
    if (!key) {
        fail(c, key_line, "a key is no word");
    } else if (first >= 0) {
        fail_repeated(c, key, (int)first, key_line);
    } else {
        child = convert(c, fy_node_pair_value(pair), key_line);
    }
    if (child && is_plain(key_node) && strcmp(key, merge_key) == 0) {
        config_node_append(to->merged, child, NULL);
        dstn_texts_put(&to->lines, merge_key, key_line);
    } else if (child) {
        config_node_append(to->mapping, child, key);
        dstn_texts_put(&to->lines, child->key, key_line);
    }
    free(key);
    return child;
}

static config_node *convert_mapping(conversion *c, struct fy_node *from, int line) {
    pairs to = {.mapping = new_node(c, DSTN_NODE_MAPPING, line), .merged = new_node(c, DSTN_NODE_SEQUENCE, line)};
    void *state = NULL;
    bool fine = true;
    for (struct fy_node_pair *pair; fine && (pair = fy_node_mapping_iterate(from, &state));) {
        fine = convert_pair(c, &to, pair, line);
    }
    dstn_texts_clear(&to.lines);
    return fine && merge(c, to.mapping, to.merged) ? to.mapping : NULL;
}

static config_node *convert(conversion *c, struct fy_node *from, int line) {
    config_node *node = NULL;
    if (from && fy_node_is_alias(from)) {
        return convert_alias(c, from, line);
    }
    switch (fy_node_get_type(from)) { /* of nothing at all: a scalar */
    case FYNT_MAPPING:
        node = convert_mapping(c, from, line);
        break;
    case FYNT_SEQUENCE:
        node = convert_sequence(c, from, line);
        break;
    default:
        node = convert_scalar(c, from, line);
        break;
    }
    remember_anchor(c, from, node);
    return node;
}

config_node *config_convert(dstn_doc *doc, struct fy_node *root, const config_source *source, bool has_lines,
                            config_problem *problem) {
    conversion c = {.doc = doc, .source = source, .has_lines = has_lines, .problem = problem};
    int line = config_first_line(root);
    config_node *node = convert(&c, root, line ? line : 1);
    forget_anchors(&c);
    return node;
}
