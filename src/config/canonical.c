/* config: one text for all ways to write the same settings, to tell settings that are twice the same among many. */
#include "scalar.h"
#include "schema.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct writer {
    const dstn_section *sections; /* [count] */
    size_t count;
    FILE *out;
} writer;

enum { NUMBER_SIZE = 40 };

/* A number as it is written out, however it was written; false: the text is none. */
static bool format_number(const char *text, char out[NUMBER_SIZE]) {
    int64_t integer;
    double real;
    if (!config_read_integer(text, &integer)) {
        snprintf(out, NUMBER_SIZE, "%lld", (long long)integer);
        return true;
    }
    if (config_read_real(text, &real)) {
        return false;
    }
    if (fabs(real) < 9e15 && real == floor(real)) {
        snprintf(out, NUMBER_SIZE, "%lld", (long long)real);
    } else {
        config_format_number(real, out, NUMBER_SIZE);
    }
    return true;
}

static bool is_text(const dstn_option *option) {
    return option && (option->kind == DSTN_OPTION_TEXT || option->kind == DSTN_OPTION_CHOICE);
}

/* Lengths keep texts apart from what stands around them. */
static void write_text(const writer *w, const char *text) {
    fprintf(w->out, "%zu:%s", strlen(text), text);
}

static const dstn_option *option_of(const writer *w, const char *path, const config_node *node) {
    return node->parent && node->key ? config_find_option(w->sections, w->count, path, node->parent, node->key) : NULL;
}

/* `path` is that of the mapping that the value is in; the option is looked for only where it matters. */
static void write_scalar(const writer *w, const char *path, const config_node *node) {
    char number[NUMBER_SIZE];
    bool is_number = format_number(node->text, number);
    if (config_node_is_null(node)) {
        fputc('~', w->out);
    } else if (is_number && (strcmp(number, node->text) == 0 || !is_text(option_of(w, path, node)))) {
        write_text(w, number);
    } else {
        write_text(w, node->text);
    }
}

static int compare_keys(const void *a, const void *b) {
    const config_node *const *left = a, *const *right = b;
    return strcmp((*left)->key, (*right)->key);
}

static void write_node(const writer *w, const char *path, const config_node *node);

static void write_mapping(const writer *w, const char *path, const config_node *node) {
    const config_node **sorted = dstn_alloc(node->count + 1, sizeof *sorted);
    if (node->count) {
        memcpy(sorted, node->children, node->count * sizeof *sorted);
    }
    qsort(sorted, node->count, sizeof *sorted, compare_keys);
    fputc('{', w->out);
    for (size_t i = 0; i < node->count; i++) {
        write_text(w, sorted[i]->key);
        write_node(w, path, sorted[i]);
    }
    fputc('}', w->out);
    free(sorted);
}

/* The path of a node in the one whose path is `above`. */
static char *path_below(const char *above, const config_node *node, size_t i) {
    char index[24];
    snprintf(index, sizeof index, "%zu", i);
    return config_join_path(above, node->key ? node->key : index);
}

static void write_sequence(const writer *w, const char *path, const config_node *node, const dstn_option *option) {
    bool is_single =
        node->count == 1 && option && (option->kind == DSTN_OPTION_INTS || option->kind == DSTN_OPTION_REALS);
    if (is_single) {
        write_node(w, path, node->children[0]);
        return;
    }
    fputc('[', w->out);
    for (size_t i = 0; i < node->count; i++) {
        char *below = path_below(path, node->children[i], i);
        write_node(w, node->children[i]->kind == DSTN_NODE_MAPPING ? below : path, node->children[i]);
        free(below);
    }
    fputc(']', w->out);
}

/* `path` is of what the node is in, or, of a list's entry that is a mapping, its own. */
static void write_node(const writer *w, const char *path, const config_node *node) {
    if (node->kind == DSTN_NODE_SCALAR) {
        write_scalar(w, path, node);
        return;
    }
    char *own = node->key ? config_join_path(path, node->key) : dstn_strdup(path);
    if (node->kind == DSTN_NODE_MAPPING) {
        write_mapping(w, own, node);
    } else {
        write_sequence(w, own, node, node->count == 1 ? option_of(w, path, node) : NULL);
    }
    free(own);
}

char *dstn_schema_canonical(const dstn_section *sections, size_t count, dstn_node root) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = root.handle ? open_memstream(&text, &size) : NULL;
    if (!out) {
        return dstn_strdup("");
    }
    writer w = {.sections = sections, .count = count, .out = out};
    write_node(&w, "", config_of(root));
    fclose(out);
    return text;
}
