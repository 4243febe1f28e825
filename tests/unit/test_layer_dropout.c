/* layer: dropout: its statistics, when it is the identity, and that masks depend on nothing that they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_fixture.h"

enum { ROWS = 60, COLS = 50 };

static void make(chain *c, const char *layers, dstn_scalar scalar) {
    dstn_error err = {0};
    chain_plan plan = {.layers = layers, .scalar = scalar, .hypers = 2, .in = COLS, .rows = ROWS};
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
    chain_set_kind(c, DSTN_PASS_GENERAL, false, false);
    c->kernel->fill(c->kernel, ROWS * COLS, 1, c->x[0]); /* the output is then the mask */
}

static void masks_have_the_rate_and_keep_the_mean(void **state) {
    (void)state;
    static chain c;
    make(&c, "[dropout: {rate: 0.3}]", DSTN_F64);
    chain_forward(&c);
    const double *mask = c.x[1];
    double dropped = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        assert_true(mask[i] == 0 || mask[i] == 1 / (1 - 0.3));
        dropped += mask[i] == 0;
    }
    double n = ROWS * COLS;
    assert_true(fabs(dropped / n - 0.3) < 4 * sqrt(0.21 / n));
    chain_destroy(&c);
}

static void every_row_has_its_own_rate(void **state) {
    (void)state;
    static chain c;
    make(&c, "[dropout: {rate: b}]", DSTN_F64);
    for (int r = 0; r < ROWS; r++) {
        c.values[2 * r] = 0.9;
        c.values[2 * r + 1] = r % 2 ? 0.5 : 0;
    }
    chain_forward(&c);
    const double *mask = c.x[1];
    double kept = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        bool is_odd = i / COLS % 2;
        assert_true(is_odd ? mask[i] == 0 || mask[i] == 2 : mask[i] == 1);
        kept += is_odd && mask[i] == 2;
    }
    double n = ROWS * COLS / 2.0;
    assert_true(fabs(kept / n - 0.5) < 2 / sqrt(n));
    chain_destroy(&c);
}

static void a_rate_of_zero_and_evaluation_are_the_identity(void **state) {
    (void)state;
    static chain c;
    make(&c, "[dropout: {rate: 0}]", DSTN_F32);
    chain_set(&c, 9, ROWS * COLS, c.x[0]);
    chain_forward(&c);
    assert_memory_equal(c.x[0], c.x[1], ROWS * COLS * sizeof(float));
    chain_destroy(&c);
    make(&c, "[dropout: {rate: b}]", DSTN_F32);
    chain_set(&c, 9, ROWS * COLS, c.x[0]);
    chain_forward(&c);
    assert_memory_not_equal(c.x[0], c.x[1], ROWS * COLS * sizeof(float));
    c.pass.training = false;
    chain_forward(&c);
    assert_memory_equal(c.x[0], c.x[1], ROWS * COLS * sizeof(float));
    chain_set(&c, 8, ROWS * COLS, c.delta[1]);
    chain_adjoint(&c);
    assert_memory_equal(c.delta[0], c.delta[1], ROWS * COLS * sizeof(float));
    chain_destroy(&c);
}

static void masks_of_layers_and_steps_differ(void **state) {
    (void)state;
    static chain c;
    static double first[ROWS * COLS];
    make(&c, "[dropout: {rate: 0.5}, dropout: {rate: 0.5}]", DSTN_F64);
    chain_forward(&c);
    memcpy(first, c.x[1], sizeof first);
    double both = 0;
    for (int i = 0; i < ROWS * COLS; i++) {
        both += ((const double *)c.x[2])[i] != 0; /* kept by both layers */
    }
    double n = ROWS * COLS;
    assert_true(fabs(both / n - 0.25) < 4 * sqrt(0.1875 / n));
    chain_forward(&c);
    assert_memory_equal(first, c.x[1], sizeof first);
    c.pass.step++;
    chain_forward(&c);
    assert_memory_not_equal(first, c.x[1], sizeof first);
    chain_destroy(&c);
}

static void forward_all(chain *c) {
    c->layers[0]->type->rows.forward(c->layers[0], &c->pass, dstn_pass_rows(&c->pass), c->x[0], c->x[1]);
}

/* Steps, masks of an example, and how the mask of example b is drawn: that of one row of an input of one step. */
static void check_steps(const char *layers, bool is_each) {
    enum { STEPS = 4, EXAMPLES = ROWS / STEPS };
    static chain c, plain;
    make(&c, layers, DSTN_F64);
    make(&plain, "[dropout: {rate: b}]", DSTN_F64);
    c.pass.steps = STEPS;
    c.pass.rows = plain.pass.rows = EXAMPLES;
    for (int b = 0; b < EXAMPLES; b++) {
        c.values[2 * b + 1] = plain.values[2 * b + 1] = 0.1 + 0.05 * b;
    }
    c.pass.first_row = plain.pass.first_row = 7;
    forward_all(&c);
    forward_all(&plain);
    const double *mask = c.x[1], *want = plain.x[1];
    int same = 0;
    for (int r = 0; r < ROWS; r++) {
        same += memcmp(mask + r * COLS, want + r / STEPS * COLS, COLS * sizeof *mask) == 0;
        for (int i = 0; i < COLS; i++) {
            double kept = mask[r * COLS + i], factor = 1 / (1 - c.values[2 * (r / STEPS) + 1]);
            assert_true(kept == 0 || kept == factor);
        }
    }
    assert_int_equal(same == ROWS, !is_each);
    assert_true(!is_each || same < ROWS / 2);
    chain_destroy(&c);
    chain_destroy(&plain);
}

static void all_steps_of_an_example_have_one_mask_unless_each_is_to_have_its_own(void **state) {
    (void)state;
    check_steps("[dropout: {rate: b}]", false);
    check_steps("[dropout: {rate: b, each_step: true}]", true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masks_have_the_rate_and_keep_the_mean),
        cmocka_unit_test(every_row_has_its_own_rate),
        cmocka_unit_test(a_rate_of_zero_and_evaluation_are_the_identity),
        cmocka_unit_test(masks_of_layers_and_steps_differ),
        cmocka_unit_test(all_steps_of_an_example_have_one_mask_unless_each_is_to_have_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
