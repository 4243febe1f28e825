/* layer: weights of a response map that are dropped at random, in training: of a matrix or a convolution every weight
 * by itself (DropConnect), of a table of words whole words. The factor, 0 or 1/(1 − p), is the same for W_g and all
 * W_j; biases have none.
 *
 * DropConnect has one mask a batch, and so one rate: the pass multiplies by masked copies, and what it adds to a
 * weight's gradient is summed apart and masked. Of the words there is one draw u a word and batch; example b has a word
 * where u ≥ p_b, so that each may have a rate of its own. Draws are keyed by canonical elements: no rank, shard or row
 * of the batch has a part in them. */
#include "response_map.h"

enum { BLOCK_ROWS = 16, BLOCK_VALUES = 1 << 14 };

struct map_mask {
    /* Of a matrix or a convolution, as weights are stored: */
    double rate;          /* of the pass */
    uint8_t *kept;        /* [count] */
    uint8_t *drawn;       /* [threads, BLOCK_ROWS, columns] scratch, canonical */
    char *weights, *sums; /* [1 + terms, count] masked copies; this pass's gradients */
    /* Of a table: */
    double *uniforms; /* [words] */
    void *deltas;     /* [BT, out] scratch */
};

/* The kernel's dropout holds rates to it as well. */
static const double most_rate = 0.999;

/* ---- which passes ------------------------------------------------------------------------------------------------ */

bool layer_map_is_masked(const dstn_response_map *map, const dstn_pass *pass) {
    const dstn_quantity *rate = map->weight_dropout;
    return map->mask && pass->training && pass->rows > 0 && (rate->index >= 0 || rate->number > 0);
}

static bool has_masked_weights(const dstn_response_map *map, const dstn_pass *pass) {
    return !map->is_table && layer_map_is_masked(map, pass);
}

static double rate_of(const dstn_response_map *map, const dstn_pass *pass, int64_t example) {
    double rate = dstn_pass_quantity(pass, map->layer->hypers, map->weight_dropout, example);
    return rate > 0 ? (rate < most_rate ? rate : most_rate) : 0;
}

/* A layer's index is the lane's upper half, as dropout has it; beside it the map's number among the layer's. */
static uint64_t lane_of(const dstn_response_map *map) {
    return ((uint64_t)map->layer->index << 32) + ((uint64_t)map->number << 28);
}

/* ---- memory ------------------------------------------------------------------------------------------------------ */

static bool bind_words(dstn_response_map *map, dstn_arena *arena) {
    struct map_mask *mask = map->mask;
    mask->uniforms = dstn_arena_take(arena, (size_t)map->in * sizeof(double));
    mask->deltas = dstn_arena_take(arena, (size_t)(map->layer->max_rows * map->out) * layer_map_kernel(map)->size);
    return mask->uniforms && mask->deltas;
}

static bool bind_weights(dstn_response_map *map, dstn_arena *arena) {
    struct map_mask *mask = map->mask;
    size_t count = (size_t)map->weight->count, all = ((size_t)map->terms + 1) * count * layer_map_kernel(map)->size;
    mask->kept = dstn_arena_take(arena, count);
    mask->drawn = dstn_arena_take(arena, (size_t)(dstn_kernel_threads() * BLOCK_ROWS * map->in));
    mask->weights = dstn_arena_take(arena, all);
    mask->sums = dstn_arena_take(arena, all);
    return mask->kept && mask->drawn && mask->weights && mask->sums;
}

bool layer_map_bind_mask(dstn_response_map *map, dstn_arena *arena) {
    map->mask = dstn_arena_take(arena, sizeof *map->mask);
    if (!map->mask) {
        return false;
    }
    *map->mask = (struct map_mask){0};
    return map->is_table ? bind_words(map, arena) : bind_weights(map, arena);
}

static void *of_weight(const dstn_response_map *map, const void *array, int64_t i) {
    return layer_element(layer_map_kernel(map), array, i * map->weight->count);
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

typedef struct mask_draw {
    const dstn_response_map *map;
    const dstn_pass *pass;
} mask_draw;

/* Some canonical rows of the mask, put where the weights are stored. */
static void draw_rows(void *context, int64_t first, int64_t count, int thread) {
    const mask_draw *draw = context;
    const dstn_response_map *map = draw->map;
    const dstn_kernel *kernel = layer_map_kernel(map);
    const struct map_mask *mask = map->mask;
    bool is_plain = map->weight->layout == DSTN_LAYOUT_PLAIN;
    uint8_t *drawn = is_plain ? mask->kept + first * map->in : mask->drawn + thread * BLOCK_ROWS * map->in;
    kernel->dropout_mask(kernel, draw->pass->masks, draw->pass->step, first, lane_of(map), count, map->in, &mask->rate,
                         0, drawn);
    for (int64_t c = 0; !is_plain && c < map->in; c++) {
        uint8_t *column = mask->kept + layer_stored_at(map->weight, c) + first;
        for (int64_t r = 0; r < count; r++) {
            column[r] = drawn[r * map->in + c];
        }
    }
}

static void draw_words(const dstn_response_map *map, const dstn_pass *pass) {
    for (int64_t w = 0; w < map->in; w++) {
        double uniforms[2];
        dstn_rng_uniforms(pass->masks, pass->step, (uint64_t)w, lane_of(map), uniforms);
        map->mask->uniforms[w] = uniforms[0];
    }
}

/* ---- masked weights and their gradients -------------------------------------------------------------------------- */

typedef struct mask_call {
    const dstn_response_map *map;
    const char *from;
    char *to;
} mask_call;

static void apply_block(void *context, int64_t first, int64_t count, int thread) {
    (void)thread;
    const mask_call *call = context;
    const dstn_kernel *kernel = layer_map_kernel(call->map);
    const struct map_mask *mask = call->map->mask;
    kernel->dropout_apply(kernel, 1, 1, count, mask->kept + first, &mask->rate, 0,
                          layer_element(kernel, call->from, first), layer_element(kernel, call->to, first));
}

/* to = factor ⊙ from */
static void apply(const dstn_response_map *map, const void *from, void *to) {
    mask_call call = {map, from, to};
    dstn_kernel_for_rows(map->weight->count, BLOCK_VALUES, apply_block, &call);
}

static dstn_parameter *parameter_of(const dstn_response_map *map, int64_t i) {
    return i == 0 ? map->weight : map->response_weight;
}

/* W_i where it is itself, or its gradient. */
static void *own(const dstn_response_map *map, int64_t i, void *array) {
    return of_weight(map, array, i == 0 ? 0 : i - 1);
}

void layer_map_begin_mask(dstn_response_map *map, const dstn_pass *pass) {
    if (!layer_map_is_masked(map, pass)) {
        return;
    }
    if (map->is_table) {
        draw_words(map, pass);
        return;
    }
    map->mask->rate = rate_of(map, pass, 0);
    mask_draw draw = {map, pass};
    dstn_kernel_for_rows(map->out, BLOCK_ROWS, draw_rows, &draw);
    for (int64_t i = 0; i <= (layer_map_responds(map, pass) ? map->terms : 0); i++) {
        apply(map, own(map, i, parameter_of(map, i)->value), of_weight(map, map->mask->weights, i));
    }
}

const void *layer_map_weight(const dstn_response_map *map, const dstn_pass *pass, int64_t i) {
    return has_masked_weights(map, pass) ? of_weight(map, map->mask->weights, i)
                                         : own(map, i, parameter_of(map, i)->value);
}

double layer_map_beta(const dstn_response_map *map, const dstn_pass *pass, int64_t i, bool is_last) {
    return has_masked_weights(map, pass) && !is_last ? 1 : dstn_parameter_beta(parameter_of(map, i));
}

map_sum layer_map_open_sum(const dstn_response_map *map, const dstn_pass *pass, int64_t i, bool is_first, double beta) {
    if (has_masked_weights(map, pass)) {
        return (map_sum){is_first ? 0 : 1, of_weight(map, map->mask->sums, i)};
    }
    return (map_sum){beta, own(map, i, parameter_of(map, i)->gradient)};
}

void layer_map_close_sum(const dstn_response_map *map, const dstn_pass *pass, int64_t i, double beta) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (!has_masked_weights(map, pass)) {
        return;
    }
    void *sum = of_weight(map, map->mask->sums, i), *gradient = own(map, i, parameter_of(map, i)->gradient);
    apply(map, sum, beta == 0 ? gradient : sum);
    if (beta != 0) {
        kernel->axpy(kernel, map->weight->count, 1, sum, gradient);
    }
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

static double word_factor(const dstn_response_map *map, double rate, int64_t word) {
    return map->mask->uniforms[word] >= rate ? 1 / (1 - rate) : 0;
}

void layer_map_mask_words(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *values) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    int64_t steps = dstn_pass_steps(pass);
    for (int64_t r = 0; layer_map_is_masked(map, pass) && r < rows.count; r++) {
        int64_t row = rows.first + r;
        kernel->scale(kernel, map->out, word_factor(map, rate_of(map, pass, row / steps), pass->tokens[row]),
                      layer_element(kernel, values, r * map->out));
    }
}

const void *layer_map_masked_deltas(const dstn_response_map *map, const dstn_pass *pass, dstn_rows rows,
                                    const void *deltas) {
    const dstn_kernel *kernel = layer_map_kernel(map);
    if (!layer_map_is_masked(map, pass)) {
        return deltas;
    }
    kernel->copy(kernel, rows.count * map->out, deltas, map->mask->deltas);
    layer_map_mask_words(map, pass, rows, map->mask->deltas);
    return map->mask->deltas;
}

/* ---- what it was ------------------------------------------------------------------------------------------------- */

bool dstn_response_map_mask(const dstn_response_map *map, const dstn_pass *pass, int64_t example, double *out) {
    int64_t count = map->is_table ? map->in : map->weight->count;
    bool is_masked = out && layer_map_is_masked(map, pass);
    for (int64_t i = 0; map->mask && out && i < count; i++) {
        double rate = is_masked ? rate_of(map, pass, example) : 0;
        out[i] = !is_masked      ? 1
                 : map->is_table ? word_factor(map, rate, i)
                                 : map->mask->kept[layer_stored_at(map->weight, i)] / (1 - rate);
    }
    return map->mask != NULL;
}
