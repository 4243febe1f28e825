/* core: progress and warnings, one line each. */
#include "dstn/core.h"

#include <stdarg.h>

static void print_line(const dstn_log *log, const char *prefix, const char *format, va_list args) {
    fputs(prefix, log->out);
    dstn_vprint_line(log->out, format, args);
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
