/* Two files side by side, as all comparisons of runs use them. Files are called A and B in messages. */
#ifndef TOOLS_DIFF_PAIR_H
#define TOOLS_DIFF_PAIR_H

#include "array.h"
#include "diff.h"

/* A difference, one line. */
void tools_diff_say(tools_comparison *c, const char *format, ...) DSTN_PRINTF(2, 3);
/* That values of this name differ at a step. */
void tools_diff_note_step(tools_comparison *c, int64_t step, const char *name);

/* To the bit, but for NaN, of which there are many that mean the same. */
bool tools_diff_is_same(const tools_array *a, int64_t i, const tools_array *b, int64_t j);
/* |x − y|; infinite where that is no number. */
double tools_diff_distance(double x, double y);

/* Opens two files. DSTN_ERROR_DATA names the one that can't be read, or lacks `must_have`; neither is then open. */
dstn_status tools_diff_open_both(const char *const paths[2], const char *must_have, dstn_reader *readers[2],
                                 dstn_error *err);
/* Reads two arrays of one name; on failure neither is left. */
dstn_status tools_diff_read_both(dstn_reader *const readers[2], const char *name, tools_array out[2], dstn_error *err);

/* The names below a group that either file has: names [count]. */
typedef struct tools_diff_names {
    int64_t counts[2], count;
    char **lists[2], **names;
} tools_diff_names;

dstn_status tools_diff_list_names(dstn_reader *const readers[2], const char *group, tools_diff_names *u,
                                  dstn_error *err);
void tools_diff_free_names(tools_diff_names *u);

#endif
