/* How two runs differ. */
#ifndef TOOLS_DIFF_H
#define TOOLS_DIFF_H

#include "dstn/store.h"

/* What has been found of two runs, called A and B in messages. */
typedef struct tools_comparison {
    FILE *out;          /* one line a difference; NULL: they are only counted */
    const char *member; /* named in each line; NULL: no sweep */
    int64_t differences;
    char *first_text;   /* of the first difference found */
    int64_t first_step; /* the earliest at which values differ; -1: none */
    char *first_name;
} tools_comparison;

/* Two records, rows of the same step with each other. DSTN_ERROR_DATA names the file that can't be read. */
dstn_status tools_compare_records(tools_comparison *c, const char *const paths[2], dstn_error *err);

/* The checkpoints of the same step in two runs' folders, the oldest first, up to one that differs: the later ones
 * follow from it. */
dstn_status tools_compare_checkpoints(tools_comparison *c, const char *const folders[2], dstn_error *err);

/* The best epochs that two runs keep. */
dstn_status tools_compare_best(tools_comparison *c, const char *const folders[2], dstn_error *err);

#endif
