/* hyper: softplus and its relatives at their limits, and which map a range gets. What every transform of the table must
 * do is in test_hyper_conformance.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "dstn/hyper.h"

static void assert_close(double got, double want, double tolerance) {
    if (!(fabs(got - want) <= tolerance * fabs(want))) {
        fail_msg("got %.17g, want %.17g", got, want);
    }
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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(softplus_neither_overflows_nor_cancels),
        cmocka_unit_test(a_range_gets_the_map_that_fits_its_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
