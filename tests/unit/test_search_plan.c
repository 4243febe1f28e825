/* Sweep files: the members they stand for, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dstn/search.h"

static dstn_doc *parse(const char *text) {
    dstn_error err;
    dstn_doc *doc = NULL;
    if (dstn_doc_parse(text, "jobs/sweeps/s.yaml", &doc, &err)) {
        fail_msg("%s", err.message);
    }
    return doc;
}

static dstn_sweep_plan *plan_of(dstn_doc *doc) {
    dstn_error err;
    dstn_sweep_plan *plan = NULL;
    if (dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err)) {
        fail_msg("%s", err.message);
    }
    return plan;
}

static void assert_setting(const dstn_member *member, int i, const char *path, const char *yaml) {
    assert_true(i < member->setting_count);
    assert_string_equal(member->settings[i].path, path);
    assert_string_equal(member->settings[i].yaml, yaml);
}

/* The text must be refused as usage, with a message that has all of the words (ended by NULL). */
static void assert_refused(const char *text, ...) {
    dstn_doc *doc = parse(text);
    dstn_sweep_plan *plan = (dstn_sweep_plan *)&text;
    dstn_error err;
    assert_int_equal(dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err), DSTN_ERROR_USAGE);
    assert_null(plan);
    va_list words;
    va_start(words, text);
    for (const char *word; (word = va_arg(words, const char *));) {
        if (!strstr(err.message, word)) {
            fail_msg("no \"%s\" in: %s", word, err.message);
        }
    }
    va_end(words);
    dstn_doc_destroy(doc);
}

static const char *const three_axes = "base: ../toys/ridge.yaml\n"
                                      "set: {train.iterations: 5000, data.split_seed: 3}\n"
                                      "axes:\n"
                                      "  dataset:\n"
                                      "    boston: {data.path: b.csv, data.target: medv}\n"
                                      "    ames: {data.path: a.csv}\n"
                                      "  method: [stn, delta-stn, fixed]\n"
                                      "  seed: {from: 4, count: 2}\n";

static void members_are_the_product_with_the_first_axis_slowest(void **state) {
    (void)state;
    static const char *const names[] = {
        "boston-stn-4", "boston-stn-5", "boston-delta-stn-4", "boston-delta-stn-5", "boston-fixed-4", "boston-fixed-5",
        "ames-stn-4",   "ames-stn-5",   "ames-delta-stn-4",   "ames-delta-stn-5",   "ames-fixed-4",   "ames-fixed-5"};
    dstn_doc *doc = parse(three_axes);
    dstn_sweep_plan *plan = plan_of(doc);
    assert_int_equal(plan->axis_count, 3);
    assert_string_equal(plan->axes[0], "dataset");
    assert_string_equal(plan->axes[2], "seed");
    assert_int_equal(plan->count, 12);
    for (int m = 0; m < 12; m++) {
        assert_string_equal(plan->members[m].name, names[m]);
    }
    assert_string_equal(plan->members[9].labels[0], "ames");
    assert_string_equal(plan->members[9].labels[1], "delta-stn");
    assert_string_equal(plan->members[9].labels[2], "5");
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void settings_for_all_come_first_and_then_the_axes_in_order(void **state) {
    (void)state;
    dstn_doc *doc = parse(three_axes);
    dstn_sweep_plan *plan = plan_of(doc);
    const dstn_member *member = &plan->members[3];
    assert_int_equal(member->setting_count, 6);
    assert_setting(member, 0, "train.iterations", "5000");
    assert_setting(member, 1, "data.split_seed", "3");
    assert_setting(member, 2, "data.path", "b.csv");
    assert_setting(member, 3, "data.target", "medv");
    assert_setting(member, 4, "method", "delta-stn");
    assert_setting(member, 5, "seed", "5");
    assert_int_equal(plan->members[6].setting_count, 5);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void base_is_relative_to_the_sweep_file_and_one_rank_trains_a_member(void **state) {
    (void)state;
    dstn_doc *doc = parse(three_axes);
    dstn_sweep_plan *plan = plan_of(doc);
    assert_string_equal(plan->base, "jobs/sweeps/../toys/ridge.yaml");
    assert_int_equal(plan->ranks_per_member, 1);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
    doc = parse("base: /a/b.yaml\nranks_per_member: 8\naxes: {seed: [1]}");
    plan = plan_of(doc);
    assert_string_equal(plan->base, "/a/b.yaml");
    assert_int_equal(plan->ranks_per_member, 8);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void a_list_sets_the_dotted_path_that_its_axis_is_named_after(void **state) {
    (void)state;
    dstn_doc *doc = parse("base: b.yaml\naxes: {optimizer.rate: [0.01, 1e-3], x: ['5', -2]}");
    dstn_sweep_plan *plan = plan_of(doc);
    assert_int_equal(plan->count, 4);
    assert_string_equal(plan->members[2].name, "1e-3-5");
    assert_setting(&plan->members[2], 0, "optimizer.rate", "1e-3");
    assert_setting(&plan->members[2], 1, "x", "\"5\"");
    assert_setting(&plan->members[1], 1, "x", "-2");
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void counting_begins_at_zero_or_below(void **state) {
    (void)state;
    dstn_doc *doc = parse("base: b.yaml\naxes: {seed: {count: 2}, shift: {from: -1, count: 2}}");
    dstn_sweep_plan *plan = plan_of(doc);
    assert_string_equal(plan->members[0].name, "0--1");
    assert_string_equal(plan->members[3].name, "1-0");
    assert_setting(&plan->members[0], 1, "shift", "-1");
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void labels_may_be_from_and_count_and_have_no_or_nested_settings(void **state) {
    (void)state;
    dstn_doc *doc = parse("base: b.yaml\naxes: {kind: {from: {}, count: {optimizer: {name: adam, rate: 0.1}}}}");
    dstn_sweep_plan *plan = plan_of(doc);
    assert_int_equal(plan->count, 2);
    assert_string_equal(plan->members[0].name, "from");
    assert_int_equal(plan->members[0].setting_count, 0);
    assert_setting(&plan->members[1], 0, "optimizer", "{name: adam, rate: 0.1}");
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void applying_a_member_lets_later_axes_override(void **state) {
    (void)state;
    dstn_error err;
    dstn_doc *doc = parse("base: b.yaml\nset: {train.batch: 1}\n"
                          "axes:\n  size: {big: {train.batch: 2, data.path: d/x.csv}}\n"
                          "  train.batch: [3]\n  seed: {from: 7, count: 1}\n");
    dstn_sweep_plan *plan = plan_of(doc);
    dstn_doc *config = parse("train: {batch: 9, iterations: 50}");
    assert_int_equal(dstn_member_apply(&plan->members[0], config, &err), DSTN_OK);
    dstn_node root = dstn_doc_root(config), train = dstn_node_child(root, "train");
    assert_string_equal(dstn_node_text(dstn_node_child(train, "batch")), "3");
    assert_string_equal(dstn_node_text(dstn_node_child(train, "iterations")), "50");
    assert_string_equal(dstn_node_text(dstn_node_child(root, "seed")), "7");
    dstn_doc_destroy(config);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

/* A data set named in a sweep file lies beside that file, not in the folder the program was started in. */
static void paths_in_an_applied_member_are_relative_to_the_sweep_file(void **state) {
    (void)state;
    dstn_error err;
    dstn_doc *doc = parse("base: b.yaml\naxes: {dataset: {boston: {data.path: ../data/b.csv}}}");
    dstn_sweep_plan *plan = plan_of(doc);
    dstn_doc *config = NULL;
    assert_int_equal(dstn_doc_parse("data: {path: other.csv}", "elsewhere/r.yaml", &config, &err), DSTN_OK);
    assert_int_equal(dstn_member_apply(&plan->members[0], config, &err), DSTN_OK);
    dstn_node value = dstn_node_child(dstn_node_child(dstn_doc_root(config), "data"), "path");
    char *path = dstn_doc_resolve_path(value, dstn_node_text(value));
    assert_string_equal(path, "jobs/sweeps/../data/b.csv");
    dstn_node_fail(value, &err, "is missing");
    assert_non_null(strstr(err.message, "jobs/sweeps/s.yaml:2: "));
    free(path);
    dstn_doc_destroy(config);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void applying_a_path_through_a_value_is_refused(void **state) {
    (void)state;
    dstn_error err;
    dstn_doc *doc = parse("base: b.yaml\naxes: {data.path.name: [x]}");
    dstn_sweep_plan *plan = plan_of(doc);
    dstn_doc *config = parse("data: {path: other.csv}");
    assert_int_equal(dstn_member_apply(&plan->members[0], config, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "data.path"));
    dstn_doc_destroy(config);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void keys_of_the_file_are_checked(void **state) {
    (void)state;
    assert_refused("axes: {seed: [1]}", "s.yaml", "base", "missing", NULL);
    assert_refused("base: b.yaml\naxis: {seed: [1]}", "s.yaml:2", "axis", "axes", NULL);
    assert_refused("base: b.yaml\nranks_per_member: 0\naxes: {seed: [1]}", "s.yaml:2", "ranks_per_member", "1", NULL);
    assert_refused("base: b.yaml\nset: [1]\naxes: {seed: [1]}", "s.yaml:2", "set", "no mapping", NULL);
    assert_refused("base: b.yaml\nset: {a..b: 1}\naxes: {seed: [1]}", "s.yaml:2", "a..b", "a.b.c", NULL);
}

static void a_sweep_without_axes_or_with_an_empty_one_is_refused(void **state) {
    (void)state;
    assert_refused("base: b.yaml", "s.yaml", "axes", "missing", NULL);
    assert_refused("base: b.yaml\naxes: {}", "s.yaml:2", "axes", "no axis", NULL);
    assert_refused("base: b.yaml\naxes: [seed]", "s.yaml:2", "axes", "no axis", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: []", "s.yaml:3", "axes.seed", "empty axis", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: {}", "s.yaml:3", "axes.seed", "empty axis", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: {from: 1, count: 0}", "s.yaml:3", "axes.seed.count", "1 to", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: {from: 1}", "s.yaml:3", "count", "missing", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: {from: 1, cuont: 3}", "cuont", "did you mean \"count\"", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: 3", "s.yaml:3", "axes.seed", "single value", NULL);
    assert_refused("base: b.yaml\naxes:\n  dataset: {a: b.csv}", "s.yaml:3", "axes.dataset.a", "mapping", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed:\n  - 1\n  - [2]", "s.yaml:5", "axes.seed.1", "single value", NULL);
}

static void labels_that_are_no_folder_names_are_refused(void **state) {
    (void)state;
    assert_refused("base: b.yaml\naxes:\n  path: [a/b]", "s.yaml:3", "axes.path.0", "a/b", NULL);
    assert_refused("base: b.yaml\naxes:\n  path: ['a b']", "axes.path.0", "a b", NULL);
    assert_refused("base: b.yaml\naxes:\n  path: ['']", "axes.path.0", "empty", NULL);
    assert_refused("base: b.yaml\naxes:\n  path: [..]", "axes.path.0", "..", NULL);
    assert_refused("base: b.yaml\naxes:\n  path: {.: {}}", "begins with a dot", NULL);
    assert_refused("base: b.yaml\naxes:\n  optimizer.rate: [0.1, .01]", "axes.optimizer.rate.1", ".01", "dot", NULL);
    assert_refused("base: b.yaml\naxes:\n  a/b: {x: {}}", "axis name", "a/b", NULL);
    assert_refused("base: b.yaml\naxes:\n  a..b: [1]", "a..b", NULL);
}

static void two_members_of_one_name_are_refused(void **state) {
    (void)state;
    assert_refused("base: b.yaml\naxes:\n  seed: [1, 2, 1]", "s.yaml:3", "axes.seed.2", "twice", NULL);
    assert_refused("base: b.yaml\naxes:\n  a: [x, x-y]\n  b: [y-z, z]", "axes", "x-y-z", NULL);
}

/* Equal runs would look like several results. */
static void two_labels_that_set_the_same_are_refused_with_both_names(void **state) {
    (void)state;
    static const char *const axes[] = {
        "optimizer.rate: [1e-2, 0.5, 0.01]",
        "seed: {1e-2: {a: 1}, 0.01: {a: +01}}",
        "k: {1e-2: {a.b: 1, c: 2}, x: {a.b: 2}, 0.01: {c: 2.0, a.b: 1e0}}",
        "k: {1e-2: {}, 0.01: {}}",
        "k: {1e-2: {a: {b: 1, c: [2, 3]}}, 0.01: {a: {c: [2, 3e0], b: 1}}}",
        "k: {1e-2: {data.mean: [0.5]}, 0.01: {data.mean: 0.5}}",
        "k: {1e-2: {train.batch: ~}, 0.01: {train.batch: null}}",
    };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        char *text = dstn_format("base: b.yaml\naxes:\n  %s", axes[i]);
        assert_refused(text, "s.yaml:3: axes.", "\"1e-2\" and \"0.01\"", "the same settings", NULL);
        free(text);
    }
}

static void labels_that_set_different_things_are_not_taken_for_the_same(void **state) {
    (void)state;
    static const char *const axes[] = {
        "data.target: [1, 01, 1.0]",                        /* names of columns */
        "k: {a: {train: {batch: 1}}, b: {train.batch: 1}}", /* the first takes away all else */
        "k: {a: {x: [1, 2]}, b: {x: [12]}, c: {x: '1, 2'}}",
        "k: {a: {x: {y: 1}}, b: {x: {y: 1, z: ~}}}",
        "k: {a: {x: ~}, b: {x: '~'}, c: {}}",
        "seed: [9007199254740993, 9007199254740992]",
        "k: {a: {x: 'ab', y: c}, b: {x: a, y: 'bc'}}",
    };
    for (size_t i = 0; i < sizeof axes / sizeof *axes; i++) {
        char *text = dstn_format("base: b.yaml\naxes:\n  %s", axes[i]);
        dstn_doc *doc = parse(text);
        dstn_sweep_plan_destroy(plan_of(doc));
        dstn_doc_destroy(doc);
        free(text);
    }
}

static void members_that_become_equal_by_a_later_axis_are_refused_with_both_names(void **state) {
    (void)state;
    assert_refused("base: b.yaml\naxes:\n  a: {x: {train.batch: 1}, y: {train.batch: 2}}\n  train.batch: [3, 4]",
                   "s.yaml:2: axes", "\"x-3\" and \"y-3\"", NULL);
    assert_refused("base: b.yaml\naxes:\n  seed: [1, 2]\n  a: {x: {train.batch: 1}, y: {train.batch: 2}}\n"
                   "  b: {z: {train: {epochs: 1}}}",
                   "\"1-x-z\" and \"1-y-z\"", NULL);
    dstn_doc *doc = parse("base: b.yaml\naxes:\n  a: {x: {train.batch: 1}, y: {train.batch: 2}}\n"
                          "  b: {u: {train.batch: 3, seed: 1}, v: {seed: 1}}");
    dstn_sweep_plan *plan = NULL;
    dstn_error err;
    assert_int_equal(dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "\"x-u\" and \"y-u\""));
    dstn_doc_destroy(doc);
    doc = parse("base: b.yaml\naxes:\n  a: {x: {train.batch: 1, z: 1}, y: {train.batch: 2}}\n  train.batch: [3, 4]");
    dstn_sweep_plan_destroy(plan_of(doc));
    dstn_doc_destroy(doc);
}

/* What compares every label with every other takes minutes here. */
static void many_labels_by_hand_are_read_in_no_time(void **state) {
    (void)state;
    enum { LABELS = 100000 };
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    fputs("base: b.yaml\naxes:\n  size:\n", out);
    for (int i = 0; i < LABELS; i++) {
        fprintf(out, "    label_%d: {train.batch: %d}\n", i, i);
    }
    fclose(out);
    clock_t start = clock();
    dstn_doc *doc = parse(text);
    dstn_sweep_plan *plan = plan_of(doc);
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    assert_int_equal(plan->count, LABELS);
    assert_int_equal(dstn_sweep_plan_find(plan, "label_99999"), LABELS - 1);
    assert_true(seconds < 20);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
    free(text);
}

static void members_beyond_the_limit_are_refused_before_they_are_made(void **state) {
    (void)state;
    assert_refused("base: b.yaml\naxes: {a: {count: 1000000}, b: {count: 2}}", "axes", "1000000", NULL);
    assert_refused("base: b.yaml\naxes: {a: {count: 1000000}, b: {count: 1000000}, c: {count: 1000000}}", "1000000",
                   NULL);
    assert_refused("base: b.yaml\naxes: {a: {from: 9007199254740992, count: 2}}", "2^53", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_the_product_with_the_first_axis_slowest),
        cmocka_unit_test(settings_for_all_come_first_and_then_the_axes_in_order),
        cmocka_unit_test(base_is_relative_to_the_sweep_file_and_one_rank_trains_a_member),
        cmocka_unit_test(a_list_sets_the_dotted_path_that_its_axis_is_named_after),
        cmocka_unit_test(counting_begins_at_zero_or_below),
        cmocka_unit_test(labels_may_be_from_and_count_and_have_no_or_nested_settings),
        cmocka_unit_test(applying_a_member_lets_later_axes_override),
        cmocka_unit_test(paths_in_an_applied_member_are_relative_to_the_sweep_file),
        cmocka_unit_test(applying_a_path_through_a_value_is_refused),
        cmocka_unit_test(keys_of_the_file_are_checked),
        cmocka_unit_test(a_sweep_without_axes_or_with_an_empty_one_is_refused),
        cmocka_unit_test(labels_that_are_no_folder_names_are_refused),
        cmocka_unit_test(two_members_of_one_name_are_refused),
        cmocka_unit_test(two_labels_that_set_the_same_are_refused_with_both_names),
        cmocka_unit_test(labels_that_set_different_things_are_not_taken_for_the_same),
        cmocka_unit_test(members_that_become_equal_by_a_later_axis_are_refused_with_both_names),
        cmocka_unit_test(many_labels_by_hand_are_read_in_no_time),
        cmocka_unit_test(members_beyond_the_limit_are_refused_before_they_are_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
