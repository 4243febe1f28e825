/* Texts and numbers as JSON has them. */
#include "json.h"

#include <math.h>

#include "dstn/core.h"

void tools_json_text(FILE *out, const char *text) {
    fputc('"', out);
    while (*text) {
        uint32_t code;
        int length = dstn_utf8_length(text, &code);
        if (length == 0) {
            fputs("\\ufffd", out);
        } else if (code == '"' || code == '\\') {
            fprintf(out, "\\%c", (char)code);
        } else if (!dstn_is_printable(code)) { /* all of them fit into four digits */
            fprintf(out, "\\u%04x", (unsigned)code);
        } else {
            fwrite(text, 1, (size_t)length, out);
        }
        text += length ? length : 1;
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
