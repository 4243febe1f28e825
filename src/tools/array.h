/* Whole data sets of HDF5 files in memory, for commands that look at files without knowing what is in them. */
#ifndef TOOLS_ARRAY_H
#define TOOLS_ARRAY_H

#include "dstn/store.h"

/* A data set of numbers in the file's own type, or in f64 where that type is none of ours. */
typedef struct tools_array {
    dstn_scalar scalar;
    int rank;
    int64_t shape[DSTN_MAX_RANK], count;
    void *data; /* [count] */
} tools_array;

dstn_status tools_array_read(const dstn_reader *reader, const char *name, tools_array *out, dstn_error *err);
void tools_array_clear(tools_array *array);
double tools_array_value(const tools_array *array, int64_t i);
int64_t tools_array_columns(const tools_array *array); /* values in a row, the first axis being that of the rows */
int64_t tools_array_rows(const tools_array *array);
/* "13×20", "" for a single number; free with free(). */
char *tools_array_shape_text(const tools_array *array);

/* Paths of all data sets below a group ("" is the root) in alphabetical order; a group that isn't there has none. An
 * array of count strings, both freed with tools_paths_destroy. */
dstn_status tools_paths_below(const dstn_reader *reader, const char *group, int64_t *count, char ***paths,
                              dstn_error *err);
void tools_paths_destroy(int64_t count, char **paths);

#endif
