/* Cases of rows by number, and of the gates of an LSTM. */
#include "kernel_cases.h"

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* Rows, columns, words; 1: without factors. */
static const int64_t texts[][CASE_ARGUMENTS] = {{0, 3, 4},     {1, 1, 1},  {7, 5, 3},     {40, 17, 9},
                                                {20, 40, 100}, {12, 8, 6}, {12, 8, 6, 1}, {64, 33, 5, 1}};

/* Some words come several times, some never. The table is x, the factors are u. */
static void choose_tokens(const int64_t *t, int64_t *tokens) {
    for (int64_t r = 0; r < t[0]; r++) {
        tokens[r] = r * r % t[2];
    }
}

static double word_factor(const case_arrays *a, const int64_t *t, int64_t token) {
    return t[3] ? 1 : a->b.u.value[token];
}

static void check_gather(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t tokens[64], cols = t[1];
    choose_tokens(t, tokens);
    k->gather_rows(k, t[0], cols, tokens, t[3] ? NULL : a->b.u.raw, a->b.x.raw, a->b.y.raw);
    for (int64_t i = 0; i < t[0] * cols; i++) {
        int64_t token = tokens[i / cols];
        a->b.y.value[i] = word_factor(a, t, token) * a->b.x.value[token * cols + i % cols];
    }
}

static void check_scatter(case_arrays *a, const dstn_kernel *k, const int64_t *t) {
    int64_t tokens[64], cols = t[1];
    choose_tokens(t, tokens);
    k->scatter_rows(k, t[0], cols, tokens, t[3] ? NULL : a->b.u.raw, a->b.y.raw, a->b.x.raw);
    for (int64_t i = 0; i < t[0] * cols; i++) {
        int64_t token = tokens[i / cols];
        a->b.x.value[token * cols + i % cols] += word_factor(a, t, token) * a->b.y.value[i];
    }
    a->terms = 1 + (double)t[0];
}

/* ---- an LSTM's step: the gates are x, h and its like begin at 0 of z, c at CELL, tanh c at SQUASHED; c_before is u
 * ------------------------------------------------------------------------------------------------------------------ */

/* Rows, units, how much wider rows of gates, of states and of the cells before are. */
static const int64_t cells[][CASE_ARGUMENTS] = {{0, 4, 0, 0, 0},    {1, 1, 0, 0, 0},  {3, 5, 0, 0, 0},
                                                {2, 16, 64, 16, 0}, {4, 33, 7, 3, 1}, {5, 40, 160, 40, 80},
                                                {3, 17, 0, 34, 0}};
enum { CELL = 1400, SQUASHED = 2800 };

static dstn_lstm_rows rows_of(const int64_t *c) {
    return (dstn_lstm_rows){
        .count = c[0], .units = c[1], .gates = 4 * c[1] + c[2], .states = c[1] + c[3], .before = c[1] + c[4]};
}

static double *gate(twin *t, const dstn_lstm_rows *rows, int64_t r, int which, int64_t unit) {
    return &t->value[r * rows->gates + which * rows->units + unit];
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

enum { FORGET, INPUT, OUTPUT, NEW_CELL };

static void plain_forward(case_arrays *a, const dstn_lstm_rows *rows, int64_t r, int64_t j) {
    double *f = gate(&a->b.x, rows, r, FORGET, j), *i = gate(&a->b.x, rows, r, INPUT, j);
    double *o = gate(&a->b.x, rows, r, OUTPUT, j), *g = gate(&a->b.x, rows, r, NEW_CELL, j);
    double *h = &a->b.z.value[r * rows->states + j];
    *f = logistic(*f);
    *i = logistic(*i);
    *o = logistic(*o);
    *g = tanh(*g);
    h[CELL] = *f * a->b.u.value[r * rows->before + j] + *i * *g;
    h[SQUASHED] = tanh(h[CELL]);
    h[0] = *o * h[SQUASHED];
}

static void check_lstm_forward(case_arrays *a, const dstn_kernel *k, const int64_t *c) {
    dstn_lstm_rows rows = rows_of(c);
    k->lstm_forward(k, rows, a->b.x.raw, a->b.u.raw, case_at(k, &a->b.z, CELL), case_at(k, &a->b.z, SQUASHED),
                    a->b.z.raw);
    for (int64_t i = 0; i < c[0] * c[1]; i++) {
        plain_forward(a, &rows, i / c[1], i % c[1]);
    }
    a->terms = 4;
}

/* Values that a forward pass leaves, in x and z. */
static void keep_values(case_arrays *a, const int64_t *c) {
    dstn_lstm_rows rows = rows_of(c);
    for (int64_t i = 0; i < c[0] * c[1]; i++) {
        plain_forward(a, &rows, i / c[1], i % c[1]);
    }
    store(&a->b, &a->b.x);
    store(&a->b, &a->b.z);
    a->terms = 8;
}

/* ṗ is in y, and ċ_before further on in it; of the adjoint δh and δc. */
enum { OF_CELLS = 3600 };

static void plain_tangent(case_arrays *a, const dstn_lstm_rows *rows, int64_t r, int64_t j) {
    double f = *gate(&a->b.x, rows, r, FORGET, j), i = *gate(&a->b.x, rows, r, INPUT, j);
    double o = *gate(&a->b.x, rows, r, OUTPUT, j), g = *gate(&a->b.x, rows, r, NEW_CELL, j);
    double *h = &a->b.z.value[r * rows->states + j], *c = &a->b.y.value[OF_CELLS + r * rows->units + j];
    *c = f * *c + a->b.u.value[r * rows->before + j] * f * (1 - f) * *gate(&a->b.y, rows, r, FORGET, j) +
         g * i * (1 - i) * *gate(&a->b.y, rows, r, INPUT, j) + i * (1 - g * g) * *gate(&a->b.y, rows, r, NEW_CELL, j);
    h[0] = h[SQUASHED] * o * (1 - o) * *gate(&a->b.y, rows, r, OUTPUT, j) + o * (1 - h[SQUASHED] * h[SQUASHED]) * *c;
}

static void check_lstm_tangent(case_arrays *a, const dstn_kernel *k, const int64_t *c) {
    dstn_lstm_rows rows = rows_of(c);
    keep_values(a, c);
    k->lstm_tangent(k, rows, a->b.x.raw, a->b.u.raw, case_at(k, &a->b.z, SQUASHED), a->b.y.raw,
                    case_at(k, &a->b.y, OF_CELLS), a->b.z.raw);
    for (int64_t i = 0; i < c[0] * c[1]; i++) {
        plain_tangent(a, &rows, i / c[1], i % c[1]);
    }
}

/* δp of one unit, where its gates are. */
static void plain_adjoint(case_arrays *a, const dstn_lstm_rows *rows, int64_t r, int64_t j) {
    double *f = gate(&a->b.x, rows, r, FORGET, j), *i = gate(&a->b.x, rows, r, INPUT, j);
    double *o = gate(&a->b.x, rows, r, OUTPUT, j), *g = gate(&a->b.x, rows, r, NEW_CELL, j);
    double dh = a->b.y.value[r * rows->states + j], squashed = a->b.z.value[SQUASHED + r * rows->states + j];
    double *c = &a->b.y.value[OF_CELLS + r * rows->units + j];
    double dc = *c + dh * *o * (1 - squashed * squashed), input = *i;
    *c = dc * *f;
    *f = dc * a->b.u.value[r * rows->before + j] * *f * (1 - *f);
    *i = dc * *g * input * (1 - input);
    *o = dh * squashed * *o * (1 - *o);
    *g = dc * input * (1 - *g * *g);
}

/* δp in the place of the gates. */
static void check_lstm_adjoint(case_arrays *a, const dstn_kernel *k, const int64_t *c) {
    dstn_lstm_rows rows = rows_of(c);
    keep_values(a, c);
    k->lstm_adjoint(k, rows, a->b.x.raw, a->b.u.raw, case_at(k, &a->b.z, SQUASHED), a->b.y.raw,
                    case_at(k, &a->b.y, OF_CELLS), a->b.x.raw);
    for (int64_t i = 0; i < c[0] * c[1]; i++) {
        plain_adjoint(a, &rows, i / c[1], i % c[1]);
    }
}

const kernel_case kernel_cases_of_words[] = {
    KERNEL_CASE(gather_rows, check_gather, texts),        KERNEL_CASE(scatter_rows, check_scatter, texts),
    KERNEL_CASE(lstm_forward, check_lstm_forward, cells), KERNEL_CASE(lstm_tangent, check_lstm_tangent, cells),
    KERNEL_CASE(lstm_adjoint, check_lstm_adjoint, cells), {0},
};
