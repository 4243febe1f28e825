/* Cases of pooling and of dropout. */
#include "kernel_cases.h"

/* ---- pooling ----------------------------------------------------------------------------------------------------- */

/* Rows, height, width, channels, side of the squares; with what is left over at the edges. */
static const int64_t pools[][CASE_ARGUMENTS] = {{0, 4, 4, 3, 2},  {1, 1, 1, 1, 1}, {2, 4, 6, 3, 2},
                                                {3, 5, 7, 5, 2},  {2, 7, 8, 6, 3}, {1, 16, 15, 2, 15},
                                                {2, 3, 3, 17, 1}, {1, 9, 4, 33, 4}};

/* Output i of a pool: where its square begins in x, with its channel. */
static int64_t square_of(const int64_t *pool, int64_t i) {
    int64_t height = pool[1], width = pool[2], cols = pool[3], size = pool[4];
    int64_t across = width / size, down = height / size, c = i % cols, j = i / cols % across;
    int64_t k = i / cols / across % down, r = i / cols / across / down;
    return ((r * height + k * size) * width + j * size) * cols + c;
}

static int64_t place_in(const int64_t *pool, int64_t place) {
    return (place / pool[4] * pool[2] + place % pool[4]) * pool[3];
}

static int64_t outputs(const int64_t *pool) {
    return pool[0] * (pool[1] / pool[4]) * (pool[2] / pool[4]) * pool[3];
}

static void check_max(case_arrays *a, const dstn_kernel *k, const int64_t *pool) {
    k->pool_max(k, pool[0], pool[1], pool[2], pool[3], pool[4], a->b.x.raw, a->b.y.raw, a->bytes);
    for (int64_t i = 0; i < outputs(pool); i++) {
        const double *square = a->b.x.value + square_of(pool, i);
        int64_t best = 0;
        for (int64_t place = 1; place < pool[4] * pool[4]; place++) {
            best = square[place_in(pool, place)] > square[place_in(pool, best)] ? place : best;
        }
        a->want_bytes[i] = (uint8_t)best;
        a->b.y.value[i] = square[place_in(pool, best)];
    }
}

/* Any place of every square. */
static void choose_places(case_arrays *a, const int64_t *pool) {
    for (int64_t i = 0; i < outputs(pool); i++) {
        a->bytes[i] = a->want_bytes[i] = (uint8_t)(i * 5 % (pool[4] * pool[4]));
    }
}

static void check_pick(case_arrays *a, const dstn_kernel *k, const int64_t *pool) {
    choose_places(a, pool);
    k->pool_pick(k, pool[0], pool[1], pool[2], pool[3], pool[4], a->bytes, a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < outputs(pool); i++) {
        a->b.y.value[i] = a->b.x.value[square_of(pool, i) + place_in(pool, a->bytes[i])];
    }
}

/* 0 also at the edges that no square covers. */
static void check_spread(case_arrays *a, const dstn_kernel *k, const int64_t *pool) {
    choose_places(a, pool);
    k->pool_spread(k, pool[0], pool[1], pool[2], pool[3], pool[4], a->bytes, a->b.x.raw, a->b.y.raw);
    memset(a->b.y.value, 0, (size_t)(pool[0] * pool[1] * pool[2] * pool[3]) * sizeof(double));
    for (int64_t i = 0; i < outputs(pool); i++) {
        a->b.y.value[square_of(pool, i) + place_in(pool, a->bytes[i])] = a->b.x.value[i];
    }
}

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

static const dstn_rng rng = {.seed = 0xfedcba98u, .purpose = DSTN_PURPOSE_DROPOUT};

static double rate_of(int64_t row, int64_t stride) {
    static const double rates[] = {0, 0.5, 0.1, 0.999, 0.25, 0.3, 0.7, 0.2, 0.9, 0.6, -0.5, 1.5, 0.4};
    return rates[row * stride % 13];
}

static double held_rate(int64_t row, int64_t stride) {
    return fmin(fmax(rate_of(row, stride), 0), 0.999);
}

/* Rows, columns, the step from one row's rate to the next. */
static const int64_t draws[][CASE_ARGUMENTS] = {{0, 5, 1},   {1, 1, 1},   {7, 3, 1},    {7, 4, 2},
                                                {7, 5, 1},   {40, 13, 1}, {3, 35, 0},   {7, 255, 2},
                                                {5, 256, 1}, {9, 257, 1}, {2, 2100, 11}};

static void check_dropout_mask(case_arrays *a, const dstn_kernel *k, const int64_t *d) {
    double rates[100];
    for (int64_t r = 0; r < 100; r++) {
        rates[r] = rate_of(r, 1);
    }
    k->dropout_mask(k, rng, 9, 4, UINT64_C(3) << 32, d[0], d[1], rates, d[2], a->bytes);
    for (int64_t i = 0; i < d[0] * d[1]; i++) {
        uint32_t word[4];
        int64_t r = i / d[1], c = i % d[1];
        dstn_rng_bits(rng, 9, (uint64_t)(4 + r), (UINT64_C(3) << 32) + (uint64_t)(c / 4), word);
        a->want_bytes[i] = !((word[c % 4] + 0.5) * 0x1p-32 < held_rate(r, d[2]));
    }
}

/* Rows, places, channels, the step from one row's rate to the next; 1: in place. */
static const int64_t values[][CASE_ARGUMENTS] = {{0, 1, 5},        {1, 1, 1},       {3, 1, 35, 2},    {4, 6, 5, 1},
                                                 {2, 9, 17, 1},    {13, 4, 32, 1},  {13, 1, 33, 1},   {4, 6, 5, 0},
                                                 {3, 1, 35, 2, 1}, {4, 6, 5, 1, 1}, {13, 4, 32, 1, 1}};

static void check_dropout_apply(case_arrays *a, const dstn_kernel *k, const int64_t *v) {
    double rates[100];
    twin *to = v[4] ? &a->b.x : &a->b.y;
    for (int64_t r = 0; r < 100; r++) {
        rates[r] = rate_of(r, 1);
    }
    for (int64_t i = 0; i < v[0] * v[2]; i++) {
        a->bytes[i] = a->want_bytes[i] = (i * 7 + i / 3) % 3 > 0;
    }
    k->dropout_apply(k, v[0], v[1], v[2], a->bytes, rates, v[3], a->b.x.raw, to->raw);
    for (int64_t i = 0; i < v[0] * v[1] * v[2]; i++) {
        int64_t r = i / v[2] / v[1];
        double rate = held_rate(r, v[3]);
        to->value[i] = a->bytes[r * v[2] + i % v[2]] ? a->b.x.value[i] / (1 - rate) : 0;
    }
}

const kernel_case kernel_cases_of_images[] = {
    KERNEL_CASE(pool_max, check_max, pools),
    KERNEL_CASE(pool_pick, check_pick, pools),
    KERNEL_CASE(pool_spread, check_spread, pools),
    KERNEL_CASE(dropout_mask, check_dropout_mask, draws),
    KERNEL_CASE(dropout_apply, check_dropout_apply, values),
    {0},
};
