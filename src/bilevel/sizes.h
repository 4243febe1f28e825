/* How many rows batches have, on all ranks and on one. */
#ifndef DSTN_BILEVEL_SIZES_H
#define DSTN_BILEVEL_SIZES_H

#include "dstn/bilevel.h"

int64_t bilevel_samples_of(const dstn_train_settings *settings); /* k, at least 1 */
/* Examples of a global validation batch, which are the streams of an evaluation too. */
int64_t bilevel_valid_batch_of(const dstn_train_settings *settings, const dstn_dataset *dataset);
/* Streams that a part of a text is read in, at most so many: of a short one no more than are as long as a piece, since
 * every stream begins without anything before it. */
int64_t bilevel_streams_of(const dstn_train_settings *settings, const dstn_dataset *dataset, dstn_part part,
                           int64_t most);
/* Places of a text that a batch has of each stream, if its length doesn't vary; 0: rows are examples. */
int64_t bilevel_length_of(const dstn_train_settings *settings, const dstn_dataset *dataset);

/* This rank's rows of `total`: without shards a group divides rows, with them it divides shards, which divide rows. */
void bilevel_share_of(const dstn_group *group, int64_t shards, int64_t total, int64_t *first, int64_t *rows);

int64_t bilevel_more(int64_t a, int64_t b); /* the larger, the smaller one */
int64_t bilevel_less(int64_t a, int64_t b);

/* That the data have a batch of each kind. DSTN_ERROR_USAGE. */
dstn_status bilevel_check_batches(const dstn_train_settings *settings, const dstn_dataset *dataset, bool tunes,
                                  dstn_error *err);

#endif
