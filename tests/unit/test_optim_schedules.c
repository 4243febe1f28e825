/* optim: learning rates from epoch to epoch, what schedules remember, and configs of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "dstn/optim.h"

/* A schedule and the config that it is from. */
typedef struct fixture {
    dstn_doc *doc;
    dstn_schedule *schedule;
    dstn_error err;
    dstn_status status;
} fixture;

static fixture make(const char *section) {
    fixture f = {0};
    assert_int_equal(dstn_doc_parse(section, "job.yaml", &f.doc, &f.err), DSTN_OK);
    dstn_node node = dstn_node_child(dstn_doc_root(f.doc), "optimizer");
    f.status = dstn_schedule_read(node, "optimizer", "sgd", &f.schedule, &f.err);
    return f;
}

static fixture make_good(const char *section) {
    fixture f = make(section);
    if (f.status != DSTN_OK) {
        fail_msg("%s", f.err.message);
    }
    return f;
}

static void destroy(fixture *f) {
    dstn_schedule_destroy(f->schedule);
    dstn_doc_destroy(f->doc);
}

static void assert_near(double got, double want) {
    if (!(fabs(got - want) <= 1e-14 * fabs(want))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

/* Follows validation losses from `rate` on; returns the rate after the last. */
static double follow(dstn_schedule *schedule, double rate, const double *losses, int first_epoch, int count) {
    for (int i = 0; i < count; i++) {
        rate = dstn_schedule_next(schedule, first_epoch + i, rate, losses[i]);
    }
    return rate;
}

static void a_section_without_schedule_keeps_its_rate(void **state) {
    (void)state;
    fixture f = make_good("optimizer: {rate: 0.5, momentum: 0.9}\n");
    assert_string_equal(dstn_schedule_name(f.schedule), "constant");
    assert_false(dstn_schedule_needs_validation(f.schedule));
    assert_true(dstn_schedule_next(f.schedule, 1, 0.5, NAN) == 0.5);
    assert_true(dstn_schedule_next(f.schedule, 1000, 0.25, 3) == 0.25);
    dstn_state list = {0};
    dstn_schedule_add_state(f.schedule, "s", &list);
    assert_int_equal(list.count, 0);
    destroy(&f);
}

static void steps_fall_after_their_epochs_and_not_before(void **state) {
    (void)state;
    fixture f = make_good("optimizer: {rate: 0.1, schedule: step, milestones: [60, 120, 180], factor: 0.2}\n");
    const struct {
        int64_t epochs;
        double rate;
    } cases[] = {{1, 0.1}, {59, 0.1}, {60, 0.02}, {119, 0.02}, {120, 0.004}, {180, 0.0008}, {400, 0.0008}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_near(dstn_schedule_next(f.schedule, cases[i].epochs, 0.1, NAN), cases[i].rate);
    }
    destroy(&f);
    f = make_good("optimizer: {rate: 0.1, schedule: step, milestones: 3}\n");
    assert_near(dstn_schedule_next(f.schedule, 3, 0.1, NAN), 0.01);
    destroy(&f);
}

static void a_plateau_of_its_patience_lowers_the_rate(void **state) {
    (void)state;
    fixture f = make_good("optimizer: {rate: 8, schedule: plateau, factor: 0.25, patience: 2}\n");
    assert_true(dstn_schedule_needs_validation(f.schedule));
    const double losses[] = {5, 4, 4, 3, 3.5, 3, 3.1, 2, 9};
    const double rates[] = {8, 8, 8, 8, 8, 2, 2, 2, 2};
    double rate = 8;
    for (int i = 0; i < 9; i++) {
        rate = dstn_schedule_next(f.schedule, i + 1, rate, losses[i]);
        assert_true(rate == rates[i]);
    }
    assert_true(dstn_schedule_next(f.schedule, 10, rate, 9) == 0.5);
    destroy(&f);
}

static void a_loss_that_is_not_known_is_no_progress(void **state) {
    (void)state;
    fixture f = make_good("optimizer: {rate: 1, schedule: plateau, factor: 0.5, patience: 3}\n");
    const double losses[] = {NAN, INFINITY, NAN, 7, NAN, NAN, NAN};
    assert_true(follow(f.schedule, 1, losses, 1, 2) == 1);
    assert_true(follow(f.schedule, 1, losses + 2, 3, 1) == 0.5); /* three without a loss */
    assert_true(follow(f.schedule, 0.5, losses + 3, 4, 3) == 0.5);
    assert_true(follow(f.schedule, 0.5, losses + 6, 7, 1) == 0.25);
    destroy(&f);
}

static void the_least_rate_is_never_gone_below(void **state) {
    (void)state;
    fixture f = make_good("optimizer: {rate: 1, schedule: plateau, factor: 0.1, patience: 1, min_rate: 0.03}\n");
    const double losses[] = {1, 1, 1, 1};
    assert_near(follow(f.schedule, 1, losses, 1, 2), 0.1);
    assert_true(follow(f.schedule, 0.1, losses, 3, 1) == 0.03);
    assert_true(follow(f.schedule, 0.03, losses, 4, 1) == 0.03);
    assert_true(follow(f.schedule, 0.01, losses, 5, 1) == 0.01); /* nor is it raised to it */
    destroy(&f);
}

static void assert_refused(const char *section, const char *part) {
    fixture f = make(section);
    assert_int_equal(f.status, DSTN_ERROR_USAGE);
    if (!strstr(f.err.message, part)) {
        fail_msg("\"%s\" does not say \"%s\"", f.err.message, part);
    }
    dstn_doc_destroy(f.doc);
}

static void mistakes_are_named(void **state) {
    (void)state;
    assert_refused("optimizer: {rate: 1, schedule: platau}\n", "did you mean \"plateau\"?");
    assert_refused("optimizer: {rate: 1, schedule: cosine_annealing}\n", "accepted: constant, step, plateau");
    assert_refused("optimizer: {rate: 1, schedule: step}\n", "milestones: missing");
    assert_refused("optimizer: {rate: 1, schedule: step, milestone: [3]}\n", "did you mean \"milestones\"?");
    assert_refused("optimizer: {rate: 1, schedule: step, milestones: [3, 3]}\n", "3 comes after 3");
    assert_refused("optimizer: {rate: 1, schedule: step, milestones: [0]}\n", "milestones");
    assert_refused("optimizer: {rate: 1, patience: 3}\n", "unknown key");
    assert_refused("optimizer: {rate: 1, schedule: plateau, factor: 1.5}\n", "factor");
    assert_refused("optimizer: {rate: 1, schedule: plateau, patience: 0}\n", "patience");
}

/* The optimizer's own reader must pass by the schedule's keys, and still find those that nobody has. */
static void an_optimizer_reads_beside_its_schedule(void **state) {
    (void)state;
    const dstn_kernel *kernel;
    dstn_error err;
    dstn_doc *doc;
    dstn_optimizer *optimizer;
    dstn_arena *arena = dstn_arena_new();
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &kernel, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse("a: {rate: 0.3, schedule: step, milestones: [1], factor: 0.5, clip: 2}\n"
                                    "b: {rate: 0.3, schedule: step, milestones: [1], momentun: 0.5}\n",
                                    "job.yaml", &doc, &err),
                     DSTN_OK);
    dstn_node a = dstn_node_child(dstn_doc_root(doc), "a"), b = dstn_node_child(dstn_doc_root(doc), "b");
    assert_int_equal(dstn_optimizer_read(a, "a", "sgd", kernel, 3, arena, &optimizer, &err), DSTN_OK);
    assert_true(dstn_optimizer_rate(optimizer) == 0.3 && dstn_optimizer_clip(optimizer) == 2);
    dstn_optimizer_destroy(optimizer);
    assert_int_equal(dstn_optimizer_read(b, "b", "sgd", kernel, 3, arena, &optimizer, &err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(err.message, "did you mean \"momentum\"?"));
    dstn_doc_destroy(doc);
    dstn_arena_destroy(arena);
}

/* ---- averages ---------------------------------------------------------------------------------------------------- */

/* The least loss of those more than two epochs back: none, none, none, 5, 4, 3, 3. */
static void averaging_begins_where_the_loss_no_longer_falls(void **state) {
    (void)state;
    const double losses[] = {5, 4, 3, 4.5, 3.6, 3, 3.1};
    dstn_averaging *averaging = dstn_averaging_new(2);
    for (int e = 0; e < 7; e++) {
        assert_int_equal(dstn_averaging_is_due(averaging, losses[e]), e == 6);
    }
    dstn_averaging_destroy(averaging);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(averaging_begins_where_the_loss_no_longer_falls),
        cmocka_unit_test(a_section_without_schedule_keeps_its_rate),
        cmocka_unit_test(steps_fall_after_their_epochs_and_not_before),
        cmocka_unit_test(a_plateau_of_its_patience_lowers_the_rate),
        cmocka_unit_test(a_loss_that_is_not_known_is_no_progress),
        cmocka_unit_test(the_least_rate_is_never_gone_below),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(an_optimizer_reads_beside_its_schedule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
