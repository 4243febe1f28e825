/* Bayesian optimization by its asks: what it proposes of histories that go well, go wrong, or say nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../src/search/methods.h"

enum { MOST = 64, MOST_COORDINATES = 3 };

/* A search and what it has asked for. */
typedef struct fixture {
    const dstn_search_method *method;
    dstn_doc *doc;
    void *settings;
    dstn_search search;
    dstn_history history;
    dstn_proposal proposals[MOST];
    dstn_member_state states[MOST];
    double values[MOST], points[MOST][MOST_COORDINATES];
    int64_t ended[MOST];
} fixture;

static const char *const plane = "space:\n  a: {low: 0, high: 1}\n  b: {low: 0, high: 1}\n";
static const char *const bowl = "space:\n  a: {low: -2, high: 4}\n  b: {low: 1e-4, high: 1, scale: log}\n";

static void open_search(fixture *f, const char *space, const char *more) {
    dstn_error err;
    char *text = dstn_format("%s%s", space, more);
    memset(f, 0, sizeof *f);
    f->history = (dstn_history){.proposals = f->proposals, .states = f->states, .values = f->values, .ended = f->ended};
    assert_int_equal(dstn_doc_parse(text, "s.yaml", &f->doc, &err), DSTN_OK);
    free(text);
    dstn_node root = dstn_doc_root(f->doc);
    assert_int_equal(search_method_find("bayesian", root, &f->method, &err), DSTN_OK);
    f->settings = dstn_alloc(1, f->method->settings_size);
    const dstn_binding binding = {f->method->options, f->settings};
    if (dstn_options_read(root, "", &binding, 1, &err) || f->method->init(root, f->settings, &f->search, &err)) {
        fail_msg("%s", err.message);
    }
}

static void close_search(fixture *f) {
    f->method->destroy(f->search.self);
    free(f->settings);
    dstn_doc_destroy(f->doc);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* A member that is still to come. */
static bool ask(fixture *f) {
    int64_t i = f->history.count;
    assert_true(i < MOST);
    f->proposals[i].point = f->points[i];
    dstn_answer answer = f->method->ask(f->search.self, &f->history, &f->proposals[i]);
    if (answer != DSTN_ANSWER_MEMBER) {
        assert_int_equal(answer, DSTN_ANSWER_END);
        return false;
    }
    assert_int_equal(f->proposals[i].parent, -1);
    for (int j = 0; j < f->search.dimensions; j++) {
        assert_true(isfinite(f->points[i][j]));
    }
    f->states[i] = DSTN_MEMBER_QUEUED;
    f->values[i] = NAN;
    f->history.count++;
    return true;
}

static void end(fixture *f, int64_t i, dstn_member_state state, double value) {
    f->states[i] = state;
    f->values[i] = value;
    f->ended[f->history.ended_count++] = i;
    f->method->tell(f->search.self, &f->history);
}

/* A member that another search might have asked for. */
static void add(fixture *f, double a, double b, dstn_member_state state, double value) {
    int64_t i = f->history.count++;
    f->proposals[i] = (dstn_proposal){.parent = -1, .point = f->points[i]};
    f->points[i][0] = a;
    f->points[i][1] = b;
    end(f, i, state, value);
}

static double value_of(const double *point) {
    double a = (point[0] - 1.3) / 6, b = (log(point[1]) - log(0.02)) / log(1e4);
    return 3 + 40 * (a * a + b * b + 0.5 * a * b);
}

static void run(fixture *f, int members) {
    for (int i = 0; i < members; i++) {
        assert_true(ask(f));
        end(f, f->history.count - 1, DSTN_MEMBER_DONE, value_of(f->points[i]));
    }
}

static bool is_same_point(const fixture *a, const fixture *b, int64_t i) {
    return memcmp(a->points[i], b->points[i], sizeof a->points[i]) == 0;
}

/* ---- what it finds ----------------------------------------------------------------------------------------------- */

static void least_value_of_a_bowl_is_found(void **state) {
    (void)state;
    fixture f;
    open_search(&f, bowl, "members: 20\n");
    run(&f, 20);
    double least = INFINITY;
    for (int i = 0; i < 20; i++) {
        least = fmin(least, f.values[i]);
        assert_true(f.points[i][0] >= -2 && f.points[i][0] <= 4 && f.points[i][1] >= 1e-4 && f.points[i][1] <= 1);
    }
    if (!(least - 3 < 2e-5)) {
        fail_msg("%g is left after 20 members", least - 3);
    }
    assert_false(ask(&f));
    close_search(&f);
}

static void initial_members_lie_in_all_parts_of_every_coordinate(void **state) {
    (void)state;
    fixture f;
    open_search(&f, plane, "members: 8\ninitial: 8\n");
    bool taken[2][8] = {{false}};
    for (int i = 0; i < 8; i++) {
        assert_true(ask(&f));
        for (int j = 0; j < 2; j++) {
            int part = (int)(8 * f.points[i][j]);
            assert_false(taken[j][part]);
            taken[j][part] = true;
        }
    }
    close_search(&f);
}

/* The least value lies at the upper end, where the climbs of every ask would lead. */
static void no_member_is_trained_beside_another_one(void **state) {
    (void)state;
    fixture f;
    open_search(&f, "space:\n  a: {low: 1e-4, high: 0.1, scale: log}\n", "members: 14\n");
    int at_end = 0;
    for (int i = 0; i < 14; i++) {
        assert_true(ask(&f));
        for (int k = 0; k < i; k++) {
            assert_true(fabs(log(f.points[i][0] / f.points[k][0])) >= 0.99e-4 * log(1000));
        }
        at_end += f.points[i][0] == 0.1;
        end(&f, i, DSTN_MEMBER_DONE, -log(f.points[i][0]));
    }
    assert_int_equal(at_end, 1);
    close_search(&f);
}

/* ---- the same again ---------------------------------------------------------------------------------------------- */

static void an_ask_is_a_function_of_the_history_to_the_bit(void **state) {
    (void)state;
    fixture f, again, other;
    open_search(&f, bowl, "members: 20\n");
    run(&f, 8);
    assert_true(ask(&f) && ask(&f));
    open_search(&again, bowl, "members: 20\n");
    /* The last ask of a search that asked for nothing else. */
    again.history.count = 9;
    again.history.ended_count = 8;
    memcpy(again.points, f.points, sizeof f.points);
    memcpy(again.values, f.values, sizeof f.values);
    memcpy(again.states, f.states, sizeof f.states);
    memcpy(again.ended, f.ended, sizeof f.ended);
    for (int i = 0; i < 9; i++) {
        again.proposals[i] = (dstn_proposal){.parent = -1, .point = again.points[i]};
    }
    assert_true(ask(&again));
    assert_true(is_same_point(&f, &again, 9));
    open_search(&other, bowl, "members: 20\nsearch_seed: 1\n");
    run(&other, 8);
    for (int i = 0; i < 8; i++) {
        assert_false(is_same_point(&f, &other, i));
    }
    close_search(&f);
    close_search(&again);
    close_search(&other);
}

/* Values that differ by a power of two are the same when they are standardized, to the bit. */
static void values_of_any_size_give_the_same_proposals(void **state) {
    (void)state;
    static const double factors[] = {1, 0x1p900, 0x1p-900};
    fixture f[3];
    for (int i = 0; i < 3; i++) {
        open_search(&f[i], plane, "members: 20\n");
        add(&f[i], 0.1, 0.8, DSTN_MEMBER_DONE, 1.5 * factors[i]);
        add(&f[i], 0.7, 0.4, DSTN_MEMBER_DONE, 0.2 * factors[i]);
        add(&f[i], 0.4, 0.1, DSTN_MEMBER_DONE, 0.9 * factors[i]);
        assert_true(ask(&f[i]));
        assert_true(is_same_point(&f[0], &f[i], 3));
    }
    for (int i = 0; i < 3; i++) {
        close_search(&f[i]);
    }
}

/* ---- members still to come --------------------------------------------------------------------------------------- */

static void members_under_way_at_once_lie_apart(void **state) {
    (void)state;
    fixture f;
    open_search(&f, bowl, "members: 20\n");
    run(&f, 8);
    for (int i = 8; i < 13; i++) {
        assert_true(ask(&f));
        for (int k = 8; k < i; k++) {
            double a = (f.points[i][0] - f.points[k][0]) / 6, b = log(f.points[i][1] / f.points[k][1]) / log(1e4);
            if (!(sqrt(a * a + b * b) > 0.01)) {
                fail_msg("members %d and %d are %g apart", k, i, sqrt(a * a + b * b));
            }
        }
    }
    close_search(&f);
}

/* More are asked for than the initial design has, and no result is there yet. */
static void without_results_the_search_goes_on_at_random(void **state) {
    (void)state;
    fixture f;
    open_search(&f, plane, "members: 20\n");
    for (int i = 0; i < 10; i++) {
        assert_true(ask(&f));
        for (int k = 0; k < i; k++) {
            assert_false(memcmp(f.points[i], f.points[k], sizeof f.points[i]) == 0);
        }
    }
    close_search(&f);
}

/* ---- results that are none --------------------------------------------------------------------------------------- */

static void diverged_and_failed_members_count_as_the_worst_value(void **state) {
    (void)state;
    static const double bad[] = {7, NAN, INFINITY, NAN};
    static const dstn_member_state states[] = {DSTN_MEMBER_DONE, DSTN_MEMBER_DIVERGED, DSTN_MEMBER_DONE,
                                               DSTN_MEMBER_FAILED};
    fixture f[4];
    for (int i = 0; i < 4; i++) {
        open_search(&f[i], plane, "members: 20\n");
        add(&f[i], 0.9, 0.9, states[i], bad[i]);
        add(&f[i], 0.1, 0.8, DSTN_MEMBER_DONE, 7);
        add(&f[i], 0.7, 0.4, DSTN_MEMBER_DONE, 2);
        add(&f[i], 0.3, 0.2, DSTN_MEMBER_DONE, 4);
        assert_true(ask(&f[i]));
        assert_true(is_same_point(&f[0], &f[i], 4));
    }
    for (int i = 0; i < 4; i++) {
        close_search(&f[i]);
    }
}

static void histories_that_say_nothing_give_new_points_all_the_same(void **state) {
    (void)state;
    for (int kind = 0; kind < 4; kind++) {
        fixture f;
        open_search(&f, plane, "members: 40\n");
        for (int i = 0; i < 12; i++) {
            bool is_lost = kind == 0;
            double at = kind == 1 ? 0.5 : (i + 0.5) / 12, value = kind == 2 ? 3.25 : i % 3;
            add(&f, at, kind == 3 ? 0 : at, is_lost ? DSTN_MEMBER_DIVERGED : DSTN_MEMBER_DONE, is_lost ? NAN : value);
        }
        for (int i = 0; i < 3; i++) {
            assert_true(ask(&f));
            const double *x = f.points[12 + i];
            assert_true(x[0] >= 0 && x[0] <= 1 && x[1] >= 0 && x[1] <= 1);
            /* Where no value differs there is something to be learnt far from the diagonal that they lie on. */
            assert_true(kind % 2 || fabs(x[0] - x[1]) > 0.3);
            assert_false(x[0] == 0.5 && x[1] == 0.5);
        }
        close_search(&f);
    }
}

/* ---- coordinates of few values ----------------------------------------------------------------------------------- */

static void a_space_of_few_points_is_searched_once(void **state) {
    (void)state;
    fixture f;
    open_search(&f, "space:\n  a: {values: [1, 4, 16]}\n  b: {low: 2, high: 5, integer: true}\n", "members: 40\n");
    bool seen[3][4] = {{false}};
    for (int i = 0; i < 12; i++) {
        assert_true(ask(&f));
        double a = f.points[i][0], b = f.points[i][1];
        assert_true((a == 1 || a == 4 || a == 16) && (b == 2 || b == 3 || b == 4 || b == 5));
        bool *at = &seen[a == 1 ? 0 : a == 4 ? 1 : 2][(int)b - 2];
        assert_false(*at);
        *at = true;
        end(&f, i, DSTN_MEMBER_DONE, a + b);
    }
    assert_false(ask(&f));
    close_search(&f);
}

static void a_mixed_space_finds_its_best_integer(void **state) {
    (void)state;
    fixture f;
    open_search(&f, "space:\n  a: {low: 0, high: 1}\n  b: {low: 0, high: 9, integer: true}\n", "members: 18\n");
    double least = INFINITY;
    for (int i = 0; i < 18; i++) {
        assert_true(ask(&f));
        double a = f.points[i][0] - 0.7, b = f.points[i][1] - 6.4, value = 4 * a * a + 0.1 * b * b;
        assert_true(f.points[i][1] == round(f.points[i][1]));
        least = fmin(least, value);
        end(&f, i, DSTN_MEMBER_DONE, value);
    }
    if (!(least - 0.016 < 1e-4)) {
        fail_msg("%g is left after 18 members", least - 0.016);
    }
    close_search(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_value_of_a_bowl_is_found),
        cmocka_unit_test(initial_members_lie_in_all_parts_of_every_coordinate),
        cmocka_unit_test(no_member_is_trained_beside_another_one),
        cmocka_unit_test(an_ask_is_a_function_of_the_history_to_the_bit),
        cmocka_unit_test(values_of_any_size_give_the_same_proposals),
        cmocka_unit_test(members_under_way_at_once_lie_apart),
        cmocka_unit_test(without_results_the_search_goes_on_at_random),
        cmocka_unit_test(diverged_and_failed_members_count_as_the_worst_value),
        cmocka_unit_test(histories_that_say_nothing_give_new_points_all_the_same),
        cmocka_unit_test(a_space_of_few_points_is_searched_once),
        cmocka_unit_test(a_mixed_space_finds_its_best_integer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
