/* config: values put into a document by --set, by a sweep, and from another document. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/config.h"
#include "scratch.h"

static dstn_doc *parse(const char *text, const char *name) {
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    if (dstn_doc_parse(text, name, &doc, &err)) {
        fail_msg("%s", err.message);
    }
    return doc;
}

static void assert_text(const dstn_doc *doc, const char *want) {
    char *got = dstn_doc_text(doc);
    assert_string_equal(got, want);
    free(got);
}

static void set_ok(dstn_doc *doc, const char *assignment) {
    dstn_error err = {0};
    if (dstn_doc_set(doc, assignment, &err)) {
        fail_msg("%s", err.message);
    }
}

static void setting_replaces_one_value_and_keeps_the_rest(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\nb:\n  c: 2\n  d: 3\ne: 4\n", "a.yaml");
    set_ok(doc, "b.c=5");
    assert_text(doc, "a: 1\nb:\n  c: 5\n  d: 3\ne: 4\n");
    set_ok(doc, "b.c=[1, {x: y}]");
    set_ok(doc, "a=\"p=q\"");
    assert_text(doc, "a: \"p=q\"\nb:\n  c:\n    - 1\n    - x: y\n  d: 3\ne: 4\n");
    set_ok(doc, "b=6");
    assert_text(doc, "a: \"p=q\"\nb: 6\ne: 4\n");
    dstn_doc_destroy(doc);
}

static void setting_creates_mappings_on_the_way(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\nempty:\n", "a.yaml");
    set_ok(doc, "x.y.z=5");
    set_ok(doc, "empty.k=v");
    set_ok(doc, "n=");
    assert_text(doc, "a: 1\nempty:\n  k: v\nx:\n  y:\n    z: 5\nn: ~\n");
    dstn_doc_destroy(doc);
}

static void setting_reaches_into_lists(void **state) {
    (void)state;
    dstn_doc *doc = parse("layers:\n  - linear: {out: 3}\n  - relu\n  - linear:\n", "a.yaml");
    set_ok(doc, "layers.0.linear.out=7");
    set_ok(doc, "layers.1=tanh");
    set_ok(doc, "layers.2.linear.out=1");
    assert_text(doc, "layers:\n  - linear:\n      out: 7\n  - tanh\n  - linear:\n      out: 1\n");
    dstn_doc_destroy(doc);
}

static void assert_set_refused(const char *assignment, const char *message) {
    dstn_doc *doc = parse("a: {b: 5}\nl: [1, 2]\nnone: []\n", "a.yaml");
    dstn_error err = {0};
    assert_int_equal(dstn_doc_set(doc, assignment, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, message);
    assert_text(doc, "a:\n  b: 5\nl: [1, 2]\nnone: []\n");
    dstn_doc_destroy(doc);
}

static void assignments_that_cannot_be_made_change_nothing_and_say_why(void **state) {
    (void)state;
    assert_set_refused("a.b", "--set a.b: no \"=\"; accepted: KEY=VALUE, such as train.batch=64");
    assert_set_refused("=5", "--set =5: empty key in the path \"\"; accepted: a.b.c");
    assert_set_refused("a..b=5", "--set a..b=5: empty key in the path \"a..b\"; accepted: a.b.c");
    assert_set_refused(".a=5", "--set .a=5: empty key in the path \".a\"; accepted: a.b.c");
    assert_set_refused("a.=5", "--set a.=5: empty key in the path \"a.\"; accepted: a.b.c");
    assert_set_refused("a.b.c=1", "--set a.b.c=1: a.b: is the value \"5\", which has no key \"c\"; accepted: a path "
                                  "through mappings");
    assert_set_refused("l.2=1", "--set l.2=1: l: is a list without an entry \"2\"; accepted: 0 to 1");
    assert_set_refused("l.x=1", "--set l.x=1: l: is a list without an entry \"x\"; accepted: 0 to 1");
    assert_set_refused("l.-1=1", "--set l.-1=1: l: is a list without an entry \"-1\"; accepted: 0 to 1");
    assert_set_refused("none.0=1", "--set none.0=1: none: is an empty list, without an entry \"0\"; accepted: a whole "
                                   "list");
}

static void brackets_and_quotes_that_are_no_yaml_are_refused(void **state) {
    (void)state;
    static const char *const values[] = {"[1",      "{a: 1, a: 2}", "[1] # two", "{a: 1} # {}",  "[1], [2]",
                                         "[1] 2",   "[1]: {}",      "[a #b, c]", "[*x]",         "{a: 1}}",
                                         "\"\\q\"", "[1],",         "a: 1\nb",   "a: 1\na: 2\n", "- 1\nb"};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        dstn_doc *doc = parse("a: 1\n", "a.yaml");
        dstn_error err = {0};
        assert_int_equal(dstn_doc_put(doc, "new.a", values[i], "--set here", &err), DSTN_ERROR_USAGE);
        /* Between them stands what the library says, in its own words. */
        static const char front[] = "--set here: new.a: the value is no YAML (",
                          back[] = "); accepted: a text, or YAML in brackets";
        assert_memory_equal(err.message, front, sizeof front - 1);
        assert_true(strlen(err.message) > sizeof front + sizeof back);
        assert_string_equal(err.message + strlen(err.message) - strlen(back), back);
        assert_text(doc, "a: 1\n");
        dstn_doc_destroy(doc);
    }
}

/* Of a value that a command line gives, and of what is written out and read again. */
static void assert_value(const char *value, const char *want) {
    dstn_doc *doc = parse("a: 1\n", "a.yaml"), *again = NULL;
    dstn_error err = {0};
    if (dstn_doc_put(doc, "a", value, "--set here", &err)) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(dstn_node_text(dstn_node_child(dstn_doc_root(doc), "a")), want);
    char *text = dstn_doc_text(doc);
    if (dstn_doc_parse(text, "again.yaml", &again, &err)) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(dstn_node_text(dstn_node_child(dstn_doc_root(again), "a")), want);
    free(text);
    dstn_doc_destroy(doc);
    dstn_doc_destroy(again);
}

static void a_value_is_the_whole_of_what_the_shell_gave(void **state) {
    (void)state;
    static const char *const texts[] = {
        "run #3/x.csv", "# x",   "#",       "a: b",   "a:",       ": a",         "*x",           "&x y",     "!x y",
        "!!str",        "%x",    "@x",      "`x`",    "| x",      "> x",         "- x",          "-",        "? x",
        "x ",           " x",    "   ",     "\t",     "a\nb",     "\n",          "a\n b\n\n",    "a\r\nb",   "'a' b",
        "\"a",          "'a",    "it's",    "''b",    "'a' # b'", "\"a\" # b\"", "a, [b]",       "x]",       "---",
        "...",          "<<",    "=",       "a=b",    "\\n",      "C:\\d\\x",    "\x01\x1b\x7f", "\u00e9 #", "1 2",
        "x #\ty",       "a\t#b", "\ufeffx", "\u2028x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_value(texts[i], texts[i]);
    }
}

static void quotes_around_a_whole_value_are_taken_off(void **state) {
    (void)state;
    assert_value("'a: #b'", "a: #b");
    assert_value("'it''s'", "it's");
    assert_value("''", "");
    assert_value("\"\"", "");
    assert_value("''''", "'");
    assert_value("\"a \\\" # \\x41\"", "a \" # A");
    assert_value("\"a\n  b \"", "a\n  b ");
    assert_value("'a\n  b '", "a\n  b ");
}

static void blanks_around_numbers_and_truth_values_mean_nothing(void **state) {
    (void)state;
    assert_value(" 64", "64");
    assert_value("1e-3\n", "1e-3");
    assert_value(" true ", "true");
    assert_value(" -.inf", "-.inf");
}

static void structured_values_and_contents_of_files_are_yaml(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\n", "a.yaml");
    set_ok(doc, "a= {a: [1, 'x #y', x#y], b: {c: \"]\"}} ");
    assert_text(doc, "a:\n  a: [1, \"x #y\", x#y]\n  b:\n    c: \"]\"\n");
    set_ok(doc, "a=[1, # one\n  2]");
    assert_text(doc, "a: [1, 2]\n");
    set_ok(doc, "a=# of a file\n\nb: 1 # one\nc:\n  - 2\n");
    assert_text(doc, "a:\n  b: 1\n  c: [2]\n");
    set_ok(doc, "a=- 1\n- b: 2\n");
    assert_text(doc, "a:\n  - 1\n  - b: 2\n");
    dstn_doc_destroy(doc);
}

static void texts_can_be_put_without_a_thought(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\n", "a.yaml");
    dstn_error err = {0};
    assert_int_equal(dstn_doc_put_text(doc, "a", "[x", "here", &err), DSTN_OK);
    assert_text(doc, "a: \"[x\"\n");
    dstn_doc_destroy(doc);
}

static void messages_about_set_values_name_the_assignment(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\n", "conf/a.yaml");
    dstn_error err = {0};
    set_ok(doc, "b.c={d: 5}");
    dstn_node b = dstn_node_child(dstn_doc_root(doc), "b"), c = dstn_node_child(b, "c");
    dstn_node_fail(dstn_node_child(c, "d"), &err, "wrong");
    assert_string_equal(err.message, "--set b.c={d: 5}: b.c.d: wrong");
    dstn_node_fail(b, &err, "wrong");
    assert_string_equal(err.message, "--set b.c={d: 5}: b: wrong");
    assert_int_equal(dstn_doc_put(doc, "a", "7", "member 3", &err), DSTN_OK);
    dstn_node_fail(dstn_node_child(dstn_doc_root(doc), "a"), &err, "wrong");
    assert_string_equal(err.message, "member 3: a: wrong");
    dstn_doc_destroy(doc);
}

static void paths_set_on_the_command_line_start_at_the_current_directory(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: x\nb: x\n", "conf/a.yaml");
    set_ok(doc, "a=x/y");
    char *set = dstn_doc_resolve_path(dstn_node_child(dstn_doc_root(doc), "a"), "x/y");
    char *written = dstn_doc_resolve_path(dstn_node_child(dstn_doc_root(doc), "b"), "x");
    assert_string_equal(set, "x/y");
    assert_string_equal(written, "conf/x");
    free(set);
    free(written);
    dstn_doc_destroy(doc);
}

static void text_of_a_replaced_value_stays_valid(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: old\n", "a.yaml");
    const char *text = dstn_node_text(dstn_node_child(dstn_doc_root(doc), "a"));
    set_ok(doc, "a=new");
    assert_string_equal(text, "old");
    dstn_doc_destroy(doc);
}

static void grafted_nodes_keep_their_file_and_line(void **state) {
    (void)state;
    dstn_doc *doc = parse("model: m.yaml\nz: 1\n", "conf/a.yaml");
    dstn_doc *model = parse("# a model\nlayers:\n  - linear:\n      out: 3\ninit: w.h5\n", "models/m.yaml");
    dstn_error err = {0};
    assert_int_equal(dstn_doc_graft(doc, "model", dstn_doc_root(model), &err), DSTN_OK);
    dstn_doc_destroy(model);
    set_ok(doc, "model.layers.0.linear.bias=false");
    assert_text(doc, "model:\n  layers:\n    - linear:\n        out: 3\n        bias: false\n  init: w.h5\nz: 1\n");
    dstn_node grafted = dstn_node_child(dstn_doc_root(doc), "model");
    dstn_node linear = dstn_node_child(dstn_node_at(dstn_node_child(grafted, "layers"), 0), "linear");
    dstn_node_fail(dstn_node_child(linear, "out"), &err, "wrong");
    assert_string_equal(err.message, "models/m.yaml:4: model.layers.0.linear.out: wrong");
    dstn_node_fail(dstn_node_child(linear, "bias"), &err, "wrong");
    assert_string_equal(err.message, "--set model.layers.0.linear.bias=false: model.layers.0.linear.bias: wrong");
    char *path = dstn_doc_resolve_path(dstn_node_child(grafted, "init"), "w.h5");
    assert_string_equal(path, "models/w.h5");
    free(path);
    dstn_doc_destroy(doc);
}

static void grafting_nothing_is_refused(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\n", "a.yaml");
    dstn_error err = {0};
    assert_int_equal(dstn_doc_graft(doc, "b", (dstn_node){doc, NULL}, &err), DSTN_ERROR_USAGE);
    assert_int_equal(dstn_doc_graft(doc, "a.b", dstn_doc_root(doc), &err), DSTN_ERROR_USAGE);
    assert_text(doc, "a: 1\n");
    assert_int_equal(dstn_doc_graft(doc, "b", dstn_doc_root(doc), &err), DSTN_OK);
    assert_text(doc, "a: 1\nb:\n  a: 1\n");
    dstn_doc_destroy(doc);
}

/* Keys behind a file's name are those of its mapping, in whatever order they are set; messages name where each is
 * from. */
static void a_path_goes_on_behind_the_name_of_a_file(void **state) {
    (void)state;
    static const char model[] = "# a model\nlayers: [relu]\ninput: 4\n";
    char *folder = scratch_make(), *path = dstn_format("%s/m.yaml", folder);
    assert_true(scratch_write(path, model, sizeof model - 1));
    char *text = dstn_format("model: %s\nz: %s\n", path, path);
    dstn_doc *doc = parse(text, "a.yaml");
    dstn_doc_expect_file(doc, "model");
    set_ok(doc, "model.width=0.5");
    set_ok(doc, "model.input=5");
    char *want = dstn_format("model:\n  layers: [relu]\n  input: 5\n  width: 0.5\nz: %s\n", path);
    assert_text(doc, want);
    dstn_error err = {0};
    dstn_node layers = dstn_node_child(dstn_node_child(dstn_doc_root(doc), "model"), "layers");
    dstn_node_fail(layers, &err, "wrong");
    assert_non_null(strstr(err.message, ":2: model.layers: wrong"));
    assert_int_equal(strncmp(err.message, path, strlen(path)), 0);
    assert_int_equal(dstn_doc_set(doc, "z.width=1", &err), DSTN_ERROR_USAGE); /* no other text names a file */
    assert_int_equal(dstn_doc_inline_file(doc, &err), DSTN_OK);
    assert_text(doc, want);
    char *other = dstn_format("model=%s", path);
    set_ok(doc, other); /* replaces all of it */
    assert_int_equal(dstn_doc_inline_file(doc, &err), DSTN_OK);
    assert_string_equal(dstn_node_text(dstn_node_child(dstn_node_child(dstn_doc_root(doc), "model"), "input")), "4");
    set_ok(doc, "model=nowhere.yaml");
    assert_int_equal(dstn_doc_set(doc, "model.width=1", &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "--set model.width=1: nowhere.yaml: cannot be read"));
    scratch_remove(folder);
    free(path);
    free(other);
    free(want);
    free(text);
    dstn_doc_destroy(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_replaces_one_value_and_keeps_the_rest),
        cmocka_unit_test(setting_creates_mappings_on_the_way),
        cmocka_unit_test(setting_reaches_into_lists),
        cmocka_unit_test(assignments_that_cannot_be_made_change_nothing_and_say_why),
        cmocka_unit_test(brackets_and_quotes_that_are_no_yaml_are_refused),
        cmocka_unit_test(a_value_is_the_whole_of_what_the_shell_gave),
        cmocka_unit_test(quotes_around_a_whole_value_are_taken_off),
        cmocka_unit_test(blanks_around_numbers_and_truth_values_mean_nothing),
        cmocka_unit_test(structured_values_and_contents_of_files_are_yaml),
        cmocka_unit_test(texts_can_be_put_without_a_thought),
        cmocka_unit_test(messages_about_set_values_name_the_assignment),
        cmocka_unit_test(paths_set_on_the_command_line_start_at_the_current_directory),
        cmocka_unit_test(text_of_a_replaced_value_stays_valid),
        cmocka_unit_test(grafted_nodes_keep_their_file_and_line),
        cmocka_unit_test(grafting_nothing_is_refused),
        cmocka_unit_test(a_path_goes_on_behind_the_name_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
