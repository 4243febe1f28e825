/* store, private: the lines of a ledger's files. */
#ifndef STORE_LEDGER_H
#define STORE_LEDGER_H

#include "dstn/store.h"

/* No ledger comes near it, so a line with a larger number is none of ours, and numbers above it can always be given. */
#define STORE_LAST_SEQUENCE (INT64_MAX / 4)

/* A file of the ledger as it was read: its good lines, and what is left of a last one that doesn't count. */
typedef struct store_ledger_file {
    char *writer, *path;
    dstn_ledger_line *lines; /* [count] */
    int64_t count, capacity;
    int64_t good_bytes, bytes; /* where they differ, the last line doesn't count */
} store_ledger_file;

/* One line with its CRC and end; free with free(). */
char *store_ledger_line_make(int64_t sequence, const char *time, const char *member, dstn_member_state state,
                             const char *detail);
/* Reads a line of `length` bytes without its end. False: it is no line of a ledger, or its CRC is another. */
bool store_ledger_line_parse(const char *text, size_t length, dstn_ledger_line *line);
void store_ledger_line_clear(dstn_ledger_line *line);

char *store_ledger_path(const char *folder, const char *writer);
/* A file that isn't there is an empty one. DSTN_ERROR_CHECKPOINT names file and line that are damaged. */
dstn_status store_ledger_file_read(const char *folder, const char *writer, store_ledger_file *file, dstn_error *err);
void store_ledger_file_clear(store_ledger_file *file);

#endif
