/* hyper: what App. F promises of a map from the real line to a range, for every transform of the table and every kind
 * of range that it accepts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "conformance.h"
#include "dstn/hyper.h"

typedef struct range {
    double low, high;
} range;

/* In doubles, −2 + (−0.9 + 2) is more than −0.9. */
static const range ranges[] = {
    {0, 1},         {-2, 45},         {-2, -0.9},
    {0, INFINITY},  {3.5, INFINITY},  {-7.25, INFINITY},
    {-INFINITY, 0}, {-INFINITY, 7.5}, {-INFINITY, INFINITY},
};
enum { RANGES = sizeof ranges / sizeof ranges[0] };

/* Calls a check with every transform on every range that it accepts. */
static void walk(void (*check)(const dstn_transform *transform, double low, double high)) {
    const dstn_transform *transform;
    for (size_t i = 0; (transform = dstn_transform_at(i)) != NULL; i++) {
        int accepted = 0;
        for (int k = 0; k < RANGES; k++) {
            conformance_enter("transform %s on [%g, %g]", transform->name, ranges[k].low, ranges[k].high);
            if (transform->accepts(ranges[k].low, ranges[k].high)) {
                check(transform, ranges[k].low, ranges[k].high);
                accepted++;
            }
        }
        conformance_enter("transform %s", transform->name);
        conformance_expect(accepted > 0, "accepts none of the ranges");
    }
    conformance_end();
}

static bool is_near(double got, double want, double tolerance) {
    return fabs(got - want) <= tolerance * fabs(want);
}

static void check_derivative(const dstn_transform *transform, double low, double high) {
    const double step = 1e-5;
    int rising = 0, count = 0;
    for (double u = -6; u <= 6; u += 0.75) {
        double slope = (transform->value(u + step, low, high) - transform->value(u - step, low, high)) / (2 * step);
        double derivative = transform->derivative(u, low, high);
        conformance_expect(is_near(derivative, slope, 1e-6), "s'(%g) is %.10g, the difference quotient %.10g", u,
                           derivative, slope);
        rising += derivative > 0;
        count++;
    }
    conformance_expect(rising == 0 || rising == count, "rises at %d of %d places", rising, count);
}

static void derivatives_are_those_of_the_values_and_keep_their_sign(void **state) {
    (void)state;
    walk(check_derivative);
}

static void check_natural(const dstn_transform *transform, double low, double high, double natural) {
    double u = transform->inverse(natural, low, high);
    double back = transform->value(u, low, high);
    conformance_expect(is_near(back, natural, 1e-12), "s(s⁻¹(%.17g)) is %.17g", natural, back);
}

/* In both directions; and next to an end at 0, where the distance from it is all that a natural value is. */
static void check_inverse(const dstn_transform *transform, double low, double high) {
    for (double u = -5.3; u <= 6; u += 0.7) {
        double natural = transform->value(u, low, high), back = transform->inverse(natural, low, high);
        conformance_expect(is_near(back, u, 1e-12), "s⁻¹(s(%g)) is %.17g", u, back);
        check_natural(transform, low, high, natural);
    }
    for (double distance = 1e-290; distance < 0.9; distance *= 31.7) {
        if (low == 0) {
            check_natural(transform, low, high, distance);
        }
        if (high == 0) {
            check_natural(transform, low, high, -distance);
        }
    }
    for (double far = 10; far < 1e290; far *= 31.7) {
        if (high == INFINITY) {
            check_natural(transform, low, high, far);
        }
        if (low == -INFINITY) {
            check_natural(transform, low, high, -far);
        }
    }
}

static void inverses_are_exact(void **state) {
    (void)state;
    walk(check_inverse);
}

static void check_range(const dstn_transform *transform, double low, double high) {
    const double places[] = {-1e300, -1e4, -745.5, -50, -37, 0, 37, 50, 700};
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        double value = transform->value(places[i], low, high), slope = transform->derivative(places[i], low, high);
        bool is_inside = transform->keeps_range ? value >= low && value <= high : value >= transform->lowest;
        conformance_expect(isfinite(value) && is_inside, "s(%g) is %.17g", places[i], value);
        conformance_expect(isfinite(slope), "s'(%g) is %g", places[i], slope);
    }
}

static void values_never_leave_the_range(void **state) {
    (void)state;
    walk(check_range);
}

/* A kind of range that had two would get the one that comes first in the table. */
static void every_range_has_one_default_which_accepts_it(void **state) {
    (void)state;
    for (int k = 0; k < RANGES; k++) {
        double low = ranges[k].low, high = ranges[k].high;
        const dstn_transform *transform;
        int defaults = 0;
        conformance_enter("range [%g, %g]", low, high);
        for (size_t i = 0; (transform = dstn_transform_at(i)) != NULL; i++) {
            if (transform->is_default(low, high)) {
                defaults++;
                conformance_expect(transform->accepts(low, high), "its default %s does not accept it", transform->name);
                conformance_expect(dstn_transform_default(low, high) == transform, "its default is not %s",
                                   transform->name);
            }
        }
        conformance_expect(defaults == 1, "is the default of %d transforms", defaults);
    }
    conformance_end();
}

/* The list has each name twice: for its variable and for the config. */
static void names_are_those_of_the_table_and_find_their_own(void **state) {
    (void)state;
    const dstn_transform *transform;
    char *names = dstn_strdup("");
    for (size_t i = 0; (transform = dstn_transform_at(i)) != NULL; i++) {
        conformance_enter("transform %s", transform->name);
        conformance_expect(dstn_transform_find(transform->name) == transform, "its name finds another");
        conformance_expect(transform->accepted && *transform->accepted, "no words for the ranges that it accepts");
        char *longer = dstn_format("%s%s%s", names, i ? "|" : "", transform->name);
        free(names);
        names = longer;
    }
    conformance_enter("names of transforms");
    conformance_expect(strcmp(names, dstn_transform_names()) == 0, "\"%s\", but the table has \"%s\"",
                       dstn_transform_names(), names);
    conformance_expect(!dstn_transform_find("") && !dstn_transform_find("sigmoi"), "what nobody is called is found");
    free(names);
    conformance_end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivatives_are_those_of_the_values_and_keep_their_sign),
        cmocka_unit_test(inverses_are_exact),
        cmocka_unit_test(values_never_leave_the_range),
        cmocka_unit_test(every_range_has_one_default_which_accepts_it),
        cmocka_unit_test(names_are_those_of_the_table_and_find_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
