/* kernel: dropout. Its masks are those of dstn_rng_bits, Philox4x32-10 for many blocks at once, in loops that the
 * compiler can vectorize. */
#include "reference.h"
#include "tiles.h"

#include <math.h>
#include <string.h>

enum { MASK_BLOCKS = 64, PHILOX_ROUNDS = 10 };

/* Words 0 … 3 of MASK_BLOCKS blocks, and for each the smallest word that is kept. */
typedef struct mask_blocks {
    uint32_t word[4][MASK_BLOCKS], least[MASK_BLOCKS];
} mask_blocks;

/* A mask [rows, cols] as a sequence of blocks, row after row: rows of few columns then share a pass over MASK_BLOCKS.
 */
typedef struct mask_draws {
    uint64_t step, lane; /* of column 0 */
    int64_t first_row, cols, blocks_per_row;
    const double *rates; /* of row r: rates[r*stride] */
    int64_t stride;
} mask_draws;

/* A hyperparameter's range may be wider than that of rates. Mask and factor have the same: the mean of what is kept is
 * that of the values. */
static double held_rate(double rate) {
    const double most = 0.999;
    return rate > 0 ? (rate < most ? rate : most) : 0;
}

/* ---- Philox ------------------------------------------------------------------------------------------------------ */

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

static void philox(dstn_rng rng, mask_blocks *blocks) {
    uint32_t key0 = rng.seed, key1 = rng.purpose;
    for (int round = 0; round < PHILOX_ROUNDS; round++) {
        philox_round(blocks, key0, key1);
        key0 += 0x9E3779B9u;
        key1 += 0xBB67AE85u;
    }
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

/* (word + ½)/2³² is not below the rate. */
static uint32_t least_kept(double rate) {
    double least = ceil(rate * 0x1p32 - 0.5);
    return least <= 0 ? 0 : least >= 0x1p32 ? UINT32_MAX : (uint32_t)least;
}

static int64_t least(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* The counters of block `start` of the sequence and those that follow it in its row, at most `room`, from place `at`
 * on. Returns how many. */
static int set_counters(const mask_draws *draws, int64_t start, int64_t room, int at, mask_blocks *blocks) {
    int64_t row = start / draws->blocks_per_row, first = start % draws->blocks_per_row;
    int count = (int)least(draws->blocks_per_row - first, room);
    uint32_t kept = least_kept(held_rate(draws->rates[row * draws->stride]));
    for (int i = 0; i < count; i++) {
        uint64_t lane = draws->lane + (uint64_t)(first + i);
        blocks->word[0][at + i] = (uint32_t)draws->step;
        blocks->word[1][at + i] = (uint32_t)(draws->first_row + row);
        blocks->word[2][at + i] = (uint32_t)lane;
        blocks->word[3][at + i] = ((uint32_t)(draws->step >> 32) << 16) | ((uint32_t)(lane >> 32) & 0xffffu);
        blocks->least[at + i] = kept;
    }
    return count;
}

static void compare(const mask_blocks *blocks, uint8_t *restrict kept) {
    for (int i = 0; i < MASK_BLOCKS; i++) {
        for (int w = 0; w < 4; w++) {
            kept[4 * i + w] = blocks->word[w][i] >= blocks->least[i];
        }
    }
}

/* Copies what those blocks say into their row. Returns how many they are. */
static int put_row(const mask_draws *draws, int64_t start, int64_t room, const uint8_t *from, uint8_t *kept) {
    int64_t row = start / draws->blocks_per_row, first = start % draws->blocks_per_row;
    int64_t count = least(draws->blocks_per_row - first, room);
    memcpy(kept + row * draws->cols + 4 * first, from, (size_t)least(4 * count, draws->cols - 4 * first));
    return (int)count;
}

static void dropout_mask(const dstn_kernel *kernel, dstn_rng rng, uint64_t step, int64_t first_row, uint64_t lane,
                         int64_t rows, int64_t cols, const double *rates, int64_t stride, uint8_t *kept) {
    const mask_draws draws = {step, lane, first_row, cols, (cols + 3) / 4, rates, stride};
    int64_t total = rows * draws.blocks_per_row;
    mask_blocks blocks = {0};
    uint8_t all[MASK_BLOCKS * 4];
    for (int64_t start = 0; start < total; start += MASK_BLOCKS) {
        int count = (int)least(total - start, MASK_BLOCKS);
        for (int i = 0; i < count;) {
            i += set_counters(&draws, start + i, count - i, i, &blocks);
        }
        philox(rng, &blocks);
        compare(&blocks, all);
        for (int i = 0; i < count;) {
            i += put_row(&draws, start + i, count - i, all + 4 * i, kept);
        }
    }
}

/* ---- values ------------------------------------------------------------------------------------------------------ */

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
