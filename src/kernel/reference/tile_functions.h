/* exp, tanh and the logistic function of a tile. In float they are polynomials, within 3 units in the last place, that
 * work on all values at once; in double the library's. NaN stays NaN. */
#ifndef DSTN_KERNEL_TILE_FUNCTIONS_H
#define DSTN_KERNEL_TILE_FUNCTIONS_H

#include <math.h>
#include <string.h>

#include "tiles.h"

/* The first `count` values; the others are 0. */
static inline tile tile_load_some(const real *x, int64_t count) {
    tile value = {0};
    memcpy(&value, x, (size_t)count * sizeof(real));
    return value;
}

static inline void tile_store_some(real *x, tile value, int64_t count) {
    memcpy(x, &value, (size_t)count * sizeof(real));
}

#if defined(KERNEL_F32)
typedef int32_t tile_bits __attribute__((vector_size(TILE * sizeof(int32_t))));
#else
typedef int64_t tile_bits __attribute__((vector_size(TILE * sizeof(int64_t))));
#endif

static inline tile tile_select(tile_bits where, tile yes, tile no) {
    return (tile)((where & (tile_bits)yes) | (~where & (tile_bits)no));
}

#if defined(KERNEL_F32)

/* x = n ln 2 + r with |r| ≤ ½ ln 2. Adding 1.5 · 2²³ leaves n in the lowest bits of the mantissa. */
typedef struct tile_split {
    tile two_to_n, rest;
} tile_split;

/* |x| is at most 87. */
static inline tile_split tile_split_of(tile x) {
    const float round = 0x1.8p23f, per_ln2 = 1.44269504f, ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
    tile shifted = x * per_ln2 + round, n = shifted - round;
    return (tile_split){(tile)(((tile_bits)shifted - 0x4b400000 + 127) << 23), (x - n * ln2_high) - n * ln2_low};
}

/* exp(r) − 1 for |r| ≤ ½ ln 2, to 4e-9: r + r² q(r), q of least greatest error. */
static inline tile tile_expm1_of_rest(tile r) {
    tile q = 1.39505393e-3f * r + 8.36891774e-3f;
    q = q * r + 4.16662060e-2f;
    q = q * r + 1.66665182e-1f;
    q = q * r + 0.5f;
    return q * r * r + r;
}

static inline tile tile_held(tile x, float least, float most) {
    tile low = (tile){0} + least, high = (tile){0} + most;
    return tile_select(x < low, low, tile_select(x > high, high, x));
}

/* Held to exp(±87): what is smaller counts as nothing, what is larger does not occur below. */
static inline tile tile_exp(tile x) {
    tile_split split = tile_split_of(tile_held(x, -87, 87));
    return split.two_to_n * tile_expm1_of_rest(split.rest) + split.two_to_n;
}

/* With u = exp(2|x|) − 1 it is u / (u + 2), which loses nothing near 0. */
static inline tile tile_tanh(tile x) {
    tile_bits sign = (tile_bits)x & INT32_MIN;
    tile_split split = tile_split_of(tile_held(2 * (tile)((tile_bits)x ^ sign), 0, 40));
    tile u = split.two_to_n * tile_expm1_of_rest(split.rest) + (split.two_to_n - 1);
    return (tile)((tile_bits)(u / (u + 2)) | sign);
}

#else

static inline tile tile_exp(tile x) {
    for (int i = 0; i < TILE; i++) {
        x[i] = exp(x[i]);
    }
    return x;
}

static inline tile tile_tanh(tile x) {
    for (int i = 0; i < TILE; i++) {
        x[i] = tanh(x[i]);
    }
    return x;
}

#endif

/* σ(x) = 1 / (1 + exp(−x)) */
static inline tile tile_logistic(tile x) {
    return 1 / (1 + tile_exp(-x));
}

#endif
