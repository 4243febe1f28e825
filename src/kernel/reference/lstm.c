/* kernel: the gates of an LSTM at one time step, a tile of units at a time: what is read of a tile is read before
 * anything of it is written, so that results may lie where operands do. */
#include "../split.h"
#include "reference.h"
#include "tile_functions.h"

/* `count` ≤ TILE units from unit `at` on; row r of each array. */
typedef struct piece {
    int64_t row, at, count;
} piece;

static tile load(const real *x, int64_t count) {
    return count == TILE ? tile_load(x) : tile_load_some(x, count);
}

static void store(real *x, tile value, int64_t count) {
    if (count == TILE) {
        tile_store(x, value);
    } else {
        tile_store_some(x, value, count);
    }
}

typedef struct gate_tiles {
    tile forget, input, output, cell;
} gate_tiles;

static gate_tiles load_gates(const dstn_lstm_rows *rows, piece p, const real *all) {
    const real *x = all + p.row * rows->gates + p.at;
    return (gate_tiles){load(x, p.count), load(x + rows->units, p.count), load(x + 2 * rows->units, p.count),
                        load(x + 3 * rows->units, p.count)};
}

static void store_gates(const dstn_lstm_rows *rows, piece p, gate_tiles value, real *all) {
    real *x = all + p.row * rows->gates + p.at;
    store(x, value.forget, p.count);
    store(x + rows->units, value.input, p.count);
    store(x + 2 * rows->units, value.output, p.count);
    store(x + 3 * rows->units, value.cell, p.count);
}

/* WORK on every piece `p` of the rows, on all threads. */
#define FOR_PIECES(rows, WORK)                                                                                         \
    KERNEL_SPLIT((rows).count, (rows).count *(rows).units * 4, for (int64_t r = first; r < end; r++) {                 \
        for (piece p = {r, 0, 0}; p.at < (rows).units; p.at += TILE) {                                                 \
            p.count = (rows).units - p.at < TILE ? (rows).units - p.at : TILE;                                         \
            WORK;                                                                                                      \
        }                                                                                                              \
    })

/* ---- forward ----------------------------------------------------------------------------------------------------- */

typedef struct cells {
    const real *before;
    real *c, *tanh_c, *h;
} cells;

static void forward(const dstn_lstm_rows *rows, piece p, real *all, const cells *at) {
    gate_tiles g = load_gates(rows, p, all);
    g = (gate_tiles){tile_logistic(g.forget), tile_logistic(g.input), tile_logistic(g.output), tile_tanh(g.cell)};
    int64_t to = p.row * rows->states + p.at;
    tile c = g.forget * load(at->before + p.row * rows->before + p.at, p.count) + g.input * g.cell;
    tile squashed = tile_tanh(c);
    store_gates(rows, p, g, all);
    store(at->c + to, c, p.count);
    store(at->tanh_c + to, squashed, p.count);
    store(at->h + to, g.output * squashed, p.count);
}

static void lstm_forward(const dstn_kernel *kernel, dstn_lstm_rows rows, void *gates, const void *c_before, void *c,
                         void *tanh_c, void *h) {
    const cells at = {c_before, c, tanh_c, h};
    FOR_PIECES(rows, forward(&rows, p, gates, &at));
}

/* ---- what was kept ----------------------------------------------------------------------------------------------- */

typedef struct kept {
    const real *gates, *before, *tanh_c;
} kept;

typedef struct values {
    gate_tiles g;
    tile before, tanh_c;
} values;

static values load_values(const dstn_lstm_rows *rows, piece p, const kept *from) {
    return (values){load_gates(rows, p, from->gates), load(from->before + p.row * rows->before + p.at, p.count),
                    load(from->tanh_c + p.row * rows->states + p.at, p.count)};
}

/* σ' and tanh' by the value. */
static tile logistic_slope(tile value) {
    return value * (1 - value);
}

static tile tanh_slope(tile value) {
    return 1 - value * value;
}

/* ---- tangent: ċ = f ċ_before + c_before σ'(p_f) ṗ_f + g σ'(p_i) ṗ_i + i tanh'(p_g) ṗ_g,
 * ḣ = tanh(c) σ'(p_o) ṗ_o + o tanh'(c) ċ -------------------------------------------------------------------------- */

static void tangent(const dstn_lstm_rows *rows, piece p, const kept *from, const real *all, real *c_tangent,
                    real *h_tangent) {
    values v = load_values(rows, p, from);
    gate_tiles dot = load_gates(rows, p, all);
    real *cell = c_tangent + p.row * rows->units + p.at;
    tile c = v.g.forget * load(cell, p.count) + v.before * logistic_slope(v.g.forget) * dot.forget +
             v.g.cell * logistic_slope(v.g.input) * dot.input + v.g.input * tanh_slope(v.g.cell) * dot.cell;
    store(cell, c, p.count);
    store(h_tangent + p.row * rows->states + p.at,
          v.tanh_c * logistic_slope(v.g.output) * dot.output + v.g.output * tanh_slope(v.tanh_c) * c, p.count);
}

static void lstm_tangent(const dstn_kernel *kernel, dstn_lstm_rows rows, const void *gates, const void *c_before,
                         const void *tanh_c, const void *p_tangent, void *c_tangent, void *h_tangent) {
    const kept from = {gates, c_before, tanh_c};
    FOR_PIECES(rows, tangent(&rows, p, &from, p_tangent, c_tangent, h_tangent));
}

/* ---- adjoint ----------------------------------------------------------------------------------------------------- */

static void adjoint(const dstn_lstm_rows *rows, piece p, const kept *from, const real *dh, real *dc, real *dp) {
    values v = load_values(rows, p, from);
    tile of_h = load(dh + p.row * rows->states + p.at, p.count);
    real *cell = dc + p.row * rows->units + p.at;
    tile of_c = load(cell, p.count) + of_h * v.g.output * tanh_slope(v.tanh_c);
    gate_tiles delta = {of_c * v.before * logistic_slope(v.g.forget), of_c * v.g.cell * logistic_slope(v.g.input),
                        of_h * v.tanh_c * logistic_slope(v.g.output), of_c * v.g.input * tanh_slope(v.g.cell)};
    store(cell, of_c * v.g.forget, p.count);
    store_gates(rows, p, delta, dp);
}

static void lstm_adjoint(const dstn_kernel *kernel, dstn_lstm_rows rows, const void *gates, const void *c_before,
                         const void *tanh_c, const void *dh, void *dc, void *dp) {
    const kept from = {gates, c_before, tanh_c};
    FOR_PIECES(rows, adjoint(&rows, p, &from, dh, dc, dp));
}

void KERNEL_TYPED(kernel_put_lstm)(dstn_kernel *table) {
    table->lstm_forward = lstm_forward;
    table->lstm_tangent = lstm_tangent;
    table->lstm_adjoint = lstm_adjoint;
}
