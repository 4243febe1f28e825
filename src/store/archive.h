/* store, private: what writer and reader share of HDF5. */
#ifndef STORE_ARCHIVE_H
#define STORE_ARCHIVE_H

#include "dstn/core.h"

#include <hdf5.h>

/* Keeps HDF5 from printing its error stacks: its reason goes into our one message instead. */
void store_hdf5_quiet(void);
/* HDF5's innermost reason for the failure of the last call, "" where it gives none: the next call forgets it. */
typedef struct store_hdf5_reason {
    char text[256];
} store_hdf5_reason;
store_hdf5_reason store_hdf5_why(void);

/* snprintf for reasons: what there is no room for is left out. */
void store_say(char *to, size_t size, const char *format, ...) DSTN_PRINTF(3, 4);

/* Little-endian in files, this machine's in memory. Not to be closed. */
hid_t store_hdf5_file_type(dstn_scalar scalar);
hid_t store_hdf5_memory_type(dstn_scalar scalar);
/* Texts of `length` bytes (1 for 0) in UTF-8, filled up with zeros; close with H5Tclose. */
hid_t store_hdf5_text_type(size_t length);
/* Path of an object within a file, "" being the root. */
const char *store_hdf5_path(const char *name);
/* Opens a file for reading: from the disk, or from bytes in memory, which must stay until it is closed and are not
 * copied. Negative: it fails, and *why says why. */
hid_t store_hdf5_open_path(const char *path, store_hdf5_reason *why);
hid_t store_hdf5_open_bytes(const unsigned char *bytes, size_t size, store_hdf5_reason *why);

#endif
