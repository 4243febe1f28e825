/* Two files side by side, as all comparisons of runs use them. Files are called A and B in messages. */
#ifndef DSTN_CLI_DIFF_PAIR_H
#define DSTN_CLI_DIFF_PAIR_H

#include "array.h"
#include "diff.h"

/* A difference, one line. */
void diff_say(dstn_comparison *c, const char *format, ...) DSTN_PRINTF(2, 3);
/* That values of this name differ at a step. */
void diff_note_step(dstn_comparison *c, int64_t step, const char *name);

/* To the bit, but for NaN, of which there are many that mean the same. */
bool diff_is_same(const dstn_array *a, int64_t i, const dstn_array *b, int64_t j);
/* |x − y|; infinite where that is no number. */
double diff_distance(double x, double y);

/* Opens two files. DSTN_ERROR_DATA names the one that can't be read, or lacks `must_have`; neither is then open. */
dstn_status diff_open_both(const char *const paths[2], const char *must_have, dstn_reader *readers[2], dstn_error *err);
/* Reads two arrays of one name; on failure neither is left. */
dstn_status diff_read_both(dstn_reader *const readers[2], const char *name, dstn_array out[2], dstn_error *err);

/* The names below a group that either file has: names [count]. */
typedef struct diff_names {
    int64_t counts[2], count;
    char **lists[2], **names;
} diff_names;

dstn_status diff_list_names(dstn_reader *const readers[2], const char *group, diff_names *u, dstn_error *err);
void diff_free_names(diff_names *u);

#endif
