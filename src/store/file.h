/* store, private: a file that appears whole or not at all, and the seal at its end. */
#ifndef STORE_FILE_H
#define STORE_FILE_H

#include "dstn/store.h"

typedef struct store_file store_file;

/* PATH.tmp-PID.dstn, in the same folder, so that a rename suffices; free with free(). */
char *store_temporary_name(const char *path, long process);
/* Starts it, as a new file. */
dstn_status store_file_open(const char *path, store_file **out, dstn_error *err);
/* After a failure only abandon is left. */
dstn_status store_file_write(store_file *file, const void *bytes, size_t size, dstn_error *err);
/* fsync, close, rename, fsync of the folder; frees. After a failure the temporary file is gone and the old one there.
 */
dstn_status store_file_commit(store_file *file, dstn_error *err);
void store_file_abandon(store_file *file);

/* Opens a file that is written in place (a lock, a ledger), made where it isn't there. What else may have the name, a
 * link to somebody's file, is not touched: -1 and errno, whose reason store_open_own_reason has in words. */
int store_open_own(const char *path, int flags);
const char *store_open_own_reason(int reason);

/* Makes the entries of a folder durable. */
dstn_status store_sync_folder(const char *folder, dstn_error *err);
/* The folder part of a path ("." where it has none); free with free(). */
char *store_folder_of(const char *path);

/* The seal: 16 bytes that mark it, then the XXH3-128 of all bytes before it. It lies beyond the end that HDF5 knows of,
 * where HDF5 doesn't look, and is checked before HDF5 sees a file: HDF5 need not survive what it was never given. */
enum { STORE_SEAL_SIZE = 32 };
void store_seal_make(const void *bytes, size_t size, unsigned char seal[STORE_SEAL_SIZE]);

typedef enum store_verdict {
    STORE_WHOLE,     /* the seal fits the bytes */
    STORE_UNSEALED,  /* a file of another program, or one that has lost nothing but its seal */
    STORE_DAMAGED,   /* proven: a seal that doesn't fit, or an end that is missing */
    STORE_UNREADABLE /* the system's reason is in the message */
} store_verdict;

/* A file's bytes as they were proven, without the seal. */
typedef struct store_proven {
    unsigned char *bytes; /* [size]; NULL unless it is whole; free with free() */
    size_t size;
    int64_t file_size;
    bool marked;       /* it has the mark of a seal */
    bool no_signature; /* it doesn't begin as an HDF5 file; people's may, behind a block of the user's */
} store_proven;

/* Reads a file once, and judges what was read. Anything but STORE_WHOLE writes a message of `status`. */
store_verdict store_seal_read(const char *path, dstn_status status, store_proven *out, dstn_error *err);

#endif
