/* Fuzzes YAML documents and --set: the text up to the first zero is a document, what follows are assignments, each with
 * a zero at its end. */
#include "dstn/config.h"

#include <math.h>

#include "fuzz.h"

enum { DEEPEST = 64 };

/* Looks at everything that a document has. */
static size_t walk(dstn_node node, int depth) {
    size_t seen = 1, count = dstn_node_count(node);
    const char *text = dstn_node_text(node);
    seen += text ? strlen(text) : 0;
    char *path = dstn_doc_resolve_path(node, text ? text : "x"), *yaml = dstn_node_yaml(node);
    free(path);
    free(yaml);
    for (size_t i = 0; i < count && depth < DEEPEST; i++) {
        if (dstn_node_get_kind(node) == DSTN_NODE_MAPPING) {
            const char *key = dstn_node_key_at(node, i);
            seen += strlen(key) + (dstn_node_child(node, key).handle != NULL);
        }
        seen += walk(dstn_node_at(node, i), depth + 1);
    }
    return seen;
}

typedef struct settings {
    bool truth;
    int64_t count;
    double real, range[2];
    const char *word;
    int choice;
    dstn_switch answer;
    dstn_quantity quantity;
    dstn_int_list ints;
    dstn_real_list reals;
    dstn_node section;
} settings;

static const dstn_option options[] = {
    DSTN_BOOL("truth", settings, truth, "false", "a bool"),
    DSTN_INT("count", settings, count, 0, 1e12, "3", "an integer"),
    DSTN_REAL("real", settings, real, -INFINITY, INFINITY, "~", "a number"),
    DSTN_TEXT("word", settings, word, "x", "a text"),
    DSTN_CHOICE("choice", settings, choice, "a|b|c", "a", "a choice"),
    DSTN_SWITCH("answer", settings, answer, "auto", "a switch"),
    DSTN_QUANTITY("quantity", settings, quantity, 0, 1, "0.5", "a quantity"),
    DSTN_INTS("ints", settings, ints, 0, 9, "~", "integers"),
    DSTN_REALS("reals", settings, reals, -1, 1, "~", "numbers"),
    DSTN_RANGE("range", settings, range, -INFINITY, INFINITY, "[0, 1]", "a range"),
    DSTN_SECTION("section", settings, section, "a section"),
    DSTN_OPTIONS_END,
};

static void read_options(dstn_doc *doc) {
    settings got = {0};
    dstn_binding binding = {options, &got};
    dstn_error err = {DSTN_OK, ""};
    dstn_options_read(dstn_doc_root(doc), NULL, &binding, 1, &err);
    fuzz_check_message(&err);
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    char *text = fuzz_text(bytes, size), *end = text + size;
    dstn_doc *doc, *again;
    dstn_error err = {DSTN_OK, ""};
    if (dstn_doc_parse(text, "fuzz.yaml", &doc, &err) == DSTN_OK) {
        for (char *next = text + strlen(text) + 1; next < end; next += strlen(next) + 1) {
            dstn_doc_set(doc, next, &err);
            fuzz_check_message(&err);
        }
        walk(dstn_doc_root(doc), 0);
        read_options(doc);
        char *written = dstn_doc_text(doc);
        if (dstn_doc_parse(written, "again.yaml", &again, &err) == DSTN_OK) {
            dstn_doc_destroy(again);
        }
        free(written);
        dstn_doc_destroy(doc);
    }
    fuzz_check_message(&err);
    free(text);
}

FUZZ_TARGET(fuzz_start_plain)
