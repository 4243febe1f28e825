/* core: messages of failures, built from the inside out. */
#include "dstn/core.h"

#include <stdarg.h>
#include <string.h>

/* A message is one line whatever user text went into it, and says so where it was too long. */
static void finish_message(char *text, size_t size, int wanted) {
    if (wanted >= (int)size) {
        memcpy(text + size - 4, "...", 4);
    }
    for (char *c = text; *c; c++) {
        if (*c == '\n' || *c == '\r' || *c == '\t') {
            *c = ' ';
        }
    }
}

dstn_status dstn_fail(dstn_error *err, dstn_status status, const char *format, ...) {
    /* Formatted aside, since an argument may be err->message itself. */
    char text[sizeof err->message];
    va_list args;
    va_start(args, format);
    int wanted = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    finish_message(text, sizeof text, wanted);
    memcpy(err->message, text, strlen(text) + 1);
    err->status = status;
    return status;
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
    finish_message(text, sizeof text, wanted);
    memcpy(err->message, text, strlen(text) + 1);
    return err->status;
}
