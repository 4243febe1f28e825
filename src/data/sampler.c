/* data: the order of examples: a permutation an epoch, a function of (rng, epoch) alone; and of a text, pieces of its
 * streams one after the other. */
#include "pieces.h"

#include <stdlib.h>

struct dstn_sampler {
    dstn_sampler_request request;
    int64_t position;        /* batches given since the start */
    int64_t drawn;           /* epoch that the array below is of, -1: none yet */
    int64_t *order;          /* examples: [rows] */
    int64_t *starts;         /* a text: [pieces + 1] where batches begin in every stream */
    int64_t *places;         /* a text: [batch] of the last batch */
    int64_t epochs, batches; /* so many epochs have so many batches: where lengths vary, counted as far as was asked */
    int64_t ahead;           /* batches of the epoch behind those; 0: not counted yet */
};

/* Pieces have a place at least. */
static size_t most_pieces(const dstn_sampler_request *request) {
    return (size_t)data_stream_places(request) + 1;
}

dstn_sampler *dstn_sampler_new(const dstn_sampler_request *request) {
    dstn_sampler *sampler = dstn_alloc(1, sizeof *sampler);
    *sampler = (dstn_sampler){.request = *request, .drawn = -1};
    if (request->length == 0) {
        sampler->order = dstn_alloc((size_t)request->rows, sizeof *sampler->order);
    } else {
        sampler->starts = dstn_alloc(most_pieces(request), sizeof *sampler->starts);
        sampler->places = dstn_alloc((size_t)request->batch, sizeof *sampler->places);
    }
    return sampler;
}

void dstn_sampler_destroy(dstn_sampler *sampler) {
    if (!sampler) {
        return;
    }
    free(sampler->order);
    free(sampler->starts);
    free(sampler->places);
    free(sampler);
}

/* ---- epochs ------------------------------------------------------------------------------------------------------ */

int64_t dstn_sampler_batches(const dstn_sampler *sampler, int64_t epoch) {
    const dstn_sampler_request *request = &sampler->request;
    return request->length == 0 ? request->rows / request->batch : data_cut_pieces(request, epoch, NULL);
}

/* Counts on to the epoch that is `wanted`, or that the batch `position` is in. */
static void count_on(dstn_sampler *sampler, int64_t wanted, int64_t position) {
    while (sampler->epochs < wanted) {
        if (sampler->ahead == 0) {
            sampler->ahead = dstn_sampler_batches(sampler, sampler->epochs);
        }
        if (sampler->batches + sampler->ahead > position) {
            return;
        }
        sampler->batches += sampler->ahead;
        sampler->epochs++;
        sampler->ahead = 0;
    }
}

static void count_anew(dstn_sampler *sampler) {
    sampler->epochs = sampler->batches = sampler->ahead = 0;
}

int64_t dstn_sampler_before(dstn_sampler *sampler, int64_t epochs) {
    if (!sampler->request.varies) {
        return epochs * dstn_sampler_batches(sampler, 0);
    }
    if (epochs < sampler->epochs) {
        count_anew(sampler);
    }
    count_on(sampler, epochs, INT64_MAX);
    return sampler->batches;
}

int64_t dstn_sampler_epoch(dstn_sampler *sampler, int64_t position) {
    if (!sampler->request.varies) {
        return position / dstn_sampler_batches(sampler, 0);
    }
    if (position < sampler->batches) {
        count_anew(sampler);
    }
    count_on(sampler, INT64_MAX, position);
    return sampler->epochs;
}

int64_t dstn_sampler_most_steps(const dstn_sampler *sampler) {
    return sampler->request.length == 0 ? 1 : data_longest_piece(&sampler->request);
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

int64_t dstn_sampler_position(const dstn_sampler *sampler) {
    return sampler->position;
}

static dstn_draw next_examples(dstn_sampler *sampler, int64_t epoch, int64_t batch) {
    const dstn_sampler_request *request = &sampler->request;
    if (sampler->drawn != epoch) {
        dstn_rng_permutation(request->rng, (uint64_t)epoch, request->rows, sampler->order);
        sampler->drawn = epoch;
    }
    return (dstn_draw){.indices = sampler->order + batch * request->batch, .steps = 1};
}

static dstn_draw next_piece(dstn_sampler *sampler, int64_t epoch, int64_t batch) {
    const dstn_sampler_request *request = &sampler->request;
    if (sampler->drawn != epoch) {
        data_cut_pieces(request, epoch, sampler->starts);
        sampler->drawn = epoch;
    }
    int64_t start = sampler->starts[batch];
    for (int64_t b = 0; b < request->batch; b++) {
        sampler->places[b] = b * data_stream_places(request) + start;
    }
    return (dstn_draw){.indices = sampler->places, .steps = sampler->starts[batch + 1] - start, .carried = batch > 0};
}

dstn_draw dstn_sampler_next(dstn_sampler *sampler) {
    int64_t epoch = dstn_sampler_epoch(sampler, sampler->position);
    int64_t batch = sampler->position++ - dstn_sampler_before(sampler, epoch);
    return (sampler->request.length == 0 ? next_examples : next_piece)(sampler, epoch, batch);
}

void dstn_sampler_seek(dstn_sampler *sampler, int64_t position) {
    sampler->position = position;
}
