/* What an HDF5 file of ours is and holds, and two ways to show it. */
#ifndef TOOLS_INSPECT_H
#define TOOLS_INSPECT_H

#include "array.h"

/* One attribute; text or number. */
typedef struct tools_fact {
    char *name; /* "result/status" */
    char *text; /* NULL: a number */
    double number;
} tools_fact;

/* One data set: numbers, or strings. */
typedef struct tools_holding {
    char *path;
    tools_array array; /* of numbers */
    char **strings;    /* [string_count]; NULL: numbers */
    int64_t string_count;
    double low, high, mean, norm; /* over the finite elements; NAN where there are none */
    int64_t finite;
} tools_holding;

typedef struct tools_inspection {
    const char *path, *kind;
    bool whole; /* long texts too */
    int64_t fact_count, holding_count;
    tools_fact *facts;       /* [fact_count] */
    tools_holding *holdings; /* [holding_count] by path */
} tools_inspection;

/* Whether a data set is a series: a row a step. */
bool tools_holding_is_series(const tools_inspection *inspection, const tools_holding *holding);

void tools_inspection_print(const tools_inspection *inspection, FILE *out);
/* One object on one line; numbers that aren't finite are null. */
void tools_inspection_print_json(const tools_inspection *inspection, FILE *out);

#endif
