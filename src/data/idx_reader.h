/* data: an IDX file of unsigned bytes (big-endian header: magic number, extents; then the bytes), plain or gzipped. */
#ifndef DSTN_DATA_IDX_READER_H
#define DSTN_DATA_IDX_READER_H

#include "dstn/core.h"

/* Labels have one axis (height = width = 1), images three. */
typedef struct data_idx_file {
    int64_t count, height, width;
    uint8_t *bytes; /* [count, height, width]; owned by the caller, freed with free() */
} data_idx_file;

/* Reads a file of `axes` (1 or 3) axes. DSTN_ERROR_DATA names the file, what is wrong and what would be accepted;
 * memory is taken as bytes arrive, so that a false header can't ask for more than the file has. */
dstn_status data_idx_read(const char *path, int axes, data_idx_file *out, dstn_error *err);

#endif
