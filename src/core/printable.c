/* core: texts from files and command lines as they may be shown: nothing in them speaks to the terminal. */
#include "dstn/core.h"

#include <stdlib.h>
#include <string.h>

int dstn_utf8_length(const char *text, uint32_t *code) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *c = (const unsigned char *)text;
    int length = c[0] < 0x80             ? 1
                 : (c[0] & 0xe0) == 0xc0 ? 2
                 : (c[0] & 0xf0) == 0xe0 ? 3
                 : (c[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    *code = length > 1 ? c[0] & (0x7fu >> length) : c[0];
    for (int i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
        *code = (*code << 6) | (c[i] & 0x3fu);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return length > 0 && *code >= least[length] && *code <= 0x10ffff && !surrogate ? length : 0;
}

bool dstn_is_printable(uint32_t code) {
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool separator = code == 0x2028 || code == 0x2029;
    bool direction = code == 0x200e || code == 0x200f || (code >= 0x202a && code <= 0x202e) ||
                     (code >= 0x2066 && code <= 0x2069) || code == 0x61c;
    return !control && !separator && !direction && code != 0xfeff;
}

/* Appends what there is room for whole; *length counts what is wanted, so that nothing follows what didn't fit. */
static void append(char *to, size_t size, size_t *length, const char *piece, size_t piece_size) {
    if (*length + piece_size < size && (*length == 0 || to[*length - 1])) {
        memcpy(to + *length, piece, piece_size);
        to[*length + piece_size] = 0;
    }
    *length += piece_size;
}

size_t dstn_escape(const char *text, char *to, size_t size) {
    size_t wanted = 0;
    if (size > 0) {
        to[0] = 0;
    }
    while (*text) {
        uint32_t code;
        int length = dstn_utf8_length(text, &code), bytes = length ? length : 1;
        if (code == '\n' || code == '\r' || code == '\t') {
            append(to, size, &wanted, " ", 1);
        } else if (length > 0 && dstn_is_printable(code)) {
            append(to, size, &wanted, text, (size_t)length);
        } else {
            for (int i = 0; i < bytes; i++) {
                char escape[5];
                snprintf(escape, sizeof escape, "\\x%02x", (unsigned char)text[i]);
                append(to, size, &wanted, escape, 4);
            }
        }
        text += bytes;
    }
    return wanted;
}

char *dstn_printable(const char *text) {
    size_t size = dstn_escape(text, NULL, 0) + 1;
    char *printable = dstn_alloc(size, 1);
    dstn_escape(text, printable, size);
    return printable;
}

char *dstn_vformat_line(const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    size_t size = (size_t)(length > 0 ? length : 0) + 1;
    char *text = dstn_alloc(size, 1);
    vsnprintf(text, size, format, again);
    va_end(again);
    char *line = dstn_printable(text);
    free(text);
    return line;
}

void dstn_vprint_line(FILE *out, const char *format, va_list args) {
    char *line = dstn_vformat_line(format, args);
    fprintf(out, "%s\n", line);
    free(line);
}

void dstn_print_line(FILE *out, const char *format, ...) {
    va_list args;
    va_start(args, format);
    dstn_vprint_line(out, format, args);
    va_end(args);
}
