/* model: gradients of the whole loss by finite differences in all kinds of pass, and that no result depends on how rows
 * are cut into passes, blocks or threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

#define HEAD "model:\n  loss: cross_entropy\n  layers:\n"

/* Every layer there is. */
static const char *const everything = HEAD "    - conv: {out: 3, kernel: 3, padding: 1}\n"
                                           "    - batchnorm\n"
                                           "    - relu\n"
                                           "    - residual_begin\n"
                                           "    - conv: {out: 3, kernel: 3, padding: 1}\n"
                                           "    - batchnorm\n"
                                           "    - relu\n"
                                           "    - residual_end\n"
                                           "    - maxpool\n"
                                           "    - dropout: {rate: a, per: channel}\n"
                                           "    - flatten\n"
                                           "    - dropout: {rate: b}\n"
                                           "    - linear: {out: 5}\n"
                                           "    - relu\n"
                                           "    - linear: {out: 3}\n";

/* Layers without a stage of all rows at both ends and in every order, so that each of their adjoints has one after the
 * other above it, and layers that only change the shape between them. */
static const char *const orders[] = {
    HEAD "    [conv: {out: 3, kernel: 2}, relu, maxpool, flatten, dropout: {rate: a}, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, maxpool, flatten, relu, dropout: {rate: a}, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, maxpool, flatten, dropout: {rate: a}, relu, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, flatten, flatten, relu, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, flatten, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, relu, flatten, linear: {out: 3}, relu]",
    HEAD "    [conv: {out: 3, kernel: 2}, relu, dropout: {rate: b}, avgpool, flatten]",
    HEAD "    [conv: {out: 3, kernel: 2}, relu, avgpool, flatten, relu, flatten]",
    HEAD "    [flatten, linear: {out: 3}]",
    HEAD "    [dropout: {rate: a}, maxpool, flatten, relu, linear: {out: 3}, relu, linear: {out: 3}]",
    HEAD "    [relu, residual_begin, conv: {out: 2, kernel: 3, padding: 1}, residual_end, avgpool, linear: {out: 3}]",
    HEAD "    [residual_begin, relu, residual_end, conv: {out: 3, kernel: 2}, relu, avgpool, flatten]",
    HEAD "    [batchnorm, maxpool, flatten, linear: {out: 3, bias: false}, batchnorm]",
    HEAD "    [conv: {out: 3, kernel: 2}, batchnorm, avgpool, flatten]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual_begin, batchnorm, relu, residual_end, maxpool,\n"
         "     residual_begin, conv: {out: 2, kernel: 1}, residual_end, flatten, linear: {out: 4},\n"
         "     residual_begin, relu, residual_end]",
};
enum { ORDERS = sizeof orders / sizeof orders[0] };

static world_plan plan_of(const char *model) {
    return (world_plan){.model = model,
                        .regularizers = "{l2: {strength: c}}",
                        .input = {3, {2, 5, 4}, 0},
                        .rows = 6,
                        .max_rows = 9,
                        .scalar = DSTN_F64};
}

static void for_all_kinds(world_plan plan, void (*test)(world *w)) {
    world w;
    for (int i = 0; i < 6; i++) {
        world_new(&w, plan);
        w.pass.training = i < 3;
        world_set_kind(&w, (dstn_pass_kind)(i % 3));
        test(&w);
        world_destroy(&w);
    }
}

static void gradients_of_a_net_with_all_layers_equal_finite_differences(void **state) {
    (void)state;
    for_all_kinds(plan_of(everything), world_check);
}

static void gradients_are_right_in_whatever_order_layers_stand(void **state) {
    (void)state;
    for (int i = 0; i < ORDERS; i++) {
        for_all_kinds(plan_of(orders[i]), world_check);
    }
}

static void a_squared_error_and_a_full_response_too(void **state) {
    (void)state;
    world_plan plan = plan_of("model:\n  response: full\n  layers:\n"
                              "    [relu, flatten, linear: {out: 4}, batchnorm, relu, dropout: {rate: a},\n"
                              "     residual_begin, linear, residual_end, linear: {out: 2}]");
    for_all_kinds(plan, world_check);
}

/* ---- regularizers of outputs ---- */

/* The layer `top` stands alone and among row layers, begins and ends residual connections of both kinds, and is within
 * them. */
static const char *const tapped[] = {
    HEAD "    [conv: {name: top, out: 3, kernel: 2}, relu, flatten, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, relu: {name: top}, maxpool, flatten, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, flatten: {name: top}, dropout: {rate: a}, linear: {out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, flatten, linear: {name: top, out: 3}]",
    HEAD "    [conv: {out: 3, kernel: 2}, flatten, dropout: {name: top, rate: a}]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual_begin: {name: top}, batchnorm, relu, residual_end, flatten]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual_begin, batchnorm: {name: top}, residual_end, relu, flatten]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual_begin, relu, residual_end: {name: top}, relu, flatten]",
    HEAD "    [residual: {name: top, layers: [conv: {out: 2, kernel: 1}, relu]}, relu, avgpool]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual: {name: top, layers: [relu, conv: {out: 2, kernel: 1}],\n"
         "     shortcut: [conv: {out: 2, kernel: 1}]}, conv: {out: 2, kernel: 1}, avgpool]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual: {layers: [relu, conv: {name: top, out: 2, kernel: 1}],\n"
         "     shortcut: [conv: {out: 2, kernel: 1}]}, conv: {out: 2, kernel: 1}, avgpool]",
    HEAD "    [conv: {out: 2, kernel: 1}, residual: {layers: [relu],\n"
         "     shortcut: [conv: {out: 2, kernel: 1}, relu: {name: top}]}, relu, avgpool]",
};
enum { TAPPED = sizeof tapped / sizeof tapped[0] };

static world_plan tapped_plan(int i) {
    world_plan plan = plan_of(tapped[i]);
    plan.regularizers = "{ar: {strength: c, tap: top}}";
    return plan;
}

/* dz is of the loss alone: hyperparameter steps have no penalties. */
static void check_tapped(world *w) {
    w->pass.dz = NULL;
    world_check(w);
}

static void the_output_of_any_layer_can_be_penalized(void **state) {
    (void)state;
    for (int i = 0; i < TAPPED; i++) {
        for_all_kinds(tapped_plan(i), check_tapped);
    }
}

/* ---- the same in other ways ---- */

typedef struct notes {
    int64_t count;
    double *values;
} notes;

static void note(const world *w, notes *n, const void *array, int64_t count) {
    n->values = realloc(n->values, (size_t)(n->count + count + 1) * sizeof *n->values);
    w->kernel->to_double(w->kernel, count, array, n->values + n->count);
    n->count += count;
}

/* Prediction, gradients and dz of the pass as it is set. */
static notes take_notes(world *w) {
    notes n = {0, NULL};
    world_gradients(w);
    note(w, &n, dstn_model_prediction(w->model), w->rows * w->outputs);
    for (int r = 0; r < DSTN_RANGES; r++) {
        note(w, &n, w->model->gradient[r], w->model->count[r]);
    }
    note(w, &n, w->dz, w->rows * WORLD_HYPERS);
    return n;
}

static void assert_same(const notes *got, const notes *want, double tolerance) {
    assert_int_equal(got->count, want->count);
    for (int64_t i = 0; i < got->count; i++) {
        if (!(fabs(got->values[i] - want->values[i]) <= tolerance * (1 + fabs(want->values[i])))) {
            fail_msg("value %d is %.17g, not %.17g", (int)i, got->values[i], want->values[i]);
        }
    }
}

/* The pass that w has, of another model of the same plan but for the rows of a block and of a part. */
static notes notes_of_rows(const world *w, world_plan plan, int64_t block, int64_t part) {
    world other;
    plan.block = block;
    plan.part = part;
    world_new(&other, plan);
    other.pass.training = w->pass.training;
    world_set_kind(&other, w->pass.kind);
    notes got = take_notes(&other);
    world_destroy(&other);
    return got;
}

/* Blocks change nothing at all; parts nothing but the order of sums over all rows. */
static void check_rows_at_a_time(world_plan plan, int kind, bool training) {
    world w;
    world_new(&w, plan);
    w.pass.training = training;
    world_set_kind(&w, (dstn_pass_kind)kind);
    notes want = take_notes(&w);
    for (int64_t rows = 1; rows <= 4; rows++) {
        notes in_blocks = notes_of_rows(&w, plan, rows, 0), in_parts = notes_of_rows(&w, plan, 0, rows);
        assert_same(&in_blocks, &want, 0);
        assert_same(&in_parts, &want, 1e-12);
        free(in_blocks.values);
        free(in_parts.values);
    }
    free(want.values);
    world_destroy(&w);
}

static void no_result_depends_on_how_many_rows_are_taken_at_a_time(void **state) {
    (void)state;
    for (int k = 0; k < 6; k++) {
        check_rows_at_a_time(plan_of(everything), k % 3, k < 3);
        for (int i = 0; i < ORDERS; i++) {
            check_rows_at_a_time(plan_of(orders[i]), k % 3, k < 3);
        }
        for (int i = 0; i < TAPPED; i++) {
            check_rows_at_a_time(tapped_plan(i), k % 3, k < 3);
        }
    }
}

/* An image so large that blocks are smaller than the mini-batch of themselves, on one thread and on two. */
static void check_threads(world *w) {
    notes want = take_notes(w);
    setenv("OMP_NUM_THREADS", "2", 1);
    world_plan plan = plan_of(everything);
    plan.input = (dstn_shape){.rank = 3, .dims = {2, 40, 33}};
    plan.rows = plan.max_rows = 11;
    dstn_kernel_init_threads();
    world two;
    world_new(&two, plan);
    two.pass.training = w->pass.training;
    world_set_kind(&two, w->pass.kind);
    notes got = take_notes(&two);
    assert_same(&got, &want, 1e-11); /* the library's products may be summed in another order */
    setenv("OMP_NUM_THREADS", "1", 1);
    dstn_kernel_init_threads();
    world_destroy(&two);
    free(got.values);
    free(want.values);
}

static void threads_share_the_rows_and_change_nothing(void **state) {
    (void)state;
    world_plan plan = plan_of(everything);
    plan.input = (dstn_shape){.rank = 3, .dims = {2, 40, 33}};
    plan.rows = plan.max_rows = 11;
    for_all_kinds(plan, check_threads);
}

static void check_overwrite(world *w) {
    notes want = take_notes(w);
    for (int r = 0; r < DSTN_RANGES; r++) {
        w->kernel->fill(w->kernel, w->model->count[r], w->pass.grad[r] ? NAN : 0, w->model->gradient[r]);
    }
    w->pass.overwrite = true;
    notes got = take_notes(w);
    assert_same(&got, &want, 1e-13);
    free(got.values);
    free(want.values);
}

static void overwritten_gradients_are_those_added_to_zero(void **state) {
    (void)state;
    world_plan plan = plan_of(everything);
    plan.regularizers = NULL;
    for_all_kinds(plan, check_overwrite);
    for_all_kinds(tapped_plan(0), check_overwrite);
}

static void count_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    int64_t *seen = user;
    (void)offset;
    seen[range] += count;
}

typedef struct ready_list {
    int count;
    dstn_range range[8];
    int64_t offset[8], size[8];
} ready_list;

static void note_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    ready_list *list = user;
    assert_true(list->count < 8);
    list->range[list->count] = range;
    list->offset[list->count] = offset;
    list->size[list->count++] = count;
}

static void ready_ranges_are_named_once_a_layer_from_the_output_down(void **state) {
    (void)state;
    world w;
    world_plan plan = plan_of("model:\n  layers: [linear: {out: 3}, relu, linear: {out: 2}]");
    plan.input = (dstn_shape){.rank = 1, .dims = {4}};
    world_new(&w, plan);
    ready_list list = {0};
    w.pass.on_gradient_ready = note_ready;
    w.pass.user = &list;
    world_set_kind(&w, DSTN_PASS_RESPONSE);
    world_gradients(&w);
    assert_int_equal(list.count, 4);
    /* General: 4·3 + 3 and 3·2 + 2; response: with h = 3 also (3 + 3)·3 and (2 + 2)·3 of U and V. */
    static const int64_t want[4][3] = {{0, 15, 8}, {1, 33, 20}, {0, 0, 15}, {1, 0, 33}};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(list.range[i], want[i][0]);
        assert_int_equal(list.offset[i], want[i][1]);
        assert_int_equal(list.size[i], want[i][2]);
    }
    list.count = 0;
    world_set_kind(&w, DSTN_PASS_LINEARIZED);
    world_gradients(&w);
    assert_int_equal(list.count, 2);
    assert_int_equal(list.range[0], DSTN_RANGE_RESPONSE);
    list.count = 0;
    w.pass.grad[DSTN_RANGE_RESPONSE] = false; /* the hyperparameter step */
    world_gradients(&w);
    assert_int_equal(list.count, 0);
    world_destroy(&w);
}

static void check_ready(world *w) {
    int64_t seen[DSTN_RANGES] = {0};
    w->pass.on_gradient_ready = count_ready;
    w->pass.user = seen;
    world_gradients(w);
    for (int r = 0; r < DSTN_RANGES; r++) {
        assert_int_equal(seen[r], w->pass.grad[r] ? w->model->count[r] : 0);
    }
}

static void every_wanted_gradient_is_announced_once(void **state) {
    (void)state;
    for_all_kinds(plan_of(everything), check_ready);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_a_net_with_all_layers_equal_finite_differences),
        cmocka_unit_test(gradients_are_right_in_whatever_order_layers_stand),
        cmocka_unit_test(a_squared_error_and_a_full_response_too),
        cmocka_unit_test(the_output_of_any_layer_can_be_penalized),
        cmocka_unit_test(no_result_depends_on_how_many_rows_are_taken_at_a_time),
        cmocka_unit_test(threads_share_the_rows_and_change_nothing),
        cmocka_unit_test(overwritten_gradients_are_those_added_to_zero),
        cmocka_unit_test(every_wanted_gradient_is_announced_once),
        cmocka_unit_test(ready_ranges_are_named_once_a_layer_from_the_output_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
