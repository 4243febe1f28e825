/* core: counter-based random numbers, Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3"). */
#include "dstn/core.h"

#include <Random123/philox.h>
#include <math.h>

/* The counter's fourth word holds what step and lane have beyond 32 bits, so that different (step, example, lane) never
 * share a block. */
void dstn_rng_bits(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, uint32_t out[4]) {
    philox4x32_ctr_t counter = {{(uint32_t)step, (uint32_t)example, (uint32_t)lane,
                                 ((uint32_t)(step >> 32) << 16) | ((uint32_t)(lane >> 32) & 0xffffu)}};
    philox4x32_key_t key = {{rng.seed, rng.purpose}};
    philox4x32_ctr_t bits = philox4x32(counter, key);
    for (int i = 0; i < 4; i++) {
        out[i] = bits.v[i];
    }
}

static uint64_t join(uint32_t high, uint32_t low) {
    return (uint64_t)high << 32 | low;
}

/* A multiple of 2^-53; zero, of which no logarithm can be taken, becomes 2^-54. */
static double open_uniform(uint64_t bits) {
    uint64_t top = bits >> 11;
    return (top > 0 ? (double)top : 0.5) * 0x1p-53;
}

void dstn_rng_uniforms(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, double out[2]) {
    uint32_t bits[4];
    dstn_rng_bits(rng, step, example, lane, bits);
    out[0] = open_uniform(join(bits[0], bits[1]));
    out[1] = open_uniform(join(bits[2], bits[3]));
}

void dstn_rng_normals(dstn_rng rng, uint64_t step, uint64_t example, uint64_t lane, double out[2]) {
    const double two_pi = 6.283185307179586476925;
    double uniforms[2];
    dstn_rng_uniforms(rng, step, example, lane, uniforms);
    double radius = sqrt(-2 * log(uniforms[0]));
    out[0] = radius * cos(two_pi * uniforms[1]);
    out[1] = radius * sin(two_pi * uniforms[1]);
}

void dstn_rng_permutation(dstn_rng rng, uint64_t step, int64_t count, int64_t *order) {
    for (int64_t i = 0; i < count; i++) {
        order[i] = i;
    }
    uint32_t bits[4];
    for (int64_t i = count - 1; i > 0; i--) {
        /* Two 64-bit draws a block; the remainder's bias, count/2^64, is beyond measuring. */
        if (i % 2 || i == count - 1) {
            dstn_rng_bits(rng, step, 0, (uint64_t)i / 2, bits);
        }
        uint64_t draw = i % 2 ? join(bits[0], bits[1]) : join(bits[2], bits[3]);
        int64_t j = (int64_t)(draw % (uint64_t)(i + 1));
        int64_t swapped = order[i];
        order[i] = order[j];
        order[j] = swapped;
    }
}
