/* data: what is done with a data set after it was read. */
#ifndef DSTN_DATA_PREPARE_H
#define DSTN_DATA_PREPARE_H

#include "dstn/data.h"

/* Splits `valid` examples off the training part, by a random permutation or from its end; 0 < valid < rows. */
void data_split_random(dstn_dataset *dataset, int64_t valid, uint32_t seed);
void data_split_end(dstn_dataset *dataset, int64_t valid);

/* Standardizes features by the training part and drops those that are constant there, with a warning to `log`.
 * DSTN_ERROR_DATA where none is left. Tables only (rank 1). */
dstn_status data_standardize_features(dstn_dataset *dataset, const dstn_log *log, dstn_error *err);
void data_standardize_targets(dstn_dataset *dataset);

/* DSTN_ERROR_DATA where the training part's targets or labels are all the same. */
dstn_status data_check_targets(const dstn_dataset *dataset, dstn_error *err);

/* Appends all squares and products of the columns, standardized before; standardizes again, clips to [-6, 6]. */
dstn_status data_make_quadratic(dstn_dataset *dataset, const dstn_log *log, dstn_error *err);
/* Columns that this makes of `features` columns. */
int64_t data_quadratic_features(int64_t features);

/* Sets dataset->digest, of what was read and is not prepared yet. */
void data_digest(dstn_dataset *dataset);

#endif
