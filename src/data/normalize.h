/* data: what the keys `mean` and `std` of sources with images come to. */
#ifndef DSTN_DATA_NORMALIZE_H
#define DSTN_DATA_NORMALIZE_H

#include "dstn/data.h"

/* Each is `auto`, or has one entry, for all values, or one for each channel. */
typedef struct data_normalization {
    dstn_real_list mean, deviation;
} data_normalization;

/* The rows of a source's option table. */
#define DATA_NORMALIZATION(TYPE, MEMBER)                                                                               \
    DSTN_REALS(                                                                                                        \
        "mean", TYPE, MEMBER.mean, -1e6, 1e6, "auto",                                                                  \
        "subtracted from pixels (bytes are divided by 255 before: 125.3 of 255 is 0.4914): one number, or one for "    \
        "each channel; auto: the mean of the training part, for each channel"),                                        \
        DSTN_REALS("std", TYPE, MEMBER.deviation, 1e-6, 1e6, "auto",                                                   \
                   "pixels are divided by it, after mean is subtracted (63 of 255 is 0.2471); auto: the deviation of " \
                   "the training part")

/* Sets how bytes are decoded, x = (byte/255 − mean)/deviation, or applies (x − mean)/deviation to numbers, and notes
 * what was used in the data set. `auto` stands for the moments of the training part, of each channel, for images and
 * bytes; tables of numbers, whose columns are standardized, are left as they are by it. A channel that is constant has
 * deviation 1, with a warning to `log`.
 * DSTN_ERROR_USAGE at the key whose list has neither one entry nor as many as an example has channels; DSTN_ERROR_DATA
 * where all channels are constant, or a value is a mark for missing ones. */
dstn_status data_normalize(dstn_node node, const data_normalization *normalization, const dstn_log *log,
                           dstn_dataset *dataset, dstn_error *err);
/* The same with given numbers [channels], which the data set takes over. */
void data_set_normalization(dstn_dataset *dataset, int64_t channels, double *mean, double *deviation);

#endif
