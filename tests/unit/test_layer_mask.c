/* layer: weights that are dropped at random (DropConnect): a pass is the pass without dropout of the masked weights, in
 * all kinds; masks have the rate, and depend on nothing that they should not. That gradients are right in all kinds of
 * pass is in the suite that walks the table of layers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_fixture.h"

static void make(chain *c, chain_plan plan) {
    dstn_error err = {0};
    plan.hypers = plan.response == DSTN_RESPONSE_FULL ? 3 : 2;
    plan.in = plan.in ? plan.in : 4;
    plan.rows = plan.rows ? plan.rows : 5;
    plan.scalar = DSTN_F64;
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
    for (int64_t i = 0; i < plan.rows * plan.hypers; i++) {
        c->values[i] = 0.3 + 0.2 * (double)(i % plan.hypers);
    }
}

/* ---- passes ------------------------------------------------------------------------------------------------------ */

/* weight ← factor ⊙ weight of every W_i, in canonical order. */
static void mask_weight(const chain *c, const char *name, const double *factor, int64_t count) {
    static double values[CHAIN_SPACE];
    const dstn_parameter *parameter = dstn_layer_parameter(c->layers[0], name);
    dstn_parameter_export(parameter, c->kernel, parameter->value, values);
    for (int64_t i = 0; i < parameter->count; i++) {
        values[i] *= factor[i % count];
    }
    dstn_parameter_import(parameter, c->kernel, values, parameter->value);
}

static void check_pass(chain *c, dstn_pass_kind kind) {
    static double got[CHAIN_SPACE], want[CHAIN_SPACE], factor[CHAIN_SPACE];
    const dstn_response_map *map = dstn_layer_map(c->layers[0], 0);
    chain_set_kind(c, kind, true, true);
    chain_forward(c);
    chain_prediction(c, got);
    assert_true(dstn_response_map_mask(map, &c->pass, 0, factor));
    mask_weight(c, "general_weight", factor, map->weight->count);
    mask_weight(c, "response_weight", factor, map->weight->count);
    c->pass.training = false;
    chain_forward(c);
    chain_prediction(c, want);
    for (int64_t i = 0; i < c->plan.rows * c->out; i++) {
        if (!(fabs(got[i] - want[i]) <= 1e-12 * (1 + fabs(want[i])))) {
            fail_msg("%s, kind %d: output %d is %.12g, with masked weights %.12g", c->plan.layers, kind, (int)i, got[i],
                     want[i]);
        }
    }
}

static void a_pass_is_that_of_the_masked_weights(void **state) {
    (void)state;
    static const char *const layers[] = {"[linear: {out: 6, weight_dropout: 0.4}]",
                                         "[linear: {out: 6, weight_dropout: b}]",
                                         "[conv: {out: 3, kernel: 3, padding: 1, weight_dropout: b}]"};
    static chain c;
    for (int i = 0; i < 15; i++) {
        bool is_image = i / 3 == 2 || i / 3 == 4;
        dstn_response response = i / 3 == 1 || i / 3 == 3 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        make(&c, (chain_plan){.layers = layers[is_image ? 2 : i / 6],
                              .image = is_image ? (dstn_shape){.rank = 3, .dims = {2, 5, 4}} : (dstn_shape){0},
                              .response = response,
                              .per_batch = true});
        check_pass(&c, (dstn_pass_kind)(i % 3));
        chain_destroy(&c);
    }
}

/* Penalties are of the weights themselves, but the Jacobian's norm is that of the pass. */
static void penalties_and_dropout_go_together(void **state) {
    (void)state;
    static const char *const layers = "[linear: {out: 3, bias: false, weight_dropout: 0.5}, linear: {out: 2}]";
    static chain c;
    for (int i = 0; i < 4; i++) {
        make(&c, (chain_plan){.layers = layers,
                              .regularizer = i / 2 ? "jacobian" : "l2",
                              .options = "{strength: b}",
                              .response = i % 2 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED});
        chain_set_kind(&c, DSTN_PASS_GENERAL, true, false);
        chain_check_gradients(&c);
        chain_set_kind(&c, DSTN_PASS_RESPONSE, true, true);
        chain_check_gradients(&c);
        chain_set_kind(&c, DSTN_PASS_LINEARIZED, false, true);
        chain_check_gradients(&c);
        dstn_pass evaluation = c.pass;
        evaluation.training = false;
        double dropped = c.regularizer->type->penalize(c.regularizer, &c.pass),
               plain = c.regularizer->type->penalize(c.regularizer, &evaluation);
        assert_true((dropped == plain) == (i / 2 == 0));
        chain_destroy(&c);
    }
}

/* ---- draws ------------------------------------------------------------------------------------------------------- */

enum { IN = 50, OUT = 70, COUNT = IN * OUT };

/* The mask of a layer of the chain. */
static void mask_of(chain *c, int l, double *factor) {
    chain_forward(c);
    assert_true(dstn_response_map_mask(dstn_layer_map(c->layers[l], 0), &c->pass, 0, factor));
}

static double fraction_of_zeros(const double *factor) {
    double zeros = 0;
    for (int i = 0; i < COUNT; i++) {
        zeros += factor[i] == 0;
    }
    return zeros / COUNT;
}

static void masks_have_the_rate_and_keep_the_mean(void **state) {
    (void)state;
    static chain c;
    static double factor[COUNT];
    make(&c, (chain_plan){.layers = "[linear: {out: 70, weight_dropout: b}]", .in = IN, .per_batch = true});
    chain_set_kind(&c, DSTN_PASS_RESPONSE, true, true);
    mask_of(&c, 0, factor);
    for (int i = 0; i < COUNT; i++) {
        assert_true(factor[i] == 0 || factor[i] == 1 / (1 - c.values[1]));
    }
    assert_true(fabs(fraction_of_zeros(factor) - c.values[1]) < 4 * sqrt(0.25 / COUNT));
    chain_destroy(&c);
}

/* Element (r, c) is dropped where the draw of row r and lane c is below the rate: whoever has which rows of the batch,
 * and whatever kind the pass is of. */
static void masks_are_of_the_batch_and_the_layer(void **state) {
    (void)state;
    static chain c;
    static double first[COUNT], other[COUNT];
    make(&c, (chain_plan){.layers = "[linear: {out: 70, weight_dropout: 0.4}, linear: {out: 50}, "
                                    "linear: {out: 70, weight_dropout: 0.4}]",
                          .in = IN});
    chain_set_kind(&c, DSTN_PASS_RESPONSE, true, true);
    mask_of(&c, 0, first);
    c.pass.first_row = 3;
    c.pass.rows = 1;
    c.pass.kind = DSTN_PASS_LINEARIZED;
    mask_of(&c, 0, other);
    assert_memory_equal(first, other, sizeof first);
    for (int i = 0; i < COUNT; i++) {
        uint32_t words[4];
        dstn_rng_bits(c.pass.masks, c.pass.step, (uint64_t)(i / IN), (uint64_t)(i % IN / 4), words);
        double u = (words[i % IN % 4] + 0.5) * 0x1p-32;
        assert_int_equal(first[i] != 0, u >= 0.4);
    }
    mask_of(&c, 2, other);
    assert_memory_not_equal(first, other, sizeof first);
    c.pass.step++;
    mask_of(&c, 0, other);
    assert_memory_not_equal(first, other, sizeof first);
    assert_false(dstn_response_map_mask(dstn_layer_map(c.layers[1], 0), &c.pass, 0, NULL));
    c.pass.training = false;
    mask_of(&c, 0, other);
    assert_true(fraction_of_zeros(other) == 0 && other[0] == 1);
    chain_destroy(&c);
}

/* The masks of some steps, one behind the other. */
static void masks_of_steps(double *masks, int steps) {
    static chain c;
    make(&c, (chain_plan){.layers = "[linear: {out: 70, weight_dropout: 0.4}]", .in = IN});
    chain_set_kind(&c, DSTN_PASS_RESPONSE, true, true);
    for (int i = 0; i < steps; i++) {
        c.pass.step++;
        mask_of(&c, 0, masks + i * COUNT);
    }
    chain_destroy(&c);
}

static void threads_draw_the_same(void **state) {
    (void)state;
    enum { STEPS = 60 };
    static double one[STEPS * COUNT], two[STEPS * COUNT];
    masks_of_steps(one, STEPS);
    setenv("OMP_NUM_THREADS", "2", 1);
    dstn_kernel_init_threads();
    masks_of_steps(two, STEPS);
    setenv("OMP_NUM_THREADS", "1", 1);
    dstn_kernel_init_threads();
    assert_memory_equal(one, two, sizeof one);
}

/* ---- what can't be ----------------------------------------------------------------------------------------------- */

static void rates_that_differ_between_examples_are_refused(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    chain_plan plan = {
        .layers = "[linear: {out: 3, weight_dropout: b}]", .scalar = DSTN_F64, .hypers = 2, .in = 4, .rows = 5};
    assert_int_equal(chain_new(&c, plan, &err), DSTN_ERROR_USAGE);
    if (!strstr(err.message, "layers.0.linear.weight_dropout") || !strstr(err.message, "\"b\"") ||
        !strstr(err.message, "per_batch: true")) {
        fail_msg("%s", err.message);
    }
    chain_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pass_is_that_of_the_masked_weights),
        cmocka_unit_test(penalties_and_dropout_go_together),
        cmocka_unit_test(masks_have_the_rate_and_keep_the_mean),
        cmocka_unit_test(masks_are_of_the_batch_and_the_layer),
        cmocka_unit_test(threads_draw_the_same),
        cmocka_unit_test(rates_that_differ_between_examples_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
