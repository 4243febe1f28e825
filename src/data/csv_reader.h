/* data: a CSV file (RFC 4180: quoted fields, doubled quotes) as a sequence of records. */
#ifndef DSTN_DATA_CSV_READER_H
#define DSTN_DATA_CSV_READER_H

#include "dstn/core.h"

typedef struct csv_reader {
    const char *path; /* borrowed */
    char *text, *at, *end;
    int64_t line;    /* of `at`, from 1 */
    bool is_checked; /* for NUL bytes */
    /* The record read last. */
    char **fields; /* [count], in `text`; those without quotes have no blanks around them */
    size_t count, capacity;
    int64_t record_line;
} csv_reader;

/* The whole file. Returns 0, or the errno of the failure (nothing to close then). */
int data_csv_open(csv_reader *reader, const char *path);
void data_csv_close(csv_reader *reader);
/* The next record; *found [out] false: the file has no more. Blank lines at the end are no records, others are
 * records of one empty field. Quotes that don't close, text behind quotes, NUL bytes: DSTN_ERROR_DATA. */
dstn_status data_csv_next(csv_reader *reader, bool *found, dstn_error *err);

#endif
