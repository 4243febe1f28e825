/* config: entries of lists, quantities that name hyperparameters, and what is said of names that nothing has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/config.h"

typedef struct layer_settings {
    dstn_quantity rate, length;
    int64_t out;
} layer_settings;

static const dstn_option options[] = {
    DSTN_QUANTITY("rate", layer_settings, rate, 0, 0.5, DSTN_REQUIRED, "rate"),
    DSTN_QUANTITY("length", layer_settings, length, 0, 9, "2", "length"),
    DSTN_INT("out", layer_settings, out, 1, 9, "3", "out"),
    DSTN_OPTIONS_END,
};

static const char *name_at(const void *user, size_t i) {
    const char *const *names = user;
    return names[i];
}

static const char *const names[] = {"decay", "noise", NULL};
static const dstn_names hypers = {.at = name_at, .user = names};

/* The first entry of the list `list:`, read; *name [out] as it stands there. */
static dstn_status read_entry(const char *list, dstn_names known, layer_settings *settings, dstn_error *err) {
    char *text = dstn_format("seed: 1\nlist: %s\n", list);
    dstn_doc *doc;
    assert_int_equal(dstn_doc_parse(text, "a.yaml", &doc, err), DSTN_OK);
    dstn_node entry = dstn_node_at(dstn_node_child(dstn_doc_root(doc), "list"), 0), node;
    const char *name = dstn_entry_name(entry, &node);
    assert_string_equal(name, "drop");
    dstn_binding binding = {options, settings};
    dstn_status status = dstn_entry_read(entry, node, name, &binding, 1, known, err);
    settings->rate.name = settings->length.name = NULL; /* they live as long as the document */
    free(text);
    dstn_doc_destroy(doc);
    return status;
}

static void quantities_get_the_index_of_the_hyperparameter_they_name(void **state) {
    (void)state;
    layer_settings settings;
    dstn_error err = {0};
    assert_int_equal(read_entry("[drop: {rate: noise, length: decay, out: 4}]", hypers, &settings, &err), DSTN_OK);
    assert_int_equal(settings.rate.index, 1);
    assert_int_equal(settings.length.index, 0);
    assert_int_equal(settings.out, 4);
    assert_int_equal(read_entry("[drop: {rate: 0.25}]", hypers, &settings, &err), DSTN_OK);
    assert_int_equal(settings.rate.index, -1);
    assert_true(settings.rate.number == 0.25);
    assert_int_equal(settings.length.index, -1);
    assert_true(settings.length.number == 2);
    assert_int_equal(read_entry("[drop: {rate: 0.25}]", (dstn_names){0}, &settings, &err), DSTN_OK);
}

static void assert_refused(const char *list, dstn_names known, const char *message) {
    layer_settings settings = {0};
    dstn_error err = {0};
    assert_int_equal(read_entry(list, known, &settings, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, message);
}

static void a_misspelt_hyperparameter_is_told_with_its_place_and_the_nearest(void **state) {
    (void)state;
    assert_refused("[drop: {rate: nois}]", hypers,
                   "a.yaml:2: list.0.drop.rate: there is no hyperparameter \"nois\"; did you mean \"noise\"? accepted: "
                   "a number from 0 to 0.5, or the name of a hyperparameter");
    assert_refused("[drop: {rate: x}]", (dstn_names){0},
                   "a.yaml:2: list.0.drop.rate: there is no hyperparameter \"x\"; accepted: a number from 0 to 0.5, or "
                   "the name of a hyperparameter, of which there is none");
}

static void options_that_were_not_given_are_missing_at_the_entry(void **state) {
    (void)state;
    assert_refused("[drop]", hypers,
                   "a.yaml:2: list.0: drop.rate: missing; accepted: number, 0 to 0.5, or the name of a hyperparameter");
}

static void an_entry_is_a_name_with_or_without_options(void **state) {
    (void)state;
    dstn_error err = {0};
    dstn_doc *doc;
    const char *text = "list: [relu, linear: {out: 1}, {a: 1, b: 2}, [relu], ~]\n";
    assert_int_equal(dstn_doc_parse(text, "a.yaml", &doc, &err), DSTN_OK);
    dstn_node list = dstn_node_child(dstn_doc_root(doc), "list"), node;
    assert_string_equal(dstn_entry_name(dstn_node_at(list, 0), &node), "relu");
    assert_null(node.handle);
    assert_string_equal(dstn_entry_name(dstn_node_at(list, 1), &node), "linear");
    assert_string_equal(dstn_node_text(dstn_node_child(node, "out")), "1");
    assert_null(dstn_entry_name(dstn_node_at(list, 2), &node));
    assert_null(dstn_entry_name(dstn_node_at(list, 3), &node));
    dstn_doc_destroy(doc);
}

static void assert_text(char *got, const char *want) {
    assert_string_equal(got, want);
    free(got);
}

static void a_name_that_nothing_has_is_told_with_the_nearest_and_all(void **state) {
    (void)state;
    const char *const layers[] = {"linear", "conv"};
    assert_text(dstn_suggestion("liner", layers, 2, NULL), "did you mean \"linear\"? accepted: linear, conv");
    assert_text(dstn_suggestion("x", layers, 2, NULL), "accepted: linear, conv");
    assert_text(dstn_suggestion("cov", layers, 2, "one of them"), "did you mean \"conv\"? accepted: one of them");
    assert_text(dstn_suggestion("cov", layers, 0, NULL), "accepted: none");
    assert_text(dstn_unknown_name("layer", "cov", layers, 2, NULL),
                "there is no layer \"cov\"; did you mean \"conv\"? accepted: linear, conv");
    dstn_error err = {0};
    dstn_doc *doc;
    assert_int_equal(dstn_doc_parse("a: cov\n", "a.yaml", &doc, &err), DSTN_OK);
    dstn_node node = dstn_node_child(dstn_doc_root(doc), "a");
    assert_int_equal(dstn_node_fail_name(node, "layer", "cov", layers, 2, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message,
                        "a.yaml:1: a: there is no layer \"cov\"; did you mean \"conv\"? accepted: linear, conv");
    dstn_doc_destroy(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quantities_get_the_index_of_the_hyperparameter_they_name),
        cmocka_unit_test(a_misspelt_hyperparameter_is_told_with_its_place_and_the_nearest),
        cmocka_unit_test(options_that_were_not_given_are_missing_at_the_entry),
        cmocka_unit_test(an_entry_is_a_name_with_or_without_options),
        cmocka_unit_test(a_name_that_nothing_has_is_told_with_the_nearest_and_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
