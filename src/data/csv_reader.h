/* data: a CSV file (RFC 4180: quoted fields, doubled quotes) as a sequence of records. */
#ifndef DSTN_DATA_CSV_READER_H
#define DSTN_DATA_CSV_READER_H

#include "dstn/core.h"

typedef struct data_csv_reader {
    const char *path; /* borrowed */
    char *text, *at, *end;
    int64_t line;   /* of `at`, from 1 */
    char separator; /* between fields; a blank: any number of blanks and tabs */
    /* The record read last. */
    char **fields; /* [count], in `text`; those without quotes have no blanks around them */
    size_t count, capacity;
    int64_t record_line;
} data_csv_reader;

/* The whole file, with commas for separators. Returns 0, or the errno of the failure (nothing to close then). */
int data_csv_open(data_csv_reader *reader, const char *path);
void data_csv_close(data_csv_reader *reader);
/* Of a file just opened: that it is text; else DSTN_ERROR_DATA, which says what it is, where that can be told. */
dstn_status data_csv_check_text(const data_csv_reader *reader, dstn_error *err);
/* Past blank lines above the header, and the line "sep=;" that spreadsheets write there: the separator that it names,
 * or NUL. */
char data_csv_skip_preface(data_csv_reader *reader);
/* Of a file just opened: the separator that its first lines agree on, of comma, semicolon, tab, bar and blanks. */
char data_csv_guess_separator(const data_csv_reader *reader);
/* The next record; *found [out] false: the file has no more. Blank lines at the end are no records, others are
 * records of one empty field. Quotes that don't close, text behind quotes: DSTN_ERROR_DATA. */
dstn_status data_csv_next(data_csv_reader *reader, bool *found, dstn_error *err);

#endif
