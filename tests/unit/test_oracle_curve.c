/* The exact curve of the validation loss: its minimum, inside or at an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../src/oracle/curve.h"
#include "oracle_problems.h"

/* With a known minimum: the derivative of the loss by elimination changes its sign there. */
static double minimum_by_bisection(const problem *p, double low, double high) {
    const double h = 1e-3;
    while (high - low > 1e-6) {
        double middle = (low + high) / 2;
        if (loss_by_elimination(p, middle + h) > loss_by_elimination(p, middle - h)) {
            high = middle;
        } else {
            low = middle;
        }
    }
    return (low + high) / 2;
}

static oracle_curve *curve_of(const problem *p, const oracle_family *family) {
    oracle_curve *curve = dstn_alloc(1, sizeof *curve);
    dstn_group *self = dstn_group_self();
    (void)p;
    oracle_curve_fill(curve, family, self);
    dstn_group_destroy(self);
    return curve;
}

static void check_minimum(const problem *p, const oracle_family *family) {
    oracle_curve *curve = curve_of(p, family);
    double lowest = INFINITY;
    for (double lambda = -12; lambda <= 12; lambda += 0.25) {
        lowest = fmin(lowest, loss_by_elimination(p, lambda));
    }
    assert_true(curve->best_loss <= lowest + 1e-12);
    if (curve->edge == DSTN_EDGE_NONE) {
        double want = minimum_by_bisection(p, curve->lambda_star - 0.1, curve->lambda_star + 0.1);
        assert_float_equal(curve->lambda_star, want, 1e-4);
        double loss = loss_by_elimination(p, curve->lambda_star);
        assert_close(&curve->best_loss, &loss, 1, 1e-10);
        /* The two sides of a minimum that is known to 1e-9, as far as rounding lets it be told. */
        assert_true(oracle_family_loss_difference(family, curve->lambda_star + 1e-7, curve->lambda_star) > 0);
        assert_true(oracle_family_loss_difference(family, curve->lambda_star - 1e-7, curve->lambda_star) > 0);
    }
    free(curve);
}

static void minimum_of_the_curve_is_found(void **state) {
    (void)state;
    for_each_problem(check_minimum);
}

static void some_minimum_is_inside(void **state) {
    (void)state;
    problem p = problem_new(0, 20, 200, 15, 4);
    oracle_family *family = family_of(&p);
    oracle_curve *curve = curve_of(&p, family);
    assert_int_equal(curve->edge, DSTN_EDGE_NONE);
    assert_true(fabs(curve->lambda_star) < 12);
    check_minimum(&p, family);
    free(curve);
    oracle_family_destroy(family);
    problem_free(&p);
}

static void minimum_at_an_end_is_reported_as_edge(void **state) {
    (void)state;
    for (int kind = 0; kind < KINDS; kind++) {
        for (int high = 0; high < 2; high++) {
            /* Without noise no penalty is best; with targets of the other sign the largest one is. */
            problem p = problem_new(kind, 40, 30, 7, 0);
            for (int64_t r = 0; high && r < p.data.v; r++) {
                p.t_valid[r] = -p.t_valid[r];
            }
            oracle_family *family = family_of(&p);
            oracle_curve *curve = curve_of(&p, family);
            assert_int_equal(curve->edge, high ? DSTN_EDGE_HIGH : DSTN_EDGE_LOW);
            assert_true(isinf(curve->lambda_star) && (curve->lambda_star > 0) == high);
            assert_true(curve->best_loss == curve->loss[high ? DSTN_CURVE_POINTS - 1 : 0]);
            assert_float_equal(curve->lambda[0], -12, 0);
            assert_float_equal(curve->lambda[DSTN_CURVE_POINTS - 1], 12, 1e-12);
            free(curve);
            oracle_family_destroy(family);
            problem_free(&p);
        }
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(minimum_of_the_curve_is_found),
        cmocka_unit_test(some_minimum_is_inside),
        cmocka_unit_test(minimum_at_an_end_is_reported_as_edge),
    };
    dstn_error err;
    if (dstn_ranks_start(&argc, &argv, &err) != DSTN_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    return dstn_ranks_finish(failed ? 1 : 0);
}
