/* data: how the streams of a text are cut into the pieces that batches take of them. */
#ifndef DSTN_DATA_PIECES_H
#define DSTN_DATA_PIECES_H

#include "dstn/data.h"

/* Places of each stream. */
int64_t data_stream_places(const dstn_sampler_request *request);
/* Places of a stream that batches of an epoch have at most. */
int64_t data_longest_piece(const dstn_sampler_request *request);
/* Pieces of an epoch, and where in a stream each begins; starts [pieces + 1] ends with what is behind the last one;
 * NULL: only counts. */
int64_t data_cut_pieces(const dstn_sampler_request *request, int64_t epoch, int64_t *starts);

#endif
