/* config: options read by tables: every kind, every message, defaults, and the resolved document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/config.h"

typedef struct settings {
    bool flag;
    int64_t batch;
    double rate, limit;
    const char *path, *name;
    int kind;
    dstn_quantity dropout;
    dstn_int_list kernel, sizes;
    double range[2];
    dstn_node section;
} settings;

static const dstn_option table[] = {
    DSTN_BOOL("flag", settings, flag, "true", "a flag"),
    DSTN_INT("batch", settings, batch, 1, 1000000, "128", "rows of a mini-batch"),
    DSTN_REAL("rate", settings, rate, DBL_MIN, 10, "0.1", "learning rate", DSTN_MAY_DIFFER),
    DSTN_REAL("limit", settings, limit, 0, INFINITY, ".inf", "largest norm"),
    DSTN_TEXT("path", settings, path, "~", "a file"),
    DSTN_TEXT("name", settings, name, "run 1", "a name"),
    DSTN_CHOICE("kind", settings, kind, "sgd|rmsprop|adam", "adam", "which optimizer"),
    DSTN_QUANTITY("dropout", settings, dropout, 0, 0.95, "0", "rate of zeros"),
    DSTN_INTS("kernel", settings, kernel, 1, 64, "3", "kernel size"),
    DSTN_INTS("sizes", settings, sizes, 1, 1e9, "~", "shape"),
    DSTN_RANGE("range", settings, range, 0, 0, "[-.inf, 1]", "range of values"),
    DSTN_SECTION("section", settings, section, "others read it"),
    DSTN_OPTIONS_END,
};

static dstn_doc *parse(const char *text) {
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    if (dstn_doc_parse(text, "a.yaml", &doc, &err)) {
        fail_msg("%s", err.message);
    }
    return doc;
}

static dstn_status read_root(dstn_doc *doc, settings *out, dstn_error *err) {
    dstn_binding binding = {table, out};
    return dstn_options_read(dstn_doc_root(doc), "", &binding, 1, err);
}

static settings read_ok(dstn_doc *doc) {
    settings out;
    dstn_error err = {0};
    memset(&out, 0x5a, sizeof out);
    if (read_root(doc, &out, &err)) {
        fail_msg("%s", err.message);
    }
    return out;
}

static void assert_refused(const char *text, const char *message) {
    dstn_doc *doc = parse(text);
    settings out;
    dstn_error err = {0};
    assert_int_equal(read_root(doc, &out, &err), DSTN_ERROR_USAGE);
    assert_int_equal(err.status, DSTN_ERROR_USAGE);
    assert_string_equal(err.message, message);
    dstn_doc_destroy(doc);
}

static void every_kind_is_read(void **state) {
    (void)state;
    dstn_doc *doc = parse("flag: false\nbatch: 64\nrate: 1e-3\nlimit: 5\npath: x/y\nname: 12\nkind: rmsprop\n"
                          "dropout: p\nkernel: [3, 5]\nsizes: 7\nrange: [-1, .inf]\nsection: [a, b]\n");
    settings got = read_ok(doc);
    assert_false(got.flag);
    assert_int_equal(got.batch, 64);
    assert_true(got.rate == 1e-3);
    assert_true(got.limit == 5);
    assert_string_equal(got.path, "x/y");
    assert_string_equal(got.name, "12");
    assert_int_equal(got.kind, 1);
    assert_string_equal(got.dropout.name, "p");
    assert_int_equal(got.dropout.index, -1);
    assert_int_equal(got.kernel.count, 2);
    assert_int_equal(got.kernel.values[1], 5);
    assert_int_equal(got.sizes.count, 1);
    assert_int_equal(got.sizes.values[0], 7);
    assert_true(got.range[0] == -1 && isinf(got.range[1]));
    assert_int_equal(dstn_node_count(got.section), 2);
    dstn_doc_destroy(doc);
}

static void assert_defaults(const settings *got) {
    assert_true(got->flag);
    assert_int_equal(got->batch, 128);
    assert_true(got->rate == 0.1);
    assert_true(isinf(got->limit));
    assert_null(got->path);
    assert_string_equal(got->name, "run 1");
    assert_int_equal(got->kind, 2);
    assert_null(got->dropout.name);
    assert_true(got->dropout.number == 0);
    assert_int_equal(got->dropout.index, -1);
    assert_int_equal(got->kernel.count, 1);
    assert_int_equal(got->kernel.values[0], 3);
    assert_int_equal(got->sizes.count, 0);
    assert_true(isinf(got->range[0]) && got->range[0] < 0 && got->range[1] == 1);
    assert_null(got->section.handle);
}

static const char resolved[] = "rate: 0.5\n"
                               "flag: true\n"
                               "batch: 128\n"
                               "limit: .inf\n"
                               "name: run 1\n"
                               "kind: adam\n"
                               "dropout: 0\n"
                               "kernel: 3\n"
                               "range: [-.inf, 1]\n";

static void missing_keys_get_defaults_in_structure_and_document(void **state) {
    (void)state;
    dstn_doc *doc = parse("rate: 0.5\n");
    settings got = read_ok(doc);
    assert_true(got.rate == 0.5);
    got.rate = 0.1;
    assert_defaults(&got);
    char *text = dstn_doc_text(doc);
    assert_string_equal(text, resolved);
    free(text);
    dstn_doc_destroy(doc);
}

static void a_resolved_document_reads_as_the_same_settings(void **state) {
    (void)state;
    dstn_doc *doc = parse("rate: 0.30000000000000004\nname: 'true'\nkernel: [1, 2]\ndropout: \"p q\"\npath: \"~\"\n"
                          "range: [-1e-300, 2]\nkind: 'sgd'\n");
    dstn_error err;
    settings got;
    assert_int_equal(read_root(doc, &got, &err), DSTN_ERROR_USAGE); /* a name has no space */
    assert_int_equal(dstn_doc_set(doc, "dropout=p_q", &err), DSTN_OK);
    got = read_ok(doc);
    char *text = dstn_doc_text(doc);
    dstn_doc *again_doc = parse(text);
    settings again = read_ok(again_doc);
    char *text_again = dstn_doc_text(again_doc);
    assert_string_equal(text, text_again);
    assert_true(got.rate == again.rate && got.rate == 0.30000000000000004);
    assert_string_equal(again.name, "true");
    assert_string_equal(again.path, "~");
    assert_int_equal(again.kernel.values[1], 2);
    assert_string_equal(again.dropout.name, "p_q");
    assert_true(again.range[0] == -1e-300 && again.limit == got.limit);
    assert_int_equal(again.kind, 0);
    free(text);
    free(text_again);
    dstn_doc_destroy(doc);
    dstn_doc_destroy(again_doc);
}

static void an_absent_mapping_gives_defaults_and_no_insertion(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\n");
    dstn_node places[] = {{doc, NULL}, {NULL, NULL}};
    for (int i = 0; i < 2; i++) {
        settings got;
        memset(&got, 0x5a, sizeof got);
        dstn_binding binding = {table, &got};
        dstn_error err = {0};
        assert_int_equal(dstn_options_read(places[i], "optim", &binding, 1, &err), DSTN_OK);
        assert_defaults(&got);
    }
    char *text = dstn_doc_text(doc);
    assert_string_equal(text, "a: 1\n");
    free(text);
    dstn_doc_destroy(doc);
}

static void an_empty_value_is_an_empty_mapping(void **state) {
    (void)state;
    dstn_doc *doc = parse("optim:\nz: 1\n");
    settings got;
    dstn_error err = {0};
    dstn_binding binding = {table, &got};
    dstn_node node = dstn_node_child(dstn_doc_root(doc), "optim");
    assert_int_equal(dstn_options_read(node, "optim", &binding, 1, &err), DSTN_OK);
    assert_defaults(&got);
    assert_string_equal(dstn_node_text(dstn_node_child(node, "batch")), "128");
    dstn_doc_destroy(doc);
}

static void optional_values_can_be_given_as_none(void **state) {
    (void)state;
    dstn_doc *doc = parse("path: ~\nsizes:\n");
    settings got = read_ok(doc);
    assert_null(got.path);
    assert_int_equal(got.sizes.count, 0);
    dstn_doc_destroy(doc);
    assert_refused("name:\n", "a.yaml:1: name: has no value; accepted: text");
    assert_refused("batch: ~\n", "a.yaml:1: batch: has no value; accepted: integer, 1 to 1000000");
}

#define KEYS "flag, batch, rate, limit, path, name, kind, dropout, kernel, sizes, range, section"

static void unknown_keys_are_refused_with_the_nearest(void **state) {
    (void)state;
    assert_refused("rate: 1\nbach: 3\n", "a.yaml:2: bach: unknown key; did you mean \"batch\"? accepted: " KEYS);
    assert_refused("frequency: 3\n", "a.yaml:1: frequency: unknown key; accepted: " KEYS);
}

static void booleans_are_true_or_false(void **state) {
    (void)state;
    assert_refused("flag: yes\n", "a.yaml:1: flag: yes is neither true nor false; accepted: true or false");
    assert_refused("flag: True\n", "a.yaml:1: flag: True is neither true nor false; accepted: true or false");
    assert_refused("flag: 'true'\n", "a.yaml:1: flag: \"true\" is text in quotes; accepted: true or false");
    assert_refused("flag: [true]\n", "a.yaml:1: flag: [true] is a list, not a single value; accepted: true or false");
}

static void integers_are_plain_digits_in_range(void **state) {
    (void)state;
    static const char *const wrong[] = {"1e4", "1_000", "0x10", "3.0", "12a", "-", "+", "1 2"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64], message[200];
        snprintf(text, sizeof text, "batch: %s\n", wrong[i]);
        snprintf(message, sizeof message,
                 "a.yaml:1: batch: %s is not an integer in plain digits; accepted: integer, 1 to 1000000", wrong[i]);
        if (strcmp(wrong[i], "-") != 0) { /* no YAML at all */
            assert_refused(text, message);
        }
    }
    assert_refused("a: 1\n", "a.yaml:1: a: unknown key; accepted: " KEYS);
    assert_refused("batch: 0\n", "a.yaml:1: batch: 0 is out of range; accepted: integer, 1 to 1000000");
    assert_refused("batch: 1000001\n", "a.yaml:1: batch: 1000001 is out of range; accepted: integer, 1 to 1000000");
    assert_refused("batch: 99999999999999999999\n", "a.yaml:1: batch: 99999999999999999999 is beyond all integers; "
                                                    "accepted: integer, 1 to 1000000");
    assert_refused("batch: '5'\n", "a.yaml:1: batch: \"5\" is text in quotes; accepted: integer, 1 to 1000000");
    assert_refused("batch: {a: 1}\n",
                   "a.yaml:1: batch: {a: 1} is a mapping, not a single value; accepted: integer, 1 to 1000000");
}

static void numbers_are_decimal_and_in_range(void **state) {
    (void)state;
    static const char *const wrong[] = {"0x1p3", "1e", "1.2.3", "1,5", "abc", "infinity", "1_0.0", "--1", "1e5x"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64], message[200];
        snprintf(text, sizeof text, "limit: %s\n", wrong[i]);
        bool is_quoted = strchr(wrong[i], ',') || wrong[i][1] == '-';
        snprintf(message, sizeof message, "a.yaml:1: limit: %s%s%s is not a number; accepted: number, at least 0",
                 is_quoted ? "\"" : "", wrong[i], is_quoted ? "\"" : "");
        assert_refused(text, message);
    }
    assert_refused("rate: 0\n", "a.yaml:1: rate: 0 is out of range; accepted: number, above 0, at most 10");
    assert_refused("rate: .inf\n", "a.yaml:1: rate: .inf is out of range; accepted: number, above 0, at most 10");
    assert_refused("limit: -.inf\n", "a.yaml:1: limit: -.inf is out of range; accepted: number, at least 0");
    assert_refused("limit: .nan\n",
                   "a.yaml:1: limit: .nan is NaN, no value to work with; accepted: number, at least 0");
    assert_refused("limit: nan\n", "a.yaml:1: limit: nan is NaN, no value to work with; accepted: number, at least 0");
    assert_refused("limit: 1e999\n", "a.yaml:1: limit: 1e999 is beyond all numbers; accepted: number, at least 0");
}

static void infinity_is_read_where_the_range_has_it(void **state) {
    (void)state;
    static const char *const ways[] = {"limit: .inf\n", "limit: inf\n", "limit: +.inf\n"};
    for (int i = 0; i < 3; i++) {
        dstn_doc *doc = parse(ways[i]);
        assert_true(isinf(read_ok(doc).limit));
        dstn_doc_destroy(doc);
    }
}

static void choices_are_refused_with_the_nearest(void **state) {
    (void)state;
    assert_refused("kind: adan\n",
                   "a.yaml:1: kind: adan is unknown; did you mean \"adam\"? accepted: one of sgd, rmsprop, adam");
    assert_refused("kind: lbfgs2\n", "a.yaml:1: kind: lbfgs2 is unknown; accepted: one of sgd, rmsprop, adam");
    assert_refused("kind: [sgd]\n", "a.yaml:1: kind: [sgd] is not a single word; accepted: one of sgd, rmsprop, adam");
}

#define QUANTITY "accepted: number, 0 to 0.95, or the name of a hyperparameter"

static void quantities_are_numbers_or_names(void **state) {
    (void)state;
    assert_refused("dropout: 1\n", "a.yaml:1: dropout: 1 is out of range; " QUANTITY);
    assert_refused("dropout: 0.5x\n", "a.yaml:1: dropout: 0.5x is not a number; " QUANTITY);
    assert_refused("dropout: nan\n", "a.yaml:1: dropout: nan is NaN, no value to work with; " QUANTITY);
    assert_refused("dropout: inf\n", "a.yaml:1: dropout: inf is out of range; " QUANTITY);
    assert_refused("dropout: [1]\n", "a.yaml:1: dropout: [1] is a list, not a single value; " QUANTITY);
    assert_refused("dropout: ~\n", "a.yaml:1: dropout: has no value; " QUANTITY);
}

#define INTS "accepted: integer or a list of up to 8, each 1 to 64"

static void integer_lists_are_checked_entry_by_entry(void **state) {
    (void)state;
    assert_refused("kernel: [1, 2, 3, 4, 5, 6, 7, 8, 9]\n",
                   "a.yaml:1: kernel: [1, 2, 3, 4, 5, 6, 7, 8, 9] is too long; " INTS);
    assert_refused("kernel:\n  - 3\n  - 65\n", "a.yaml:3: kernel.1: 65 is out of range; " INTS);
    assert_refused("kernel: x\n", "a.yaml:1: kernel: x is not an integer in plain digits; " INTS);
}

#define RANGE "accepted: [low, high] with low < high"

static void ranges_have_two_ends_in_order(void **state) {
    (void)state;
    assert_refused("range: 1\n", "a.yaml:1: range: 1 is not a list of two numbers; " RANGE);
    assert_refused("range: [1]\n", "a.yaml:1: range: [1] is not a list of two numbers; " RANGE);
    assert_refused("range: [1, 1]\n", "a.yaml:1: range: [1, 1] has its ends in the wrong order; " RANGE);
    assert_refused("range: [1, x]\n", "a.yaml:1: range.1: x is not a number; " RANGE);
}

static void texts_are_single_values(void **state) {
    (void)state;
    assert_refused("name: [a]\n", "a.yaml:1: name: [a] is a list; accepted: text");
    assert_refused("path: {a: b}\n", "a.yaml:1: path: {a: b} is a mapping; accepted: text, or ~ for none");
}

static void long_values_are_cut_in_messages(void **state) {
    (void)state;
    assert_refused(
        "flag: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
        "a.yaml:1: flag: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa... is neither true nor "
        "false; accepted: true or false");
}

static void messages_about_set_values_name_the_assignment(void **state) {
    (void)state;
    dstn_doc *doc = parse("rate: 1\n");
    settings got;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_set(doc, "batch=0", &err), DSTN_OK);
    assert_int_equal(read_root(doc, &got, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "--set batch=0: batch: 0 is out of range; accepted: integer, 1 to 1000000");
    dstn_doc_destroy(doc);
}

typedef struct linear_settings {
    int64_t out;
    double scale;
} linear_settings;

static const dstn_option linear[] = {
    DSTN_INT("out", linear_settings, out, 1, 9.3e18, DSTN_REQUIRED, "outputs"),
    DSTN_REAL("scale", linear_settings, scale, -INFINITY, INFINITY, "1", "scale"),
    DSTN_OPTIONS_END,
};

static void missing_required_keys_are_named(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\nlayers:\n  - linear:\n      scale: 2\n");
    linear_settings got;
    dstn_binding binding = {linear, &got};
    dstn_error err = {0};
    dstn_node layers = dstn_node_child(dstn_doc_root(doc), "layers");
    dstn_node node = dstn_node_child(dstn_node_at(layers, 0), "linear");
    assert_int_equal(dstn_options_read(node, "", &binding, 1, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "a.yaml:3: layers.0.linear.out: missing; accepted: integer, at least 1");
    assert_int_equal(dstn_options_read((dstn_node){doc, NULL}, "head", &binding, 1, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "a.yaml: head.out: missing; accepted: integer, at least 1");
    assert_int_equal(dstn_options_read(layers, "", &binding, 1, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "a.yaml:2: layers: is a list, not a mapping; accepted: out, scale");
    dstn_doc_destroy(doc);
}

static void several_tables_share_a_mapping(void **state) {
    (void)state;
    dstn_doc *doc = parse("batch: 2\nout: 3\n");
    settings common;
    linear_settings variant;
    dstn_binding bindings[] = {{table, &common}, {linear, &variant}};
    dstn_error err = {0};
    assert_int_equal(dstn_options_read(dstn_doc_root(doc), "", bindings, 2, &err), DSTN_OK);
    assert_int_equal(common.batch, 2);
    assert_int_equal(variant.out, 3);
    assert_true(variant.scale == 1);
    assert_int_equal(dstn_doc_set(doc, "scal=1", &err), DSTN_OK);
    assert_int_equal(dstn_options_read(dstn_doc_root(doc), "", bindings, 2, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message,
                        "--set scal=1: scal: unknown key; did you mean \"scale\"? accepted: " KEYS ", out, scale");
    dstn_doc_destroy(doc);
}

typedef struct image_settings {
    dstn_switch best, other;
    dstn_real_list mean, deviation;
} image_settings;

static const dstn_option image[] = {
    DSTN_SWITCH("best", image_settings, best, "auto", "a switch"),
    DSTN_SWITCH("other", image_settings, other, "~", "another"),
    DSTN_REALS("mean", image_settings, mean, -1e6, 1e6, ".25", "numbers"),
    DSTN_REALS("std", image_settings, deviation, 1e-6, INFINITY, "~", "more of them"),
    DSTN_OPTIONS_END,
};

static dstn_status read_image(const char *text, image_settings *out, dstn_error *err) {
    dstn_doc *doc = parse(text);
    dstn_binding binding = {image, out};
    memset(out, 0x5a, sizeof *out);
    dstn_status status = dstn_options_read(dstn_doc_root(doc), "", &binding, 1, err);
    dstn_doc_destroy(doc);
    return status;
}

static void switches_are_auto_or_an_answer(void **state) {
    (void)state;
    image_settings got;
    dstn_error err = {0};
    const char *const texts[] = {"mean: 1", "best: auto", "best: true", "best: false"};
    const dstn_switch wanted[] = {DSTN_SWITCH_AUTO, DSTN_SWITCH_AUTO, DSTN_SWITCH_TRUE, DSTN_SWITCH_FALSE};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(read_image(texts[i], &got, &err), DSTN_OK);
        assert_int_equal(got.best, wanted[i]);
        assert_int_equal(got.other, DSTN_SWITCH_AUTO);
    }
    assert_int_equal(read_image("best: ture", &got, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "a.yaml:1: best: ture is unknown; did you mean \"true\"? accepted: one of auto, "
                                     "true, false");
    assert_true(dstn_switch_is(DSTN_SWITCH_TRUE, false) && !dstn_switch_is(DSTN_SWITCH_FALSE, true));
    assert_true(dstn_switch_is(DSTN_SWITCH_AUTO, true) && !dstn_switch_is(DSTN_SWITCH_AUTO, false));
}

static void lists_of_numbers_are_checked_entry_by_entry(void **state) {
    (void)state;
    image_settings got;
    dstn_error err = {0};
    assert_int_equal(read_image("mean: [0.5, -1e3, .125]\nstd: 2\n", &got, &err), DSTN_OK);
    assert_int_equal(got.mean.count, 3);
    assert_true(got.mean.values[0] == 0.5 && got.mean.values[1] == -1e3 && got.mean.values[2] == 0.125);
    assert_int_equal(got.deviation.count, 1);
    assert_true(got.deviation.values[0] == 2);
    assert_int_equal(read_image("best: true\n", &got, &err), DSTN_OK);
    assert_int_equal(got.mean.count, 1);
    assert_true(got.mean.values[0] == 0.25);
    assert_int_equal(got.deviation.count, 0);
    assert_int_equal(read_image("mean: [0.5, 1e7]\n", &got, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "a.yaml:1: mean.1: 1e7 is out of range; accepted: number or a list of up to 64, "
                                     "each -1000000 to 1000000");
    assert_int_equal(read_image("std: [1, x]\n", &got, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "a.yaml:1: std.1: x is not a number; accepted: number or a list of up to 64, "
                                     "each at least 1e-06, or ~ for none");
}

static void a_list_whose_default_is_auto_may_be_auto(void **state) {
    (void)state;
    const dstn_option options[] = {DSTN_REALS("mean", image_settings, mean, 0, 1, "auto", "numbers"), DSTN_OPTIONS_END};
    const struct {
        const char *text;
        bool automatic;
        int count;
    } cases[] = {{"{}", true, 0}, {"mean: auto", true, 0}, {"mean: .5", false, 1}, {"mean: [0, 1]", false, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        dstn_doc *doc = parse(cases[i].text);
        image_settings got;
        dstn_error err = {0};
        assert_int_equal(dstn_options_read(dstn_doc_root(doc), "", &(dstn_binding){options, &got}, 1, &err), DSTN_OK);
        assert_true(got.mean.automatic == cases[i].automatic && got.mean.count == cases[i].count);
        dstn_doc_destroy(doc);
    }
    image_settings got;
    dstn_error err = {0};
    assert_int_equal(read_image("mean: auto", &got, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "mean: auto is not a number"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(missing_keys_get_defaults_in_structure_and_document),
        cmocka_unit_test(a_resolved_document_reads_as_the_same_settings),
        cmocka_unit_test(an_absent_mapping_gives_defaults_and_no_insertion),
        cmocka_unit_test(an_empty_value_is_an_empty_mapping),
        cmocka_unit_test(optional_values_can_be_given_as_none),
        cmocka_unit_test(unknown_keys_are_refused_with_the_nearest),
        cmocka_unit_test(booleans_are_true_or_false),
        cmocka_unit_test(integers_are_plain_digits_in_range),
        cmocka_unit_test(numbers_are_decimal_and_in_range),
        cmocka_unit_test(infinity_is_read_where_the_range_has_it),
        cmocka_unit_test(choices_are_refused_with_the_nearest),
        cmocka_unit_test(quantities_are_numbers_or_names),
        cmocka_unit_test(integer_lists_are_checked_entry_by_entry),
        cmocka_unit_test(switches_are_auto_or_an_answer),
        cmocka_unit_test(lists_of_numbers_are_checked_entry_by_entry),
        cmocka_unit_test(a_list_whose_default_is_auto_may_be_auto),
        cmocka_unit_test(ranges_have_two_ends_in_order),
        cmocka_unit_test(texts_are_single_values),
        cmocka_unit_test(long_values_are_cut_in_messages),
        cmocka_unit_test(messages_about_set_values_name_the_assignment),
        cmocka_unit_test(missing_required_keys_are_named),
        cmocka_unit_test(several_tables_share_a_mapping),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
