/* data: what a source of data needs, and the list of all sources. A new one is a file with its dstn_data_source, and
 * one line here. */
#ifndef DSTN_DATA_SOURCES_H
#define DSTN_DATA_SOURCES_H

#include "dstn/data.h"

#define DATA_SOURCES(X) X(csv) X(idx) X(cifar) X(ptb) X(hdf5)

#define DATA_DECLARE_SOURCE(name) extern const dstn_data_source data_source_##name;
DATA_SOURCES(DATA_DECLARE_SOURCE)
#undef DATA_DECLARE_SOURCE

/* A data set of examples of this shape, shape [rank], without any yet; `source` is copied. Owned by the caller. */
dstn_dataset *data_new(const char *source, dstn_task task, int rank, const int64_t *shape, int64_t outputs);
/* Notes a file that the data set was read from; `path` is copied. */
void data_add_file(dstn_dataset *dataset, const char *path);
/* Zeroed room for `rows` examples in a part that has none; their source rows are 0, 1, … */
void data_make_part(dstn_dataset *dataset, dstn_part part, int64_t rows);
/* The same around examples [rows, features] that were read already; the data set then owns them. */
void data_take_doubles(dstn_dataset *dataset, dstn_part part, int64_t rows, double *x);
void data_take_bytes(dstn_dataset *dataset, dstn_part part, int64_t rows, uint8_t *bytes);
/* Spreads the examples of the training part, which has all of them, over the parts: part p gets rows[p] of them, those
 * with the numbers orders[p]. A part with 0 rows other than the training part stays as it is. */
void data_divide(dstn_dataset *dataset, const int64_t *const orders[DSTN_PARTS], const int64_t rows[DSTN_PARTS]);
/* "FILE:LINE: data.KEY: message" about what a key leads to; DSTN_ERROR_DATA. */
dstn_status data_fail_at_key(dstn_node node, const char *key, dstn_error *err, const char *format, ...)
    DSTN_PRINTF(4, 5);
/* Why a path can't be read as a file, in the system's words: NULL where it can. What is no regular file counts as
 * unreadable: a pipe would wait for who writes into it. The text is valid until the next call. */
const char *data_why_unreadable(const char *path);
/* Takes the slashes at the end of a path off, so that it ends with the folder's name. */
void data_trim_slashes(char *path);
/* Frees a part's examples; it has none then. */
void data_clear_part(dstn_dataset *dataset, dstn_part part);

#endif
