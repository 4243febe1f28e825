/* data: the order of examples: a permutation an epoch, a function of (rng, epoch) alone. */
#include "dstn/data.h"

#include <stdlib.h>

struct dstn_sampler {
    dstn_rng rng;
    int64_t rows, batch;
    int64_t position; /* batches given since the start */
    int64_t drawn;    /* epoch that `order` is of, -1: none yet */
    int64_t *order;   /* [rows] */
};

dstn_sampler *dstn_sampler_new(dstn_rng rng, int64_t rows, int64_t batch) {
    dstn_sampler *sampler = dstn_alloc(1, sizeof *sampler);
    sampler->rng = rng;
    sampler->rows = rows;
    sampler->batch = batch;
    sampler->drawn = -1;
    sampler->order = dstn_alloc((size_t)rows, sizeof *sampler->order);
    return sampler;
}

void dstn_sampler_destroy(dstn_sampler *sampler) {
    if (!sampler) {
        return;
    }
    free(sampler->order);
    free(sampler);
}

int64_t dstn_sampler_batches(const dstn_sampler *sampler) {
    return sampler->rows / sampler->batch;
}

int64_t dstn_sampler_epoch(const dstn_sampler *sampler) {
    return sampler->position / dstn_sampler_batches(sampler);
}

int64_t dstn_sampler_position(const dstn_sampler *sampler) {
    return sampler->position;
}

const int64_t *dstn_sampler_next(dstn_sampler *sampler) {
    int64_t epoch = dstn_sampler_epoch(sampler);
    if (sampler->drawn != epoch) {
        dstn_rng_permutation(sampler->rng, (uint64_t)epoch, sampler->rows, sampler->order);
        sampler->drawn = epoch;
    }
    int64_t i = sampler->position++ % dstn_sampler_batches(sampler);
    return sampler->order + i * sampler->batch;
}

void dstn_sampler_seek(dstn_sampler *sampler, int64_t position) {
    sampler->position = position;
}
