/* hyper: spaces read from configs, what they refuse, natural values, state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/hyper.h"

static void assert_near(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance)) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

/* Reads the mapping under `hyperparameters:` of a config text; *doc [out] is the caller's to destroy. */
static dstn_status read_space(const char *text, dstn_doc **doc, dstn_space **space, dstn_error *err) {
    assert_int_equal(dstn_doc_parse(text, "job.yaml", doc, err), DSTN_OK);
    return dstn_space_read(dstn_node_child(dstn_doc_root(*doc), "hyperparameters"), space, err);
}

static void assert_refused(const char *text, const char *const *parts) {
    dstn_doc *doc;
    dstn_space *space;
    dstn_error err;
    assert_int_equal(read_space(text, &doc, &space, &err), DSTN_ERROR_USAGE);
    assert_null(space);
    for (; *parts; parts++) {
        if (!strstr(err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", err.message, *parts);
        }
    }
    dstn_doc_destroy(doc);
}

static const char *const config = "hyperparameters:\n"
                                  "  dropout: {range: [0, 0.9], start: 0.3, scale: 0.5}\n"
                                  "  decay: {transform: exp, start: 2, tune_scale: false}\n"
                                  "  holes: {range: [0, 4], start: 1, discrete: true}\n"
                                  "  ar: {range: [0, .inf], start: 3, per_batch: true}\n"
                                  "  shift: {start: -4}\n"
                                  "  gain: {range: [-.inf, 5], start: 4.5}\n";

static void a_config_gives_all_that_it_says(void **state) {
    (void)state;
    dstn_doc *doc;
    dstn_space *space;
    dstn_error err;
    assert_int_equal(read_space(config, &doc, &space, &err), DSTN_OK);
    assert_true(dstn_space_is_valid(space));
    const char *const names[] = {"dropout", "decay", "holes", "ar", "shift", "gain"};
    const char *const maps[] = {"sigmoid", "exp", "sigmoid", "softplus", "identity", "softplus-below"};
    const double starts[] = {0.3, 2, 1, 3, -4, 4.5};
    assert_int_equal(space->count, 6);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(space->items[i].name, names[i]);
        assert_int_equal(dstn_space_find(space, names[i]), i);
        assert_string_equal(space->items[i].transform->name, maps[i]);
        assert_near(dstn_space_value(space, i, space->lambda[i]), starts[i], 1e-12);
        assert_near(dstn_space_sigma(space, i), i == 0 ? 0.5 : 1, 1e-14);
        assert_int_equal(space->items[i].tune_scale, i != 1);
        assert_int_equal(space->items[i].discrete, i == 2);
        assert_int_equal(space->items[i].per_batch, i == 3);
    }
    assert_int_equal(dstn_space_find(space, "drop"), -1);
    assert_near(space->lambda[1], log(2), 1e-15);
    assert_near(space->items[1].low, 0, 0);
    dstn_space_destroy(space);
    dstn_doc_destroy(doc);
}

/* A resumed run reads the config as resolved, where exp's default range stands as any other's. */
static void a_resolved_config_gives_the_same_space(void **state) {
    (void)state;
    dstn_doc *doc, *again;
    dstn_space *space, *other;
    dstn_error err;
    assert_int_equal(read_space(config, &doc, &space, &err), DSTN_OK);
    char *text = dstn_doc_text(doc);
    assert_non_null(strstr(text, "tune_scale: true"));
    assert_int_equal(read_space(text, &again, &other, &err), DSTN_OK);
    assert_int_equal(other->count, space->count);
    assert_memory_equal(other->lambda, space->lambda, sizeof(double) * (size_t)space->count);
    assert_memory_equal(other->raw_scale, space->raw_scale, sizeof(double) * (size_t)space->count);
    free(text);
    dstn_space_destroy(space);
    dstn_space_destroy(other);
    dstn_doc_destroy(doc);
    dstn_doc_destroy(again);
}

static void no_section_is_an_empty_space(void **state) {
    (void)state;
    const char *const texts[] = {"seed: 1\n", "hyperparameters:\n", "hyperparameters: {}\n", "hyperparameters: ~\n"};
    for (size_t i = 0; i < 4; i++) {
        dstn_doc *doc;
        dstn_space *space;
        dstn_error err;
        assert_int_equal(read_space(texts[i], &doc, &space, &err), DSTN_OK);
        assert_int_equal(space->count, 0);
        assert_true(dstn_space_is_valid(space));
        assert_near(dstn_space_entropy(space), 0, 0);
        dstn_space_destroy(space);
        dstn_doc_destroy(doc);
    }
}

static void bad_entries_are_refused_by_name(void **state) {
    (void)state;
#define REFUSED(text, ...) assert_refused("hyperparameters:\n" text, (const char *const[]){__VA_ARGS__, NULL})
    REFUSED("  p: {range: [0, 1], start: 1}\n", "job.yaml:2", "hyperparameters.p.start", "below 1");
    REFUSED("  p: {range: [0, 1], start: 0}\n", "job.yaml:2", "hyperparameters.p.start", "above 0");
    REFUSED("  p: {range: [0, 1], start: 1.5}\n", "hyperparameters.p.start");
    REFUSED("  p: {start: .inf}\n", "hyperparameters.p.start");
    REFUSED("  p: {transform: exp, start: 0}\n", "hyperparameters.p.start", "above 0");
    REFUSED("  p: {transform: exp, range: [-1, 5], start: 2}\n", "hyperparameters.p.range", "exp", "at least 0");
    REFUSED("  p: {transform: identity, range: [0, 5], start: 2}\n", "hyperparameters.p.range", "identity");
    REFUSED("  p: {transform: sigmoid, range: [0, .inf], start: 2}\n", "hyperparameters.p.range", "sigmoid",
            "two finite ends");
    REFUSED("  p: {transform: sigmoyd, start: 2}\n", "hyperparameters.p.transform", "sigmoid");
    REFUSED("  p: {range: [1, 0], start: 0.5}\n", "hyperparameters.p.range");
    REFUSED("  p: {range: [0, 1]}\n", "hyperparameters.p.start", "missing");
    REFUSED("  p: {start: 1, scale: 0}\n", "hyperparameters.p.scale");
    REFUSED("  p: {start: 1, scale: -2}\n", "hyperparameters.p.scale");
    REFUSED("  p: {start: 1, scal: 2}\n", "scal", "scale");
    REFUSED("  2p: {start: 1}\n", "job.yaml:2", "2p", "letters");
    REFUSED("  p-q: {start: 1}\n", "p-q", "letters");
    REFUSED("  inf: {start: 1}\n", "inf", "letters");
    REFUSED("  p: 3\n", "job.yaml:2", "hyperparameters.p", "mapping");
    REFUSED("  - p\n", "hyperparameters", "mapping");
#undef REFUSED
}

static void values_are_the_maps_of_lambda_plus_epsilon(void **state) {
    (void)state;
    const double epsilon[] = {0, 0, 0, 0, 0, 0, 0.4, -0.5, 0.6, 0.7, 0.8, -0.9};
    double values[12];
    dstn_doc *doc;
    dstn_space *space;
    dstn_error err;
    assert_int_equal(read_space(config, &doc, &space, &err), DSTN_OK);
    dstn_space_values(space, epsilon, 2, values);
    for (int i = 0; i < 6; i++) {
        assert_near(values[i], dstn_space_value(space, i, space->lambda[i]), 0);
        assert_near(values[6 + i], dstn_space_value(space, i, space->lambda[i] + epsilon[6 + i]), 0);
    }
    assert_near(values[7], 2 * exp(-0.5), 1e-14);
    assert_near(values[10], -3.2, 1e-14);
    dstn_space_values(space, NULL, 2, values);
    for (int i = 0; i < 6; i++) {
        assert_near(values[6 + i], dstn_space_value(space, i, space->lambda[i]), 0);
    }
    dstn_space_destroy(space);
    dstn_doc_destroy(doc);
}

/* floor(s + 1e-6): a start at an integer stays that integer, and the gradient is that of the map before flooring. */
static void discrete_values_are_floored_with_a_margin(void **state) {
    (void)state;
    const char *const names[] = {"n"};
    dstn_space *space = dstn_space_new(1, names);
    space->items[0].discrete = true;
    assert_near(dstn_space_value(space, 0, 2.9999999), 3, 0);
    assert_near(dstn_space_value(space, 0, 2.9999), 2, 0);
    assert_near(dstn_space_value(space, 0, 3.7), 3, 0);
    assert_near(dstn_space_value(space, 0, -0.5), -1, 0);
    assert_near(dstn_space_derivative(space, 0, 3.7), 1, 0);
    dstn_space_destroy(space);
}

static void the_state_is_lambda_and_raw_scale_themselves(void **state) {
    (void)state;
    const char *const names[] = {"a", "b", "c"};
    dstn_space *space = dstn_space_new(3, names);
    dstn_state list = {0};
    dstn_space_add_state(space, &list);
    assert_int_equal(list.count, 2);
    const dstn_state_entry *lambda = dstn_state_find(&list, "hyper/lambda");
    const dstn_state_entry *scale = dstn_state_find(&list, "hyper/raw_scale");
    assert_ptr_equal(lambda->data, space->lambda);
    assert_ptr_equal(scale->data, space->raw_scale);
    assert_int_equal(dstn_state_bytes(lambda), 3 * sizeof(double));
    assert_int_equal(lambda->scalar, DSTN_F64);
    space->lambda[1] = 5;
    space->raw_scale[2] = -1;
    dstn_space_reset(space);
    assert_near(space->lambda[1], 0, 0);
    assert_near(dstn_space_sigma(space, 2), 1, 1e-15);
    dstn_state_clear(&list);
    dstn_space_destroy(space);
    dstn_space_destroy(NULL);
}

static void an_invalid_space_is_told(void **state) {
    (void)state;
    const char *const names[] = {"a", "b"};
    dstn_space *space = dstn_space_new(2, names);
    assert_true(dstn_space_is_valid(space));
    space->lambda[1] = NAN;
    assert_false(dstn_space_is_valid(space));
    dstn_space_reset(space);
    space->items[1].start = INFINITY;
    assert_false(dstn_space_is_valid(space));
    dstn_space_destroy(space);
    const char *const twice[] = {"a", "a"};
    space = dstn_space_new(2, twice);
    assert_false(dstn_space_is_valid(space));
    dstn_space_destroy(space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_config_gives_all_that_it_says),
        cmocka_unit_test(a_resolved_config_gives_the_same_space),
        cmocka_unit_test(no_section_is_an_empty_space),
        cmocka_unit_test(bad_entries_are_refused_by_name),
        cmocka_unit_test(values_are_the_maps_of_lambda_plus_epsilon),
        cmocka_unit_test(discrete_values_are_floored_with_a_margin),
        cmocka_unit_test(the_state_is_lambda_and_raw_scale_themselves),
        cmocka_unit_test(an_invalid_space_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
