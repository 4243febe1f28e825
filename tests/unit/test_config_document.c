/* config: documents from files and texts, their messages, and the way back to text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dstn/config.h"

static dstn_doc *parse(const char *text) {
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    if (dstn_doc_parse(text, "conf/a.yaml", &doc, &err)) {
        fail_msg("%s", err.message);
    }
    return doc;
}

static void assert_refused(const char *text, const char *message) {
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(text, "a.yaml", &doc, &err), DSTN_ERROR_USAGE);
    assert_null(doc);
    assert_int_equal(err.status, DSTN_ERROR_USAGE);
    assert_string_equal(err.message, message);
}

/* What the library says in its own words may change with its version; place and form may not. */
static void assert_syntax_error(const char *text, const char *place) {
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(text, "a.yaml", &doc, &err), DSTN_ERROR_USAGE);
    assert_null(doc);
    assert_memory_equal(err.message, place, strlen(place));
    assert_true(strlen(err.message) >= strlen(place) + 8);
    assert_null(strchr(err.message, '\n'));
}

static void syntax_errors_name_file_and_line(void **state) {
    (void)state;
    assert_syntax_error("a: 1\nb: c: d\n", "a.yaml:2: ");
    assert_syntax_error("a: 1\nb: 2\nc: @x\n", "a.yaml:3: ");
    assert_syntax_error("a: 1\nb: *nowhere\n", "a.yaml:2: ");
    assert_syntax_error("a: 1\nb: ]\n", "a.yaml:2: ");
    assert_syntax_error("a: &x {b: *x}\n", "a.yaml:1: ");
}

static void duplicate_keys_name_file_and_line(void **state) {
    (void)state;
    assert_syntax_error("a: 1\nb: 2\na: 3\n", "a.yaml:3: ");
    assert_syntax_error("x:\n  y:\n    z: 1\n    z: 1\n", "a.yaml:4: ");
}

static void documents_that_are_no_mapping_are_refused(void **state) {
    (void)state;
    assert_refused("", "a.yaml:1: is empty; accepted: a mapping, as in \"key: value\"");
    assert_refused("# nothing\n\n", "a.yaml:1: is empty; accepted: a mapping, as in \"key: value\"");
    assert_refused("~\n", "a.yaml:1: is empty; accepted: a mapping, as in \"key: value\"");
    assert_refused("\n- a\n- b\n", "a.yaml:2: is a list; accepted: a mapping, as in \"key: value\"");
    assert_refused("5\n", "a.yaml:1: is a single value; accepted: a mapping, as in \"key: value\"");
}

static void what_a_config_cannot_hold_is_refused(void **state) {
    (void)state;
    assert_refused("a: 1\n---\nb: 1\n", "a.yaml:3: a second YAML document begins; accepted: one");
    assert_refused("a: 1\n? {b: c}\n: 1\n", "a.yaml:2: a key is no word");
    assert_refused("a: 1\nb: \"x\\0y\"\n", "a.yaml:2: a text contains a zero byte");
}

static void text_that_is_no_utf8_is_refused_with_its_line(void **state) {
    (void)state;
    static const char *const wrong[] = {"caf\xe9",          "\xc3",     "\xc0\xaf", "\xe0\x80\x80", "\xed\xa0\x80",
                                        "\xf4\x90\x80\x80", "\xff\xfe", "\x80"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char text[64];
        snprintf(text, sizeof text, "a: 1\nb: \"%s\"\n", wrong[i]);
        assert_refused(text, "a.yaml:2: is no UTF-8 text");
    }
    /* A library that reads on would not come back from this one. */
    assert_refused("%@a1\xa9]:z!1*x>:\xc3[>\n[%:]%<", "a.yaml:1: is no UTF-8 text");
    dstn_doc *doc = parse("a: \u00e9\u20ac\U0001f600\n");
    assert_string_equal(dstn_node_text(dstn_node_at(dstn_doc_root(doc), 0)), "\u00e9\u20ac\U0001f600");
    dstn_doc_destroy(doc);
}

static void aliases_are_copies_and_merged_keys_give_way(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: &x {p: 1, q: [2]}\nb: *x\nc:\n  <<: *x\n  p: 3\nd: &x 5\ne: [*x]\n"
                          "f:\n  p: 4\n  <<: [{p: 5, r: 6}, {r: 7, s: 8}]\n\"<<\": text\n");
    char *text = dstn_node_yaml(dstn_doc_root(doc));
    assert_string_equal(text, "{a: {p: 1, q: [2]}, b: {p: 1, q: [2]}, c: {p: 3, q: [2]}, d: 5, e: [5], "
                              "f: {p: 4, r: 6, s: 8}, \"<<\": text}");
    free(text);
    dstn_doc_destroy(doc);
    assert_refused("a: &x [*x]\n", "a.yaml:1: an alias names no anchor before it");
    assert_refused("a: 1\nb: *x\nc: &x 2\n", "a.yaml:2: an alias names no anchor before it");
    assert_refused("a: 1\n? */`x`\n", "a.yaml:2: a key is no word");
    assert_refused("a: 1\nb:\n  <<: 5\n", "a.yaml:3: \"<<\" merges something that is no mapping");
}

static void a_key_that_stands_twice_is_named_with_both_lines(void **state) {
    (void)state;
    assert_refused("a: 1\nb:\n  rate: 1\n  x: [1,\n    2]\n  rate: 2\n",
                   "a.yaml:6: the key \"rate\" stands twice in one mapping, on lines 3 and 6; accepted: each key once");
    assert_refused("a: &x {b: 1}\nc: *x\n'c': 2\n",
                   "a.yaml:3: the key \"c\" stands twice in one mapping, on lines 2 and 3; accepted: each key once");
    assert_refused("a: &x {b: 1}\nc:\n  <<: *x\n  d: 1\n  <<: *x\n",
                   "a.yaml:5: the key \"<<\" stands twice in one mapping, on lines 3 and 5; accepted: each key once");
    dstn_doc_destroy(parse("a: {x: 1}\nb: {x: 1, a: {x: 2}}\n"));
}

static void an_anchor_that_is_set_again_stands_for_the_later_value(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: &x 1\nb: &y 2\nc: *x\nd: &x 3\ne: [*x, *y]\n");
    char *text = dstn_doc_text(doc);
    assert_string_equal(text, "a: 1\nb: 2\nc: 1\nd: 3\ne: [3, 2]\n");
    free(text);
    dstn_doc_destroy(doc);
}

/* What compares every key with every other takes minutes here. */
static void many_keys_are_read_and_found_in_no_time(void **state) {
    (void)state;
    enum { KEYS = 100000 };
    char *text = NULL, key[32];
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fputs("base: &base\n", out);
    for (int i = 0; i < KEYS / 2; i++) {
        fprintf(out, "  key_%d: %d\n", i, i);
    }
    fputs("all:\n  <<: *base\n", out);
    for (int i = 0; i < KEYS; i += 2) {
        fprintf(out, "  key_%d: %d\n", i, 2 * i);
    }
    fclose(out);
    clock_t start = clock();
    dstn_doc *doc = parse(text);
    dstn_node all = dstn_node_child(dstn_doc_root(doc), "all");
    assert_int_equal(dstn_node_count(all), KEYS / 2 + KEYS / 4);
    for (int i = 0; i < KEYS; i += 2) {
        snprintf(key, sizeof key, "key_%d", i);
        assert_int_equal(atoi(dstn_node_text(dstn_node_child(all, key))), 2 * i);
    }
    assert_string_equal(dstn_node_text(dstn_node_child(all, "key_7")), "7");
    assert_null(dstn_node_child(all, "key").handle);
    for (int i = 0; i < KEYS; i += 10) {
        char *assignment = dstn_format("all.key_%d=%d", i, 3 * i);
        dstn_error err = {0};
        assert_int_equal(dstn_doc_set(doc, assignment, &err), DSTN_OK);
        free(assignment);
    }
    assert_string_equal(dstn_node_text(dstn_node_child(all, "key_90")), "270");
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
    dstn_doc_destroy(doc);
    free(text);
}

static void aliases_of_aliases_cannot_use_up_memory(void **state) {
    (void)state;
    char text[1024];
    int used = snprintf(text, sizeof text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used,
                         "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1, i - 1, i - 1,
                         i - 1, i - 1, i - 1, i - 1, i - 1);
    }
    assert_true(used < (int)sizeof text);
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_parse(text, "a.yaml", &doc, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, ": aliases stand for too many values"));
}

/* On the first four, a version of the library frees something twice. */
static void explicit_keys_with_tabs_are_refused(void **state) {
    (void)state;
    static const char *const wrong[] = {"? 1:\t>", "- ? 1:\t>", "? a\n? 1:\t- x", "? -a: \t?x", "a:\t1\n? b\n: 2\n"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        dstn_doc *doc = NULL;
        dstn_error err = {0};
        assert_int_equal(dstn_doc_parse(wrong[i], "a.yaml", &doc, &err), DSTN_ERROR_USAGE);
        assert_non_null(strstr(err.message, ": an explicit key (\"? \") in a text with tabs after colons"));
    }
    dstn_doc *doc = parse("# why?\na:\t1 # ? x\nb:\tis it? no\n");
    assert_string_equal(dstn_node_text(dstn_node_at(dstn_doc_root(doc), 1)), "is it? no");
    dstn_doc_destroy(doc);
}

static void a_missing_file_is_a_usage_error_with_the_reason(void **state) {
    (void)state;
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_load("/nowhere/a.yaml", &doc, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "/nowhere/a.yaml: cannot be read: No such file or directory");
    assert_int_equal(dstn_doc_load("/", &doc, &err), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, "/: cannot be read: Is a directory");
    assert_null(doc);
}

static char *new_file(const char *text, size_t length) {
    char *path = dstn_strdup("/tmp/dstn_config_XXXXXX");
    int file = mkstemp(path);
    assert_true(file >= 0);
    assert_int_equal(write(file, text, length), length);
    close(file);
    return path;
}

static void a_long_file_is_read_whole(void **state) {
    (void)state;
    enum { KEYS = 5000 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    for (int i = 0; i < KEYS; i++) {
        fprintf(out, "key_%d: %d\n", i, i);
    }
    fclose(out);
    char *path = new_file(text, size);
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_load(path, &doc, &err), DSTN_OK);
    assert_string_equal(dstn_doc_name(doc), path);
    assert_int_equal(dstn_node_count(dstn_doc_root(doc)), KEYS);
    assert_string_equal(dstn_node_text(dstn_node_at(dstn_doc_root(doc), KEYS - 1)), "4999");
    dstn_node_fail(dstn_node_at(dstn_doc_root(doc), KEYS - 1), &err, "here");
    assert_non_null(strstr(err.message, ":5000: key_4999: here"));
    dstn_doc_destroy(doc);
    unlink(path);
    free(path);
    free(text);
}

static void a_binary_file_is_refused(void **state) {
    (void)state;
    char *path = new_file("\x89HDF\0\0\0\0", 8);
    dstn_doc *doc = NULL;
    dstn_error err = {0};
    assert_int_equal(dstn_doc_load(path, &doc, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, ":1: is no text file"));
    unlink(path);
    free(path);
}

static const char zoo[] = "name: \"a \\\"b\\\" \\\\ \\t\"\n"
                          "empty_text: ''\n"
                          "nothing:\n"
                          "number: -1.5e-3\n"
                          "text_number: \"12\"\n"
                          "time: 12:30\n"
                          "comma: a, b [c] {d}\n"
                          "hash: a#b\n"
                          "lines: |\n"
                          "  one\n"
                          "  two\n"
                          "folded: >-\n"
                          "  one\n"
                          "  two\n"
                          "utf8: \"\u00e9\u03b5\"\n"
                          "defaults: &base {x: 1, y: 2}\n"
                          "merged:\n"
                          "  <<: *base\n"
                          "  y: 3\n"
                          "\"a key: with # all\": [1, [2, 3], {k: v}, [], {}, ~, '~', '-', \"- x\"]\n"
                          "layers:\n"
                          "  - linear: {out: 10}\n"
                          "  - relu\n"
                          "  -\n"
                          "    - 1\n"
                          "    - {z: 2}\n";

static void assert_same_nodes(dstn_node a, dstn_node b) {
    assert_int_equal(dstn_node_get_kind(a), dstn_node_get_kind(b));
    assert_int_equal(dstn_node_count(a), dstn_node_count(b));
    if (dstn_node_get_kind(a) == DSTN_NODE_SCALAR && *dstn_node_text(a)) {
        assert_string_equal(dstn_node_text(a), dstn_node_text(b));
    }
    for (size_t i = 0; i < dstn_node_count(a); i++) {
        if (dstn_node_get_kind(a) == DSTN_NODE_MAPPING) {
            assert_string_equal(dstn_node_key_at(a, i), dstn_node_key_at(b, i));
        }
        assert_same_nodes(dstn_node_at(a, i), dstn_node_at(b, i));
    }
}

static void text_written_and_read_again_is_the_same_document(void **state) {
    (void)state;
    dstn_doc *doc = parse(zoo);
    char *text = dstn_doc_text(doc);
    dstn_doc *again = parse(text);
    char *text_again = dstn_doc_text(again);
    assert_string_equal(text, text_again);
    assert_same_nodes(dstn_doc_root(doc), dstn_doc_root(again));
    dstn_node root = dstn_doc_root(again);
    assert_string_equal(dstn_node_text(dstn_node_child(root, "lines")), "one\ntwo\n");
    assert_string_equal(dstn_node_text(dstn_node_child(root, "comma")), "a, b [c] {d}");
    assert_string_equal(dstn_node_text(dstn_node_child(dstn_node_child(root, "merged"), "x")), "1");
    assert_string_equal(dstn_node_text(dstn_node_child(dstn_node_child(root, "merged"), "y")), "3");
    free(text);
    free(text_again);
    dstn_doc_destroy(doc);
    dstn_doc_destroy(again);
}

static void a_node_on_one_line_is_yaml_of_the_same_value(void **state) {
    (void)state;
    dstn_doc *doc = parse(zoo);
    char *flow = dstn_node_yaml(dstn_doc_root(doc));
    assert_null(strchr(flow, '\n'));
    dstn_doc *again = parse(flow);
    assert_same_nodes(dstn_doc_root(doc), dstn_doc_root(again));
    free(flow);
    char *nothing = dstn_node_yaml((dstn_node){doc, NULL});
    assert_string_equal(nothing, "");
    free(nothing);
    dstn_doc_destroy(doc);
    dstn_doc_destroy(again);
}

static void block_text_is_written_for_people(void **state) {
    (void)state;
    dstn_doc *doc = parse("{train: {batch: 64, sizes: [1, 2]}, layers: [{linear: {out: 3}}, relu], none: {}}");
    char *text = dstn_doc_text(doc);
    assert_string_equal(text, "train:\n  batch: 64\n  sizes: [1, 2]\nlayers:\n  - linear:\n      out: 3\n  - relu\n"
                              "none: {}\n");
    free(text);
    dstn_doc_destroy(doc);
}

static void nodes_say_what_they_are(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\nb: [x, y]\nc: {d: z}\n");
    dstn_node root = dstn_doc_root(doc), absent = dstn_node_child(root, "nope");
    assert_int_equal(dstn_node_get_kind(root), DSTN_NODE_MAPPING);
    assert_int_equal(dstn_node_count(root), 3);
    assert_string_equal(dstn_node_key_at(root, 1), "b");
    assert_null(dstn_node_key_at(root, 3));
    assert_int_equal(dstn_node_get_kind(dstn_node_child(root, "b")), DSTN_NODE_SEQUENCE);
    assert_string_equal(dstn_node_text(dstn_node_at(dstn_node_child(root, "b"), 1)), "y");
    assert_null(dstn_node_key_at(dstn_node_child(root, "b"), 0));
    assert_null(dstn_node_text(dstn_node_child(root, "c")));
    assert_int_equal(dstn_node_get_kind(absent), DSTN_NODE_NONE);
    assert_int_equal(dstn_node_count(absent), 0);
    assert_null(dstn_node_text(absent));
    assert_null(dstn_node_child(absent, "x").handle);
    assert_null(dstn_node_at(absent, 0).handle);
    dstn_doc_destroy(doc);
    dstn_doc_destroy(NULL);
}

static void assert_place(dstn_node node, const char *place) {
    dstn_error err = {0};
    assert_int_equal(dstn_node_fail(node, &err, "is %d", 5), DSTN_ERROR_USAGE);
    assert_string_equal(err.message, place);
}

static void messages_name_file_line_and_path(void **state) {
    (void)state;
    dstn_doc *doc = parse("# head\na: 1\nb:\n  c:\n    - x\n    - d: 5\n      e:\n        6\n  f: {}\n");
    dstn_node root = dstn_doc_root(doc), c = dstn_node_child(dstn_node_child(root, "b"), "c");
    assert_place(dstn_node_child(root, "a"), "conf/a.yaml:2: a: is 5");
    assert_place(dstn_node_child(root, "b"), "conf/a.yaml:3: b: is 5");
    assert_place(dstn_node_at(c, 0), "conf/a.yaml:5: b.c.0: is 5");
    assert_place(dstn_node_at(c, 1), "conf/a.yaml:6: b.c.1: is 5");
    assert_place(dstn_node_child(dstn_node_at(c, 1), "d"), "conf/a.yaml:6: b.c.1.d: is 5");
    assert_place(dstn_node_child(dstn_node_at(c, 1), "e"), "conf/a.yaml:7: b.c.1.e: is 5");
    assert_place(dstn_node_child(dstn_node_child(root, "b"), "f"), "conf/a.yaml:9: b.f: is 5");
    assert_place(root, "conf/a.yaml:2: is 5");
    assert_place(dstn_node_child(root, "nope"), "conf/a.yaml: is 5");
    assert_place((dstn_node){NULL, NULL}, "is 5");
    dstn_doc_destroy(doc);
}

static void assert_resolved(dstn_node node, const char *path, const char *want) {
    char *got = dstn_doc_resolve_path(node, path);
    assert_string_equal(got, want);
    free(got);
}

static void paths_are_relative_to_the_document(void **state) {
    (void)state;
    dstn_doc *doc = parse("a: 1\n"), *bare = NULL, *top = NULL;
    dstn_error err;
    assert_int_equal(dstn_doc_parse("a: 1\n", "a.yaml", &bare, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse("a: 1\n", "/a.yaml", &top, &err), DSTN_OK);
    assert_resolved(dstn_doc_root(doc), "data/x.csv", "conf/data/x.csv");
    assert_resolved(dstn_doc_root(doc), "/data/x.csv", "/data/x.csv");
    assert_resolved(dstn_node_child(dstn_doc_root(doc), "nope"), "x.csv", "conf/x.csv");
    assert_resolved(dstn_doc_root(bare), "x.csv", "x.csv");
    assert_resolved(dstn_doc_root(top), "x.csv", "/x.csv");
    dstn_doc_destroy(doc);
    dstn_doc_destroy(bare);
    dstn_doc_destroy(top);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax_errors_name_file_and_line),
        cmocka_unit_test(duplicate_keys_name_file_and_line),
        cmocka_unit_test(documents_that_are_no_mapping_are_refused),
        cmocka_unit_test(what_a_config_cannot_hold_is_refused),
        cmocka_unit_test(text_that_is_no_utf8_is_refused_with_its_line),
        cmocka_unit_test(aliases_are_copies_and_merged_keys_give_way),
        cmocka_unit_test(a_key_that_stands_twice_is_named_with_both_lines),
        cmocka_unit_test(an_anchor_that_is_set_again_stands_for_the_later_value),
        cmocka_unit_test(many_keys_are_read_and_found_in_no_time),
        cmocka_unit_test(aliases_of_aliases_cannot_use_up_memory),
        cmocka_unit_test(explicit_keys_with_tabs_are_refused),
        cmocka_unit_test(a_missing_file_is_a_usage_error_with_the_reason),
        cmocka_unit_test(a_long_file_is_read_whole),
        cmocka_unit_test(a_binary_file_is_refused),
        cmocka_unit_test(text_written_and_read_again_is_the_same_document),
        cmocka_unit_test(a_node_on_one_line_is_yaml_of_the_same_value),
        cmocka_unit_test(block_text_is_written_for_people),
        cmocka_unit_test(nodes_say_what_they_are),
        cmocka_unit_test(messages_name_file_line_and_path),
        cmocka_unit_test(paths_are_relative_to_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
