/* The space that a search method searches: what is read of a sweep file and what is refused, the unit cube, draws, and
 * what is put into a member's config; and the methods that need nothing else, random and grid. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../src/search/space.h"

static dstn_doc *parse(const char *text) {
    dstn_error err;
    dstn_doc *doc = NULL;
    if (dstn_doc_parse(text, "jobs/sweeps/s.yaml", &doc, &err)) {
        fail_msg("%s", err.message);
    }
    return doc;
}

static search_space read_space(dstn_doc *doc) {
    dstn_error err;
    search_space space;
    if (search_space_read(dstn_doc_root(doc), false, &space, &err)) {
        fail_msg("%s", err.message);
    }
    return space;
}

/* A plan of the text must be refused as usage, with a message that has all of the words (ended by NULL). */
static void assert_refused(const char *text, ...) {
    dstn_doc *doc = parse(text);
    dstn_sweep_plan *plan = NULL;
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

#define RANDOM "base: b.yaml\nsearch: random\nmembers: 4\nspace:\n"
#define GRID "base: b.yaml\nsearch: grid\nspace:\n"

static void ranges_without_numbers_are_refused_at_their_line(void **state) {
    (void)state;
    assert_refused("base: b.yaml\nsearch: random\nmembers: 4\n", "s.yaml: space: missing", "accepted", NULL);
    assert_refused("base: b.yaml\nsearch: random\nmembers: 4\nspace: {}\n", "s.yaml:4: space: has no coordinate", NULL);
    assert_refused("base: b.yaml\nsearch: random\nspace: {a: {low: 0, high: 1}}\n", "members", "missing", NULL);
    assert_refused(RANDOM "  a: {low: 0, high: 1}\n  b: {low: 2, high: 2}\n", "s.yaml:6: space.b.high",
                   "2 is not above", NULL);
    assert_refused(RANDOM "  a: {low: 0, high: 1, scale: log}\n", "s.yaml:5: space.a.low", "no logarithm", NULL);
    assert_refused(RANDOM "  a: {low: 0, high: 1, scale: cubic}\n", "cubic", "linear, log", NULL);
    assert_refused(RANDOM "  a: {low: 0.5, high: 4, integer: true}\n", "space.a.low: 0.5", "integers", NULL);
    assert_refused(RANDOM "  a: {low: 0, high: 1e17, integer: true}\n", "space.a.high: 1e+17", "2^53", NULL);
    assert_refused(RANDOM "  a: {low: zero, high: 1}\n", "s.yaml:5: space.a.low", "zero", NULL);
    assert_refused(RANDOM "  a: {low: 0, high: .inf}\n", "space.a.high", "out of range", NULL);
    assert_refused(RANDOM "  a: {low: 0}\n", "s.yaml:5: space.a", "has no range", NULL);
    assert_refused(RANDOM "  a: [0, 1]\n", "s.yaml:5: space.a", "is no range", NULL);
    assert_refused(RANDOM "  a: {low: 0, high: 1, scal: log}\n", "s.yaml:5: space.a", "scal", "did you mean \"scale\"",
                   NULL);
    assert_refused(RANDOM "  a: {low: 0, high: 1, points: 3}\n", "points", "unknown", NULL);
    assert_refused(RANDOM "  a: {values: [1, 3, 2]}\n", "s.yaml:5: space.a.values.2", "2 comes after 3", NULL);
    assert_refused(RANDOM "  a: {values: [1, 1]}\n", "1 comes after 1", NULL);
    assert_refused(RANDOM "  a: {values: [small, large]}\n", "s.yaml:5: space.a.values", "small", NULL);
    assert_refused(RANDOM "  a: {values: [1, 2], low: 0}\n", "s.yaml:5: space.a", "values and a range", NULL);
    assert_refused(RANDOM "  a..b: {low: 0, high: 1}\n", "s.yaml:5", "empty key", NULL);
    assert_refused(RANDOM "  a/b: {low: 0, high: 1}\n", "s.yaml:5", "a/b", NULL);
}

static void a_path_is_searched_once(void **state) {
    (void)state;
    assert_refused(RANDOM "  a.b: {low: 0, high: 1}\n  a.b.c: {low: 0, high: 1}\n", "s.yaml:6", "a.b.c is set by a.b",
                   NULL);
    assert_refused(RANDOM "  a.b.c: {low: 0, high: 1}\n  a.b: {low: 0, high: 1}\n", "s.yaml:6", "a.b is set by a.b.c",
                   NULL);
    dstn_doc *doc = parse("space:\n  a.b: {low: 0, high: 1}\n  a.bc: {low: 0, high: 1}\n  a.c: {values: [1]}\n");
    search_space space = read_space(doc);
    assert_int_equal(space.count, 3);
    assert_string_equal(space.paths[1], "a.bc");
    search_space_clear(&space);
    dstn_doc_destroy(doc);
}

static void a_space_has_up_to_64_coordinates(void **state) {
    (void)state;
    char *text = dstn_strdup(RANDOM);
    for (int i = 0; i < DSTN_MAX_DIMENSIONS + 1; i++) {
        char *longer = dstn_format("%s  a%d: {low: 0, high: 1}\n", text, i);
        free(text);
        text = longer;
    }
    assert_refused(text, "s.yaml:4: space", "65 coordinates", "64", NULL);
    free(text);
}

static const char *const four_kinds = "space:\n"
                                      "  linear: {low: -2, high: 3}\n"
                                      "  log: {low: 1e-4, high: 0.1, scale: log}\n"
                                      "  integer: {low: -1, high: 3, integer: true}\n"
                                      "  list: {values: [64, 128, 256]}\n"
                                      "  octaves: {low: 1, high: 8, integer: true, scale: log}\n";

static void the_unit_interval_covers_a_range_with_its_ends(void **state) {
    (void)state;
    dstn_doc *doc = parse(four_kinds);
    search_space space = read_space(doc);
    static const double lows[] = {-2, 1e-4, -1, 64, 1}, highs[] = {3, 0.1, 3, 256, 8};
    for (int i = 0; i < 5; i++) {
        assert_true(search_space_natural(&space, i, 0) == lows[i]);
        assert_true(search_space_natural(&space, i, 1) == highs[i]);
        assert_true(search_space_natural(&space, i, -3) == lows[i]);
        assert_true(search_space_natural(&space, i, 4) == highs[i]);
        for (double unit = 0; unit <= 1; unit += 1.0 / 256) {
            double natural = search_space_natural(&space, i, unit);
            assert_true(natural >= lows[i] && natural <= highs[i]);
            double back = search_space_natural(&space, i, search_space_unit(&space, i, natural));
            assert_true(fabs(back - natural) <= (i < 2 ? 1e-14 : 0));
        }
    }
    assert_true(fabs(search_space_natural(&space, 0, 0.5) - 0.5) < 1e-15);
    assert_true(fabs(search_space_natural(&space, 1, 1.0 / 3) - 1e-3) < 1e-15);
    assert_true(fabs(search_space_unit(&space, 1, 1e-2) - 2.0 / 3) < 1e-14);
    assert_true(search_space_unit(&space, 0, 99) == 1);
    search_space_clear(&space);
    dstn_doc_destroy(doc);
}

/* How often each number comes up among units in equal steps. */
static void integers_and_listed_values_have_equal_parts(void **state) {
    (void)state;
    enum { STEPS = 60000 };
    dstn_doc *doc = parse(four_kinds);
    search_space space = read_space(doc);
    int integers[5] = {0}, listed[3] = {0}, octaves[9] = {0};
    for (int s = 0; s < STEPS; s++) {
        double unit = (s + 0.5) / STEPS;
        integers[(int)search_space_natural(&space, 2, unit) + 1]++;
        listed[(int)log2(search_space_natural(&space, 3, unit) / 64)]++;
        octaves[(int)search_space_natural(&space, 4, unit)]++;
    }
    for (int i = 0; i < 5; i++) {
        assert_in_range(integers[i], STEPS / 5 - 1, STEPS / 5 + 1);
    }
    for (int i = 0; i < 3; i++) {
        assert_in_range(listed[i], STEPS / 3 - 1, STEPS / 3 + 1);
    }
    for (int n = 1; n <= 8; n++) {
        double part = log((n + 0.5) / (n - 0.5)) / log(8.5 / 0.5);
        assert_true(fabs((double)octaves[n] / STEPS - part) < 1e-4);
    }
    search_space_clear(&space);
    dstn_doc_destroy(doc);
}

/* ---- random search ----------------------------------------------------------------------------------------------- */

static dstn_sweep_plan *plan_of(dstn_doc *doc) {
    dstn_error err;
    dstn_sweep_plan *plan = NULL;
    if (dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err)) {
        fail_msg("%s", err.message);
    }
    return plan;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The largest distance of the members' empirical distribution of setting i from uniform on a scale (Kolmogorov). */
static double distance_from_uniform(const dstn_sweep_plan *plan, int i, double low, double high, bool is_log) {
    double *sorted = dstn_alloc((size_t)plan->count, sizeof *sorted), largest = 0;
    for (int64_t m = 0; m < plan->count; m++) {
        double value = strtod(plan->members[m].settings[i].yaml, NULL);
        sorted[m] = is_log ? log(value / low) / log(high / low) : (value - low) / (high - low);
    }
    qsort(sorted, (size_t)plan->count, sizeof *sorted, ascending);
    for (int64_t m = 0; m < plan->count; m++) {
        largest = fmax(largest, fabs(sorted[m] - ((double)m + 0.5) / (double)plan->count));
    }
    free(sorted);
    return largest;
}

#define RANDOM_OF(MEMBERS, SEED)                                                                                       \
    "base: b.yaml\nsearch: random\nset: {method: fixed}\nmembers: " #MEMBERS "\nsearch_seed: " #SEED "\n"              \
    "space: {a.b: {low: 0, high: 0.85}, rate: {low: 1e-4, high: 0.1, scale: log}, n: {low: 0, high: 4, integer: "      \
    "true}}"

static void random_members_are_uniform_on_their_scales(void **state) {
    (void)state;
    dstn_doc *doc = parse(RANDOM_OF(2000, 7));
    dstn_sweep_plan *plan = plan_of(doc);
    assert_int_equal(plan->count, 2000);
    assert_string_equal(plan->members[0].name, "0000");
    assert_string_equal(plan->members[1999].name, "1999");
    assert_string_equal(plan->members[3].settings[0].path, "method");
    assert_string_equal(plan->members[3].settings[1].path, "a.b");
    /* 1.63/sqrt(2000) is passed by one seed in a hundred. */
    assert_true(distance_from_uniform(plan, 1, 0, 0.85, false) < 0.0364);
    assert_true(distance_from_uniform(plan, 2, 1e-4, 0.1, true) < 0.0364);
    int counts[5] = {0};
    for (int64_t m = 0; m < plan->count; m++) {
        const char *yaml = plan->members[m].settings[3].yaml;
        assert_int_equal(strlen(yaml), 1);
        assert_in_range(yaml[0], '0', '4');
        counts[yaml[0] - '0']++;
    }
    for (int i = 0; i < 5; i++) {
        assert_in_range(counts[i], 330, 470);
    }
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void coordinates_are_drawn_apart_from_each_other(void **state) {
    (void)state;
    enum { DRAWS = 4000, COORDINATES = 5 };
    dstn_doc *doc = parse("space: {a: {low: -1, high: 1}, b: {low: -1, high: 1}, c: {low: -1, high: 1}, "
                          "d: {low: -1, high: 1}, e: {low: -1, high: 1}}");
    search_space space = read_space(doc);
    dstn_rng rng = search_rng(&(search_common){.seed = 4});
    double sums[COORDINATES][COORDINATES] = {{0}}, point[COORDINATES];
    for (int draw = 0; draw < DRAWS; draw++) {
        search_space_draw(&space, rng, (uint64_t)draw, 0, point);
        for (int i = 0; i < COORDINATES; i++) {
            for (int j = 0; j < i; j++) {
                sums[i][j] += 3 * point[i] * point[j] / DRAWS;
            }
        }
    }
    for (int i = 0; i < COORDINATES; i++) {
        for (int j = 0; j < i; j++) {
            assert_true(fabs(sums[i][j]) < 4 / sqrt(DRAWS));
        }
    }
    search_space_clear(&space);
    dstn_doc_destroy(doc);
}

static void more_random_members_leave_the_others_as_they_are(void **state) {
    (void)state;
    dstn_doc *docs[] = {parse(RANDOM_OF(5, 7)), parse(RANDOM_OF(9, 7)), parse(RANDOM_OF(5, 8))};
    dstn_sweep_plan *plans[] = {plan_of(docs[0]), plan_of(docs[1]), plan_of(docs[2])};
    for (int64_t m = 0; m < 5; m++) {
        const char *yaml = plans[0]->members[m].settings[1].yaml;
        assert_string_equal(plans[1]->members[m].settings[1].yaml, yaml);
        assert_string_not_equal(plans[2]->members[m].settings[1].yaml, yaml);
        double value = strtod(yaml, NULL);
        char again[40];
        snprintf(again, sizeof again, "%.17g", value);
        assert_string_equal(yaml, again);
    }
    for (int i = 0; i < 3; i++) {
        dstn_sweep_plan_destroy(plans[i]);
        dstn_doc_destroy(docs[i]);
    }
}

/* ---- the grid ---------------------------------------------------------------------------------------------------- */

static void a_grid_has_all_combinations_with_labels_that_can_be_read(void **state) {
    (void)state;
    static const char *const names[] = {"0.001-8-0",    "0.001-8-2",    "0.001-8-4",   "0.001-16-0",  "0.001-16-2",
                                        "0.001-16-4",   "0.00316-8-0",  "0.00316-8-2", "0.00316-8-4", "0.00316-16-0",
                                        "0.00316-16-2", "0.00316-16-4", "0.01-8-0",    "0.01-8-2",    "0.01-8-4",
                                        "0.01-16-0",    "0.01-16-2",    "0.01-16-4"};
    dstn_doc *doc = parse(GRID "  rate: {low: 1e-3, high: 1e-2, scale: log, points: 3}\n"
                               "  batch: {values: [8, 16]}\n  n: {low: 0, high: 4, integer: true, points: 3}\n");
    dstn_sweep_plan *plan = plan_of(doc);
    assert_int_equal(plan->count, 18);
    assert_int_equal(plan->axis_count, 3);
    assert_string_equal(plan->axes[1], "batch");
    for (int m = 0; m < 18; m++) {
        assert_string_equal(plan->members[m].name, names[m]);
    }
    assert_string_equal(plan->members[17].settings[0].yaml, "0.01");
    assert_string_equal(plan->members[17].settings[1].yaml, "16");
    assert_string_equal(plan->members[17].settings[2].path, "n");
    assert_true(fabs(strtod(plan->members[6].settings[0].yaml, NULL) - sqrt(1e-5)) < 1e-17);
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void labels_of_a_grid_have_the_digits_that_tell_them_apart(void **state) {
    (void)state;
    dstn_doc *doc = parse(GRID "  a: {low: 0.1, high: 0.10001, points: 3}\n  b: {low: -1, high: 1, points: 1}\n");
    dstn_sweep_plan *plan = plan_of(doc);
    assert_int_equal(plan->count, 3);
    assert_string_equal(plan->members[0].name, "0.1-0");
    assert_string_equal(plan->members[1].name, "0.100005-0");
    assert_string_equal(plan->members[2].name, "0.10001-0");
    dstn_sweep_plan_destroy(plan);
    dstn_doc_destroy(doc);
}

static void grids_without_points_or_with_equal_ones_are_refused(void **state) {
    (void)state;
    assert_refused(GRID "  a: {low: 0, high: 1}\n", "s.yaml:4: space.a", "has no points", NULL);
    assert_refused(GRID "  a: {low: 0, high: 2, integer: true, points: 4}\n", "space.a.points", "comes twice", NULL);
    assert_refused(GRID "  a: {low: 0, high: 1, points: 0}\n", "space.a.points", NULL);
    assert_refused(GRID "  a: {values: [1, 2], points: 2}\n", "values and a range", NULL);
    assert_refused(GRID "  a: {low: 0, high: 1, points: 2000}\n  b: {low: 0, high: 1, points: 2000}\n",
                   "too many members", NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_without_numbers_are_refused_at_their_line),
        cmocka_unit_test(a_path_is_searched_once),
        cmocka_unit_test(a_space_has_up_to_64_coordinates),
        cmocka_unit_test(the_unit_interval_covers_a_range_with_its_ends),
        cmocka_unit_test(integers_and_listed_values_have_equal_parts),
        cmocka_unit_test(random_members_are_uniform_on_their_scales),
        cmocka_unit_test(coordinates_are_drawn_apart_from_each_other),
        cmocka_unit_test(more_random_members_leave_the_others_as_they_are),
        cmocka_unit_test(a_grid_has_all_combinations_with_labels_that_can_be_read),
        cmocka_unit_test(labels_of_a_grid_have_the_digits_that_tell_them_apart),
        cmocka_unit_test(grids_without_points_or_with_equal_ones_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
