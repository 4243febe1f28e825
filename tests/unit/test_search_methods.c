/* Search methods at work: that each answers from its history alone, and that successive halving and population-based
 * training do what their rules say, whatever the order in which members end and whatever becomes of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "search_driver.h"

static const dstn_search_method *method_of(const char *name) {
    const dstn_search_method *method = NULL;
    for (size_t i = 0; (method = dstn_search_method_at(i)) && strcmp(method->name, name) != 0; i++) {
    }
    assert_non_null(method);
    return method;
}

/* Best in the middle of the first coordinate, and better the longer; some trials are equal. */
static double bowl(const dstn_proposal *proposal) {
    double x = proposal->point ? proposal->point[0] : 0;
    return round(40 * fabs(x - 0.5)) / 40 + 1.0 / (1.0 + (double)proposal->place[1]);
}

/* ---- all methods ------------------------------------------------------------------------------------------------- */

static void every_method_answers_from_its_history_alone(void **state) {
    (void)state;
    const dstn_search_method *method;
    for (size_t i = 0; (method = dstn_search_method_at(i)); i++) {
        for (int64_t groups = 1; groups <= 3; groups++) {
            driver d = {.seed = 5 + (uint64_t)groups, .diverged = 0.1, .failed = 0.1, .objective = bowl};
            driver_open(&d, method, method->example);
            driver_launch(&d, groups);
            driver_try_again(&d);
            driver_launch(&d, groups);
            assert_true(d.history.count > 0);
            driver_close(&d);
        }
    }
}

/* What an audit relies on where a launch was given more to do: what was asked for before would be asked for still. */
static void more_to_do_changes_nothing_of_what_was_asked(void **state) {
    (void)state;
    static const struct {
        const char *method, *keys, *more;
    } cases[] = {
        {"random", "members: 30\nspace: {a: {low: 0, high: 1}}", "members: 40\nspace: {a: {low: 0, high: 1}}"},
        {"halving", "members: 30\nmost: 9\nspace: {a: {low: 0, high: 1}}",
         "members: 99\nmost: 9\nspace: {a: {low: 0, high: 1}}"},
        {"population", "members: 8\ngenerations: 6\nspace: {a: {low: 0, high: 1}}",
         "members: 8\ngenerations: 11\nspace: {a: {low: 0, high: 1}}"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        driver more = {.objective = bowl};
        driver_open(&more, method_of(cases[c].method), cases[c].more);
        for (int64_t groups = 1; groups <= 8; groups++) {
            driver d = {.seed = 40 + (uint64_t)groups, .diverged = 0.1, .failed = 0.1, .objective = bowl};
            driver_open(&d, more.method, cases[c].keys);
            d.larger = more.search;
            driver_launch(&d, groups);
            driver_close(&d);
        }
        driver_close(&more);
    }
}

/* ---- the rules, slowly ------------------------------------------------------------------------------------------- */

static bool is_measured(const dstn_history *history, int64_t m, int64_t level) {
    return history->proposals[m].place[1] == level &&
           (history->states[m] == DSTN_MEMBER_DONE || history->states[m] == DSTN_MEMBER_DIVERGED);
}

/* Whether measured member a is better than b; those that diverged are worse than all others. */
static bool is_better(const dstn_history *history, int64_t a, int64_t b) {
    bool a_done = history->states[a] == DSTN_MEMBER_DONE, b_done = history->states[b] == DSTN_MEMBER_DONE;
    if (a_done != b_done) {
        return a_done;
    }
    return a_done && history->values[a] != history->values[b] ? history->values[a] < history->values[b] : a < b;
}

static int64_t count_measured(const dstn_history *history, int64_t level) {
    int64_t count = 0;
    for (int64_t m = 0; m < history->count; m++) {
        count += is_measured(history, m, level);
    }
    return count;
}

static int64_t count_better(const dstn_history *history, int64_t than) {
    int64_t count = 0;
    for (int64_t m = 0; m < history->count; m++) {
        count += m != than && is_measured(history, m, history->proposals[than].place[1]) && is_better(history, m, than);
    }
    return count;
}

/* Whether a proposal has been made of this place. */
static bool is_asked(const dstn_history *history, int64_t first, int64_t second) {
    for (int64_t m = 0; m < history->count; m++) {
        if (history->proposals[m].place[0] == first && history->proposals[m].place[1] == second) {
            return true;
        }
    }
    return false;
}

/* ---- successive halving ------------------------------------------------------------------------------------------ */

static const struct halving_case {
    const char *keys;
    int64_t trials, reduction, top;
    double diverged;
} halving_cases[] = {
    {"members: 60\nleast: 2\nmost: 54\nsearch_seed: 3\nspace: {a: {low: 0, high: 1}, b: {low: 1, high: 8}}", 60, 3, 3,
     0.1},
    {"members: 40\nmost: 16\nreduction: 4\nspace: {a: {low: 0, high: 1}}", 40, 4, 2, 0.85},
    {"members: 9\nmost: 1\nspace: {a: {low: 0, high: 1}}", 9, 3, 0, 0.1},
};
static const struct halving_case *now;

/* The member that Algorithm 2 promotes: of the highest rung that has one among its best 1/reduction that has not been,
 * the best. */
static int64_t find_promoted(const dstn_history *history) {
    for (int64_t rung = now->top - 1; rung >= 0; rung--) {
        int64_t found = -1, most = count_measured(history, rung) / now->reduction;
        for (int64_t m = 0; m < history->count; m++) {
            if (history->states[m] == DSTN_MEMBER_DONE && history->proposals[m].place[1] == rung &&
                !is_asked(history, history->proposals[m].place[0], rung + 1) && count_better(history, m) < most &&
                (found < 0 || is_better(history, m, found))) {
                found = m;
            }
        }
        if (found >= 0) {
            return found;
        }
    }
    return -1;
}

static void check_halving(const dstn_history *history, const dstn_proposal *proposal) {
    int64_t promoted = find_promoted(history);
    assert_int_equal(proposal->parent, promoted);
    if (promoted < 0) {
        int64_t trials = 0;
        for (int64_t m = 0; m < history->count; m++) {
            trials += history->proposals[m].place[1] == 0;
        }
        assert_int_equal(proposal->place[0], trials);
        assert_int_equal(proposal->place[1], 0);
        return;
    }
    assert_int_equal(proposal->place[0], history->proposals[promoted].place[0]);
    assert_int_equal(proposal->place[1], history->proposals[promoted].place[1] + 1);
    assert_true(proposal->point[0] == history->proposals[promoted].point[0]);
}

static void halving_promotes_whom_its_rule_says_and_all_of_them(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof halving_cases / sizeof halving_cases[0]; c++) {
        now = &halving_cases[c];
        for (int64_t groups = 1; groups <= 16; groups *= 4) {
            driver d = {.seed = 11 * c + (uint64_t)groups,
                        .diverged = now->diverged,
                        .failed = 0.1,
                        .objective = bowl,
                        .check = check_halving};
            driver_open(&d, method_of("halving"), now->keys);
            for (int launch = 0; launch < 3; launch++) {
                driver_launch(&d, groups);
                assert_int_equal(find_promoted(&d.history), -1);
                d.failed = launch ? 0 : d.failed;
                driver_try_again(&d);
            }
            driver_launch(&d, groups);
            assert_int_equal(driver_count(&d, DSTN_MEMBER_FAILED), 0);
            assert_int_equal(count_measured(&d.history, 0), now->trials);
            for (int64_t m = 0; m < d.history.count; m++) {
                assert_false(d.method->needs(d.search.self, &d.history, m));
            }
            driver_close(&d);
        }
    }
}

static double later_is_worse(const dstn_proposal *proposal) {
    return (double)proposal->place[0];
}

static void halving_has_the_numbers_of_its_rungs(void **state) {
    (void)state;
    static const int64_t numbers[] = {27, 9, 3, 1};
    driver d = {.objective = later_is_worse};
    driver_open(&d, method_of("halving"), "members: 27\nmost: 27\nspace: {a: {low: 0, high: 1}}");
    driver_launch(&d, 1);
    for (int64_t rung = 0; rung < 4; rung++) {
        assert_int_equal(count_measured(&d.history, rung), numbers[rung]);
    }
    assert_int_equal(d.history.count, 40);
    driver_close(&d);
}

static void halving_keeps_what_may_be_promoted_and_no_more(void **state) {
    (void)state;
    driver d = {.objective = later_is_worse};
    driver_open(&d, method_of("halving"), "members: 9\nmost: 9\nspace: {a: {low: 0, high: 1}}");
    for (int m = 0; m < 9; m++) { /* all trials at once: none can be promoted yet */
        assert_int_equal(driver_ask(&d), DSTN_ANSWER_MEMBER);
    }
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_WAIT);
    for (int m = 0; m < 9; m++) {
        d.states[m] = DSTN_MEMBER_DONE;
        d.values[m] = m;
        d.ended[d.history.ended_count++] = m;
    }
    for (int m = 0; m < 9; m++) {
        assert_int_equal(d.method->needs(d.search.self, &d.history, m), m < 3);
    }
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_MEMBER);
    assert_string_equal(d.name_texts[9], "t0000-r1");
    assert_false(d.method->needs(d.search.self, &d.history, 0));
    assert_true(d.method->needs(d.search.self, &d.history, 1));
    while (driver_ask(&d) == DSTN_ANSWER_MEMBER) {
    }
    assert_int_equal(d.history.count, 12);
    for (int m = 9; m < 12; m++) {
        d.states[m] = DSTN_MEMBER_DONE;
        d.values[m] = m;
        d.ended[d.history.ended_count++] = m;
    }
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_MEMBER);
    assert_string_equal(d.name_texts[12], "t0000-r2");
    /* Nothing comes of the last rung. */
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_END);
    driver_close(&d);
}

/* ---- population-based training ----------------------------------------------------------------------------------- */

enum { WORKERS = 20, GENERATIONS = 18 };

static const char *const population_keys =
    "members: 20\ngenerations: 18\ninterval: 2\nsearch_seed: 9\n"
    "space: {a: {low: 0, high: 1}, rate: {low: 1e-4, high: 0.1, scale: log}, n: {low: 0, high: 9, integer: true}, "
    "list: {values: [1, 2, 4, 8]}}";

static struct tally {
    int64_t copies, own, up, down, resampled, lost, best;
} tally;

static void check_altered(double now_at, double before, double low, double high) {
    assert_true(now_at >= low && now_at <= high);
    bool is_up = now_at == fmin(before * 1.2, high), is_down = now_at == fmax(before * 0.8, low);
    tally.up += is_up;
    tally.down += is_down;
    tally.resampled += !is_up && !is_down;
}

static void check_copied(const dstn_history *history, const dstn_proposal *proposal, bool is_lost) {
    const dstn_proposal *parent = &history->proposals[proposal->parent];
    int64_t part = count_measured(history, parent->place[1]) / 4, best = part > 0 ? part : 1;
    assert_int_equal(parent->place[1], proposal->place[1] - 1);
    assert_int_not_equal(parent->place[0], proposal->place[0]);
    assert_true(count_better(history, proposal->parent) < (is_lost ? best : part));
    check_altered(proposal->point[0], parent->point[0], 0, 1);
    check_altered(proposal->point[1], parent->point[1], 1e-4, 0.1);
    assert_true(proposal->point[2] == round(proposal->point[2]) && proposal->point[2] >= 0 && proposal->point[2] <= 9);
    assert_true(log2(proposal->point[3]) == round(log2(proposal->point[3])) && proposal->point[3] <= 8);
    tally.copies++;
    tally.best += count_better(history, proposal->parent) == 0;
}

static void check_population(const dstn_history *history, const dstn_proposal *proposal) {
    int64_t worker = proposal->place[0], generation = proposal->place[1], own = -1;
    for (int64_t m = 0; m < history->count; m++) {
        own = history->proposals[m].place[0] == worker ? m : own;
    }
    if (generation == 0) {
        assert_int_equal(own, -1);
        assert_int_equal(proposal->parent, -1);
        return;
    }
    assert_int_equal(history->proposals[own].place[1], generation - 1);
    assert_int_not_equal(history->states[own], DSTN_MEMBER_QUEUED);
    bool is_lost = history->states[own] != DSTN_MEMBER_DONE;
    int64_t count = count_measured(history, generation - 1), part = count / 4;
    tally.lost += is_lost;
    if (is_lost || count_better(history, own) >= count - part) {
        check_copied(history, proposal, is_lost);
        return;
    }
    assert_int_equal(proposal->parent, own);
    assert_memory_equal(proposal->point, history->proposals[own].point, 4 * sizeof(double));
    tally.own++;
}

static void bad_workers_of_a_population_go_on_from_good_ones_with_altered_points(void **state) {
    (void)state;
    tally = (struct tally){0};
    for (int64_t groups = 1; groups <= WORKERS; groups += 9) {
        driver d = {.seed = 70 + (uint64_t)groups,
                    .diverged = 0.03,
                    .failed = 0.03,
                    .objective = bowl,
                    .check = check_population};
        driver_open(&d, method_of("population"), population_keys);
        driver_launch(&d, groups);
        assert_int_equal(d.history.count, WORKERS * GENERATIONS);
        driver_try_again(&d);
        d.failed = 0;
        driver_launch(&d, groups);
        /* More generations may be wanted: the last ones stay, and they alone. */
        for (int64_t m = 0; m < d.history.count; m++) {
            bool is_last = d.proposals[m].place[1] == GENERATIONS - 1 && d.states[m] == DSTN_MEMBER_DONE;
            assert_int_equal(d.method->needs(d.search.self, &d.history, m), is_last);
        }
        driver_close(&d);
    }
    int64_t altered = 2 * tally.copies;
    assert_true(tally.copies > 200 && tally.own > 500 && tally.lost > 20);
    assert_int_equal(tally.up + tally.down + tally.resampled, altered);
    assert_true(fabs((double)tally.resampled / (double)altered - 0.25) < 0.05);
    assert_true(fabs((double)tally.up / (double)altered - 0.375) < 0.05);
    assert_true(tally.best > 0 && tally.best < tally.copies / 2);
}

/* Members as they would be without any that ends badly. */
static void tell_done(driver *d, int64_t m, double value) {
    d->states[m] = DSTN_MEMBER_DONE;
    d->values[m] = value;
    d->ended[d->history.ended_count++] = m;
}

static void a_worker_that_came_to_nothing_waits_for_another(void **state) {
    (void)state;
    driver d = {.objective = bowl};
    driver_open(&d, method_of("population"), "members: 4\ngenerations: 3\nspace: {a: {low: 0, high: 1}}");
    for (int m = 0; m < 4; m++) {
        assert_int_equal(driver_ask(&d), DSTN_ANSWER_MEMBER);
    }
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_WAIT);
    d.states[2] = DSTN_MEMBER_DIVERGED;
    d.ended[d.history.ended_count++] = 2;
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_WAIT);
    tell_done(&d, 3, 0.5);
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_MEMBER);
    assert_string_equal(d.name_texts[4], "w02-g0001");
    assert_int_equal(d.proposals[4].parent, 3);
    /* Another's point is altered, one's own is not; one of few is not bad yet. */
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_MEMBER);
    assert_string_equal(d.name_texts[5], "w03-g0001");
    assert_true(d.proposals[5].point[0] == d.proposals[3].point[0]);
    /* All of a generation lost is the end. */
    d.states[0] = d.states[1] = d.states[3] = d.states[4] = d.states[5] = DSTN_MEMBER_FAILED;
    d.values[3] = NAN;
    assert_int_equal(driver_ask(&d), DSTN_ANSWER_END);
    driver_close(&d);
}

/* ---- members and what is refused --------------------------------------------------------------------------------- */

static void assert_last_setting(const driver *d, const int64_t place[2], const char *yaml, int settings) {
    double point[] = {0.25, 3};
    const dstn_proposal proposal = {.parent = -1, .place = {place[0], place[1]}, .point = point};
    dstn_member member = {0};
    d->method->describe(d->search.self, 0, &proposal, &member);
    assert_int_equal(member.setting_count, settings);
    assert_string_equal(member.settings[0].yaml, "0.25");
    assert_string_equal(member.settings[settings - 1].path, "train.iterations");
    assert_string_equal(member.settings[settings - 1].yaml, yaml);
    for (int i = 0; i < settings; i++) {
        free(member.settings[i].path);
        free(member.settings[i].yaml);
    }
    free(member.labels[0]);
    free(member.labels[1]);
    free(member.labels);
    free(member.settings);
}

static void members_are_as_long_as_their_rung_or_generation(void **state) {
    (void)state;
    driver d = {.objective = bowl};
    driver_open(&d, method_of("halving"),
                "members: 16\nleast: 5\nmost: 80\nreduction: 4\nlength: train.iterations\n"
                "space: {a: {low: 0, high: 1}, b: {low: 0, high: 9}}");
    assert_last_setting(&d, (int64_t[2]){3, 0}, "5", 3);
    assert_last_setting(&d, (int64_t[2]){3, 2}, "80", 3);
    driver_close(&d);
    driver_open(&d, method_of("population"),
                "members: 9\ninterval: 50\ngenerations: 4\nlength: train.iterations\nspace: {a: {low: 0, high: 1}}");
    assert_last_setting(&d, (int64_t[2]){3, 0}, "50", 2);
    assert_last_setting(&d, (int64_t[2]){3, 3}, "200", 2);
    driver_close(&d);
}

static void assert_refused(const char *keys, const char *place, const char *word) {
    char *text = dstn_format("base: b.yaml\n%s\nspace: {optimizer.rate: {low: 1, high: 2}}\n", keys);
    dstn_doc *doc = NULL;
    dstn_sweep_plan *plan = NULL;
    dstn_error err;
    assert_int_equal(dstn_doc_parse(text, "s.yaml", &doc, &err), DSTN_OK);
    assert_int_equal(dstn_sweep_plan_read(dstn_doc_root(doc), &plan, &err), DSTN_ERROR_USAGE);
    if (!strstr(err.message, place) || !strstr(err.message, word)) {
        fail_msg("no \"%s\" or no \"%s\" in: %s", place, word, err.message);
    }
    dstn_doc_destroy(doc);
    free(text);
}

static void numbers_that_make_no_search_are_refused_at_their_line(void **state) {
    (void)state;
    assert_refused("search: halving\nmembers: 9\nmost: 20", "s.yaml:4: most", "accepted: 9 or 27");
    assert_refused("search: halving\nmembers: 9\nleast: 4\nmost: 2", "s.yaml:5: most", "below least");
    assert_refused("search: halving\nmembers: 9\nmost: 9\nreduction: 1", "s.yaml:5: reduction", "2 to");
    assert_refused("search: halving\nmembers: 26\nmost: 27", "s.yaml:3: members", "at least 27");
    assert_refused("search: halving\nmembers: 600000\nmost: 9", "s.yaml:3: members", "too many");
    assert_refused("search: halving\nmembers: 9\nmost: 9\nlength: optimizer", "s.yaml:5: length", "optimizer.rate");
    assert_refused("search: halving\nmembers: 9\nmost: 9\nlength: train..epochs", "s.yaml:5: length", "empty key");
    assert_refused("search: halving\nmembers: 9", "most", "missing");
    assert_refused("search: population\nmembers: 9\ngenerations: 2\nobjective: best_valid_loss", "s.yaml:5: objective",
                   "accepted: valid_loss");
    assert_refused("search: population\nmembers: 3\ngenerations: 2", "s.yaml:3: members", "at least 4");
    assert_refused("search: population\nmembers: 9\nquantile: 0.1\ngenerations: 2", "s.yaml:3: members", "at least 10");
    assert_refused("search: population\nmembers: 9\ngenerations: 2\nquantile: 0.6", "s.yaml:5: quantile", "0.5");
    assert_refused("search: population\nmembers: 9\ngenerations: 2\nfactors: [1.2, 0]", "s.yaml:5: factors", "above 0");
    assert_refused("search: population\nmembers: 9\ngenerations: 2\nfactors: []", "s.yaml:5: factors", "no factor");
    assert_refused("search: population\nmembers: 9\ngenerations: 500000", "s.yaml:4: generations", "too many");
    assert_refused("search: population\nmembers: 9\ngenerations: 2\nlength: optimizer.rate", "s.yaml:5: length",
                   "optimizer.rate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_answers_from_its_history_alone),
        cmocka_unit_test(more_to_do_changes_nothing_of_what_was_asked),
        cmocka_unit_test(halving_promotes_whom_its_rule_says_and_all_of_them),
        cmocka_unit_test(halving_has_the_numbers_of_its_rungs),
        cmocka_unit_test(halving_keeps_what_may_be_promoted_and_no_more),
        cmocka_unit_test(bad_workers_of_a_population_go_on_from_good_ones_with_altered_points),
        cmocka_unit_test(a_worker_that_came_to_nothing_waits_for_another),
        cmocka_unit_test(members_are_as_long_as_their_rung_or_generation),
        cmocka_unit_test(numbers_that_make_no_search_are_refused_at_their_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
