/* What an HDF5 file of ours is and holds, and two ways to show it. */
#ifndef DSTN_CLI_INSPECT_H
#define DSTN_CLI_INSPECT_H

#include "array.h"

/* One attribute; text or number. */
typedef struct dstn_fact {
    char *name; /* "result/status" */
    char *text; /* NULL: a number */
    double number;
} dstn_fact;

/* One data set: numbers, or strings. */
typedef struct dstn_holding {
    char *path;
    dstn_array array; /* of numbers */
    char **strings;   /* [string_count]; NULL: numbers */
    int64_t string_count;
    double low, high, mean, norm; /* over the finite elements; NAN where there are none */
    int64_t finite;
} dstn_holding;

typedef struct dstn_inspection {
    const char *path, *kind;
    bool whole; /* long texts too */
    int64_t fact_count, holding_count;
    dstn_fact *facts;       /* [fact_count] */
    dstn_holding *holdings; /* [holding_count] by path */
} dstn_inspection;

/* Whether a data set is a series: a row a step. */
bool dstn_holding_is_series(const dstn_inspection *inspection, const dstn_holding *holding);

void dstn_inspection_print(const dstn_inspection *inspection, FILE *out);
/* One object on one line; numbers that aren't finite are null. */
void dstn_inspection_print_json(const dstn_inspection *inspection, FILE *out);

#endif
