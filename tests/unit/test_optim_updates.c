/* optim: trajectories against the equations, configs, clipping, state, in both scalar types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dstn/optim.h"

enum { N = 37, STEPS = 25 };

/* An optimizer and all that it stands on. */
typedef struct fixture {
    dstn_doc *doc;
    dstn_arena *arena;
    const dstn_kernel *kernel;
    dstn_optimizer *optimizer;
    dstn_error err;
    dstn_status status;
} fixture;

static fixture make(const char *section, const char *default_name, dstn_scalar scalar, int64_t count) {
    fixture f = {.arena = dstn_arena_new()};
    assert_int_equal(dstn_kernel_find("openblas", scalar, &f.kernel, &f.err), DSTN_OK);
    assert_int_equal(dstn_doc_parse(section, "job.yaml", &f.doc, &f.err), DSTN_OK);
    dstn_node node = dstn_node_child(dstn_doc_root(f.doc), "optimizer");
    f.status = dstn_optimizer_read(node, "optimizer", default_name, f.kernel, count, f.arena, &f.optimizer, &f.err);
    return f;
}

static void destroy(fixture *f) {
    dstn_optimizer_destroy(f->optimizer);
    dstn_arena_destroy(f->arena);
    dstn_doc_destroy(f->doc);
}

/* The gradient of a bowl whose steepness differs by element. */
static double gradient_at(int i, double w) {
    return (0.1 + 0.3 * i) * (w - sin(i));
}

/* One element's update in double, as the header and the usual definitions have it. */
typedef void reference(double *w, double *m, double *v, double g, int t);

static void reference_sgd(double *w, double *m, double *v, double g, int t) {
    (void)v, (void)t;
    *m = 0.9 * *m + g;
    *w -= 0.01 * *m;
}

static void reference_rmsprop(double *w, double *m, double *v, double g, int t) {
    (void)m, (void)t;
    *v = 0.8 * *v + 0.2 * g * g;
    *w -= 0.01 * g / (sqrt(*v) + 1e-3);
}

static void reference_adam(double *w, double *m, double *v, double g, int t) {
    *m = 0.7 * *m + 0.3 * g;
    *v = 0.95 * *v + 0.05 * g * g;
    *w -= 0.01 * (*m / (1 - pow(0.7, t))) / (sqrt(*v / (1 - pow(0.95, t))) + 1e-4);
}

static void follow(const char *section, reference *update, dstn_scalar scalar, double factor, double tolerance) {
    fixture f = make(section, "sgd", scalar, N);
    if (f.status != DSTN_OK) {
        fail_msg("%s", f.err.message);
    }
    double want[N], m[N] = {0}, v[N] = {0}, now[N], gradient[N];
    void *w = dstn_arena_take(f.arena, N * f.kernel->size), *g = dstn_arena_take(f.arena, N * f.kernel->size);
    for (int i = 0; i < N; i++) {
        want[i] = cos(3 * i);
    }
    f.kernel->from_double(f.kernel, N, want, w);
    for (int t = 1; t <= STEPS; t++) {
        f.kernel->to_double(f.kernel, N, w, now);
        for (int i = 0; i < N; i++) {
            gradient[i] = gradient_at(i, now[i]);
            update(&want[i], &m[i], &v[i], factor * gradient_at(i, want[i]), t);
        }
        f.kernel->from_double(f.kernel, N, gradient, g);
        dstn_optimizer_step(f.optimizer, factor, g, w);
    }
    f.kernel->to_double(f.kernel, N, w, now);
    for (int i = 0; i < N; i++) {
        if (!(fabs(now[i] - want[i]) <= tolerance)) {
            fail_msg("element %d: got %.17g, want %.17g", i, now[i], want[i]);
        }
    }
    destroy(&f);
}

static void every_optimizer_follows_its_equations(void **state) {
    (void)state;
    const struct {
        const char *section;
        reference *update;
    } cases[] = {
        {"optimizer: {name: sgd, rate: 0.01, momentum: 0.9}\n", reference_sgd},
        {"optimizer: {name: rmsprop, rate: 0.01, beta: 0.8, epsilon: 1e-3}\n", reference_rmsprop},
        {"optimizer: {name: adam, rate: 0.01, beta1: 0.7, beta2: 0.95, epsilon: 1e-4}\n", reference_adam},
    };
    for (size_t i = 0; i < 3; i++) {
        follow(cases[i].section, cases[i].update, DSTN_F64, 1, 1e-13);
        follow(cases[i].section, cases[i].update, DSTN_F64, 0.25, 1e-13);
        follow(cases[i].section, cases[i].update, DSTN_F32, 0.25, 2e-5);
    }
}

static void the_first_step_shows_the_defaults(void **state) {
    (void)state;
    /* From w = 0 with g = 2 at rate 0.1: sgd −αg; rmsprop −αg/√(0.01 g²) = −10α; adam −α. */
    const struct {
        const char *name;
        double first, second;
    } cases[] = {
        {"sgd", -0.2, -0.4},
        {"rmsprop", -0.1 * 2 / (sqrt(0.04) + 1e-8), -0.1 * 2 / (sqrt(0.04) + 1e-8) - 0.2 / (sqrt(0.0796) + 1e-8)},
        {"adam", -0.1 * 2 / (2 + 1e-8), -0.2 * 2 / (2 + 1e-8)},
    };
    for (size_t i = 0; i < 3; i++) {
        fixture f = make("optimizer: {rate: 0.1}\n", cases[i].name, DSTN_F64, 1);
        double w = 0, g = 2;
        dstn_optimizer_step(f.optimizer, 1, &g, &w);
        assert_true(fabs(w - cases[i].first) < 1e-12);
        g = 2;
        dstn_optimizer_step(f.optimizer, 1, &g, &w);
        assert_true(fabs(w - cases[i].second) < 1e-12);
        assert_true(dstn_optimizer_clip(f.optimizer) == INFINITY);
        destroy(&f);
    }
}

static void the_default_name_enters_the_resolved_config(void **state) {
    (void)state;
    fixture f = make("optimizer: {rate: 0.5, clip: 2}\n", "rmsprop", DSTN_F64, 4);
    char *text = dstn_doc_text(f.doc);
    assert_non_null(strstr(text, "name: rmsprop"));
    assert_non_null(strstr(text, "beta: 0.99"));
    assert_true(dstn_optimizer_clip(f.optimizer) == 2);
    assert_true(dstn_optimizer_rate(f.optimizer) == 0.5);
    dstn_optimizer_set_rate(f.optimizer, 0.25);
    assert_true(dstn_optimizer_rate(f.optimizer) == 0.25);
    free(text);
    destroy(&f);
}

static void assert_refused(const char *section, const char *const *parts) {
    fixture f = make(section, "sgd", DSTN_F64, 4);
    assert_int_equal(f.status, DSTN_ERROR_USAGE);
    assert_null(f.optimizer);
    for (; *parts; parts++) {
        if (!strstr(f.err.message, *parts)) {
            fail_msg("\"%s\" doesn't say \"%s\"", f.err.message, *parts);
        }
    }
    destroy(&f);
}

static void bad_sections_are_refused_by_key(void **state) {
    (void)state;
#define REFUSED(text, ...) assert_refused(text, (const char *const[]){__VA_ARGS__, NULL})
    REFUSED("optimizer: {name: adm, rate: 1}\n", "job.yaml:1", "optimizer.name", "did you mean \"adam\"",
            "sgd, rmsprop, adam");
    REFUSED("optimizer: {name: lion, rate: 1}\n", "optimizer.name", "sgd, rmsprop, adam");
    REFUSED("optimizer: {name: [sgd], rate: 1}\n", "optimizer.name");
    REFUSED("optimizer: {name: sgd}\n", "optimizer.rate", "missing");
    REFUSED("optimizer: {rate: -1}\n", "optimizer.rate");
    REFUSED("optimizer: {rate: .inf}\n", "optimizer.rate");
    REFUSED("optimizer: {rate: 1, clip: 0}\n", "optimizer.clip");
    REFUSED("optimizer: {rate: 1, beta: 0.9}\n", "beta", "momentum");
    REFUSED("optimizer: {rate: 1, momentun: 0.9}\n", "did you mean \"momentum\"");
    REFUSED("optimizer: {name: adam, rate: 1, beta2: 1}\n", "optimizer.beta2");
    REFUSED("optimizer: 3\n", "optimizer", "mapping");
    REFUSED("seed: 3\n", "optimizer.rate", "missing");
#undef REFUSED
}

static void clipping_never_lengthens_a_gradient(void **state) {
    (void)state;
    assert_true(dstn_clip_factor(4, 1) == 0.25);
    assert_true(dstn_clip_factor(0.5, 1) == 1);
    assert_true(dstn_clip_factor(1, 1) == 1);
    assert_true(dstn_clip_factor(0, 1) == 1);
    assert_true(dstn_clip_factor(1e300, INFINITY) == 1);
    assert_true(dstn_clip_factor(INFINITY, INFINITY) == 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_optimizer_follows_its_equations),
        cmocka_unit_test(the_first_step_shows_the_defaults),
        cmocka_unit_test(the_default_name_enters_the_resolved_config),
        cmocka_unit_test(bad_sections_are_refused_by_key),
        cmocka_unit_test(clipping_never_lengthens_a_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
