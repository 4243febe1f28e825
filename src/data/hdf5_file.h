/* The HDF5 file of the source `hdf5`, which store reads with bounds, and its arrays. */
#ifndef DATA_HDF5_FILE_H
#define DATA_HDF5_FILE_H

#include "dstn/data.h"
#include "dstn/store.h"

typedef struct data_hdf5_file {
    const char *path;
    dstn_reader *reader;
    bool external; /* what lies in other files is followed */
    const dstn_log *log;
} data_hdf5_file;

/* An array that can be read. */
typedef struct data_hdf5_array {
    const data_hdf5_file *file;
    const char *name;
    dstn_data_set about;
} data_hdf5_array;

/* Opens file->path for the arrays x, y and split, or those of a text. DSTN_ERROR_DATA, at the key `path` of the
 * section. */
dstn_status data_hdf5_open(dstn_node section, data_hdf5_file *file, dstn_error *err);

/* An array of numbers of `least` to `most` axes; `accepted` says so in words. DSTN_ERROR_DATA: there is none, or HDF5
 * would make up all its values; where it would make up some, that is a warning. */
dstn_status data_hdf5_open_array(const data_hdf5_file *file, const char *name, int least, int most,
                                 const char *accepted, data_hdf5_array *array, dstn_error *err);
/* Booleans of other programs: an enumeration, or a bit field. */
bool data_hdf5_is_boolean(const data_hdf5_array *array);
/* All values, finite and not too large; free with free(). DSTN_ERROR_DATA names row and element. */
dstn_status data_hdf5_doubles(const data_hdf5_array *array, double **out, dstn_error *err);
/* Bytes as they are; booleans become 0 and 255, which bytes are divided by. Free with free(). */
dstn_status data_hdf5_bytes(const data_hdf5_array *array, uint8_t **out, dstn_error *err);

/* That it has a row for each of x; also as [1, N]. */
dstn_status data_hdf5_check_rows(const data_hdf5_array *array, int64_t rows, dstn_error *err);
/* One number a row: [N], and [N, 1] or [1, N] as other programs write it. */
dstn_status data_hdf5_check_single(const data_hdf5_array *array, int64_t rows, const char *accepted, dstn_error *err);

#endif
