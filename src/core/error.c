/* core: messages of failures, built from the inside out. */
#include "dstn/core.h"

#include <stdarg.h>
#include <string.h>

/* A message is one line whatever user text went into it, shows nothing that a terminal would obey, and says so where it
 * was too long. */
static dstn_status put_message(dstn_error *err, const char *text, int length_of_text) {
    size_t size = sizeof err->message, wanted = dstn_escape(text, err->message, size);
    if (wanted >= size || length_of_text >= (int)size) {
        size_t length = strlen(err->message), at = length < size - 4 ? length : size - 4;
        while (at > 0 && ((unsigned char)err->message[at] & 0xc0) == 0x80) {
            at--; /* not within a character */
        }
        memcpy(err->message + at, "...", 4);
    }
    return err->status;
}

dstn_status dstn_fail(dstn_error *err, dstn_status status, const char *format, ...) {
    /* Formatted aside, since an argument may be err->message itself. */
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err->status = status;
    return put_message(err, text, wanted);
}

dstn_status dstn_fail_in(dstn_error *err, const char *format, ...) {
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (wanted >= 0 && wanted < (int)sizeof text) {
        wanted += snprintf(text + wanted, sizeof text - (size_t)wanted, ": %s", err->message);
    }
    return put_message(err, text, wanted);
}
