/* layer: reading the list of layers and the regularizers, with their messages; initial parameters; parameters in and
 * out in their canonical shape. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_fixture.h"

static chain_plan plan_of(const char *layers) {
    return (chain_plan){.layers = layers, .scalar = DSTN_F64, .hypers = 2, .in = 4, .rows = 5};
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void assert_refused(chain_plan plan, const char *place, const char *what) {
    static chain c;
    dstn_error err = {0};
    assert_int_equal(chain_new(&c, plan, &err), DSTN_ERROR_USAGE);
    if (!strstr(err.message, place) || !strstr(err.message, what)) {
        fail_msg("\"%s\" names not both \"%s\" and \"%s\"", err.message, place, what);
    }
    assert_int_equal(strncmp(err.message, "chain.yaml:", 11), 0);
    chain_destroy(&c);
}

static void messages_name_the_place_and_what_is_accepted(void **state) {
    (void)state;
    assert_refused(plan_of("[liner: {out: 3}]"), "layers.0", "linear");
    assert_refused(plan_of("[relu, softmax]"), "layers.1", "accepted: linear, conv, ");
    assert_refused(plan_of("[linear: {ouf: 3}]"), "layers.0.linear.ouf", "did you mean \"out\"");
    assert_refused(plan_of("[linear: {out: -1}]"), "layers.0.linear.out", "-1");
    assert_refused(plan_of("[relu, dropout]"), "layers.1", "rate");
    assert_refused(plan_of("[relu, dropout: {per: unit}]"), "layers.1.dropout.rate", "missing");
    assert_refused(plan_of("[linear: {out: 3, init: kaimin}]"), "layers.0.linear.init", "kaiming");
    assert_refused(plan_of("[linear: {out: 1000000000}, linear: {out: 1000000000}]"), "layers.1", "weights");
    assert_refused(plan_of("[dropout: {rate: 1}]"), "layers.0.dropout.rate", "0.999");
    assert_refused(plan_of("[dropout: {rate: nosuch}]"), "layers.0.dropout.rate", "no hyperparameter \"nosuch\"");
    assert_refused(plan_of("[dropout: {rate: c}]"), "layers.0.dropout.rate", "\"c\"");
    assert_refused(plan_of("[[relu]]"), "layers.0", "accepted");
    assert_refused(plan_of("[{relu: {}, linear: {out: 3}}]"), "layers.0", "accepted");
}

static void messages_of_regularizers_name_the_place_too(void **state) {
    (void)state;
    chain_plan plan = plan_of("[linear: {out: 3}, relu]");
    plan.regularizer = "l3";
    assert_refused(plan, "regularizer", "l2, jacobian");
    plan.regularizer = "l2";
    assert_refused(plan, "regularizer", "strength");
    plan.options = "{strength: -1}";
    assert_refused(plan, "regularizer.strength", "-1");
    plan.options = "{strength: nosuch}";
    assert_refused(plan, "regularizer.strength", "nosuch");
    plan.options = "{strength: a}";
    plan.regularizer = "jacobian";
    assert_refused(plan, "regularizer", "layer 1 is relu");
    plan.regularizer = "l2";
    plan.layers = "[relu]";
    assert_refused(plan, "regularizer", "l2");
}

static void layers_are_given_as_a_name_or_with_options(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    if (chain_new(&c, plan_of("[relu, relu: {}, relu: , linear: {out: 3}, dropout: {rate: b}]"), &err)) {
        fail_msg("%s", err.message);
    }
    assert_int_equal(c.count, 5);
    assert_string_equal(c.layers[2]->type->name, "relu");
    assert_non_null(dstn_layer_matrix(c.layers[3]));
    assert_null(dstn_layer_matrix(c.layers[4]));
    assert_int_equal(dstn_shape_count(c.layers[4]->in), 3);
    assert_null(dstn_layer_parameter(c.layers[0], "general_weight"));
    chain_destroy(&c);
}

static void a_linear_layer_without_a_number_of_outputs_keeps_that_of_its_inputs(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    assert_int_equal(chain_new(&c, plan_of("[linear, linear: {out: 3}, linear: {bias: false}]"), &err), DSTN_OK);
    assert_int_equal(dstn_shape_count(c.layers[0]->out), 4);
    assert_int_equal(dstn_shape_count(c.layers[2]->out), 3);
    chain_destroy(&c);
}

/* No caller has to ask whether an operation is there. */
static void assert_total(const dstn_layer_type *type) {
    assert_true(type->name && type->help && type->options && type->example && type->example_in.rank > 0);
    assert_true(type->plan && type->bind && type->initialize && type->factor);
    assert_true(type->rows.forward && type->rows.tangent && type->rows.adjoint);
    assert_true(type->batch.forward_rows && type->batch.tangent_rows && type->batch.adjoint_rows);
    assert_non_null(type->batch.part_values);
    if (type->kind == DSTN_LAYER_BATCH) {
        assert_true(type->batch.forward && type->batch.tangent && type->batch.adjoint);
    }
}

static void tables_name_every_type(void **state) {
    (void)state;
    for (size_t i = 0; dstn_layer_type_at(i); i++) {
        const dstn_layer_type *type = dstn_layer_type_at(i);
        assert_ptr_equal(dstn_layer_type_find(type->name), type);
        assert_total(type);
    }
    for (size_t i = 0; dstn_regularizer_type_at(i); i++) {
        assert_ptr_equal(dstn_regularizer_type_find(dstn_regularizer_type_at(i)->name), dstn_regularizer_type_at(i));
    }
    assert_non_null(dstn_layer_type_find("dropout"));
    assert_null(dstn_layer_type_find("softmax"));
    assert_null(dstn_regularizer_type_find("relu"));
}

/* A type of one's own that leaves everything out is the identity. */
static void a_registered_type_has_all_operations(void **state) {
    (void)state;
    static const dstn_layer_type own = {.name = "own", .help = "nothing", .kind = DSTN_LAYER_ROWS, .example = "[own]"};
    static const dstn_layer_type other = {
        .name = "own", .help = "something else", .kind = DSTN_LAYER_SHAPE, .example = "[own]"};
    static chain c;
    dstn_error err = {0};
    dstn_layer_type_register(&own);
    assert_total(dstn_layer_type_find("own"));
    assert_non_null(dstn_layer_type_find("linear"));
    assert_int_equal(chain_new(&c, plan_of("[own, linear: {out: 3}]"), &err), DSTN_OK);
    chain_set_kind(&c, DSTN_PASS_LINEARIZED, false, true);
    chain_gradients(&c);
    assert_memory_equal(c.x[0], c.x[1], 20 * sizeof(double));
    assert_memory_equal(c.x_dot[0], c.x_dot[1], 20 * sizeof(double));
    assert_memory_equal(c.delta[0], c.delta[1], 20 * sizeof(double));
    chain_destroy(&c);
    dstn_layer_type_register(&other);
    assert_int_equal(dstn_layer_type_find("own")->kind, DSTN_LAYER_SHAPE);
}

static void an_unbound_layer_is_not_valid(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    assert_int_equal(chain_new(&c, plan_of("[linear: {out: 3}]"), &err), DSTN_OK);
    assert_true(dstn_layer_is_valid(c.layers[0]));
    dstn_parameter *parameter = &c.layers[0]->parameters[2];
    void *value = parameter->value;
    parameter->value = NULL;
    assert_false(dstn_layer_is_valid(c.layers[0]));
    parameter->value = value;
    parameter->count++;
    assert_false(dstn_layer_is_valid(c.layers[0]));
    parameter->count--;
    c.layers[0]->is_bound = false;
    assert_false(dstn_layer_is_valid(c.layers[0]));
    chain_destroy(&c);
}

static void quantities_are_numbers_or_values_of_the_row(void **state) {
    (void)state;
    const double values[] = {1, 2, 3, 4};
    dstn_pass pass = {.values = values};
    dstn_quantity number = {.number = 7, .index = -1}, second = {.name = "b", .index = 1};
    assert_true(dstn_pass_quantity(&pass, 2, &number, 1) == 7);
    assert_true(dstn_pass_quantity(&pass, 2, &second, 0) == 2);
    assert_true(dstn_pass_quantity(&pass, 2, &second, 1) == 4);
}

/* ---- parameters -------------------------------------------------------------------------------------------------- */

static void parameters_have_their_canonical_shapes_and_order(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    static const char *const names[] = {"general_weight", "general_bias", "response_weight", "response_bias", "hyper"};
    static const int64_t shapes[2][5][3] = {{{3, 4}, {3}, {3, 4}, {3}, {6, 2}}, {{3, 4}, {3}, {2, 3, 4}, {2, 3}}};
    for (int full = 0; full < 2; full++) {
        chain_plan plan = plan_of("[linear: {out: 3}]");
        plan.response = full ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        assert_int_equal(chain_new(&c, plan, &err), DSTN_OK);
        assert_int_equal(c.layers[0]->parameter_count, full ? 4 : 5);
        for (int p = 0; p < c.layers[0]->parameter_count; p++) {
            const dstn_parameter *parameter = &c.layers[0]->parameters[p];
            assert_string_equal(parameter->name, names[p]);
            assert_int_equal(parameter->range, p < 2 ? DSTN_RANGE_GENERAL : DSTN_RANGE_RESPONSE);
            for (int i = 0; i < parameter->rank; i++) {
                assert_int_equal(parameter->shape[i], shapes[full][p][i]);
            }
            assert_true(parameter->rank == 3 || shapes[full][p][parameter->rank] == 0);
        }
        chain_destroy(&c);
    }
    chain_plan plan = plan_of("[linear: {out: 3, bias: false}]");
    assert_int_equal(chain_new(&c, plan, &err), DSTN_OK);
    assert_int_equal(c.layers[0]->parameter_count, 3);
    assert_int_equal(dstn_layer_parameter(c.layers[0], "hyper")->shape[0], 3); /* U alone */
    chain_destroy(&c);
}

static void imported_parameters_are_exported_unchanged_and_stored_transposed(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    for (int variant = 0; variant < 4; variant++) {
        chain_plan plan = plan_of("[linear: {out: 3}]");
        plan.response = variant & 1 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        plan.scalar = variant & 2 ? DSTN_F64 : DSTN_F32;
        assert_int_equal(chain_new(&c, plan, &err), DSTN_OK);
        for (int p = 0; p < c.layers[0]->parameter_count; p++) {
            const dstn_parameter *parameter = &c.layers[0]->parameters[p];
            double in[64], out[64];
            chain_normals(77, parameter->count, in);
            dstn_parameter_import(parameter, c.kernel, in, parameter->gradient);
            dstn_parameter_export(parameter, c.kernel, parameter->gradient, out);
            assert_memory_equal(in, out, (size_t)parameter->count * sizeof *in);
        }
        const dstn_parameter *weight = dstn_layer_parameter(c.layers[0], "response_weight");
        double canonical[64], stored[64];
        dstn_parameter_export(weight, c.kernel, weight->gradient, canonical);
        c.kernel->to_double(c.kernel, weight->count, weight->gradient, stored);
        for (int64_t i = 0; i < weight->count; i++) {
            assert_true(stored[i / 12 * 12 + i % 4 * 3 + i / 4 % 3] == canonical[i]);
        }
        chain_destroy(&c);
    }
}

/* The forward pass reads [out, in] as the canonical shape says: y_o = Σ_i W[o, i] x_i + b_o. */
static void the_canonical_weight_is_out_by_in(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    assert_int_equal(chain_new(&c, plan_of("[linear: {out: 3}]"), &err), DSTN_OK);
    chain_set_kind(&c, DSTN_PASS_GENERAL, false, false);
    chain_forward(&c);
    double w[12], b[3];
    const dstn_parameter *weight = &c.layers[0]->parameters[0], *bias = &c.layers[0]->parameters[1];
    dstn_parameter_export(weight, c.kernel, weight->value, w);
    dstn_parameter_export(bias, c.kernel, bias->value, b);
    const double *x = c.x[0], *y = c.x[1];
    for (int o = 0; o < 3; o++) {
        double want = b[o];
        for (int i = 0; i < 4; i++) {
            want += w[o * 4 + i] * x[4 + i];
        }
        assert_true(fabs(y[3 + o] - want) < 1e-14);
    }
    chain_destroy(&c);
}

/* ---- initial values ---------------------------------------------------------------------------------------------- */

static void initialize(chain *c, chain_plan plan) {
    dstn_error err = {0};
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
    for (int l = 0; l < c->count; l++) {
        dstn_layer_initialize(c->layers[l], (dstn_rng){4, DSTN_PURPOSE_INIT});
    }
}

static void export(const chain *c, int l, const char *name, double *out) {
    const dstn_parameter *parameter = dstn_layer_parameter(c->layers[l], name);
    assert_non_null(parameter);
    dstn_parameter_export(parameter, c->kernel, parameter->value, out);
}

static void assert_uniform(const double *values, int64_t count, double bound) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < count; i++) {
        assert_true(fabs(values[i]) < bound);
        sum += values[i];
        squares += values[i] * values[i];
    }
    double n = (double)count;
    assert_true(fabs(sum / n) < 4 * bound / sqrt(3 * n));
    assert_true(fabs(squares / n / (bound * bound / 3) - 1) < 4 / sqrt(n));
}

static void assert_zero(const double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        assert_true(values[i] == 0);
    }
}

static void structured_layers_start_with_two_different_draws_and_no_response(void **state) {
    (void)state;
    static chain c;
    static double general[CHAIN_SPACE], response[CHAIN_SPACE], bias[64], hyper[256];
    chain_plan plan = plan_of("[linear: {out: 40}, linear: {out: 40}]");
    plan.in = 40;
    initialize(&c, plan);
    export(&c, 0, "general_weight", general);
    export(&c, 0, "response_weight", response);
    export(&c, 0, "hyper", hyper);
    assert_uniform(general, 1600, 1 / sqrt(40));
    assert_uniform(response, 1600, 1 / sqrt(40));
    assert_zero(hyper, 160);
    export(&c, 0, "general_bias", bias);
    assert_uniform(bias, 40, 1 / sqrt(40));
    int equal = 0;
    for (int i = 0; i < 40; i++) {
        equal += general[i] == response[i] || general[i] == bias[i];
    }
    assert_int_equal(equal, 0);
    export(&c, 0, "response_bias", bias);
    assert_uniform(bias, 40, 1 / sqrt(40));
    export(&c, 1, "general_weight", response);
    assert_true(memcmp(general, response, 1600 * sizeof *general) != 0);
    chain_destroy(&c);
}

static void full_responses_and_zero_layers_start_at_zero(void **state) {
    (void)state;
    static chain c;
    static double values[CHAIN_SPACE];
    chain_plan plan = plan_of("[linear: {out: 20, init: zero}]");
    plan.response = DSTN_RESPONSE_FULL;
    initialize(&c, plan);
    for (int p = 0; p < c.layers[0]->parameter_count; p++) {
        export(&c, 0, c.layers[0]->parameters[p].name, values);
        assert_zero(values, c.layers[0]->parameters[p].count);
    }
    chain_destroy(&c);
}

/* Canonical order: dimension [out, in] counted alike whatever the storage and the precision. */
static void both_precisions_and_all_responses_start_alike(void **state) {
    (void)state;
    static chain a, b;
    static double want[CHAIN_SPACE], got[CHAIN_SPACE];
    for (int i = 0; i < 2; i++) {
        chain_plan plan = plan_of(i ? "[linear: {out: 3, init: orthogonal}]" : "[linear: {out: 3}]");
        initialize(&a, plan);
        plan.scalar = DSTN_F32;
        plan.response = DSTN_RESPONSE_FULL;
        plan.hypers = 1;
        initialize(&b, plan);
        export(&a, 0, "general_weight", want);
        export(&b, 0, "general_weight", got);
        for (int e = 0; e < 12; e++) {
            assert_true(got[e] == (double)(float)want[e]);
        }
        chain_destroy(&a);
        chain_destroy(&b);
    }
}

static void check_orthogonal(const char *layers, int64_t out, int64_t in) {
    static chain c;
    static double w[CHAIN_SPACE];
    chain_plan plan = plan_of(layers);
    plan.in = in;
    initialize(&c, plan);
    export(&c, 0, "general_weight", w);
    bool by_rows = out <= in;
    int64_t count = by_rows ? out : in, length = by_rows ? in : out;
    for (int64_t i = 0; i < count; i++) {
        for (int64_t j = 0; j < count; j++) {
            double sum = 0;
            for (int64_t e = 0; e < length; e++) {
                sum += by_rows ? w[i * in + e] * w[j * in + e] : w[e * in + i] * w[e * in + j];
            }
            assert_true(fabs(sum - (i == j)) < 2e-15); /* one pass of Gram-Schmidt leaves more */
        }
    }
    chain_destroy(&c);
}

static void orthogonal_weights_have_orthonormal_rows_or_columns(void **state) {
    (void)state;
    check_orthogonal("[linear: {out: 60, init: orthogonal}]", 60, 60);
    check_orthogonal("[linear: {out: 7, init: orthogonal}]", 7, 30);
    check_orthogonal("[linear: {out: 30, init: orthogonal}]", 30, 7);
    check_orthogonal("[linear: {out: 1, init: orthogonal}]", 1, 13);
}

/* Variance 2/outputs of both copies of the weights, drawn apart; the general bias alone is zero. */
static void he_weights_are_normal_by_their_outputs(void **state) {
    (void)state;
    static chain c;
    static double general[CHAIN_SPACE], response[CHAIN_SPACE];
    const int64_t in = 50, out = 40;
    chain_plan plan = plan_of("[linear: {out: 40, init: he}]");
    plan.in = in;
    initialize(&c, plan);
    export(&c, 0, "general_weight", general);
    export(&c, 0, "response_weight", response);
    double squares[2] = {0}, both = 0, largest = 0;
    for (int64_t e = 0; e < in * out; e++) {
        squares[0] += general[e] * general[e] * (double)out / 2 / (double)(in * out);
        squares[1] += response[e] * response[e] * (double)out / 2 / (double)(in * out);
        both += general[e] * response[e] * (double)out / 2 / (double)(in * out);
        largest = fmax(largest, fabs(general[e]) * sqrt((double)out / 2));
    }
    assert_true(fabs(squares[0] - 1) < 0.15 && fabs(squares[1] - 1) < 0.15 && fabs(both) < 0.1);
    assert_true(largest > 2.5); /* a uniform one ends at √3 */
    export(&c, 0, "general_bias", general);
    assert_zero(general, out);
    export(&c, 0, "response_bias", response);
    assert_true(response[0] != 0 && response[1] != response[0]);
    chain_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_name_the_place_and_what_is_accepted),
        cmocka_unit_test(messages_of_regularizers_name_the_place_too),
        cmocka_unit_test(layers_are_given_as_a_name_or_with_options),
        cmocka_unit_test(a_linear_layer_without_a_number_of_outputs_keeps_that_of_its_inputs),
        cmocka_unit_test(tables_name_every_type),
        cmocka_unit_test(a_registered_type_has_all_operations),
        cmocka_unit_test(an_unbound_layer_is_not_valid),
        cmocka_unit_test(quantities_are_numbers_or_values_of_the_row),
        cmocka_unit_test(parameters_have_their_canonical_shapes_and_order),
        cmocka_unit_test(imported_parameters_are_exported_unchanged_and_stored_transposed),
        cmocka_unit_test(the_canonical_weight_is_out_by_in),
        cmocka_unit_test(structured_layers_start_with_two_different_draws_and_no_response),
        cmocka_unit_test(full_responses_and_zero_layers_start_at_zero),
        cmocka_unit_test(both_precisions_and_all_responses_start_alike),
        cmocka_unit_test(orthogonal_weights_have_orthonormal_rows_or_columns),
        cmocka_unit_test(he_weights_are_normal_by_their_outputs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
