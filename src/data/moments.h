/* data: mean and deviation of columns and channels, of numbers however large or small, and values that aren't any. */
#ifndef DATA_MOMENTS_H
#define DATA_MOMENTS_H

#include "dstn/data.h"

/* Nothing that is measured comes near, and sums of as many squares as memory holds stay finite. */
#define DATA_LARGEST 1e140
/* 2^53: of larger whole numbers a double holds some alone. */
#define DATA_LARGEST_EXACT 9007199254740992.

typedef struct data_moments {
    double mean, deviation; /* of the population */
    double largest;         /* the value of the largest size, with its sign */
    int64_t place;          /* which of the values it is */
    bool is_constant;       /* they are all the same but for rounding */
    /* It stands for a missing value, as exporters write them: beside it the others, which differ, would all become the
     * same number. */
    bool is_mark;
} data_moments;

/* Of values[0], values[stride], …, `count` of them, all of them at most DATA_LARGEST. */
data_moments data_moments_of(const double *values, int64_t count, int64_t stride);

/* "FILE: column "depth": row 12: 1e+36 is …": that a column (feature f of the examples, or target column f) can't be
 * standardized for a mark in the training part; DSTN_ERROR_DATA. */
dstn_status data_fail_mark(const dstn_dataset *dataset, bool is_target, int64_t f, const data_moments *moments,
                           dstn_error *err);
/* That no prepared value of a part is larger than `most`, which is what `holder` (f32, …) holds; DSTN_ERROR_DATA. */
dstn_status data_check_range(const dstn_dataset *dataset, double most, const char *holder, dstn_error *err);
/* "column "depth"", "x, channel 0, pixel 3 x 5", "target column "y"" in a new string: what feature or target f is. */
char *data_name_value(const dstn_dataset *dataset, bool is_target, int64_t f);

#endif
