/* model: what it promises to layer types of one's own, shown by types that only this test has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

static world_plan plan_of(const char *model) {
    return (world_plan){.model = model, .input = {1, {4}, 0}, .rows = 5, .scalar = DSTN_F64};
}

static void for_all_kinds(const char *model, void (*test)(world *w)) {
    for (int i = 0; i < 3; i++) {
        world w;
        world_new(&w, plan_of(model));
        world_set_kind(&w, (dstn_pass_kind)i);
        test(&w);
        world_destroy(&w);
    }
}

/* ---- mirror: the features of each row in the opposite order, which can't be done in place ------------------------ */

static void mirror(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    int64_t n = dstn_shape_count(layer->in);
    const double *from = in;
    double *to = out;
    for (int64_t i = 0; i < rows.count * n; i++) {
        to[i] = from[i / n * n + n - 1 - i % n];
    }
}

static const dstn_layer_type mirror_type = {
    .name = "mirror",
    .help = "features in the opposite order",
    .kind = DSTN_LAYER_ROWS,
    .example = "[mirror]",
    .rows = {.forward = mirror, .tangent = mirror, .adjoint = mirror},
};

static void row_layers_never_work_in_place(void **state) {
    (void)state;
    dstn_layer_type_register(&mirror_type);
    for_all_kinds("model:\n  layers: [mirror, linear: {out: 3}, mirror, mirror, mirror, linear: {out: 3}, mirror]\n",
                  world_check);
    for_all_kinds("model:\n  layers: [linear: {out: 3}, residual: {layers: [mirror, mirror], shortcut: [mirror, relu,\n"
                  "    mirror]}, mirror]\n",
                  world_check);
}

/* ---- twice: a batch layer without parameters, y = 2 x ------------------------------------------------------------ */

static int tangents, adjoints;

static void twice(const dstn_layer *layer, dstn_rows rows, const void *in, void *out) {
    int64_t count = rows.count * dstn_shape_count(layer->in);
    layer->kernel->copy(layer->kernel, count, in, out);
    layer->kernel->scale(layer->kernel, count, 2, out);
}

static void twice_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)pass;
    twice(layer, rows, x, y);
}

static void twice_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                          const void *x_tangent, void *y_tangent) {
    (void)pass, (void)x;
    tangents++;
    twice(layer, rows, x_tangent, y_tangent);
}

static void twice_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy,
                          void *dx) {
    (void)pass, (void)x;
    adjoints++;
    twice(layer, rows, dy, dx);
}

static const dstn_layer_type twice_type = {
    .name = "twice",
    .help = "y = 2 x",
    .kind = DSTN_LAYER_BATCH,
    .example = "[twice]",
    .batch = {.forward = twice_forward, .tangent = twice_tangent, .adjoint = twice_adjoint},
};

static void batch_layers_below_all_parameters_have_no_tangent_and_adjoint(void **state) {
    (void)state;
    dstn_layer_type_register(&twice_type);
    static const char *const models[] = {
        "model:\n  layers: [twice, relu, linear: {out: 3}, twice]\n",
        "model:\n  layers: [residual: {layers: [linear], shortcut: [twice]}, twice]\n",
        "model:\n  layers: [residual: {layers: [twice, relu], shortcut: [linear]}, twice]\n",
    };
    for (int i = 0; i < 3; i++) {
        world w;
        world_new(&w, plan_of(models[i]));
        world_set_kind(&w, DSTN_PASS_LINEARIZED);
        tangents = adjoints = 0;
        world_gradients(&w);
        assert_int_equal(tangents, 1);
        assert_int_equal(adjoints, 1);
        world_destroy(&w);
    }
    for_all_kinds(
        "model:\n  layers: [residual: {layers: [twice, relu], shortcut: [linear]}, twice, linear: {out: 2}]\n",
        world_check);
}

/* ---- memory: y = x + s, with a state of each row that goes on as s ← (s + x) / 2 --------------------------------- */

static dstn_status memory_plan(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)node, (void)err;
    dstn_layer_declare_state(layer, "s", dstn_shape_count(layer->in));
    return DSTN_OK;
}

static void memory_forward(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    dstn_row_state *state = &layer->states[0];
    const double *x = in, *kept = state->value[pass->stream];
    double *y = out, *next = state->next[pass->stream];
    for (int64_t i = 0; i < rows.count * state->count; i++) {
        int64_t at = rows.first * state->count + i;
        double s = pass->carried ? kept[at] : 0;
        y[i] = x[i] + s;
        if (dstn_pass_moves_rows(pass)) {
            next[at] = (s + x[i]) / 2;
        }
    }
}

static const dstn_layer_type memory_type = {
    .name = "memory",
    .help = "y = x + s",
    .kind = DSTN_LAYER_ROWS,
    .example = "[memory]",
    .plan = memory_plan,
    .rows = {.forward = memory_forward},
};

static void run_memory(world *w, bool carried, bool tracks, double *y) {
    w->pass.carried = carried;
    w->pass.track_statistics = tracks;
    dstn_model_forward(w->model, &w->pass, w->x);
    memcpy(y, dstn_model_output(w->model), (size_t)(w->rows * w->outputs) * sizeof *y);
}

/* All passes over a batch start from the same state, and it goes on from the one that tracks. */
static void rows_go_on_from_the_pass_that_tracks(void **state) {
    (void)state;
    dstn_layer_type_register(&memory_type);
    world w;
    world_plan plan = plan_of("model:\n  layers: [linear, memory]\n");
    plan.stream_rows = 5;
    world_new(&w, plan);
    world_set_kind(&w, DSTN_PASS_GENERAL);
    double fresh[20], first[20], again[20], second[20], third[20];
    run_memory(&w, false, false, fresh);
    run_memory(&w, true, true, first);
    run_memory(&w, true, false, again);
    dstn_model_advance(w.model, 0);
    run_memory(&w, true, true, second);
    dstn_model_advance(w.model, 0);
    run_memory(&w, true, false, third);
    for (int i = 0; i < 20; i++) {
        double x = fresh[i];
        assert_true(first[i] == x && again[i] == x);
        assert_true(fabs(second[i] - (x + x / 2)) < 1e-15 * (1 + fabs(x)));
        assert_true(fabs(third[i] - (x + 3 * x / 4)) < 1e-15 * (1 + fabs(x)));
    }
    run_memory(&w, false, false, again);
    assert_memory_equal(again, fresh, sizeof fresh);
    world_destroy(&w);
}

static void rows_are_part_of_the_state_and_split(void **state) {
    (void)state;
    dstn_layer_type_register(&memory_type);
    world w;
    world_plan plan = plan_of("model:\n  layers: [linear, memory]\n");
    plan.stream_rows = 5;
    world_new(&w, plan);
    dstn_state list = {NULL, 0, 0}, weights = {NULL, 0, 0};
    dstn_model_add_row_state(w.model, &list);
    dstn_model_add_state(w.model, &weights);
    assert_int_equal(list.count, DSTN_STREAM_EVALUATION);
    const dstn_state_entry *entry = dstn_state_find(&list, "model/rows/0/1/s");
    assert_non_null(entry);
    assert_true(entry->split);
    assert_int_equal(entry->shape[0], 5);
    assert_int_equal(entry->shape[1], 4);
    assert_ptr_equal(entry->data, w.model->layers[1]->states[0].value[0]);
    assert_int_equal(dstn_state_find(&list, "model/rows/2/1/s")->shape[0], 0);
    for (size_t i = 0; i < weights.count; i++) {
        assert_false(weights.entries[i].split);
    }
    dstn_state_clear(&list);
    dstn_state_clear(&weights);
    world_destroy(&w);
}

/* ---- a rank without rows ----------------------------------------------------------------------------------------- */

static void count_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    (void)offset;
    ((int64_t *)user)[range] += count;
}

static void gradients_of_no_rows_are_zero_and_announced(void **state) {
    (void)state;
    world w;
    int64_t seen[DSTN_RANGES] = {0};
    world_new(&w, plan_of("model:\n  layers: [linear: {out: 3}, relu, linear: {out: 2}]\n"));
    world_set_kind(&w, DSTN_PASS_RESPONSE);
    w.pass.rows = 0;
    w.pass.overwrite = true;
    w.pass.on_gradient_ready = count_ready;
    w.pass.user = seen;
    for (int r = 0; r < DSTN_RANGES; r++) {
        w.kernel->fill(w.kernel, w.model->count[r], NAN, w.model->gradient[r]);
    }
    world_gradients(&w);
    for (int r = 0; r < DSTN_RANGES; r++) {
        assert_int_equal(seen[r], w.model->count[r]);
        assert_true(w.kernel->dot(w.kernel, w.model->count[r], w.model->gradient[r], w.model->gradient[r]) == 0);
    }
    world_destroy(&w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(row_layers_never_work_in_place),
        cmocka_unit_test(batch_layers_below_all_parameters_have_no_tangent_and_adjoint),
        cmocka_unit_test(gradients_of_no_rows_are_zero_and_announced),
        cmocka_unit_test(rows_go_on_from_the_pass_that_tracks),
        cmocka_unit_test(rows_are_part_of_the_state_and_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
