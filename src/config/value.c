/* config: a value as a command line gives it. A shell has its own quotes and comments, so what comes out of it is
 * taken whole; YAML's rules hold only in what is plainly meant as YAML. */
#include "scalar.h"
#include "tree.h"

#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\r\n";

static config_node *new_scalar(dstn_doc *doc, const config_source *source, bool plain, char *text) {
    config_node *node = config_node_new(doc, DSTN_NODE_SCALAR, source, 0);
    node->text = text;
    node->plain = plain;
    return node;
}

/* ---- lists and mappings in brackets ------------------------------------------------------------------------------ */

/* A second entry behind it shows that the value was one, and ended in nothing but its bracket: a comment, for one,
 * would take the second entry and the closing bracket with it. */
static config_node *read_brackets(dstn_doc *doc, const char *text, const config_source *source,
                                  config_problem *problem) {
    char *list = dstn_format("[%s, ~]", text);
    config_node *node = config_parse(doc, list, strlen(list), source, false, problem);
    free(list);
    if (!node && problem->message[0]) {
        return NULL;
    }
    bool is_one = node && node->kind == DSTN_NODE_SEQUENCE && node->count == 2 &&
                  node->children[0]->kind != DSTN_NODE_SCALAR && strchr("]}", text[strlen(text) - 1]);
    if (!is_one) {
        snprintf(problem->message, sizeof problem->message, "there is more than what the first bracket begins");
        return NULL;
    }
    return node->children[0];
}

/* ---- texts in quotes --------------------------------------------------------------------------------------------- */

/* Whether the quote that a text begins with ends with the text. In single quotes two of them stand for one, in double
 * quotes there are escapes. */
static bool is_quoted(const char *text) {
    char quote = text[0], escape = quote == '"' ? '\\' : '\'';
    for (const char *c = text + 1; *c; c++) {
        bool is_pair = *c == escape && (quote == '"' ? c[1] != '\0' : c[1] == quote);
        if (is_pair) {
            c++;
        } else if (*c == quote) {
            return !c[1];
        }
    }
    return false;
}

/* Line ends stay what they are; YAML would make spaces of them. */
static config_node *read_double_quotes(dstn_doc *doc, const char *text, const config_source *source,
                                       config_problem *problem) {
    char *line = dstn_alloc(2 * strlen(text) + 1, 1), *to = line;
    for (const char *c = text; *c; c++) {
        bool is_end = *c == '\n' || *c == '\r';
        *to++ = is_end ? '\\' : *c;
        if (is_end) {
            *to++ = *c == '\n' ? 'n' : 'r';
        }
    }
    config_node *node = config_parse(doc, line, strlen(line), source, false, problem);
    free(line);
    return node;
}

static config_node *read_single_quotes(dstn_doc *doc, const char *text, const config_source *source) {
    char *inside = dstn_alloc(strlen(text), 1), *to = inside;
    for (const char *c = text + 1; c[1]; c++) {
        *to++ = *c;
        c += *c == '\'';
    }
    return new_scalar(doc, source, false, inside);
}

/* ---- anything else ----------------------------------------------------------------------------------------------- */

/* Whether a text of several lines begins with a key or with an entry of a list: the contents of a file. */
static bool is_block(const char *text) {
    const char *line = text;
    while (*line == '#' || *line == '\n') {
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    size_t length = strcspn(line, "\n");
    if (!strchr(text, '\n') || !length) {
        return false;
    }
    const char *colon = strstr(line, ": ");
    return strncmp(line, "- ", 2) == 0 || line[length - 1] == ':' || (colon && colon < line + length);
}

/* Blanks around a text are part of it; around a number or a truth value they mean nothing. */
static config_node *read_text(dstn_doc *doc, const char *text, const config_source *source) {
    const char *start = text + strspn(text, blanks);
    size_t length = strlen(start);
    while (length && strchr(blanks, start[length - 1])) {
        length--;
    }
    char *word = dstn_format("%.*s", (int)length, start);
    double number;
    bool has_blanks_to_lose = length && (!config_read_real(word, &number) || config_text_is_null(word) ||
                                         strcmp(word, "true") == 0 || strcmp(word, "false") == 0);
    if (has_blanks_to_lose) {
        return new_scalar(doc, source, true, word);
    }
    free(word);
    return new_scalar(doc, source, true, dstn_strdup(text));
}

config_node *config_read_value(dstn_doc *doc, const char *text, const config_source *source, config_problem *problem) {
    *problem = (config_problem){0};
    const char *start = text + strspn(text, blanks);
    size_t length = strlen(start);
    if (*start == '[' || *start == '{') {
        while (strchr(blanks, start[length - 1])) {
            length--;
        }
        char *trimmed = dstn_format("%.*s", (int)length, start);
        config_node *node = read_brackets(doc, trimmed, source, problem);
        free(trimmed);
        return node;
    }
    if (is_block(text)) {
        return config_parse(doc, text, strlen(text), source, false, problem);
    }
    if (!config_check_text(text, strlen(text), problem)) {
        return NULL;
    }
    if ((*text == '"' || *text == '\'') && is_quoted(text)) {
        return *text == '"' ? read_double_quotes(doc, text, source, problem) : read_single_quotes(doc, text, source);
    }
    return read_text(doc, text, source);
}
