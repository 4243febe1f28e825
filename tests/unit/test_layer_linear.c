/* layer: the linear response layer and chains with ReLU and dropout: whatever gradients are asked for, wherever they
 * are added, and the number of products. What every layer must do is in test_bilevel_conformance.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_checks.h"

static const char *const one_layer[] = {"[linear: {out: 3}]", "[linear: {out: 3, bias: false}]"};
static const char *const deep[] = {
    "[linear: {out: 6}, relu, dropout: {rate: a}, linear: {out: 5}, relu, linear: {out: 2}]",
    "[dropout: {rate: 0.3}, linear: {out: 6, bias: false}, relu, dropout: {rate: a}, linear: {out: 2, bias: false}]"};

static void make(chain *c, const char *layers, dstn_response response, dstn_scalar scalar) {
    dstn_error err = {0};
    chain_plan plan = {.layers = layers, .response = response, .scalar = scalar, .in = 4, .rows = 5};
    plan.hypers = response == DSTN_RESPONSE_FULL ? 3 : 2;
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
    for (int l = 0; l < c->count; l++) {
        assert_true(dstn_layer_is_valid(c->layers[l]));
    }
}

static void for_all_chains(void (*test)(chain *c)) {
    static chain c;
    for (int i = 0; i < 8; i++) {
        make(&c, i & 4 ? deep[i & 1] : one_layer[i & 1], i & 2 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED,
             DSTN_F64);
        test(&c);
        chain_destroy(&c);
    }
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static void check_response(chain *c) {
    for (int wanted = 0; wanted < 4; wanted++) {
        chain_set_kind(c, DSTN_PASS_RESPONSE, wanted & 1, wanted & 2);
        chain_check_gradients(c);
        chain_check_array(c, "x", c->x[0], c->delta[0], c->plan.rows * c->plan.in, true);
        chain_check_array(c, "z", c->z, c->dz, c->plan.rows * c->plan.hypers, true);
    }
}

static void response_adjoint_equals_finite_differences_also_in_z(void **state) {
    (void)state;
    for_all_chains(check_response);
}

static void check_blocks(chain *c) {
    chain_for_kinds(c, chain_check_blocks);
}

static void no_result_depends_on_how_many_rows_are_taken_at_a_time(void **state) {
    (void)state;
    for_all_chains(check_blocks);
}

static void check_accumulation(chain *c) {
    chain_for_kinds(c, chain_check_accumulation);
}

static void gradients_are_added_not_written(void **state) {
    (void)state;
    for_all_chains(check_accumulation);
}

static void check_overwrite(chain *c) {
    chain_for_kinds(c, chain_check_overwrite);
}

static void gradients_are_written_where_the_pass_says_so(void **state) {
    (void)state;
    for_all_chains(check_overwrite);
}

/* ---- the number of products -------------------------------------------------------------------------------------- */

/* The state of a kernel that counts the products it passes on to another. */
typedef struct product_count {
    const dstn_kernel *kernel;
    int64_t products;
} product_count;

/* Of the layer's size; those with U and V are h/(2 in) of it. */
static void counted_gemm(const dstn_kernel *kernel, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha,
                         const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc) {
    product_count *count = kernel->state;
    count->products += m * n * k == 5 * 40 * 30;
    count->kernel->gemm(count->kernel, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

static void counted_forward(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                            void *y) {
    product_count *count = kernel->state;
    count->products++;
    count->kernel->map_forward(count->kernel, map, rows, x, weight, y);
}

static void counted_adjoint(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                            double beta, void *dx) {
    product_count *count = kernel->state;
    count->products++;
    count->kernel->map_adjoint(count->kernel, map, rows, dy, weight, beta, dx);
}

static void counted_gradient(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *dy,
                             double beta, void *dweight) {
    product_count *count = kernel->state;
    count->products++;
    count->kernel->map_gradient(count->kernel, map, rows, x, dy, beta, dweight);
}

static int64_t count_products(chain *c, dstn_pass_kind kind, bool general, bool response, bool is_first) {
    dstn_layer *layer = c->layers[0];
    dstn_kernel counting = *layer->kernel;
    product_count count = {.kernel = layer->kernel};
    counting.state = &count;
    counting.gemm = counted_gemm;
    counting.map_forward = counted_forward;
    counting.map_adjoint = counted_adjoint;
    counting.map_gradient = counted_gradient;
    layer->kernel = &counting;
    chain_set_kind(c, kind, general, response);
    c->has_input_tangent = !is_first;
    chain_layer_forward(c, 0);
    if (kind == DSTN_PASS_LINEARIZED) {
        chain_layer_tangent(c, 0);
    }
    chain_layer_adjoint(c, 0, is_first ? NULL : c->delta[0]);
    layer->kernel = count.kernel;
    return count.products;
}

static void no_pass_makes_more_products_than_the_mathematics_needs(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    chain_plan plan = {.layers = "[linear: {out: 40}]", .scalar = DSTN_F64, .hypers = 2, .in = 30, .rows = 5};
    if (chain_new(&c, plan, &err)) {
        fail_msg("%s", err.message);
    }
    static const struct {
        dstn_pass_kind kind;
        bool general, response;
        int64_t inner, first;
    } cases[] = {
        {DSTN_PASS_GENERAL, true, false, 3, 2},   {DSTN_PASS_RESPONSE, true, true, 6, 4},
        {DSTN_PASS_RESPONSE, false, true, 5, 3},  {DSTN_PASS_LINEARIZED, false, true, 5, 3},
        {DSTN_PASS_RESPONSE, false, false, 4, 2}, /* the hyperparameter step */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(count_products(&c, cases[i].kind, cases[i].general, cases[i].response, false), cases[i].inner);
        assert_int_equal(count_products(&c, cases[i].kind, cases[i].general, cases[i].response, true), cases[i].first);
    }
    assert_true(dstn_response_map_product_flops(dstn_layer_map(c.layers[0], 0)) == 2 * 40 * 30);
    chain_destroy(&c);
}

/* ---- the rest ---------------------------------------------------------------------------------------------------- */

static void without_hyperparameters_there_is_no_response(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    chain_plan plan = {.layers = "[linear: {out: 3}, relu, linear: {out: 2}]", .scalar = DSTN_F64, .in = 4, .rows = 5};
    for (int full = 0; full < 2; full++) {
        plan.response = full ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        assert_int_equal(chain_new(&c, plan, &err), DSTN_OK);
        assert_int_equal(c.layers[0]->parameter_count, 2);
        for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_RESPONSE; kind++) {
            chain_set_kind(&c, (dstn_pass_kind)kind, true, true);
            chain_check_gradients(&c);
        }
        chain_set_kind(&c, DSTN_PASS_LINEARIZED, false, true);
        chain_gradients(&c);
        assert_true(c.kernel->dot(c.kernel, 5 * 2, c.x_dot[3], c.x_dot[3]) == 0);
        chain_destroy(&c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(response_adjoint_equals_finite_differences_also_in_z),
        cmocka_unit_test(no_result_depends_on_how_many_rows_are_taken_at_a_time),
        cmocka_unit_test(gradients_are_added_not_written),
        cmocka_unit_test(gradients_are_written_where_the_pass_says_so),
        cmocka_unit_test(no_pass_makes_more_products_than_the_mathematics_needs),
        cmocka_unit_test(without_hyperparameters_there_is_no_response),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
