/* hyper: the fixed maps of App. F: values in the range, exact inverses, derivatives, what is default for a range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "dstn/hyper.h"

typedef struct sample {
    const char *name;
    double low, high;
    double direction; /* sign of the derivative */
} sample;

static const sample samples[] = {
    {"sigmoid", 0, 1, 1},
    {"sigmoid", -2, 45, 1},
    {"softplus", 0, INFINITY, 1},
    {"softplus", 3.5, INFINITY, 1},
    {"softplus-below", -INFINITY, 0, -1},
    {"softplus-below", -INFINITY, 7, -1},
    {"identity", -INFINITY, INFINITY, 1},
    {"exp", 0, INFINITY, 1},
};
enum { SAMPLES = sizeof samples / sizeof samples[0] };

static void assert_close(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance * fabs(want))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
}

static void derivatives_are_those_of_the_values(void **state) {
    (void)state;
    const double step = 1e-5;
    for (int k = 0; k < SAMPLES; k++) {
        const dstn_transform *t = dstn_transform_find(samples[k].name);
        for (double u = -6; u <= 6; u += 0.75) {
            double low = samples[k].low, high = samples[k].high;
            double slope = (t->value(u + step, low, high) - t->value(u - step, low, high)) / (2 * step);
            double derivative = t->derivative(u, low, high);
            assert_close(slope, derivative, 1e-6);
            assert_true(derivative * samples[k].direction > 0);
        }
    }
}

/* In both directions; natural values down to where the distance from an end is all that there is. */
static void inverses_are_exact(void **state) {
    (void)state;
    for (int k = 0; k < SAMPLES; k++) {
        const dstn_transform *t = dstn_transform_find(samples[k].name);
        double low = samples[k].low, high = samples[k].high;
        for (double u = -5.3; u <= 6; u += 0.7) {
            double natural = t->value(u, low, high);
            assert_close(t->value(t->inverse(natural, low, high), low, high), natural, 1e-12);
            assert_close(t->inverse(natural, low, high), u, 1e-12);
        }
    }
    const dstn_transform *softplus = dstn_transform_find("softplus");
    for (double natural = 1e-290; natural < 1e290; natural *= 31.7) {
        assert_close(softplus->value(softplus->inverse(natural, 0, INFINITY), 0, INFINITY), natural, 1e-12);
    }
    const dstn_transform *sigmoid = dstn_transform_find("sigmoid");
    for (double natural = 1e-290; natural < 0.9; natural *= 31.7) {
        assert_close(sigmoid->value(sigmoid->inverse(natural, 0, 1), 0, 1), natural, 1e-12);
    }
}

static void values_never_leave_the_range(void **state) {
    (void)state;
    const double far[] = {-1e300, -1e4, -745.5, -50, -37, 0, 37, 50, 700};
    for (int k = 0; k < SAMPLES; k++) {
        const dstn_transform *t = dstn_transform_find(samples[k].name);
        double low = samples[k].low, high = samples[k].high;
        for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
            double value = t->value(far[i], low, high);
            assert_true(isfinite(value) && value >= low && value <= high);
            assert_true(isfinite(t->derivative(far[i], low, high)));
        }
    }
    /* In doubles, −2 + (−0.9 + 2) is more than −0.9. */
    const dstn_transform *sigmoid = dstn_transform_find("sigmoid");
    assert_true(sigmoid->value(1000, -2, -0.9) == -0.9);
    assert_true(sigmoid->value(-1000, -2, -0.9) == -2);
}

static void softplus_neither_overflows_nor_cancels(void **state) {
    (void)state;
    assert_true(dstn_softplus(1e300) == 1e300);
    assert_true(dstn_softplus(-1e300) == 0);
    assert_close(dstn_softplus(0), log(2), 1e-15);
    assert_close(dstn_softplus(-100), exp(-100), 1e-14);
    assert_close(dstn_softplus(-600), exp(-600), 1e-13);
    assert_close(dstn_softplus(50), 50, 1e-15);
    assert_close(dstn_softplus(1), 1.3132616875182228, 1e-15);
    assert_close(dstn_softplus_inverse(1), 0.54132485461291811, 1e-14);
    assert_true(dstn_softplus_inverse(1e300) == 1e300);
    assert_close(dstn_softplus_inverse(1e-200), log(1e-200), 1e-15);
    assert_true(dstn_logistic(1000) == 1 && dstn_logistic(-1000) == 0 && dstn_logistic(0) == 0.5);
    assert_close(dstn_logistic(-300), exp(-300), 1e-13);
}

static void a_range_gets_the_map_that_fits_its_ends(void **state) {
    (void)state;
    assert_string_equal(dstn_transform_default(0, 0.95)->name, "sigmoid");
    assert_string_equal(dstn_transform_default(0, INFINITY)->name, "softplus");
    assert_string_equal(dstn_transform_default(-INFINITY, 0)->name, "softplus-below");
    assert_string_equal(dstn_transform_default(-INFINITY, INFINITY)->name, "identity");
}

/* The list has each name twice: for its variable and for the config. */
static void names_find_their_own_transform(void **state) {
    (void)state;
    assert_string_equal(dstn_transform_names(), "sigmoid|softplus|softplus-below|identity|exp");
    char names[128], *rest = names;
    strcpy(names, dstn_transform_names());
    for (char *name; (name = strtok_r(rest, "|", &rest)) != NULL;) {
        assert_non_null(dstn_transform_find(name));
        assert_string_equal(dstn_transform_find(name)->name, name);
    }
    assert_null(dstn_transform_find("sigmoi"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_are_those_of_the_values),
        cmocka_unit_test(inverses_are_exact),
        cmocka_unit_test(values_never_leave_the_range),
        cmocka_unit_test(softplus_neither_overflows_nor_cancels),
        cmocka_unit_test(a_range_gets_the_map_that_fits_its_ends),
        cmocka_unit_test(names_find_their_own_transform),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
