/* data: texts in people's HDF5 files: tokens [N], valid_tokens and test_tokens, the numbers of words from 0 on, and
 * vocabulary [words], their texts, of which all but tokens may be missing. */
#ifndef DATA_HDF5_TEXT_H
#define DATA_HDF5_TEXT_H

#include "hdf5_file.h"

/* Whether a file has a text, and no rows. */
bool data_hdf5_has_text(const data_hdf5_file *file);
/* Reads it. words: of the vocabulary, where the config says so (key `classes` of the section), else 0. DSTN_ERROR_DATA
 * names array and element; DSTN_ERROR_USAGE: words isn't what the file has. */
dstn_status data_hdf5_read_text(dstn_node section, const data_hdf5_file *file, int64_t words, dstn_dataset **out,
                                dstn_error *err);

#endif
