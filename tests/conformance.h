/* For the suites that walk the table of a room, so that a new entry is tested by being there. Each check names the
 * entry that fails it and the suite goes on: one run shows all that is wrong. A test ends with conformance_end. */
#ifndef DSTN_TESTS_CONFORMANCE_H
#define DSTN_TESTS_CONFORMANCE_H

#include <math.h>
#include <stdarg.h>

#include "dstn/core.h"

static struct {
    char entry[512]; /* what is being checked: "layer conv, response full, …" */
    int64_t checks, failures;
} conformance;

static inline void conformance_enter(const char *format, ...) DSTN_PRINTF(1, 2);
static inline bool conformance_expect(bool good, const char *format, ...) DSTN_PRINTF(2, 3);

static inline void conformance_enter(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(conformance.entry, sizeof conformance.entry, format, arguments);
    va_end(arguments);
}

/* Returns `good`. The message says what was found and what was wanted. */
static inline bool conformance_expect(bool good, const char *format, ...) {
    enum { MOST_MESSAGES = 60 };
    conformance.checks++;
    if (good) {
        return true;
    }
    if (++conformance.failures <= MOST_MESSAGES) {
        va_list arguments;
        va_start(arguments, format);
        fprintf(stderr, "%s: ", conformance.entry);
        vfprintf(stderr, format, arguments);
        fputc('\n', stderr);
        va_end(arguments);
    }
    return false;
}

/* |got − want| ≤ tolerance; a NaN is near nothing. */
static inline bool conformance_near(double got, double want, double tolerance, const char *what) {
    return conformance_expect(fabs(got - want) <= tolerance, "%s is %.12g, wanted %.12g within %.2g", what, got, want,
                              tolerance);
}

/* Fails the test where a check has, and where there was none: a table that is not walked proves nothing. */
static inline void conformance_end(void) {
    int64_t checks = conformance.checks, failures = conformance.failures;
    conformance.checks = conformance.failures = 0;
    if (failures > 0 || checks == 0) {
        fail_msg("%lld of %lld checks failed", (long long)failures, (long long)checks);
    }
}

#endif
