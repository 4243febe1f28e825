/* data: what a source of data needs, and the list of all sources. A new one is a file with its dstn_data_source, and
 * one line here. */
#ifndef DSTN_DATA_SOURCES_H
#define DSTN_DATA_SOURCES_H

#include "dstn/data.h"

#define DATA_SOURCES(X) X(csv)

#define DATA_DECLARE_SOURCE(name) extern const dstn_data_source data_source_##name;
DATA_SOURCES(DATA_DECLARE_SOURCE)
#undef DATA_DECLARE_SOURCE

/* A data set of examples of this shape, shape [rank], without any yet; `source` is copied. Owned by the caller. */
dstn_dataset *data_new(const char *source, dstn_task task, int rank, const int64_t *shape, int64_t outputs);
/* Zeroed room for `rows` examples in a part that has none; their source rows are 0, 1, … */
void data_make_part(dstn_dataset *dataset, dstn_part part, int64_t rows);
/* Frees a part's examples; it has none then. */
void data_clear_part(dstn_dataset *dataset, dstn_part part);

#endif
