/* store, private: a record in memory. */
#ifndef STORE_RECORD_H
#define STORE_RECORD_H

#include "dstn/store.h"

typedef struct store_series {
    char *path; /* in the file */
    dstn_scalar scalar;
    int64_t columns; /* 0: one value a row, and rank 1 */
    int64_t rows, capacity;
    unsigned char *values; /* [capacity, width] of the scalar type */
    /* Of a series that follows from another, which has no rows of its own: */
    dstn_record_rule *rule; /* else NULL */
    const void *user;
    int from;
} store_series;

/* Something beside the series, replaced when it is given again. */
typedef enum store_aside_kind {
    STORE_ASIDE_TEXT,
    STORE_ASIDE_NUMBER,
    STORE_ASIDE_INTEGERS,
    STORE_ASIDE_REALS,
    STORE_ASIDE_STRINGS
} store_aside_kind;

typedef struct store_aside {
    store_aside_kind kind;
    char *place;     /* group of an attribute, or name of a data set */
    char *attribute; /* NULL for a data set */
    double number;
    int64_t count;
    int64_t *integers; /* [count] */
    double *reals;     /* [count] */
    char **strings;    /* [count]; a text is one */
} store_aside;

struct dstn_record {
    store_series *series; /* [series_count] */
    int series_count, series_capacity;
    store_aside *asides; /* [aside_count] */
    int aside_count, aside_capacity;
};

int64_t store_series_width(const store_series *of); /* values in a row */
void store_series_reserve(store_series *of, int64_t rows);

#endif
