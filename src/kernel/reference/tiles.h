/* Loops over the channels of channels-last images. A few channels stand at every place of an image, so that a loop over
 * them is over before it has begun: TILE channels at a time are kept in a vector, and the loop goes over the places. */
#ifndef DSTN_KERNEL_TILES_H
#define DSTN_KERNEL_TILES_H

#include <stdint.h>

#include "real.h"

enum { TILE = 16 };

/* No tile passes between files, so that its calling convention is nobody's concern. */
#pragma GCC diagnostic ignored "-Wpsabi"

/* TILE neighbouring values, at any address. */
typedef real tile __attribute__((vector_size(TILE * sizeof(real)), aligned(sizeof(real)), may_alias));

static inline tile tile_load(const real *x) {
    return *(const tile *)x;
}

static inline void tile_store(real *x, tile value) {
    *(tile *)x = value;
}

/* FULL for every whole tile, which begins at channel `left`; REST for each channel that is left over. */
#define FOR_TILES(cols, FULL, REST)                                                                                    \
    int64_t left = 0;                                                                                                  \
    for (; left + TILE <= cols; left += TILE) {                                                                        \
        FULL;                                                                                                          \
    }                                                                                                                  \
    for (; left < cols; left++) {                                                                                      \
        REST;                                                                                                          \
    }

/* ---- one tile, or one channel, at all places: what several operations are made of -------------------------------- */

/* out[p] = s x[p] */
static inline void tile_scale(int64_t plane, int64_t cols, tile s, const real *x, real *out) {
    for (int64_t p = 0; p < plane; p++, x += cols, out += cols) {
        tile_store(out, s * tile_load(x));
    }
}

static inline void channel_scale(int64_t plane, int64_t cols, real s, const real *x, real *out) {
    for (int64_t p = 0; p < plane; p++) {
        out[p * cols] = s * x[p * cols];
    }
}

/* Σ_p x[p] */
static inline tile tile_sum(int64_t plane, int64_t cols, const real *x) {
    tile sum = {0};
    for (int64_t p = 0; p < plane; p++, x += cols) {
        sum += tile_load(x);
    }
    return sum;
}

static inline real channel_sum(int64_t plane, int64_t cols, const real *x) {
    real sum = 0;
    for (int64_t p = 0; p < plane; p++) {
        sum += x[p * cols];
    }
    return sum;
}

#endif
