/* config: help by key, the nearest name, and which differences keep a run from being resumed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/config.h"

/* Nothing is read here: one member a kind will do. */
typedef struct any_settings {
    bool truth;
    int64_t integer;
    double number;
    const char *text;
    int choice;
    dstn_int_list integers;
    dstn_real_list numbers;
    dstn_switch answer;
    dstn_node section;
} any_settings;

static const dstn_option top[] = {
    DSTN_TEXT("name", any_settings, text, "~", "name of the run", DSTN_MAY_DIFFER),
    DSTN_SECTION("train", any_settings, section, "the training loop"),
    DSTN_SECTION("model", any_settings, section, "the network"),
    DSTN_OPTIONS_END,
};
static const dstn_option train[] = {
    DSTN_INT("batch", any_settings, integer, 1, 1000000, "128", "Rows of a mini-batch."),
    DSTN_INT("epochs", any_settings, integer, 0, 1e9, "0", "Passes over the data.", DSTN_MAY_DIFFER),
    DSTN_REAL("clip", any_settings, number, 0, INFINITY, ".inf", "Largest norm of a gradient."),
    DSTN_INTS("shape", any_settings, integers, 1, 100, "~", "A shape."),
    DSTN_CHOICE("loss", any_settings, choice, "mse|cross_entropy", DSTN_REQUIRED, "The loss."),
    DSTN_OPTIONS_END,
};
static const dstn_option csv[] = {
    DSTN_TEXT("delimiter", any_settings, text, "\",\"", "Between columns."),
    DSTN_INT("threads", any_settings, integer, 1, 64, "1", "Readers.", DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};
static const dstn_option hdf5[] = {
    DSTN_INT("threads", any_settings, integer, 1, 64, "1", "Readers."),
    DSTN_REALS("mean", any_settings, numbers, 0, 1, "0.5", "Of each channel."),
    DSTN_SWITCH("cached", any_settings, answer, "auto", "Whether it is kept."),
    DSTN_OPTIONS_END,
};
static const dstn_option source[] = {
    DSTN_CHOICE("source", any_settings, choice, "csv|hdf5", "csv", "Where data come from."),
    DSTN_OPTIONS_END,
};
static const dstn_option hyperparameter[] = {
    DSTN_REAL("start", any_settings, number, -INFINITY, INFINITY, "0", "Starting value."),
    DSTN_BOOL("plot", any_settings, truth, "true", "Whether it is drawn.", DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};
static const dstn_option linear[] = {
    DSTN_INT("out", any_settings, integer, 1, 1e9, DSTN_REQUIRED, "Outputs."),
    DSTN_TEXT("note", any_settings, text, "~", "A remark.", DSTN_MAY_DIFFER),
    DSTN_OPTIONS_END,
};

static const dstn_section schema[] = {
    {"", NULL, "a run", top},
    {"train", NULL, "the training loop", train},
    {"data", NULL, "the data set", source},
    {"data", "source: hdf5", "HDF5 files", hdf5},
    {"data", "source: csv", "text files", csv},
    {"hyperparameters.*", NULL, "one hyperparameter", hyperparameter},
    {"model.layers.*.linear", NULL, "a linear layer", linear},
};
enum { SECTIONS = sizeof schema / sizeof *schema };

/* ---- help -------------------------------------------------------------------------------------------------------- */

static char *help_on(const char *key, size_t *printed, char nearest[96]) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    *printed = dstn_schema_help(schema, SECTIONS, key, out, nearest);
    fclose(out);
    return text;
}

static void assert_help(const char *key, size_t want_printed, const char *want) {
    size_t printed;
    char nearest[96];
    char *text = help_on(key, &printed, nearest);
    assert_string_equal(text, want);
    assert_int_equal(printed, want_printed);
    assert_string_equal(nearest, "");
    free(text);
}

static void help_finds_options_by_key_path_and_section(void **state) {
    (void)state;
    static const char batch[] = "train.batch  integer, 1 to 1000000, default 128\n    Rows of a mini-batch.\n";
    static const char out[] = "model.layers.*.linear.out  integer, 1 to 1000000000, required\n    Outputs.\n";
    assert_help("batch", 1, batch);
    assert_help("train.batch", 1, batch);
    assert_help("out", 1, out);
    assert_help("model.layers.3.linear.out", 1, out);
    assert_help("model.layers.*.linear.out", 1, out);
    assert_help("clip", 1, "train.clip  number, at least 0, default .inf\n    Largest norm of a gradient.\n");
    assert_help("loss", 1, "train.loss  one of mse, cross_entropy, required\n    The loss.\n");
    assert_help("hyperparameters.lr", 2,
                "hyperparameters.*.start  number, default 0\n    Starting value.\n"
                "hyperparameters.*.plot  true or false, default true\n    Whether it is drawn.\n"
                "    May be changed when a run is resumed.\n");
    assert_help("delimiter", 1, "data.delimiter  text, default \",\"  (source: csv)\n    Between columns.\n");
    assert_help("shape", 1, "train.shape  integer or a list of up to 8, each 1 to 100, or ~ for none\n    A shape.\n");
}

static void help_on_a_key_of_several_variants_shows_all(void **state) {
    (void)state;
    size_t printed;
    char nearest[96];
    char *text = help_on("threads", &printed, nearest);
    assert_int_equal(printed, 2);
    assert_non_null(strstr(text, "(source: hdf5)"));
    assert_non_null(strstr(text, "(source: csv)"));
    free(text);
}

static void help_without_a_key_shows_everything(void **state) {
    (void)state;
    size_t printed, total = 0;
    char nearest[96];
    char *text = help_on(NULL, &printed, nearest);
    for (int s = 0; s < SECTIONS; s++) {
        for (const dstn_option *option = schema[s].options; option->key; option++, total++) {
            assert_non_null(strstr(text, option->help));
        }
    }
    assert_int_equal(printed, total);
    assert_memory_equal(text, "top level: a run\n", 17);
    assert_non_null(strstr(text, "\n\ndata (source: csv): text files\n"));
    free(text);
}

static void help_on_nothing_known_names_the_nearest(void **state) {
    (void)state;
    const char *const asked[] = {"bacth", "train.bacth", "model.layers.0.linear.ou", "wavelength"};
    const char *const want[] = {"batch", "train.batch", "model.layers.*.linear.out", ""};
    for (int i = 0; i < 4; i++) {
        size_t printed;
        char nearest[96] = "before";
        char *text = help_on(asked[i], &printed, nearest);
        assert_int_equal(printed, 0);
        assert_string_equal(text, "");
        assert_string_equal(nearest, want[i]);
        free(text);
    }
}

/* ---- nearest name ------------------------------------------------------------------------------------------------ */

static void the_nearest_name_is_found_within_a_third(void **state) {
    (void)state;
    const char *const names[] = {"batch", "epochs", "valid_batch", "lr", "learning_rate"};
    const struct {
        const char *word, *want;
    } cases[] = {{"batch", "batch"},  {"bacth", "batch"},
                 {"epoch", "epochs"}, {"valid_bach", "valid_batch"},
                 {"rl", "lr"},        {"learnign_rte", "learning_rate"},
                 {"xyz", NULL},       {"", NULL},
                 {"q", NULL},         {"momentum", NULL},
                 {"zz", NULL}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *got = dstn_nearest_name(cases[i].word, names, 5);
        if (cases[i].want) {
            assert_string_equal(got, cases[i].want);
        } else {
            assert_null(got);
        }
    }
    assert_null(dstn_nearest_name("batch", names, 0));
}

static void the_first_of_equally_near_names_is_taken(void **state) {
    (void)state;
    const char *const names[] = {"abcx", "abcy", "abc"};
    assert_string_equal(dstn_nearest_name("abcz", names, 2), "abcx");
    assert_string_equal(dstn_nearest_name("abcd", names, 3), "abcx");
    assert_string_equal(dstn_nearest_name("abc", names, 3), "abc");
}

/* A table of all beginnings of two such texts is more than there is memory. */
static void texts_that_are_no_words_are_not_compared(void **state) {
    (void)state;
    enum { LENGTH = 200000 };
    char *word = dstn_alloc(LENGTH + 1, 1), *other = dstn_alloc(LENGTH + 1, 1);
    memset(word, 'a', LENGTH);
    memset(other, 'a', LENGTH - 1);
    const char *const names[] = {other};
    assert_null(dstn_nearest_name(word, names, 1));
    assert_null(dstn_nearest_name("aaab", names, 1));
    free(word);
    free(other);
}

/* ---- differences ------------------------------------------------------------------------------------------------- */

static void assert_differs(const char *before, const char *now, const char *want) {
    dstn_doc *a = NULL, *b = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(before, "before.yaml", &a, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(now, "now.yaml", &b, &err), DSTN_OK);
    dstn_difference found = {.key = "unset"};
    bool differs = dstn_schema_differs(schema, SECTIONS, dstn_doc_root(a), dstn_doc_root(b), &found);
    assert_string_equal(found.key, want ? want : "");
    assert_int_equal(differs, want != NULL);
    dstn_doc_destroy(a);
    dstn_doc_destroy(b);
}

static void equal_values_in_other_writing_do_not_differ(void **state) {
    (void)state;
    assert_differs("train: {batch: 64, clip: 1000}", "train: {clip: 1e3, batch: +64}", NULL);
    assert_differs("train: {clip: .inf}", "train: {clip: inf}", NULL);
    assert_differs("train: {shape: 5}", "train: {shape: [5]}", NULL);
    assert_differs("train: {loss: mse}", "train: {loss: 'mse'}", NULL);
    assert_differs("u: [1, {v: 2.0}]", "u:\n  - 1.0\n  - v: 2\n", NULL);
}

static void changed_values_are_named_by_their_path(void **state) {
    (void)state;
    assert_differs("train: {batch: 64}", "train: {batch: 65}", "train.batch");
    assert_differs("train: {clip: 1}\nz: 1", "train: {clip: 2}\nz: 2", "train.clip");
    assert_differs("data: {source: hdf5, mean: 0.5}", "data: {source: hdf5, mean: [.5]}", NULL);
    assert_differs("data: {source: hdf5, mean: [.1, 1]}", "data: {source: hdf5, mean: [0.10, 1e0]}", NULL);
    assert_differs("data: {source: hdf5, mean: [.1, 1]}", "data: {source: hdf5, mean: [.1, 2]}", "data.mean.1");
    assert_differs("data: {source: hdf5, cached: auto}", "data: {source: hdf5}", NULL);
    assert_differs("data: {source: hdf5, cached: 'true'}", "data: {source: hdf5, cached: true}", NULL);
    assert_differs("data: {source: hdf5, cached: true}", "data: {source: hdf5}", "data.cached");
    assert_differs("train: {shape: [1, 2]}", "train: {shape: [1, 3]}", "train.shape.1");
    assert_differs("train: {shape: [1, 2]}", "train: {shape: [1, 2, 3]}", "train.shape");
    assert_differs("train: {shape: 5}", "train: {shape: [6]}", "train.shape");
    assert_differs("seed: 9007199254740993", "seed: 9007199254740992", "seed");
    assert_differs("data: {delimiter: '1'}", "data: {delimiter: '1.0'}", "data.delimiter");
    assert_differs("train: {batch: 64}", "train: [batch]", "train");
    assert_differs("model: {layers: [{linear: {out: 3}}, relu]}", "model: {layers: [{linear: {out: 4}}, relu]}",
                   "model.layers.0.linear.out");
    assert_differs("model: {layers: [{linear: {out: 3}}, relu]}", "model: {layers: [{linear: {out: 3}}, tanh]}",
                   "model.layers.1");
}

static void what_may_differ_is_passed_over(void **state) {
    (void)state;
    assert_differs("name: a\ntrain: {epochs: 3}", "name: b\ntrain: {epochs: 5}", NULL);
    assert_differs("train: {batch: 1}", "train: {batch: 1, epochs: 5}", NULL);
    assert_differs("name: a\nz: 1", "z: 1", NULL);
    assert_differs("model: {layers: [{linear: {out: 3, note: a}}]}", "model: {layers: [{linear: {out: 3, note: b}}]}",
                   NULL);
    assert_differs("hyperparameters: {lr: {start: 1, plot: true}}", "hyperparameters: {lr: {start: 1, plot: false}}",
                   NULL);
    assert_differs("hyperparameters: {lr: {start: 1, plot: true}}", "hyperparameters: {lr: {start: 2, plot: false}}",
                   "hyperparameters.lr.start");
}

static void a_key_of_one_document_differs_unless_it_is_the_default(void **state) {
    (void)state;
    assert_differs("train: {batch: 1}", "train: {batch: 1, clip: 2}", "train.clip");
    assert_differs("train: {batch: 1, clip: 2}", "train: {batch: 1}", "train.clip");
    assert_differs("train: {loss: mse}", "train: {}", "train.loss");
    assert_differs("train: {batch: 1}", "train: {batch: 1, clip: inf, shape: ~}", NULL);
    assert_differs("hyperparameters: {lr: {start: 1}}", "hyperparameters: {lr: {start: 1}, wd: {start: 1}}",
                   "hyperparameters.wd");
    assert_differs("a: 1", "a: 1\nmodel: {}", "model");
}

static void the_chosen_variant_says_what_may_differ(void **state) {
    (void)state;
    assert_differs("data: {source: csv, threads: 1}", "data: {source: csv, threads: 2}", NULL);
    assert_differs("data: {source: hdf5, threads: 1}", "data: {source: hdf5, threads: 2}", "data.threads");
    assert_differs("data: {source: csv}", "data: {source: hdf5}", "data.source");
}

static void assert_values(const char *before, const char *now, const char *first, const char *second) {
    dstn_doc *a = NULL, *b = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(before, "before.yaml", &a, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(now, "now.yaml", &b, &err), DSTN_OK);
    dstn_difference found;
    assert_true(dstn_schema_differs(schema, SECTIONS, dstn_doc_root(a), dstn_doc_root(b), &found));
    assert_string_equal(found.before, first);
    assert_string_equal(found.now, second);
    dstn_doc_destroy(a);
    dstn_doc_destroy(b);
}

static void a_difference_comes_with_what_it_was_and_what_it_is(void **state) {
    (void)state;
    assert_values("train: {batch: 64}", "train: {batch: 65}", "64", "65");
    assert_values("train: {batch: 1}", "train: {batch: 1, clip: 2}", "not set", "2");
    assert_values("train: {batch: 1, clip: 2}", "train: {batch: 1}", "2", "not set");
    assert_values("train: {shape: [1, 2]}", "train: {shape: [1, 2, 3]}", "[1, 2]", "[1, 2, 3]");
    assert_values("train: {shape: [1, 2]}", "train: {shape: [1, 3]}", "2", "3");
    assert_values("data: {delimiter: \"\\e\"}", "data: {delimiter: ~}", "\"\\x1b\"", "~");
    char long_text[300] = "a: ", *end = long_text + 3;
    memset(end, 'x', 200);
    dstn_doc *a = NULL, *b = NULL;
    dstn_error err = {0};
    dstn_difference found;
    assert_int_equal(dstn_doc_parse(long_text, "a", &a, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse("a: y", "b", &b, &err), DSTN_OK);
    assert_true(dstn_schema_differs(schema, SECTIONS, dstn_doc_root(a), dstn_doc_root(b), &found));
    assert_int_equal(strlen(found.before), DSTN_VALUE_SIZE - 1);
    assert_string_equal(found.before + DSTN_VALUE_SIZE - 5, "x...");
    dstn_doc_destroy(a);
    dstn_doc_destroy(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(help_finds_options_by_key_path_and_section),
        cmocka_unit_test(help_on_a_key_of_several_variants_shows_all),
        cmocka_unit_test(help_without_a_key_shows_everything),
        cmocka_unit_test(help_on_nothing_known_names_the_nearest),
        cmocka_unit_test(the_nearest_name_is_found_within_a_third),
        cmocka_unit_test(the_first_of_equally_near_names_is_taken),
        cmocka_unit_test(texts_that_are_no_words_are_not_compared),
        cmocka_unit_test(equal_values_in_other_writing_do_not_differ),
        cmocka_unit_test(changed_values_are_named_by_their_path),
        cmocka_unit_test(what_may_differ_is_passed_over),
        cmocka_unit_test(a_key_of_one_document_differs_unless_it_is_the_default),
        cmocka_unit_test(the_chosen_variant_says_what_may_differ),
        cmocka_unit_test(a_difference_comes_with_what_it_was_and_what_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
