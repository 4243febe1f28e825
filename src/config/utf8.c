/* config: whether a text is UTF-8; not every version of libfyaml comes to an end on one that is not. */
#include "tree.h"

/* Bytes that follow a first byte, and the least code point that needs them; -1: no first byte. */
static int continuation_bytes(unsigned char first, uint32_t *least) {
    *least = first < 0x80 ? 0 : first < 0xe0 ? 0x80 : first < 0xf0 ? 0x800 : 0x10000;
    if (first < 0x80)
        return 0;
    if (first < 0xc2 || first > 0xf4)
        return -1;
    return first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
}

/* The length of the character at `text`, 0: it is none. */
static size_t character_length(const unsigned char *text, size_t length) {
    uint32_t least;
    int more = continuation_bytes(text[0], &least);
    if (more < 0 || (size_t)more >= length)
        return 0;
    uint32_t code = more ? text[0] & (0x3fu >> more) : text[0];
    for (int i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fu);
    }
    bool is_surrogate = code >= 0xd800 && code < 0xe000;
    return code < least || is_surrogate || code > 0x10ffff ? 0 : (size_t)more + 1;
}

int config_utf8_error_line(const char *text, size_t length) {
    int line = 1;
    for (size_t i = 0, step; i < length; i += step) {
        step = character_length((const unsigned char *)text + i, length - i);
        if (!step)
            return line;
        line += text[i] == '\n';
    }
    return 0;
}
