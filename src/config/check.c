/* config: what a text must not have before it comes to libfyaml, of which not every version comes back from it. */
#include "tree.h"

#include <string.h>

/* Bytes that follow a first byte, and the least code point that needs them; -1: no first byte. */
static int continuation_bytes(unsigned char first, uint32_t *least) {
    *least = first < 0x80 ? 0 : first < 0xe0 ? 0x80 : first < 0xf0 ? 0x800 : 0x10000;
    if (first < 0x80) {
        return 0;
    }
    if (first < 0xc2 || first > 0xf4) {
        return -1;
    }
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* The length of the character at `text`, 0: it is none. */
static size_t character_length(const unsigned char *text, size_t length) {
    uint32_t least;
    int more = continuation_bytes(text[0], &least);
    if (more < 0 || (size_t)more >= length) {
        return 0;
    }
    uint32_t code = more ? text[0] & (0x3fu >> more) : text[0];
    for (int i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = code << 6 | (text[i] & 0x3fu);
    }
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    return code < least || is_surrogate || code > 0x10ffff ? 0 : (size_t)more + 1;
}

static int utf8_error_line(const char *text, size_t length) {
    int line = 1;
    for (size_t i = 0, step; i < length; i += step) {
        step = character_length((const unsigned char *)text + i, length - i);
        if (!step) {
            return line;
        }
        line += text[i] == '\n';
    }
    return 0;
}

static bool has_tab_after_colon(const char *text, size_t length) {
    bool after_colon = false;
    for (size_t i = 0; i < length; i++) {
        if (after_colon && text[i] == '\t') {
            return true;
        }
        after_colon = text[i] == ':' || (after_colon && text[i] == ' ');
    }
    return false;
}

/* The first line that begins with an explicit key, "? ", perhaps inside lists or other keys, in a text with tabs after
 * colons, for which 0.7.12 frees memory twice; 0: none. */
static int explicit_key_line(const char *text, size_t length) {
    if (!has_tab_after_colon(text, length)) {
        return 0;
    }
    int line = 1;
    bool at_start = true;
    for (size_t i = 0; i < length; i++) {
        if (at_start && text[i] == '?' && (i + 1 == length || strchr(" \t\r\n", text[i + 1]))) {
            return line;
        }
        line += text[i] == '\n';
        at_start = strchr("\r\n", text[i]) || (at_start && strchr(" \t-?:[{,", text[i]));
    }
    return 0;
}

bool config_check_text(const char *text, size_t length, config_problem *problem) {
    const char *message = NULL;
    if (memchr(text, '\0', length)) {
        problem->line = 1;
        message = "is no text file (it contains a zero byte)";
    } else if ((problem->line = utf8_error_line(text, length))) {
        message = "is no UTF-8 text";
    } else if ((problem->line = explicit_key_line(text, length))) {
        message = "an explicit key (\"? \") in a text with tabs after colons; accepted: spaces";
    }
    if (message) {
        snprintf(problem->message, sizeof problem->message, "%s", message);
    }
    return !message;
}
