/* core: progress and warnings, one line each. */
#include "dstn/core.h"

#include <stdarg.h>
#include <stdlib.h>

static void say(const dstn_log *log, dstn_log_level level, const char *prefix, const char *format, va_list args) {
    if (!log || log->level < level || (!log->out && !log->pass_on)) {
        return;
    }
    char *text = dstn_vformat_line(format, args);
    if (log->pass_on) {
        char *line = dstn_format("%s%s", prefix, text);
        log->pass_on(log->user, level, line);
        free(line);
    } else {
        fprintf(log->out, "%s%s\n", prefix, text);
        fflush(log->out); /* whoever follows a run through a pipe or a batch system's file sees the line now */
    }
    free(text);
}

void dstn_log_info(const dstn_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(log, DSTN_LOG_NORMAL, "", format, args);
    va_end(args);
}

void dstn_log_detail(const dstn_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(log, DSTN_LOG_VERBOSE, "", format, args);
    va_end(args);
}

void dstn_log_warn(const dstn_log *log, const char *format, ...) {
    va_list args;
    va_start(args, format);
    say(log, DSTN_LOG_QUIET, "warning: ", format, args);
    va_end(args);
}
