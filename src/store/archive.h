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

/* Little-endian in files, this machine's in memory. Not to be closed. */
hid_t store_hdf5_file_type(dstn_scalar scalar);
hid_t store_hdf5_memory_type(dstn_scalar scalar);
/* A text of variable length in UTF-8, as h5py writes it; close with H5Tclose. */
hid_t store_hdf5_text_type(void);
/* Path of an object within a file, "" being the root. */
const char *store_hdf5_path(const char *name);
/* Whether every step of a path is there; HDF5 itself fails where one on the way is missing. */
bool store_hdf5_exists(hid_t file, const char *name);

#endif
