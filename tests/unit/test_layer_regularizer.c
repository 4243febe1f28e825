/* layer: l2 and the Jacobian's norm: values against weights formed example by example, gradients by finite
 * differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_fixture.h"

enum { TRAIN_ROWS = 17 }; /* n of the fixture */

static const char *const chains[] = {"[linear: {out: 3}]", "[linear: {out: 3, bias: false}, linear: {out: 1}]",
                                     "[linear: {out: 3}, linear: {out: 5, bias: false}, linear: {out: 2}]"};
static const char *const strengths[] = {"{strength: b}", "{strength: 0.7}", "{strength: b, penalty_over_n: false}"};

static void make(chain *c, chain_plan plan) {
    dstn_error err = {0};
    plan.hypers = plan.response == DSTN_RESPONSE_FULL ? 3 : 2;
    plan.in = 4;
    plan.rows = 5;
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
}

/* Every chain, response and strength in f64. */
static void for_all(const char *regularizer, void (*test)(chain *c)) {
    static chain c;
    for (int i = 0; i < 18; i++) {
        dstn_response response = i % 2 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        make(&c, (chain_plan){.layers = chains[i / 2 % 3],
                              .regularizer = regularizer,
                              .options = strengths[i / 6],
                              .response = response,
                              .scalar = DSTN_F64});
        test(&c);
        chain_destroy(&c);
    }
}

/* ---- values, from explicit weights ------------------------------------------------------------------------------- */

static void export(const chain *c, int l, const char *name, double *out) {
    const dstn_parameter *parameter = dstn_layer_parameter(c->layers[l], name);
    dstn_parameter_export(parameter, c->kernel, parameter->value, out);
}

/* W(z_b) of layer l, [out, in]. */
static void weight_at(const chain *c, int l, int64_t b, double *w) {
    static double response[CHAIN_SPACE], hyper[CHAIN_SPACE];
    int64_t in = dstn_shape_count(c->layers[l]->in), out = dstn_shape_count(c->layers[l]->out), h = c->plan.hypers;
    const double *z = (const double *)c->z + b * h;
    export(c, l, "general_weight", w);
    export(c, l, "response_weight", response);
    bool is_full = c->plan.response == DSTN_RESPONSE_FULL;
    if (!is_full) {
        export(c, l, "hyper", hyper);
    }
    for (int64_t i = 0; i < in * out && c->pass.kind != DSTN_PASS_GENERAL; i++) {
        for (int64_t j = 0; j < h; j++) {
            w[i] += z[j] * (is_full ? response[j * in * out + i] : hyper[i / in * h + j] * response[i]);
        }
    }
}

static double squared_norm(const double *v, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) {
        sum += v[i] * v[i];
    }
    return sum;
}

static double example_l2(const chain *c, int64_t b) {
    double w[CHAIN_SPACE], sum = 0;
    for (int l = 0; l < c->count; l++) {
        weight_at(c, l, b, w);
        sum += squared_norm(w, dstn_shape_count(c->layers[l]->in) * dstn_shape_count(c->layers[l]->out));
    }
    return sum;
}

/* ‖W_L … W_1‖², in a linearized pass ‖·‖² of the product with its derivative in the direction of the response, which
 * is got as a difference of products that are polynomials in the step. */
static double example_jacobian(const chain *c, int64_t b) {
    double total[2][CHAIN_SPACE], next[CHAIN_SPACE], w[CHAIN_SPACE], general[CHAIN_SPACE];
    bool is_linearized = c->pass.kind == DSTN_PASS_LINEARIZED;
    const double step = is_linearized ? 1e-5 : 1;
    int64_t in = dstn_shape_count(c->layers[0]->in), out = in;
    for (int side = 0; side < 2; side++) {
        out = in;
        for (int64_t i = 0; i < in * in; i++) {
            total[side][i] = i / in == i % in;
        }
        for (int l = 0; l < c->count; l++) {
            int64_t from = out;
            out = dstn_shape_count(c->layers[l]->out);
            weight_at(c, l, b, w);
            export(c, l, "general_weight", general);
            for (int64_t i = 0; i < out * in; i++) {
                next[i] = 0;
                for (int64_t k = 0; k < from; k++) {
                    double move = w[i / in * from + k] - general[i / in * from + k];
                    double weight = general[i / in * from + k] + (side ? -step : step) * move;
                    next[i] += weight * total[side][k * in + i % in];
                }
            }
            memcpy(total[side], next, sizeof next);
        }
    }
    for (int64_t i = 0; i < out * in && is_linearized; i++) {
        double base = (total[0][i] + total[1][i]) / 2, slope = (total[0][i] - total[1][i]) / (2 * step);
        total[0][i] = base + slope;
    }
    return squared_norm(total[0], out * in);
}

static void check_value(chain *c, double (*example)(const chain *c, int64_t b)) {
    const dstn_penalty_settings *settings = c->regularizer->settings;
    for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_LINEARIZED; kind++) {
        chain_set_kind(c, (dstn_pass_kind)kind, true, true);
        chain_forward(c);
        double want = 0;
        for (int64_t b = 0; b < c->plan.rows; b++) {
            double strength = settings->strength.name ? c->values[b * c->plan.hypers + 1] : 0.7;
            want += strength * example(c, b) / 2 / (double)c->pass.batch_rows;
        }
        want /= settings->penalty_over_n ? TRAIN_ROWS : 1;
        double got = c->regularizer->type->penalize(c->regularizer, &c->pass);
        if (!(fabs(got - want) <= 1e-8 * want)) {
            fail_msg("%s of kind %d: %.12g, not %.12g", c->plan.regularizer, kind, got, want);
        }
    }
}

static void check_l2(chain *c) {
    check_value(c, example_l2);
}

static void l2_is_the_mean_over_the_examples_own_weights(void **state) {
    (void)state;
    for_all("l2", check_l2);
}

static void check_jacobian(chain *c) {
    check_value(c, example_jacobian);
}

static void jacobian_norm_is_the_mean_over_the_examples_own_products(void **state) {
    (void)state;
    for_all("jacobian", check_jacobian);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static void check_gradients(chain *c) {
    chain_set_kind(c, DSTN_PASS_GENERAL, true, false);
    chain_check_gradients(c);
    for (int wanted = 1; wanted < 4; wanted++) {
        chain_set_kind(c, DSTN_PASS_RESPONSE, wanted & 1, wanted & 2);
        chain_check_gradients(c);
    }
    chain_set_kind(c, DSTN_PASS_LINEARIZED, false, true);
    chain_check_gradients(c);
}

static void l2_gradients_equal_finite_differences(void **state) {
    (void)state;
    for_all("l2", check_gradients);
}

/* Also that the maps which the Jacobian's norm uses leave alone what the layers' adjoints need afterwards. */
static void jacobian_gradients_equal_finite_differences(void **state) {
    (void)state;
    for_all("jacobian", check_gradients);
}

/* More outputs than a pass has rows: the general pass takes them in pieces. */
static void jacobian_of_many_outputs_is_taken_in_pieces(void **state) {
    (void)state;
    static chain c;
    make(&c, (chain_plan){.layers = "[linear: {out: 7}, linear: {out: 13}]",
                          .regularizer = "jacobian",
                          .options = "{strength: a}",
                          .scalar = DSTN_F64});
    chain_set_kind(&c, DSTN_PASS_GENERAL, true, false);
    chain_check_gradients(&c);
    double squares = example_jacobian(&c, 0), strength = 0;
    for (int64_t b = 0; b < c.plan.rows; b++) {
        strength += c.values[b * c.plan.hypers];
    }
    double want = strength * squares / 2 / TRAIN_ROWS / (double)c.pass.batch_rows;
    assert_true(fabs(c.regularizer->type->penalize(c.regularizer, &c.pass) - want) <= 1e-12 * want);
    chain_destroy(&c);
}

static void l2_passes_over_layers_without_weights(void **state) {
    (void)state;
    static chain c;
    make(&c, (chain_plan){.layers = "[dropout: {rate: a}, linear: {out: 3}, relu, linear: {out: 2}]",
                          .regularizer = "l2",
                          .options = "{strength: b}",
                          .scalar = DSTN_F64});
    check_gradients(&c);
    chain_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(l2_is_the_mean_over_the_examples_own_weights),
        cmocka_unit_test(jacobian_norm_is_the_mean_over_the_examples_own_products),
        cmocka_unit_test(l2_gradients_equal_finite_differences),
        cmocka_unit_test(jacobian_gradients_equal_finite_differences),
        cmocka_unit_test(jacobian_of_many_outputs_is_taken_in_pieces),
        cmocka_unit_test(l2_passes_over_layers_without_weights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
