/* optim: what every optimizer and every schedule of the tables must do: the same on all kernels, on ranges of any
 * length, downhill, and on from a restored state as if there had been no stop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "dstn/optim.h"

enum { MOST = 37, STEPS = 12 };

/* A section `optimizer:` with a type's example options, or a schedule's. */
static dstn_doc *section_of(const char *optimizer, const char *schedule, const char *options, double rate) {
    dstn_doc *doc;
    dstn_error err;
    char *text = dstn_format("optimizer: %s\n", options), rate_text[64];
    snprintf(rate_text, sizeof rate_text, "optimizer.rate=%g", rate);
    char *name = dstn_format("optimizer.name=%s", optimizer), *plan = dstn_format("optimizer.schedule=%s", schedule);
    if (dstn_doc_parse(text, "job.yaml", &doc, &err) || dstn_doc_set(doc, rate_text, &err) ||
        dstn_doc_set(doc, name, &err) || dstn_doc_set(doc, plan, &err)) {
        fail_msg("%s", err.message);
    }
    free(text);
    free(name);
    free(plan);
    return doc;
}

static void copy_state(const dstn_state *from, const dstn_state *to) {
    assert_int_equal(from->count, to->count);
    for (size_t e = 0; e < from->count; e++) {
        assert_string_equal(from->entries[e].name, to->entries[e].name);
        memcpy(to->entries[e].data, from->entries[e].data, dstn_state_bytes(&from->entries[e]));
    }
}

/* ---- optimizers -------------------------------------------------------------------------------------------------- */

/* An optimizer on its way down the bowl Σ ½ c_i (w_i − t_i)². */
typedef struct descent {
    dstn_doc *doc;
    dstn_arena *arena;
    const dstn_kernel *kernel;
    dstn_optimizer *optimizer;
    int64_t count;
    void *w, *g; /* [count] */
} descent;

static double curvature(int64_t i) {
    return 0.1 + 0.3 * (double)i;
}

static double target(int64_t i) {
    return sin((double)i);
}

static descent begin(const dstn_optimizer_type *type, const dstn_kernel *kernel, int64_t count, double rate) {
    descent d = {.doc = section_of(type->name, "constant", type->example, rate),
                 .arena = dstn_arena_new(),
                 .kernel = kernel,
                 .count = count};
    dstn_error err;
    dstn_node node = dstn_node_child(dstn_doc_root(d.doc), "optimizer");
    if (dstn_optimizer_read(node, "optimizer", "none", kernel, count, d.arena, &d.optimizer, &err)) {
        fail_msg("%s: %s", type->name, err.message);
    }
    double start[MOST];
    for (int64_t i = 0; i < count; i++) {
        start[i] = cos(3 * (double)i);
    }
    d.w = dstn_arena_take(d.arena, MOST * kernel->size);
    d.g = dstn_arena_take(d.arena, MOST * kernel->size);
    kernel->from_double(kernel, count, start, d.w);
    return d;
}

static void end(descent *d) {
    dstn_optimizer_destroy(d->optimizer);
    dstn_arena_destroy(d->arena);
    dstn_doc_destroy(d->doc);
}

static void where(const descent *d, double *w) {
    d->kernel->to_double(d->kernel, d->count, d->w, w);
}

static double height(const descent *d) {
    double w[MOST], sum = 0;
    where(d, w);
    for (int64_t i = 0; i < d->count; i++) {
        sum += 0.5 * curvature(i) * (w[i] - target(i)) * (w[i] - target(i));
    }
    return sum;
}

/* One step with `larger` times the gradient, and a factor that takes it back. */
static void step(descent *d, double larger) {
    double w[MOST], g[MOST];
    where(d, w);
    for (int64_t i = 0; i < d->count; i++) {
        g[i] = larger * curvature(i) * (w[i] - target(i));
    }
    d->kernel->from_double(d->kernel, d->count, g, d->g);
    dstn_optimizer_step(d->optimizer, 1 / larger, d->g, d->w);
}

/* Calls a check with every optimizer on every kernel. */
static void walk(void (*check)(const dstn_optimizer_type *type, const dstn_kernel *kernel)) {
    const dstn_optimizer_type *type;
    const dstn_kernel *kernel;
    for (size_t i = 0; (type = dstn_optimizer_type_at(i)) != NULL; i++) {
        for (int k = 0; (kernel = dstn_kernel_at(k)) != NULL; k++) {
            conformance_enter("optimizer %s, kernel %s %s", type->name, kernel->backend,
                              dstn_scalar_name(kernel->scalar));
            check(type, kernel);
        }
    }
    conformance_end();
}

static const dstn_kernel *reference(void) {
    const dstn_kernel *kernel;
    dstn_error err;
    assert_int_equal(dstn_kernel_find("reference", DSTN_F64, &kernel, &err), DSTN_OK);
    return kernel;
}

static void check_kernel(const dstn_optimizer_type *type, const dstn_kernel *kernel) {
    descent got = begin(type, kernel, MOST, 0.01), want = begin(type, reference(), MOST, 0.01);
    double w[2][MOST], tolerance = kernel->scalar == DSTN_F64 ? 1e-13 : 2e-5;
    for (int t = 0; t < STEPS; t++) {
        step(&got, 1);
        step(&want, 1);
    }
    where(&got, w[0]);
    where(&want, w[1]);
    for (int i = 0; i < MOST; i++) {
        conformance_expect(fabs(w[0][i] - w[1][i]) <= tolerance, "element %d is %.10g, in f64 %.10g", i, w[0][i],
                           w[1][i]);
    }
    end(&got);
    end(&want);
}

static void every_kernel_agrees_with_f64(void **state) {
    (void)state;
    walk(check_kernel);
}

/* Clipping scales by a factor that is a power of two here, so that nothing is rounded. */
static void check_factor(const dstn_optimizer_type *type, const dstn_kernel *kernel) {
    descent plain = begin(type, kernel, MOST, 0.01), scaled = begin(type, kernel, MOST, 0.01);
    for (int t = 0; t < STEPS; t++) {
        step(&plain, 1);
        step(&scaled, 4);
    }
    conformance_expect(memcmp(plain.w, scaled.w, MOST * kernel->size) == 0,
                       "4 g at factor 1/4 is another step than g at factor 1");
    end(&plain);
    end(&scaled);
}

static void the_factor_multiplies_the_gradient_first(void **state) {
    (void)state;
    walk(check_factor);
}

static void check_descent(const dstn_optimizer_type *type, const dstn_kernel *kernel) {
    const int64_t counts[] = {1, 2, MOST};
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        descent d = begin(type, kernel, counts[c], 1e-3);
        double before = height(&d), now;
        for (int t = 0; t < STEPS; t++, before = now) {
            step(&d, 1);
            now = height(&d);
            conformance_expect(now < before, "step %d on %d parameters goes from %.10g to %.10g", t + 1, (int)counts[c],
                               before, now);
        }
        end(&d);
    }
}

static void small_steps_go_downhill(void **state) {
    (void)state;
    walk(check_descent);
}

static void check_rest(const dstn_optimizer_type *type, const dstn_kernel *kernel) {
    descent d = begin(type, kernel, MOST, 0);
    double start[MOST], w[MOST];
    where(&d, start);
    step(&d, 1);
    step(&d, 1);
    where(&d, w);
    conformance_expect(memcmp(w, start, sizeof w) == 0, "parameters move at rate 0");
    end(&d);
    d = begin(type, kernel, 0, 0.1);
    double canary = 3;
    kernel->from_double(kernel, 1, &canary, d.w);
    step(&d, 1);
    kernel->to_double(kernel, 1, d.w, &canary);
    conformance_expect(canary == 3, "a range of no parameters is written to");
    end(&d);
}

static void rate_0_and_empty_ranges_change_nothing(void **state) {
    (void)state;
    walk(check_rest);
}

static void check_restart(const dstn_optimizer_type *type, const dstn_kernel *kernel) {
    for (int cut = 0; cut <= STEPS; cut++) {
        descent whole = begin(type, kernel, MOST, 0.01), fresh = begin(type, kernel, MOST, 0.5);
        dstn_state from = {0}, to = {0};
        dstn_optimizer_add_state(whole.optimizer, "optimizer/x", &from);
        dstn_optimizer_add_state(fresh.optimizer, "optimizer/x", &to);
        for (int t = 0; t < STEPS; t++) {
            if (t == cut) {
                dstn_optimizer_set_rate(whole.optimizer, 0.02);
                copy_state(&from, &to);
                memcpy(fresh.w, whole.w, MOST * kernel->size);
            }
            step(&whole, 1);
            if (t >= cut) {
                step(&fresh, 1);
            }
        }
        conformance_expect(cut == STEPS || memcmp(whole.w, fresh.w, MOST * kernel->size) == 0,
                           "goes elsewhere after a restart at step %d", cut);
        conformance_expect(from.count == 2 + (size_t)type->moments && dstn_state_find(&from, "optimizer/x/time") &&
                               dstn_state_find(&from, "optimizer/x/rate"),
                           "has %zu entries of state", from.count);
        dstn_state_clear(&from);
        dstn_state_clear(&to);
        end(&whole);
        end(&fresh);
    }
}

static void a_restored_optimizer_goes_on_bit_for_bit(void **state) {
    (void)state;
    walk(check_restart);
}

/* ---- schedules --------------------------------------------------------------------------------------------------- */

enum { EPOCHS = 14 };

/* Falls, stays, is not known, rises, falls again. */
static const double losses[EPOCHS] = {4, 2, 3, 3, 2.5, NAN, 3, 1.5, 1.5, 1.5, 1.5, 2, 0.5, 0.75};

typedef struct course {
    dstn_doc *doc;
    dstn_schedule *schedule;
    double rate;
} course;

static course begin_course(const dstn_schedule_type *type) {
    course c = {.doc = section_of("sgd", type->name, type->example, 0.5), .rate = 0.5};
    dstn_error err;
    dstn_node node = dstn_node_child(dstn_doc_root(c.doc), "optimizer");
    if (dstn_schedule_read(node, "optimizer", "sgd", &c.schedule, &err)) {
        fail_msg("%s: %s", type->name, err.message);
    }
    return c;
}

static void end_course(course *c) {
    dstn_schedule_destroy(c->schedule);
    dstn_doc_destroy(c->doc);
}

static double next(course *c, int epoch, double loss) {
    return c->rate = dstn_schedule_next(c->schedule, epoch + 1, c->rate, loss);
}

static void walk_schedules(void (*check)(const dstn_schedule_type *type)) {
    const dstn_schedule_type *type;
    for (size_t i = 0; (type = dstn_schedule_type_at(i)) != NULL; i++) {
        conformance_enter("schedule %s", type->name);
        check(type);
    }
    conformance_end();
}

static void check_schedule_restart(const dstn_schedule_type *type) {
    for (int cut = 0; cut < EPOCHS; cut++) {
        course whole = begin_course(type), fresh = begin_course(type);
        dstn_state from = {0}, to = {0};
        dstn_schedule_add_state(whole.schedule, "s", &from);
        dstn_schedule_add_state(fresh.schedule, "s", &to);
        conformance_expect(from.count == (type->memory > 0) && (!from.count || dstn_state_find(&from, "s/memory")),
                           "keeps %d numbers and has %zu entries of state", type->memory, from.count);
        for (int e = 0; e < EPOCHS; e++) {
            if (e == cut) {
                copy_state(&from, &to);
                fresh.rate = whole.rate;
            }
            double want = next(&whole, e, losses[e]);
            conformance_expect(e < cut || next(&fresh, e, losses[e]) == want,
                               "has another rate after epoch %d, restarted after epoch %d", e + 1, cut);
        }
        dstn_state_clear(&from);
        dstn_state_clear(&to);
        end_course(&whole);
        end_course(&fresh);
    }
}

static void a_restored_schedule_goes_on_bit_for_bit(void **state) {
    (void)state;
    walk_schedules(check_schedule_restart);
}

/* Whole parts are evaluated where a schedule says that it needs it, and the loss is NAN elsewhere. */
static void check_validation(const dstn_schedule_type *type) {
    course with = begin_course(type), without = begin_course(type);
    bool differs = false;
    conformance_expect(dstn_schedule_needs_validation(with.schedule) == type->needs_validation,
                       "says otherwise than its type whether it needs the validation loss");
    for (int e = 0; e < EPOCHS; e++) {
        double rate = next(&with, e, losses[e]);
        conformance_expect(isfinite(rate) && rate >= 0, "has the rate %g after epoch %d", rate, e + 1);
        differs = next(&without, e, NAN) != rate || differs;
    }
    conformance_expect(differs == type->needs_validation, "%s the validation loss",
                       differs ? "looks at" : "does not look at");
    end_course(&with);
    end_course(&without);
}

static void rates_depend_on_the_validation_loss_where_they_say_so(void **state) {
    (void)state;
    walk_schedules(check_validation);
}

/* ---- tables ------------------------------------------------------------------------------------------------------ */

static void the_tables_are_whole(void **state) {
    (void)state;
    const dstn_optimizer_type *type;
    for (size_t i = 0; (type = dstn_optimizer_type_at(i)) != NULL; i++) {
        conformance_enter("optimizer %s", type->name);
        conformance_expect(dstn_optimizer_type_find(type->name) == type, "its name finds another");
        conformance_expect(type->update != NULL, "has no update");
    }
    conformance_enter("optimizers");
    conformance_expect(!dstn_optimizer_type_find("sg") && !dstn_optimizer_type_find(""), "an unknown name is found");
    const dstn_schedule_type *schedule;
    for (size_t i = 0; (schedule = dstn_schedule_type_at(i)) != NULL; i++) {
        conformance_enter("schedule %s", schedule->name);
        conformance_expect(schedule->next != NULL, "has no next");
        conformance_expect(schedule->memory >= 0 && schedule->memory <= DSTN_SCHEDULE_MEMORY, "keeps %d numbers",
                           schedule->memory);
        conformance_expect((schedule->memory == 0) == (schedule->start == NULL), "keeps %d numbers and %s",
                           schedule->memory, schedule->start ? "starts them" : "does not start them");
    }
    conformance_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kernel_agrees_with_f64),
        cmocka_unit_test(the_factor_multiplies_the_gradient_first),
        cmocka_unit_test(small_steps_go_downhill),
        cmocka_unit_test(rate_0_and_empty_ranges_change_nothing),
        cmocka_unit_test(a_restored_optimizer_goes_on_bit_for_bit),
        cmocka_unit_test(a_restored_schedule_goes_on_bit_for_bit),
        cmocka_unit_test(rates_depend_on_the_validation_loss_where_they_say_so),
        cmocka_unit_test(the_tables_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
