/* Texts and numbers as JSON has them. */
#include "json.h"

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

/* Bytes of the UTF-8 character that a text begins with; 0: that is none. */
static int utf8_length(const unsigned char *c) {
    int length = c[0] < 0x80             ? 1
                 : (c[0] & 0xe0) == 0xc0 ? 2
                 : (c[0] & 0xf0) == 0xe0 ? 3
                 : (c[0] & 0xf8) == 0xf0 ? 4
                                         : 0;
    uint32_t code = length > 1 ? c[0] & (0x7fu >> length) : c[0];
    for (int i = 1; i < length; i++) {
        if ((c[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = (code << 6) | (c[i] & 0x3fu);
    }
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = code >= 0xd800 && code <= 0xdfff;
    return length > 0 && code >= least[length] && code <= 0x10ffff && !surrogate ? length : 0;
}

void tools_json_text(FILE *out, const char *text) {
    const unsigned char *c = (const unsigned char *)text;
    fputc('"', out);
    while (*c) {
        int length = utf8_length(c);
        if (length == 0) {
            fputs("\\ufffd", out);
        } else if (*c == '"' || *c == '\\') {
            fprintf(out, "\\%c", *c);
        } else if (*c < 0x20) {
            fprintf(out, "\\u%04x", *c);
        } else {
            fwrite(c, 1, (size_t)length, out);
        }
        c += length ? length : 1;
    }
    fputc('"', out);
}

void tools_json_number(FILE *out, double value) {
    if (isfinite(value)) {
        fprintf(out, "%.17g", value);
    } else {
        fputs("null", out);
    }
}
