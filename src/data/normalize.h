/* data: what the keys `mean` and `std` of sources with images come to. */
#ifndef DSTN_DATA_NORMALIZE_H
#define DSTN_DATA_NORMALIZE_H

#include "dstn/data.h"

/* Each has one entry, for all values, or one for each channel. */
typedef struct data_normalization {
    dstn_real_list mean, deviation;
} data_normalization;

/* DSTN_ERROR_USAGE at the key whose list has neither one entry nor as many as an example has channels. */
dstn_status data_check_normalization(dstn_node node, const dstn_dataset *dataset,
                                     const data_normalization *normalization, dstn_error *err);
/* How bytes are decoded: x = (byte/255 − mean)/deviation. */
void data_set_normalization(dstn_dataset *dataset, const data_normalization *normalization);
/* x ← (x − mean)/deviation, x [count] with the channels last. */
void data_normalize(const data_normalization *normalization, int64_t count, double *x);

#endif
