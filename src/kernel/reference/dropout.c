/* kernel: dropout. Its masks are those of dstn_rng_bits, Philox4x32-10 for many blocks at once, in loops that the
 * compiler can vectorize. */
#include "reference.h"
#include "tiles.h"

#include <math.h>
#include <string.h>

enum { MASK_BLOCKS = 64, PHILOX_ROUNDS = 10 };

/* Words 0 … 3 of MASK_BLOCKS blocks. */
typedef struct mask_blocks {
    uint32_t word[4][MASK_BLOCKS];
} mask_blocks;

/* One round with its key, on all blocks. */
static void philox_round(mask_blocks *blocks, uint32_t key0, uint32_t key1) {
    uint32_t *restrict w0 = blocks->word[0], *restrict w1 = blocks->word[1];
    uint32_t *restrict w2 = blocks->word[2], *restrict w3 = blocks->word[3];
    for (int i = 0; i < MASK_BLOCKS; i++) {
        uint64_t product0 = (uint64_t)w0[i] * 0xD2511F53u, product1 = (uint64_t)w2[i] * 0xCD9E8D57u;
        w0[i] = (uint32_t)(product1 >> 32) ^ w1[i] ^ key0;
        w2[i] = (uint32_t)(product0 >> 32) ^ w3[i] ^ key1;
        w1[i] = (uint32_t)product1;
        w3[i] = (uint32_t)product0;
    }
}

/* The blocks of lanes lane, lane + 1, … of one (step, example). */
static void philox_blocks(dstn_rng rng, uint64_t step, int64_t example, uint64_t lane, mask_blocks *blocks) {
    for (int i = 0; i < MASK_BLOCKS; i++) {
        uint64_t at = lane + (uint64_t)i;
        blocks->word[0][i] = (uint32_t)step;
        blocks->word[1][i] = (uint32_t)example;
        blocks->word[2][i] = (uint32_t)at;
        blocks->word[3][i] = ((uint32_t)(step >> 32) << 16) | ((uint32_t)(at >> 32) & 0xffffu);
    }
    uint32_t key0 = rng.seed, key1 = rng.purpose;
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        philox_round(blocks, key0, key1);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/* The smallest word that is kept: (word + ½)/2³² is not below the rate. */
static uint32_t least_kept(double rate) {
    double least = ceil(rate * 0x1p32 - 0.5);
    return least <= 0 ? 0 : least >= 0x1p32 ? UINT32_MAX : (uint32_t)least;
}

static void mask_from_blocks(const mask_blocks *blocks, uint32_t least, int64_t count, uint8_t *restrict kept) {
    uint8_t all[MASK_BLOCKS * 4];
    for (int i = 0; i < MASK_BLOCKS; i++) {
        for (int w = 0; w < 4; w++) {
            all[4 * i + w] = blocks->word[w][i] >= least;
        }
    }
    memcpy(kept, all, (size_t)count);
}

static void dropout_mask(const dstn_kernel *kernel, dstn_rng rng, uint64_t step, int64_t first_row, uint64_t lane,
                         int64_t rows, int64_t cols, const double *rates, int64_t stride, uint8_t *kept) {
    const int64_t piece = 4 * MASK_BLOCKS;
    for (int64_t r = 0; r < rows; r++) {
        uint32_t least = least_kept(rates[r * stride]);
        for (int64_t c = 0; c < cols; c += piece) {
            mask_blocks blocks;
            philox_blocks(rng, step, first_row + r, lane + (uint64_t)(c / 4), &blocks);
            mask_from_blocks(&blocks, least, cols - c < piece ? cols - c : piece, kept + r * cols + c);
        }
    }
}

/* out = factor v in the channels of an image that are kept. */
static void image_apply_mask(int64_t plane, int64_t cols, const uint8_t *kept, real factor, const real *v, real *out) {
    FOR_TILES(cols, tile row; for (int c = 0; c < TILE; c++) row[c] = kept[left + c] ? factor : 0;
              tile_scale(plane, cols, row, v + left, out + left),
              channel_scale(plane, cols, kept[left] ? factor : 0, v + left, out + left))
}

static void apply_mask(int64_t cols, const uint8_t *kept, real factor, const real *v, real *out) {
    for (int64_t c = 0; c < cols; c++) {
        out[c] = kept[c] ? factor * v[c] : 0;
    }
}

/* A hyperparameter's range may be wider than that of rates. */
static double held_rate(double rate) {
    return rate < 0 ? 0 : rate > 0.999 ? 0.999 : rate;
}

static void dropout_apply(const dstn_kernel *kernel, int64_t rows, int64_t plane, int64_t cols, const uint8_t *kept,
                          const double *rates, int64_t stride, const void *v, void *out) {
    for (int64_t r = 0; r < rows; r++) {
        real factor = (real)(1 / (1 - held_rate(rates[r * stride])));
        const real *from = (const real *)v + r * plane * cols;
        real *to = (real *)out + r * plane * cols;
        if (plane > 1) {
            image_apply_mask(plane, cols, kept + r * cols, factor, from, to);
        } else {
            apply_mask(cols, kept + r * cols, factor, from, to);
        }
    }
}

void KERNEL_TYPED(kernel_put_dropout)(dstn_kernel *table) {
    table->dropout_mask = dropout_mask;
    table->dropout_apply = dropout_apply;
}
