/* kernel: pooling of channels-last images. */
#include "../split.h"
#include "reference.h"
#include "tiles.h"

#include <string.h>

/* One square of an image and some of its channels, with the elements from one place to the next to the right and below.
 */
typedef struct pool_square {
    int64_t size, right, down;
} pool_square;

/* With a constant count the compiler keeps a tile in registers; unrolled, a loop over it would no longer be seen as one
 * that vectors can do at once. */
#define TILE_INLINE static inline __attribute__((always_inline))
#define FOR_CHANNELS(count) KERNEL_PRAGMA(GCC unroll 1) for (int c = 0; c < count; c++)

/* At every place (i, j) of a square, the `place`th. */
#define FOR_PLACES(square)                                                                                             \
    for (int32_t i = 0, place = 0; i < square.size; i++)                                                               \
        for (int32_t j = 0; j < square.size; j++, place++)

/* The largest value of each of some channels in one square. */
TILE_INLINE void tile_max(pool_square square, int count, const real *image, real *y, uint8_t *at) {
    real best[TILE];
    int32_t place_of[TILE];
    FOR_CHANNELS(count) {
        best[c] = image[c];
        place_of[c] = 0;
    }
    FOR_PLACES(square) {
        const real *x = image + i * square.down + j * square.right;
        FOR_CHANNELS(count) {
            place_of[c] = x[c] > best[c] ? place : place_of[c];
            best[c] = x[c] > best[c] ? x[c] : best[c];
        }
    }
    FOR_CHANNELS(count) {
        y[c] = best[c];
        at[c] = (uint8_t)place_of[c];
    }
}

TILE_INLINE void tile_pick(pool_square square, int count, const uint8_t *at, const real *image, real *out) {
    real picked[TILE];
    int32_t place_of[TILE];
    FOR_CHANNELS(count) {
        picked[c] = image[c];
        place_of[c] = at[c];
    }
    FOR_PLACES(square) {
        const real *x = image + i * square.down + j * square.right;
        FOR_CHANNELS(count) {
            picked[c] = place_of[c] == place ? x[c] : picked[c];
        }
    }
    FOR_CHANNELS(count) {
        out[c] = picked[c];
    }
}

TILE_INLINE void tile_spread(pool_square square, int count, const uint8_t *at, const real *v, real *image) {
    real value[TILE];
    int32_t place_of[TILE];
    FOR_CHANNELS(count) {
        value[c] = v[c];
        place_of[c] = at[c];
    }
    FOR_PLACES(square) {
        real *to = image + i * square.down + j * square.right;
        FOR_CHANNELS(count) {
            to[c] = place_of[c] == place ? value[c] : 0;
        }
    }
}

/* Calls WORK(count) for tiles of channels of all squares of all images: `from` is the tile's first element in the
 * image, `to` in the pooled image. */
#define FOR_SQUARES(WORK)                                                                                              \
    const pool_square square = {size, cols, width * cols};                                                             \
    int64_t to = 0;                                                                                                    \
    for (int64_t r = 0; r < rows; r++) {                                                                               \
        for (int64_t i = 0; i + size <= height; i += size) {                                                           \
            for (int64_t j = 0; j + size <= width; j += size) {                                                        \
                int64_t from = ((r * height + i) * width + j) * cols, left = cols;                                     \
                for (; left >= TILE; left -= TILE, from += TILE, to += TILE) {                                         \
                    WORK(TILE);                                                                                        \
                }                                                                                                      \
                if (left > 0) {                                                                                        \
                    WORK((int)left);                                                                                   \
                }                                                                                                      \
                to += left;                                                                                            \
            }                                                                                                          \
        }                                                                                                              \
    }

static void pool_max(const dstn_kernel *kernel, int64_t rows, int64_t height, int64_t width, int64_t cols, int64_t size,
                     const void *x, void *y, uint8_t *at) {
#define MAX_OF(count) tile_max(square, count, (const real *)x + from, (real *)y + to, at + to)
    FOR_SQUARES(MAX_OF)
#undef MAX_OF
}

static void pool_pick(const dstn_kernel *kernel, int64_t rows, int64_t height, int64_t width, int64_t cols,
                      int64_t size, const uint8_t *at, const void *v, void *out) {
#define PICK(count) tile_pick(square, count, at + to, (const real *)v + from, (real *)out + to)
    FOR_SQUARES(PICK)
#undef PICK
}

static void pool_spread(const dstn_kernel *kernel, int64_t rows, int64_t height, int64_t width, int64_t cols,
                        int64_t size, const uint8_t *at, const void *v, void *out) {
    if (height % size || width % size) {
        memset(out, 0, (size_t)(rows * height * width * cols) * sizeof(real));
    }
#define SPREAD(count) tile_spread(square, count, at + to, (const real *)v + to, (real *)out + from)
    FOR_SQUARES(SPREAD)
#undef SPREAD
}

void KERNEL_TYPED(kernel_put_pooling)(dstn_kernel *table) {
    table->pool_max = pool_max;
    table->pool_pick = pool_pick;
    table->pool_spread = pool_spread;
}
