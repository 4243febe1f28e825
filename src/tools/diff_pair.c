/* Two files side by side: opens and reads them, lists what either has, and keeps what is found. */
#include "diff_pair.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void tools_diff_say(tools_comparison *c, const char *format, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    c->differences++;
    if (!c->first_text) {
        c->first_text = dstn_strdup(text);
    }
    if (c->out) {
        dstn_print_line(c->out, "different %s%s%s", c->member ? c->member : "", c->member ? ": " : "", text);
    }
}

void tools_diff_note_step(tools_comparison *c, int64_t step, const char *name) {
    if (c->first_step < 0 || step < c->first_step) {
        free(c->first_name);
        c->first_name = dstn_strdup(name);
        c->first_step = step;
    }
}

/* ---- values ---- */

/* To the bit, but for NaN, of which there are many that mean the same. */
bool tools_diff_is_same(const tools_array *a, int64_t i, const tools_array *b, int64_t j) {
    if (a->scalar == DSTN_I64 && b->scalar == DSTN_I64) {
        return ((const int64_t *)a->data)[i] == ((const int64_t *)b->data)[j];
    }
    double x = tools_array_value(a, i), y = tools_array_value(b, j);
    return (isnan(x) && isnan(y)) || (x == y && signbit(x) == signbit(y));
}

double tools_diff_distance(double x, double y) {
    double apart = fabs(x - y);
    return isnan(apart) ? INFINITY : apart;
}

/* ---- two files ---- */

/* Opens two files. DSTN_ERROR_DATA names the one that can't be read; neither is then open. */
dstn_status tools_diff_open_both(const char *const paths[2], const char *must_have, dstn_reader *readers[2],
                                 dstn_error *err) {
    dstn_status status = DSTN_OK;
    readers[0] = readers[1] = NULL;
    for (int side = 0; side < 2 && status == DSTN_OK; side++) {
        status = dstn_reader_open(paths[side], DSTN_ERROR_DATA, &readers[side], err);
        if (status == DSTN_OK && !dstn_reader_has(readers[side], must_have)) {
            status = dstn_fail(err, DSTN_ERROR_DATA, "%s has no %s: accepted: a run.h5, a run's directory or a sweep's",
                               paths[side], must_have);
        }
    }
    if (status != DSTN_OK) {
        dstn_reader_close(readers[0]);
        dstn_reader_close(readers[1]);
    }
    return status;
}

/* Reads two arrays of one name; on failure neither is left. */
dstn_status tools_diff_read_both(dstn_reader *const readers[2], const char *name, tools_array out[2], dstn_error *err) {
    dstn_status status = tools_array_read(readers[0], name, &out[0], err);
    if (status == DSTN_OK && (status = tools_array_read(readers[1], name, &out[1], err)) != DSTN_OK) {
        tools_array_clear(&out[0]);
    }
    return status;
}

/* ---- names ---- */

/* The names that either list has; both are in alphabetical order, as is *out, which borrows them. */
static int64_t merge_names(int64_t counts[2], char **lists[2], char ***out) {
    int64_t i = 0, j = 0, merged = 0;
    *out = dstn_alloc((size_t)(counts[0] + counts[1]) + 1, sizeof(char *));
    while (i < counts[0] || j < counts[1]) {
        int order = i == counts[0] ? 1 : j == counts[1] ? -1 : strcmp(lists[0][i], lists[1][j]);
        (*out)[merged++] = order <= 0 ? lists[0][i] : lists[1][j];
        i += order <= 0;
        j += order >= 0;
    }
    return merged;
}

void tools_diff_free_names(tools_diff_names *u) {
    tools_paths_destroy(u->counts[0], u->lists[0]);
    tools_paths_destroy(u->counts[1], u->lists[1]);
    free(u->names);
}

dstn_status tools_diff_list_names(dstn_reader *const readers[2], const char *group, tools_diff_names *u,
                                  dstn_error *err) {
    *u = (tools_diff_names){0};
    dstn_status status = tools_paths_below(readers[0], group, &u->counts[0], &u->lists[0], err);
    if (status == DSTN_OK) {
        status = tools_paths_below(readers[1], group, &u->counts[1], &u->lists[1], err);
    }
    if (status == DSTN_OK) {
        u->count = merge_names(u->counts, u->lists, &u->names);
    } else {
        tools_diff_free_names(u);
    }
    return status;
}
