/* Whole data sets of HDF5 files in memory, for commands that look at files without knowing what is in them. */
#ifndef DSTN_CLI_ARRAY_H
#define DSTN_CLI_ARRAY_H

#include "dstn/store.h"

/* A data set of numbers in the file's own type, or in f64 where that type is none of ours. */
typedef struct dstn_array {
    dstn_scalar scalar;
    int rank;
    int64_t shape[DSTN_MAX_RANK], count;
    void *data; /* [count] */
} dstn_array;

dstn_status dstn_array_read(const dstn_reader *reader, const char *name, dstn_array *out, dstn_error *err);
void dstn_array_clear(dstn_array *array);
double dstn_array_value(const dstn_array *array, int64_t i);
int64_t dstn_array_columns(const dstn_array *array); /* values in a row, the first axis being that of the rows */
int64_t dstn_array_rows(const dstn_array *array);
/* "13×20", "" for a single number; free with free(). */
char *dstn_array_shape_text(const dstn_array *array);

/* Paths of all data sets below a group ("" is the root) in alphabetical order; a group that isn't there has none. An
 * array of count strings, both freed with dstn_paths_destroy. */
dstn_status dstn_paths_below(const dstn_reader *reader, const char *group, int64_t *count, char ***paths,
                             dstn_error *err);
void dstn_paths_destroy(int64_t count, char **paths);

#endif
