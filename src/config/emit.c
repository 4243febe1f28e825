/* config: a tree back into YAML, as block text or on one line. */
#include "tree.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Whether a text means itself when it stands without quotes, in block and in flow context alike. */
static bool is_safe_plain(const char *text) {
    size_t length = strlen(text);
    if (length == 0 || strpbrk(text, "\n\r\t,[]{}\"") || strstr(text, ": ") || strstr(text, " #")) {
        return false;
    }
    if (strchr("#&*!|>'%@`", text[0]) || text[0] == ' ' || text[length - 1] == ' ' || text[length - 1] == ':') {
        return false;
    }
    if (strchr("?:-", text[0]) && (length == 1 || text[1] == ' ' || text[1] == text[0])) {
        return false;
    }
    if (strncmp(text, "...", 3) == 0 || strcmp(text, "<<") == 0) {
        return false;
    }
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f) {
            return false;
        }
    }
    return true;
}

static void write_quoted(const char *text, FILE *out) {
    fputc('"', out);
    for (const char *c = text; *c; c++) {
        if (*c == '"' || *c == '\\') {
            fprintf(out, "\\%c", *c);
        } else if (*c == '\n') {
            fputs("\\n", out);
        } else if (*c == '\t') {
            fputs("\\t", out);
        } else if ((unsigned char)*c < ' ' || *c == 0x7f) {
            fprintf(out, "\\x%02x", (unsigned)(unsigned char)*c);
        } else {
            fputc(*c, out);
        }
    }
    fputc('"', out);
}

static void write_scalar(const config_node *node, FILE *out) {
    if (node->plain && node->text[0] == '\0') {
        fputc('~', out);
    } else if (node->plain && is_safe_plain(node->text)) {
        fputs(node->text, out);
    } else {
        write_quoted(node->text, out);
    }
}

static void write_key(const char *key, FILE *out) {
    if (is_safe_plain(key)) {
        fputs(key, out);
    } else {
        write_quoted(key, out);
    }
}

static void write_flow(const config_node *node, FILE *out) {
    if (node->kind == DSTN_NODE_SCALAR) {
        write_scalar(node, out);
        return;
    }
    bool is_mapping = node->kind == DSTN_NODE_MAPPING;
    fputc(is_mapping ? '{' : '[', out);
    for (size_t i = 0; i < node->count; i++) {
        if (i) {
            fputs(", ", out);
        }
        if (is_mapping) {
            write_key(node->children[i]->key, out);
            fputs(": ", out);
        }
        write_flow(node->children[i], out);
    }
    fputc(is_mapping ? '}' : ']', out);
}

char *config_flow_text(const config_node *node) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out) {
        return dstn_strdup("");
    }
    write_flow(node, out);
    fclose(out);
    return text;
}

/* Lists of plain values are easier to read on one line. */
static bool fits_on_a_line(const config_node *node) {
    if (node->kind == DSTN_NODE_SCALAR || node->count == 0) {
        return true;
    }
    if (node->kind == DSTN_NODE_MAPPING || node->count > 8) {
        return false;
    }
    for (size_t i = 0; i < node->count; i++) {
        if (node->children[i]->kind != DSTN_NODE_SCALAR) {
            return false;
        }
    }
    return true;
}

/* Writes the entries of a mapping or sequence, each on lines of its own. `column` is where they stand; the first one is
 * already there when `begun`. */
static void write_entries(const config_node *node, int column, bool begun, FILE *out) {
    for (size_t i = 0; i < node->count; i++) {
        const config_node *child = node->children[i];
        bool is_short = fits_on_a_line(child);
        if (i || !begun) {
            fprintf(out, "%*s", column, "");
        }
        if (node->kind == DSTN_NODE_SEQUENCE) {
            fputs("- ", out);
        } else {
            write_key(child->key, out);
            fputs(is_short ? ": " : ":\n", out);
        }
        if (is_short) {
            write_flow(child, out);
            fputc('\n', out);
        } else {
            write_entries(child, column + 2, node->kind == DSTN_NODE_SEQUENCE, out);
        }
    }
}

void config_write_block(const config_node *root, FILE *out) {
    if (root->count) {
        write_entries(root, 0, false, out);
    } else {
        fputs("{}\n", out);
    }
}
