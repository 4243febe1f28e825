/* kernel: convolutions of 3 × 3 by Winograd's algorithm F(4 × 4, 3 × 3) (Lavin and Gray, 2016): a tile of 4 × 4 outputs
 * takes 36 products of each pair of channels in place of 144,
 *   y = Aᵀ [ (G w Gᵀ) ⊙ (Bᵀ x B) ] A,   dw = Gᵀ [ Σ (A dy Aᵀ) ⊙ (Bᵀ x B) ] G,
 * x being the 6 × 6 inputs under the tile. Each of the 36 places of ⊙ is a matrix product over tiles and channels. The
 * adjoint is the map of dy with the kernel turned round. */
#include "winograd.h"
#include "tiles.h"

#include <stdlib.h>
#include <string.h>

enum { SIDE = 4, TAPS = 3, EDGE = SIDE + TAPS - 1, POINTS = EDGE * EDGE };

/* ---- the transforms along one direction: from[i*step] to to[i*step] ---------------------------------------------- */

typedef void transform(const tile *from, int64_t from_step, tile *to, int64_t to_step);

/* Bᵀ, 6 to 6 */
static inline void input_points(const tile *x, int64_t s, tile *y, int64_t t) {
    tile a = x[4 * s] - 4 * x[2 * s], b = x[3 * s] - 4 * x[s], c = x[4 * s] - x[2 * s], d = 2 * (x[3 * s] - x[s]);
    y[0] = 4 * x[0] - 5 * x[2 * s] + x[4 * s];
    y[t] = a + b;
    y[2 * t] = a - b;
    y[3 * t] = c + d;
    y[4 * t] = c - d;
    y[5 * t] = 4 * x[s] - 5 * x[3 * s] + x[5 * s];
}

/* Aᵀ, 6 to 4 */
static inline void output_values(const tile *x, int64_t s, tile *y, int64_t t) {
    tile a = x[s] + x[2 * s], b = x[s] - x[2 * s], c = x[3 * s] + x[4 * s], d = x[3 * s] - x[4 * s];
    y[0] = x[0] + a + c;
    y[t] = b + 2 * d;
    y[2 * t] = a + 4 * c;
    y[3 * t] = b + 8 * d + x[5 * s];
}

/* A, 4 to 6 */
static inline void output_points(const tile *x, int64_t s, tile *y, int64_t t) {
    tile a = x[0] + x[2 * s], b = x[s] + x[3 * s], c = x[0] + 4 * x[2 * s], d = 2 * x[s] + 8 * x[3 * s];
    y[0] = x[0];
    y[t] = a + b;
    y[2 * t] = a - b;
    y[3 * t] = c + d;
    y[4 * t] = c - d;
    y[5 * t] = x[3 * s];
}

/* G, 3 to 6 */
static inline void weight_points(const tile *x, int64_t s, tile *y, int64_t t) {
    tile a = (x[0] + x[2 * s]) * (real)(-1.0 / 6), b = x[s] * (real)(1.0 / 6);
    tile c = x[0] * (real)(1.0 / 24) + x[2 * s] * (real)(1.0 / 6), d = x[s] * (real)(1.0 / 12);
    y[0] = x[0] * (real)0.25;
    y[t] = a - b;
    y[2 * t] = a + b;
    y[3 * t] = c + d;
    y[4 * t] = c - d;
    y[5 * t] = x[2 * s];
}

/* Gᵀ, 6 to 3 */
static inline void weight_values(const tile *x, int64_t s, tile *y, int64_t t) {
    tile a = x[s] + x[2 * s], b = x[2 * s] - x[s], c = x[3 * s] + x[4 * s], d = x[3 * s] - x[4 * s];
    y[0] = x[0] * (real)0.25 - a * (real)(1.0 / 6) + c * (real)(1.0 / 24);
    y[t] = b * (real)(1.0 / 6) + d * (real)(1.0 / 12);
    y[2 * t] = (c - a) * (real)(1.0 / 6) + x[5 * s];
}

/* Along both: [m, m] to [n, n]. */
static inline void along_both(transform *one, int64_t m, int64_t n, const tile *from, tile *to) {
    tile half[POINTS];
    for (int64_t j = 0; j < m; j++) {
        one(from + j, m, half + j, m);
    }
    for (int64_t i = 0; i < n; i++) {
        one(half + i * m, 1, to + i * n, 1);
    }
}

/* ---- channels, as many as a tile takes --------------------------------------------------------------------------- */

static inline tile load(const real *x, int64_t channels) {
    if (channels >= TILE) {
        return tile_load(x);
    }
    tile value = {0};
    memcpy(&value, x, (size_t)channels * sizeof(real));
    return value;
}

static inline void store(real *x, int64_t channels, tile value) {
    if (channels >= TILE) {
        tile_store(x, value);
    } else {
        memcpy(x, &value, (size_t)channels * sizeof(real));
    }
}

/* ---- tiles of images --------------------------------------------------------------------------------------------- */

/* Images [height, width, channels] covered by tiles; those of some rows at a time. */
typedef struct cover {
    int64_t height, width, channels; /* of the image that is cut or put together */
    int64_t tiles_down, tiles_across;
    int64_t padding; /* of the input before its first tile */
} cover;

static int64_t tiles_of(const cover *c) {
    return c->tiles_down * c->tiles_across;
}

/* Squares of side n at (top, left), zero outside. */
static inline void load_square(const cover *c, const real *image, int64_t top, int64_t left, int64_t n,
                               int64_t channels, tile *square) {
    for (int64_t i = 0; i < n; i++) {
        for (int64_t j = 0; j < n; j++) {
            int64_t y = top + i, x = left + j;
            bool is_inside = y >= 0 && y < c->height && x >= 0 && x < c->width;
            square[i * n + j] = is_inside ? load(image + (y * c->width + x) * c->channels, channels) : (tile){0};
        }
    }
}

/* x = beta x + value */
static inline void add_to(real *x, int64_t channels, real beta, tile value) {
    if (beta != 0) {
        value += beta * load(x, channels);
    }
    store(x, channels, value);
}

static inline void store_points(const tile *points, int64_t channels, int64_t step, real *to) {
    for (int64_t p = 0; p < POINTS; p++) {
        store(to + p * step, channels, points[p]);
    }
}

/* Tiles of the images, `first` … `end` counted through them, to points [36, count, channels]. */
static void input_tiles(int64_t first, int64_t end, const cover *c, int64_t from, int64_t count, const real *images,
                        real *points) {
    for (int64_t t = first; t < end; t++) {
        int64_t at = (from + t) % tiles_of(c);
        const real *image = images + (from + t) / tiles_of(c) * c->height * c->width * c->channels;
        int64_t top = at / c->tiles_across * SIDE - c->padding, left = at % c->tiles_across * SIDE - c->padding;
        for (int64_t k = 0; k < c->channels; k += TILE) {
            tile square[POINTS], out[POINTS];
            load_square(c, image + k, top, left, EDGE, c->channels - k, square);
            along_both(input_points, EDGE, EDGE, square, out);
            store_points(out, c->channels - k, count * c->channels, points + t * c->channels + k);
        }
    }
}

static void delta_tiles(int64_t first, int64_t end, const cover *c, int64_t from, int64_t count, const real *images,
                        real *points) {
    for (int64_t t = first; t < end; t++) {
        int64_t at = (from + t) % tiles_of(c);
        const real *image = images + (from + t) / tiles_of(c) * c->height * c->width * c->channels;
        int64_t top = at / c->tiles_across * SIDE, left = at % c->tiles_across * SIDE;
        for (int64_t k = 0; k < c->channels; k += TILE) {
            tile square[SIDE * SIDE], out[POINTS];
            load_square(c, image + k, top, left, SIDE, c->channels - k, square);
            along_both(output_points, SIDE, EDGE, square, out);
            store_points(out, c->channels - k, count * c->channels, points + t * c->channels + k);
        }
    }
}

static bool is_zero(const real *x, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (x[i] != 0) {
            return false;
        }
    }
    return true;
}

/* The outputs of a tile, as bits, that input (i, j) under it is in the window of. */
static inline unsigned window_of(int64_t i, int64_t j) {
    unsigned bits = 0;
    for (int64_t y = i - TAPS + 1; y <= i; y++) {
        for (int64_t x = j - TAPS + 1; x <= j; x++) {
            if (y >= 0 && y < SIDE && x >= 0 && x < SIDE) {
                bits |= 1u << (y * SIDE + x);
            }
        }
    }
    return bits;
}

/* The outputs of a tile, as bits, whose inputs have anything but zeros: the others, as in a hole of Cutout, are exactly
 * 0, and not what the transforms leave of it, or ReLU's derivative there would be up to rounding. */
static unsigned outputs_that_see(const cover *in, const real *images, int64_t t) {
    int64_t at = t % tiles_of(in), top = at / in->tiles_across * SIDE - in->padding;
    int64_t left = at % in->tiles_across * SIDE - in->padding;
    const real *image = images + t / tiles_of(in) * in->height * in->width * in->channels;
    unsigned seen = 0;
    for (int64_t i = 0; i < EDGE; i++) {
        for (int64_t j = 0; j < EDGE; j++) {
            int64_t y = top + i, x = left + j;
            bool is_inside = y >= 0 && y < in->height && x >= 0 && x < in->width;
            if (is_inside && !is_zero(image + (y * in->width + x) * in->channels, in->channels)) {
                seen |= window_of(i, j);
            }
        }
    }
    return seen;
}

/* Back from points to images = beta images + values; the points come from `inputs`, covered by `in`. */
static void output_tiles(int64_t first, int64_t end, const cover *in, const real *inputs, const cover *c, int64_t from,
                         int64_t count, real beta, const real *points, real *images) {
    for (int64_t t = first; t < end; t++) {
        int64_t at = (from + t) % tiles_of(c);
        unsigned seen = outputs_that_see(in, inputs, from + t);
        real *image = images + (from + t) / tiles_of(c) * c->height * c->width * c->channels;
        int64_t top = at / c->tiles_across * SIDE, left = at % c->tiles_across * SIDE;
        int64_t height = c->height - top < SIDE ? c->height - top : SIDE;
        int64_t width = c->width - left < SIDE ? c->width - left : SIDE;
        for (int64_t k = 0; k < c->channels; k += TILE) {
            tile square[POINTS], out[SIDE * SIDE];
            int64_t channels = c->channels - k;
            for (int64_t p = 0; p < POINTS; p++) {
                square[p] = load(points + (p * count + t) * c->channels + k, channels);
            }
            along_both(output_values, EDGE, SIDE, square, out);
            for (int64_t i = 0; i < height; i++) {
                for (int64_t j = 0; j < width; j++) {
                    bool sees = seen >> (i * SIDE + j) & 1;
                    add_to(image + ((top + i) * c->width + left + j) * c->channels + k, channels, beta,
                           sees ? out[i * SIDE + j] : (tile){0});
                }
            }
        }
    }
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

/* Pairs of channels `first` … `end`, TILE neighbours each. */
static void weight_tiles(int64_t first, int64_t end, int64_t pairs, bool is_turned, const real *weight, real *points) {
    for (int64_t k = first * TILE; k < end * TILE && k < pairs; k += TILE) {
        tile in[TAPS * TAPS], out[POINTS];
        for (int t = 0; t < TAPS * TAPS; t++) {
            int from = is_turned ? TAPS * TAPS - 1 - t : t;
            in[t] = load(weight + from * pairs + k, pairs - k);
        }
        along_both(weight_points, TAPS, EDGE, in, out);
        store_points(out, pairs - k, pairs, points + k);
    }
}

static void gradient_tiles(int64_t first, int64_t end, int64_t pairs, real beta, const real *points, real *dweight) {
    for (int64_t k = first * TILE; k < end * TILE && k < pairs; k += TILE) {
        tile in[POINTS], out[TAPS * TAPS];
        for (int64_t p = 0; p < POINTS; p++) {
            in[p] = load(points + p * pairs + k, pairs - k);
        }
        along_both(weight_values, EDGE, TAPS, in, out);
        for (int t = 0; t < TAPS * TAPS; t++) {
            add_to(dweight + t * pairs + k, pairs - k, beta, out[t]);
        }
    }
}

/* ---- the three products ------------------------------------------------------------------------------------------ */

/* Tiles at a time: their points of both images should stay in the caches. */
static int64_t tiles_at_a_time(const dstn_map *map, int64_t tiles) {
    enum { POINT_VALUES = 1 << 20, LEAST = 128 };
    int64_t fit = POINT_VALUES / (POINTS * (map->shape.in + map->shape.out));
    fit = fit < LEAST ? LEAST : fit;
    return fit < tiles ? fit : tiles;
}

static int64_t all_tiles(const dstn_map *map, int64_t rows) {
    const dstn_map_shape *s = &map->shape;
    int64_t out = ((s->out_height + SIDE - 1) / SIDE) * ((s->out_width + SIDE - 1) / SIDE);
    int64_t in = ((s->in_height + SIDE - 1) / SIDE) * ((s->in_width + SIDE - 1) / SIDE);
    return rows * (in > out ? in : out);
}

int64_t KERNEL_TYPED(kernel_winograd_scratch)(const dstn_map *map) {
    int64_t channels = map->shape.in + map->shape.out, tiles = all_tiles(map, map->max_rows);
    return POINTS * (map->shape.in * map->shape.out + tiles_at_a_time(map, tiles) * channels);
}

/* to = beta to + the map of `from`. */
static void run_map(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, cover in, cover out, const real *from,
                    bool is_turned, const real *weight, double beta, real *scratch, real *to) {
    int64_t pairs = in.channels * out.channels, tiles = rows * tiles_of(&out), most = tiles_at_a_time(map, tiles);
    real *kernels = scratch, *before = kernels + POINTS * pairs, *after = before + POINTS * most * in.channels;
    KERNEL_SPLIT((pairs + TILE - 1) / TILE, POINTS * pairs,
                 weight_tiles(first, end, pairs, is_turned, weight, kernels));
    for (int64_t done = 0; done < tiles; done += most) {
        int64_t count = tiles - done < most ? tiles - done : most;
        KERNEL_SPLIT(count, count * POINTS * in.channels, input_tiles(first, end, &in, done, count, from, before));
        for (int64_t p = 0; p < POINTS; p++) {
            kernel->gemm(kernel, false, is_turned, count, out.channels, in.channels, 1,
                         before + p * count * in.channels, in.channels, kernels + p * pairs,
                         is_turned ? in.channels : out.channels, 0, after + p * count * out.channels, out.channels);
        }
        KERNEL_SPLIT(count, count * POINTS * out.channels,
                     output_tiles(first, end, &in, from, &out, done, count, (real)beta, after, to));
    }
}

/* Tiles cover the output; both images are cut by the same. */
static cover cover_of(int64_t height, int64_t width, int64_t channels, int64_t out_height, int64_t out_width,
                      int64_t padding) {
    return (cover){height, width, channels, (out_height + SIDE - 1) / SIDE, (out_width + SIDE - 1) / SIDE, padding};
}

void KERNEL_TYPED(kernel_winograd_forward)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                           const real *weight, real *scratch, real *y) {
    const dstn_map_shape *s = &map->shape;
    cover in = cover_of(s->in_height, s->in_width, s->in, s->out_height, s->out_width, s->padding);
    cover out = cover_of(s->out_height, s->out_width, s->out, s->out_height, s->out_width, 0);
    run_map(kernel, map, rows, in, out, x, false, weight, 0, scratch, y);
}

void KERNEL_TYPED(kernel_winograd_adjoint)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *dy,
                                           const real *weight, double beta, real *scratch, real *dx) {
    const dstn_map_shape *s = &map->shape;
    cover in = cover_of(s->out_height, s->out_width, s->out, s->in_height, s->in_width, TAPS - 1 - s->padding);
    cover out = cover_of(s->in_height, s->in_width, s->in, s->in_height, s->in_width, 0);
    run_map(kernel, map, rows, in, out, dy, true, weight, beta, scratch, dx);
}

void KERNEL_TYPED(kernel_winograd_gradient)(const dstn_kernel *kernel, const dstn_map *map, int64_t rows, const real *x,
                                            const real *dy, double beta, real *scratch, real *dweight) {
    const dstn_map_shape *s = &map->shape;
    cover in = cover_of(s->in_height, s->in_width, s->in, s->out_height, s->out_width, s->padding);
    cover out = cover_of(s->out_height, s->out_width, s->out, s->out_height, s->out_width, 0);
    int64_t pairs = s->in * s->out, tiles = rows * tiles_of(&out), most = tiles_at_a_time(map, tiles);
    real *kernels = scratch, *before = kernels + POINTS * pairs, *after = before + POINTS * most * s->in;
    if (tiles == 0) {
        kernel->fill(kernel, POINTS * pairs, 0, kernels);
    }
    for (int64_t done = 0; done < tiles; done += most) {
        int64_t count = tiles - done < most ? tiles - done : most;
        KERNEL_SPLIT(count, count * POINTS * s->in, input_tiles(first, end, &in, done, count, x, before));
        KERNEL_SPLIT(count, count * POINTS * s->out, delta_tiles(first, end, &out, done, count, dy, after));
        for (int64_t p = 0; p < POINTS; p++) {
            kernel->gemm(kernel, true, false, s->in, s->out, count, 1, before + p * count * s->in, s->in,
                         after + p * count * s->out, s->out, done == 0 ? 0 : 1, kernels + p * pairs, s->out);
        }
    }
    KERNEL_SPLIT((pairs + TILE - 1) / TILE, POINTS * pairs,
                 gradient_tiles(first, end, pairs, (real)beta, kernels, dweight));
}
