/* model: what LSTM layers keep of their rows: pieces of a text one after the other are the whole text, derivatives end
 * where a piece begins, and every row has the state of its own number. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

enum { B = 4, T = 5, IN = 3, UNITS = 2, GATES = 4 * UNITS };

static void make(world *w, const char *layers, int64_t rows, int64_t steps) {
    char *model = dstn_format("model: {layers: %s}", layers);
    world_new(w, (world_plan){.model = model,
                              .input = {.rank = 1, .dims = {IN}},
                              .rows = rows,
                              .scalar = DSTN_F64,
                              .stream_rows = B,
                              .steps = steps});
    free(model);
}

/* ---- the equations ----------------------------------------------------------------------------------------------- */

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

static void export(const world *w, const char *name, double *out) {
    const dstn_parameter *parameter = dstn_layer_parameter(w->model->layers[0], name);
    dstn_parameter_export(parameter, w->kernel, parameter->value, out);
}

/* h and c [UNITS] of one row from those before it. */
static void step_by_hand(const world *w, const double *x, double *h, double *c) {
    double input[GATES * IN], hidden[GATES * UNITS], input_bias[GATES], hidden_bias[GATES], p[GATES];
    export(w, "i2h_general_weight", input);
    export(w, "h2h_general_weight", hidden);
    export(w, "i2h_general_bias", input_bias);
    export(w, "h2h_general_bias", hidden_bias);
    for (int g = 0; g < GATES; g++) {
        p[g] = input_bias[g] + hidden_bias[g] + dstn_vector_dot(IN, input + g * IN, x) +
               dstn_vector_dot(UNITS, hidden + g * UNITS, h);
    }
    for (int u = 0; u < UNITS; u++) {
        c[u] = logistic(p[u]) * c[u] + logistic(p[UNITS + u]) * tanh(p[3 * UNITS + u]);
        h[u] = logistic(p[2 * UNITS + u]) * tanh(c[u]);
    }
}

/* Two pieces of T steps, the second from where the first ended: y of both is that of 2T steps by hand. */
static void pieces_one_after_the_other_are_the_whole_text(void **state) {
    (void)state;
    world w;
    double h[B * UNITS] = {0}, c[B * UNITS] = {0};
    make(&w, "[lstm: {out: 2}]", B, T);
    world_set_kind(&w, DSTN_PASS_GENERAL);
    w.pass.track_statistics = true;
    for (int piece = 0; piece < 2; piece++) {
        w.kernel->scale(w.kernel, B * T * IN, 1 - 0.3 * piece, w.x);
        w.pass.carried = piece > 0;
        const double *y = dstn_model_forward(w.model, &w.pass, w.x), *x = w.x;
        for (int r = 0; r < B * T; r++) {
            double *own = h + r / T * UNITS;
            step_by_hand(&w, x + r * IN, own, c + r / T * UNITS);
            for (int u = 0; u < UNITS; u++) {
                assert_float_equal(y[r * UNITS + u], own[u], 1e-13);
            }
        }
        dstn_model_advance(w.model, 0);
    }
    world_destroy(&w);
}

/* ---- truncation -------------------------------------------------------------------------------------------------- */

/* Gives all states values that no pass left. */
static void fill_states(const world *w) {
    for (int l = 0; l < w->model->layer_count; l++) {
        for (int s = 0; s < w->model->layers[l]->state_count; s++) {
            const dstn_row_state *own = &w->model->layers[l]->states[s];
            void *values = world_draw(w, 40 + 2 * (uint64_t)l + (uint64_t)s, B * own->count);
            w->kernel->copy(w->kernel, B * own->count, values, own->value[0]);
            free(values);
        }
    }
}

/* Given h and c are numbers: no derivative of theirs is in any gradient, whatever the pass, and those of the rest are
 * exact. */
static void given_states_are_held_constant(void **state) {
    (void)state;
    static const dstn_pass_kind kinds[] = {DSTN_PASS_GENERAL, DSTN_PASS_RESPONSE, DSTN_PASS_LINEARIZED};
    for (int i = 0; i < 3; i++) {
        world w;
        make(&w, "[lstm: {out: 2}, lstm: {out: 3}, linear: {out: 2}]", B, T);
        fill_states(&w);
        world_set_kind(&w, kinds[i]);
        w.pass.carried = true;
        world_check(&w);
        world_destroy(&w);
    }
}

/* ---- whose state ------------------------------------------------------------------------------------------------- */

static const double *next_of(const world *w, int s) {
    return w->model->layers[0]->states[s].next[0];
}

/* Rows 1 and 2 of the stream by themselves, as a shard has them, start from and leave what they do among all. */
static void rows_of_a_part_have_the_state_of_their_number(void **state) {
    (void)state;
    enum { FIRST = 1, ROWS = 2 };
    world all, part;
    make(&all, "[lstm: {out: 2}]", B, T);
    make(&part, "[lstm: {out: 2}]", ROWS, T);
    world *const worlds[] = {&all, &part};
    for (int i = 0; i < 2; i++) {
        fill_states(worlds[i]);
        world_set_kind(worlds[i], DSTN_PASS_GENERAL);
        worlds[i]->pass.carried = worlds[i]->pass.track_statistics = true;
    }
    part.pass.state_row = FIRST;
    const double *want = (const double *)dstn_model_forward(all.model, &all.pass, all.x) + FIRST * T * UNITS;
    const double *got = dstn_model_forward(part.model, &part.pass, (const double *)all.x + FIRST * T * IN);
    for (int i = 0; i < ROWS * T * UNITS; i++) {
        assert_float_equal(got[i], want[i], 1e-14);
    }
    for (int i = 0; i < 2 * B * UNITS; i++) {
        int s = i / (B * UNITS), at = i % (B * UNITS), row = at / UNITS;
        bool is_there = row >= FIRST && row < FIRST + ROWS;
        assert_float_equal(next_of(&part, s)[at], is_there ? next_of(&all, s)[at] : 0, 1e-14);
    }
    world_destroy(&all);
    world_destroy(&part);
}

/* A response pass on the same batch, which tracks no statistics, must not move what the general one has moved. */
static void a_pass_moves_the_rows_only_where_it_is_asked_to(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        bool tracks = i & 1, is_training = i & 2, moves = tracks || !is_training;
        world w;
        make(&w, "[lstm: {out: 2}]", B, T);
        world_set_kind(&w, DSTN_PASS_RESPONSE);
        w.pass.track_statistics = tracks;
        w.pass.training = is_training;
        dstn_model_forward(w.model, &w.pass, w.x);
        assert_true((next_of(&w, 0)[0] != 0) == moves && (next_of(&w, 1)[0] != 0) == moves);
        world_destroy(&w);
    }
}

/* Without `carried`, or in a stream that has none, h and c start from zero whatever was left before. */
static void what_does_not_go_on_starts_from_zero(void **state) {
    (void)state;
    world w;
    double want[B * T * UNITS];
    make(&w, "[lstm: {out: 2}]", B, T);
    world_set_kind(&w, DSTN_PASS_GENERAL);
    memcpy(want, dstn_model_forward(w.model, &w.pass, w.x), sizeof want);
    fill_states(&w);
    assert_memory_equal(dstn_model_forward(w.model, &w.pass, w.x), want, sizeof want);
    w.pass.carried = true;
    w.pass.stream = 1;
    assert_memory_equal(dstn_model_forward(w.model, &w.pass, w.x), want, sizeof want);
    w.pass.stream = 0;
    assert_memory_not_equal(dstn_model_forward(w.model, &w.pass, w.x), want, sizeof want);
    world_destroy(&w);
}

/* ---- counts ------------------------------------------------------------------------------------------------------ */

/* Of a row and in units of 2·in·out: both maps by themselves, the recurrent one with an input that moves even where the
 * layer is the first; a table of words and the terms of a decoder that has none are no products. */
static void operations_are_counted_by_map(void **state) {
    (void)state;
    world w;
    make(&w, "[lstm: {out: 2}]", B, T);
    double input = 2. * IN * GATES * B * T, hidden = 2. * UNITS * GATES * B * T;
    world_set_kind(&w, DSTN_PASS_GENERAL);
    assert_float_equal(dstn_model_flops(w.model, &w.pass), 2 * input + 3 * hidden, 0);
    world_set_kind(&w, DSTN_PASS_RESPONSE);
    assert_float_equal(dstn_model_flops(w.model, &w.pass), 4 * input + 6 * hidden, 0);
    world_set_kind(&w, DSTN_PASS_LINEARIZED);
    assert_float_equal(dstn_model_flops(w.model, &w.pass), 3 * input + 5 * hidden, 0);
    world_destroy(&w);
    world_new(&w, (world_plan){.model = "model: {layers: [embedding: {out: 3}, decoder]}",
                               .input = {.rank = 1, .dims = {1}, .words = 7},
                               .rows = B,
                               .scalar = DSTN_F64});
    world_set_kind(&w, DSTN_PASS_LINEARIZED);
    assert_float_equal(dstn_model_flops(w.model, &w.pass), 3 * 2. * 3 * 7 * B, 0);
    world_destroy(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_one_after_the_other_are_the_whole_text),
        cmocka_unit_test(given_states_are_held_constant),
        cmocka_unit_test(rows_of_a_part_have_the_state_of_their_number),
        cmocka_unit_test(a_pass_moves_the_rows_only_where_it_is_asked_to),
        cmocka_unit_test(what_does_not_go_on_starts_from_zero),
        cmocka_unit_test(operations_are_counted_by_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
