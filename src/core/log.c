/* core: progress and warnings, one line each. */
#include "dstn/core.h"

#include <stdarg.h>
#include <stdlib.h>

static void print_line(const dstn_log *log, const char *prefix, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    char *text = dstn_alloc((size_t)(length > 0 ? length : 0) + 1, 1);
    vsnprintf(text, (size_t)(length > 0 ? length : 0) + 1, format, again);
    va_end(again);
    char *line = dstn_printable(text);
    fprintf(log->out, "%s%s\n", prefix, line);
    free(line);
    free(text);
    /* Whoever follows a run through a pipe or a batch system's file sees the line now. */
    fflush(log->out);
}

static bool speaks(const dstn_log *log, dstn_log_level level) {
    return log && log->out && log->level >= level;
}

void dstn_log_info(const dstn_log *log, const char *format, ...) {
    if (!speaks(log, DSTN_LOG_NORMAL)) {
        return;
    }
    va_list args;
    va_start(args, format);
    print_line(log, "", format, args);
    va_end(args);
}

void dstn_log_detail(const dstn_log *log, const char *format, ...) {
    if (!speaks(log, DSTN_LOG_VERBOSE)) {
        return;
    }
    va_list args;
    va_start(args, format);
    print_line(log, "", format, args);
    va_end(args);
}

void dstn_log_warn(const dstn_log *log, const char *format, ...) {
    if (!speaks(log, DSTN_LOG_QUIET)) {
        return;
    }
    va_list args;
    va_start(args, format);
    print_line(log, "warning: ", format, args);
    va_end(args);
}
