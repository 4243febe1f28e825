/* model: residual connections: nested lists with and without a shortcut of their own, and the flat form of two lines:
 * values, tangents, gradients by finite differences, what the first layers save, and the numbers that lines have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

static const dstn_shape image = {.rank = 3, .dims = {2, 5, 4}};

static world_plan plan_of(const char *layers) {
    static char text[2048];
    snprintf(text, sizeof text, "model:\n  layers:\n    %s\n", layers);
    return (world_plan){.model = text, .input = image, .rows = 5, .max_rows = 7, .scalar = DSTN_F64};
}

#define SAME "conv: {out: 2, kernel: 3, padding: 1}"
#define POINT "conv: {out: 2, kernel: 1}"
#define WIDE "conv: {out: 3, kernel: 3, padding: 1}"
#define WIDE_POINT "conv: {out: 3, kernel: 1}"
#define HALF "conv: {out: 3, kernel: 3, stride: 2, padding: 1}"
#define HALF_POINT "conv: {out: 3, kernel: 1, stride: 2}"

static const char *const nets[] = {
    /* at the front, in the middle, at the end */
    "[residual: {layers: [" SAME ", batchnorm, relu]}, avgpool, linear: {out: 3}]",
    "[" WIDE ", residual: {layers: [" WIDE ", relu], shortcut: []}, relu, flatten, linear: {out: 2}]",
    "[flatten, linear: {out: 3}, residual: {layers: [relu, linear: {out: 3}]}]",
    /* with a shortcut that projects */
    "[residual: {layers: [" HALF ", batchnorm, relu, " WIDE "], shortcut: [" HALF_POINT ", batchnorm]}, relu, "
    "avgpool, linear: {out: 2}]",
    "[" SAME ", relu, residual: {layers: [" HALF ", relu], shortcut: [" HALF_POINT "]}, avgpool, flatten]",
    "[" SAME ", residual: {layers: [maxpool, " WIDE "], shortcut: [" WIDE_POINT ", relu, maxpool]}, avgpool]",
    "[residual: {layers: [flatten, linear: {out: 3}], shortcut: [flatten, linear: {out: 3}, relu]}]",
    "[" SAME ", residual: {layers: [flatten, linear: {out: 2}], shortcut: [avgpool, flatten]}, linear: {out: 2}]",
    /* one branch or both with nothing to train, before anything has */
    "[residual: {layers: [relu], shortcut: [" POINT "]}, avgpool, linear: {out: 2}]",
    "[residual: {layers: [" POINT "], shortcut: [relu, dropout: {rate: a}]}, avgpool, linear: {out: 2}]",
    "[relu, residual: {layers: [relu], shortcut: [dropout: {rate: a}]}, avgpool, linear: {out: 2}]",
    "[dropout: {rate: b}, residual: {layers: [relu]}, " SAME ", avgpool]",
    "[residual: {layers: [dropout: {rate: a}, avgpool, flatten, relu], shortcut: [flatten, linear: {out: 2}]}]",
    /* lists in lists in lists, in both branches, one right behind the other */
    "[residual: {layers: [residual: {layers: [" SAME ", relu], shortcut: [" POINT "]}, relu, " SAME "],\n"
    "     shortcut: [residual: {layers: [" POINT "]}, batchnorm]}, avgpool, linear: {out: 2}]",
    "[" SAME ", residual: {layers: [residual: {layers: [residual: {layers: [" SAME ", relu]}]}]}, avgpool]",
    "[residual: {layers: [residual: {layers: [relu], shortcut: [" POINT "]}],\n"
    "     shortcut: [residual: {layers: [" SAME "], shortcut: [relu]}]}, avgpool, linear: {out: 2}]",
    "[" SAME ", residual: {layers: [" SAME ", residual: {layers: [" SAME "], shortcut: [" POINT "]}],\n"
    "     shortcut: [" POINT ", residual: {layers: [relu]}]}, residual: {layers: [" SAME "]}, avgpool]",
    /* the flat form, also within a list */
    "[residual_begin, " SAME ", residual_begin, relu, residual_end, residual_end, avgpool, linear: {out: 2}]",
    "[residual: {layers: [residual_begin, " SAME ", residual_end], shortcut: [residual_begin, relu, residual_end]},\n"
    "     avgpool, linear: {out: 2}]",
    "[residual_begin, residual: {layers: [" WIDE "], shortcut: [" WIDE_POINT "]}, " SAME ", residual_end, avgpool]",
    /* rates of its own in each branch */
    "[" SAME ", residual: {layers: [dropout: {rate: a, per: channel}, " SAME "],\n"
    "     shortcut: [dropout: {rate: b}, " POINT ", dropout: {rate: b}]}, avgpool]",
};
enum { NETS = sizeof nets / sizeof nets[0] };

static void for_all_kinds(const char *layers, void (*test)(world *w)) {
    for (int i = 0; i < 6; i++) {
        world w;
        world_new(&w, plan_of(layers));
        w.pass.training = i < 3;
        world_set_kind(&w, (dstn_pass_kind)(i % 3));
        test(&w);
        world_destroy(&w);
    }
}

static void for_all_nets(void (*test)(world *w)) {
    for (int i = 0; i < NETS; i++) {
        for_all_kinds(nets[i], test);
    }
}

static void both_branches_get_their_whole_gradients(void **state) {
    (void)state;
    for_all_nets(world_check);
}

/* ---- values and tangents: the sum of two models ------------------------------------------------------------------ */

static const char *const branches[][2] = {
    {"[" SAME ", relu, batchnorm]", NULL},
    {"[" HALF ", relu]", "[" HALF_POINT ", batchnorm]"},
    {"[flatten, linear: {out: 3}]", "[" SAME ", maxpool, flatten, linear: {out: 3}]"},
    {"[residual: {layers: [" SAME "]}]", "[" POINT ", residual: {layers: [" POINT "], shortcut: [" SAME "]}]"},
};

/* The parameters of a model of one branch are those at `first` of the whole. */
static void take_parameters(const world *whole, const world *branch, int64_t first[DSTN_RANGES]) {
    size_t size = whole->kernel->size;
    for (int r = 0; r < DSTN_RANGES; r++) {
        int64_t count = branch->model->count[r];
        whole->kernel->copy(whole->kernel, count, (char *)whole->model->value[r] + (size_t)first[r] * size,
                            branch->model->value[r]);
        first[r] += count;
    }
}

static void run(world *w, dstn_pass_kind kind) {
    w->pass.training = true;
    world_set_kind(w, kind);
    dstn_model_forward(w->model, &w->pass, w->x);
}

static void assert_sum(const world *whole, const void *sum, const void *first, const void *second, const char *what) {
    const double *a = first, *b = second, *got = sum;
    for (int64_t i = 0; i < whole->rows * whole->outputs; i++) {
        double want = a[i] + (b ? b[i] : 0);
        if (!(fabs(got[i] - want) <= 1e-13 * (1 + fabs(want)))) {
            fail_msg("%s %d is %.15g, not %.15g", what, (int)i, got[i], want);
        }
    }
}

static void what_comes_out_is_the_sum_of_both_branches(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof branches / sizeof branches[0]; i++) {
        char text[1024];
        const char *shortcut = branches[i][1];
        snprintf(text, sizeof text, "[residual: {layers: %s, shortcut: %s}]", branches[i][0],
                 shortcut ? shortcut : "[]");
        world whole, main, other;
        int64_t first[DSTN_RANGES] = {0};
        world_new(&whole, plan_of(text));
        world_new(&main, plan_of(branches[i][0]));
        take_parameters(&whole, &main, first);
        if (shortcut) {
            world_new(&other, plan_of(shortcut));
            take_parameters(&whole, &other, first);
        }
        for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_LINEARIZED; kind++) {
            run(&whole, (dstn_pass_kind)kind);
            run(&main, (dstn_pass_kind)kind);
            if (shortcut) {
                run(&other, (dstn_pass_kind)kind);
            }
            assert_sum(&whole, dstn_model_output(whole.model), dstn_model_output(main.model),
                       shortcut ? dstn_model_output(other.model) : whole.x, "output");
            if (kind == DSTN_PASS_LINEARIZED) {
                assert_sum(&whole, dstn_model_tangent(whole.model), dstn_model_tangent(main.model),
                           shortcut ? dstn_model_tangent(other.model) : NULL, "tangent");
            }
        }
        world_destroy(&whole);
        world_destroy(&main);
        if (shortcut) {
            world_destroy(&other);
        }
    }
}

/* ---- the same in other ways -------------------------------------------------------------------------------------- */

/* Prediction, gradients and dz of the pass as it is set; free with free(). */
static double *take_notes(world *w, int64_t *count) {
    world_gradients(w);
    const void *arrays[] = {dstn_model_prediction(w->model), w->model->gradient[0], w->model->gradient[1], w->dz};
    const int64_t counts[] = {w->rows * w->outputs, w->model->count[0], w->model->count[1], w->rows * WORLD_HYPERS};
    *count = counts[0] + counts[1] + counts[2] + counts[3];
    double *notes = dstn_alloc((size_t)*count, sizeof *notes), *at = notes;
    for (int i = 0; i < 4; at += counts[i++]) {
        w->kernel->to_double(w->kernel, counts[i], arrays[i], at);
    }
    return notes;
}

static void assert_same(const double *got, const double *want, int64_t count, double tolerance, const char *what) {
    double error = 0, norm = 0;
    for (int64_t i = 0; i < count; i++) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        norm += want[i] * want[i];
    }
    if (!(sqrt(error) <= tolerance * sqrt(norm))) {
        fail_msg("%s: relative difference %g", what, sqrt(error / norm));
    }
}

static void compare_plans(const char *layers, world_plan other, dstn_pass_kind kind, double tolerance) {
    world a, b;
    int64_t count, again;
    world_new(&a, plan_of(layers));
    world_set_kind(&a, kind);
    double *want = take_notes(&a, &count);
    world_new(&b, other);
    world_set_kind(&b, kind);
    double *got = take_notes(&b, &again);
    assert_int_equal(count, again);
    assert_same(got, want, count, tolerance, layers);
    free(got);
    free(want);
    world_destroy(&a);
    world_destroy(&b);
}

static void rows_at_a_time_and_backends_change_nothing(void **state) {
    (void)state;
    for (int i = 0; i < NETS * 3; i++) {
        dstn_pass_kind kind = (dstn_pass_kind)(i % 3);
        const char *layers = nets[i / 3];
        world_plan plan = plan_of(layers);
        plan.block = 2;
        compare_plans(layers, plan, kind, 0);
        plan.part = 3;
        compare_plans(layers, plan, kind, 1e-13);
        plan = plan_of(layers);
        plan.scalar = DSTN_F32;
        compare_plans(layers, plan, kind, 1e-5);
        const dstn_kernel *kernel;
        dstn_error err;
        plan.backend = "onednn";
        if (dstn_kernel_find(plan.backend, DSTN_F32, &kernel, &err) == DSTN_OK) {
            compare_plans(layers, plan, kind, 1e-5);
        }
    }
}

/* Fixtures and older models have the flat form. Dropout comes before the end, from which on lines have other numbers.
 */
static void a_nested_list_gives_the_bits_of_the_flat_form(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"[" SAME ", residual: {layers: [" SAME ", batchnorm, dropout: {rate: a}, relu]}, avgpool, linear: {out: 2}]",
         "[" SAME ", residual_begin, " SAME ", batchnorm, dropout: {rate: a}, relu, residual_end, avgpool,\n"
         "     linear: {out: 2}]"},
        {"[residual: {layers: [relu, residual: {layers: [" SAME "]}]}, relu, avgpool, flatten]",
         "[residual_begin, relu, residual_begin, " SAME ", residual_end, residual_end, relu, avgpool, flatten]"},
    };
    for (int i = 0; i < 6; i++) {
        world_plan flat = plan_of(pairs[i / 3][1]);
        char *text = dstn_strdup(flat.model);
        flat.model = text;
        compare_plans(pairs[i / 3][0], flat, (dstn_pass_kind)(i % 3), 0);
        free(text);
    }
}

static void check_overwrite(world *w) {
    int64_t count;
    double *want = take_notes(w, &count);
    for (int r = 0; r < DSTN_RANGES; r++) {
        w->kernel->fill(w->kernel, w->model->count[r], w->pass.grad[r] ? NAN : 0, w->model->gradient[r]);
    }
    w->pass.overwrite = true;
    double *got = take_notes(w, &count);
    assert_same(got, want, count, 1e-13, "overwritten");
    free(got);
    free(want);
}

static void overwritten_gradients_are_those_added_to_zero(void **state) {
    (void)state;
    for_all_nets(check_overwrite);
}

typedef struct ready_notes {
    int64_t seen[DSTN_RANGES], first[DSTN_RANGES];
} ready_notes;

static void note_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    ready_notes *notes = user;
    assert_true(offset + count == notes->first[range]); /* what the sums over the group rely on */
    notes->first[range] = offset;
    notes->seen[range] += count;
}

static void check_ready(world *w) {
    ready_notes notes = {{0}, {w->model->count[0], w->model->count[1]}};
    w->pass.on_gradient_ready = note_ready;
    w->pass.user = &notes;
    world_gradients(w);
    for (int r = 0; r < DSTN_RANGES; r++) {
        assert_int_equal(notes.seen[r], w->pass.grad[r] ? w->model->count[r] : 0);
    }
}

static void gradients_become_final_from_the_end_of_the_range_down(void **state) {
    (void)state;
    for_all_nets(check_ready);
}

/* ---- savings ----------------------------------------------------------------------------------------------------- */

static int forwards, adjoints;
static const dstn_kernel *uncounted;

static void counted_forward(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *x, const void *weight,
                            void *y) {
    (void)kernel;
    forwards++;
    uncounted->map_forward(uncounted, map, rows, x, weight, y);
}

static void counted_adjoint(const dstn_kernel *kernel, dstn_map *map, int64_t rows, const void *dy, const void *weight,
                            double beta, void *dx) {
    (void)kernel;
    adjoints++;
    uncounted->map_adjoint(uncounted, map, rows, dy, weight, beta, dx);
}

/* Of a linearized pass: products of input tangents, and of input adjoints. */
static void assert_products(const char *layers, int maps, int tangents, int input_adjoints) {
    world w;
    world_new(&w, plan_of(layers));
    uncounted = w.kernel;
    dstn_kernel counting = *w.kernel;
    counting.map_forward = counted_forward;
    counting.map_adjoint = counted_adjoint;
    for (int l = 0; l < w.model->layer_count; l++) {
        w.model->layers[l]->kernel = &counting;
    }
    forwards = adjoints = 0;
    world_set_kind(&w, DSTN_PASS_LINEARIZED);
    world_gradients(&w);
    assert_int_equal(forwards, 2 * maps + tangents); /* W_g x and W_r x, and W_g ẋ */
    assert_int_equal(adjoints, input_adjoints);
    for (int l = 0; l < w.model->layer_count; l++) {
        w.model->layers[l]->kernel = uncounted;
    }
    world_destroy(&w);
}

static void the_first_maps_of_both_branches_have_no_input_tangent_and_adjoint(void **state) {
    (void)state;
    assert_products("[" SAME ", relu, " SAME "]", 2, 1, 1);
    assert_products("[residual: {layers: [" SAME ", relu, " SAME "]}]", 2, 1, 1);
    assert_products("[dropout: {rate: a}, residual: {layers: [" HALF "], shortcut: [" HALF_POINT "]}]", 2, 0, 0);
    assert_products("[residual_begin, " SAME ", residual_end, " SAME "]", 2, 1, 1);
    assert_products("[residual: {layers: [relu, " SAME "], shortcut: [relu]}, " SAME "]", 2, 1, 1);
    assert_products("[" SAME ", residual: {layers: [" SAME "], shortcut: [" POINT "]}]", 3, 2, 2);
}

static void counted_operations_are_those_that_are_made(void **state) {
    (void)state;
    world w;
    dstn_pass pass = {.kind = DSTN_PASS_GENERAL, .grad = {true, false}, .rows = 5};
    world_new(&w, plan_of("[residual: {layers: [" SAME ", " SAME "], shortcut: [" POINT "]}]"));
    double same = 2. * 18 * 2 * 20, point = 2. * 2 * 2 * 20; /* of one product of one example */
    assert_true(dstn_model_flops(w.model, &pass) == 5 * (2 * same + 3 * same + 2 * point));
    world_destroy(&w);
}

/* ---- lines ------------------------------------------------------------------------------------------------------- */

static void lines_are_counted_through_the_lists_in_reading_order(void **state) {
    (void)state;
    static const char *const names[] = {"relu", "residual", "conv", "residual",  "relu",    "conv",
                                        "conv", "residual", "relu", "batchnorm", "avgpool", "linear"};
    world w;
    world_new(&w, plan_of("[relu, residual: {layers: [" WIDE ", residual: {layers: [relu, " WIDE "], shortcut: []}],\n"
                          "     shortcut: [" WIDE_POINT ", residual: {layers: [relu]}, batchnorm]}, avgpool,\n"
                          "     linear: {out: 2}]"));
    assert_int_equal(w.model->layer_count, sizeof names / sizeof names[0]);
    int64_t next = 0;
    for (int l = 0; l < w.model->layer_count; l++) {
        const dstn_layer *layer = w.model->layers[l];
        assert_string_equal(layer->type->name, names[l]);
        assert_int_equal(layer->index, l);
        for (int p = 0; p < layer->parameter_count; p++) { /* the arena has them in the same order */
            if (layer->parameters[p].range == DSTN_RANGE_GENERAL) {
                assert_int_equal(layer->parameters[p].offset, next);
                next += layer->parameters[p].count;
            }
        }
    }
    assert_int_equal(w.model->layers[1]->out.dims[0], 3);
    world_destroy(&w);
}

static void assert_refused(const char *layers, const char *place, const char *what, const char *more) {
    world w;
    assert_int_equal(world_try(&w, plan_of(layers)), DSTN_ERROR_USAGE);
    if (strncmp(w.err.message, place, strlen(place)) != 0 || !strstr(w.err.message, what) ||
        !strstr(w.err.message, more)) {
        fail_msg("\"%s\" doesn't begin with \"%s\" or doesn't say \"%s\" and \"%s\"", w.err.message, place, what, more);
    }
    world_destroy(&w);
}

static void lists_that_cannot_be_added_are_refused_at_the_line(void **state) {
    (void)state;
    assert_refused("- relu\n    - residual: {layers: [" WIDE "]}", "model.yaml:4:", "[3, 5, 4]", "[2, 5, 4]");
    assert_refused("- residual:\n        layers: [" WIDE "]\n        shortcut: [maxpool, " WIDE_POINT "]",
                   "model.yaml:3:", "[3, 5, 4]", "[3, 2, 2]");
    assert_refused("- residual: {layers: [flatten], shortcut: [" SAME ", flatten, linear: {out: 40}]}",
                   "model.yaml:3:", "[40 of 2 channels]", "[40]");
    assert_refused("- residual: {shortcut: [relu]}", "model.yaml:3:", "\"layers\"", "at least one");
    assert_refused("- residual: {layers: []}", "model.yaml:3:", "\"layers\"", "at least one");
    assert_refused("- residual: {layers: [relu], shortcut: relu}", "model.yaml:3:", "\"shortcut\"", "list");
    assert_refused("- residual", "model.yaml:3:", "\"layers\"", "at least one");
    assert_refused("- residual: {layer: [relu]}", "model.yaml:3:", "layer", "did you mean \"layers\"");
    assert_refused("- residul: {layers: [relu]}", "model.yaml:3:", "residul", "residual");
    assert_refused("- residual:\n        layers:\n        - relu\n        - linaer", "model.yaml:6:", "linaer",
                   "linear");
    assert_refused("- residual_begin\n    - residual:\n        layers: [relu, residual_end]",
                   "model.yaml:5:", "no residual_begin", "open");
    assert_refused("- residual:\n        layers: [residual_begin, relu]\n    - residual_end",
                   "model.yaml:4:", "no residual_end", "closes");
    assert_refused("- residual: {layers: [relu], shortcut: [dropout: {rate: 0.5}]}", "model.yaml:2:", "no layer",
                   "parameters");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_branches_get_their_whole_gradients),
        cmocka_unit_test(what_comes_out_is_the_sum_of_both_branches),
        cmocka_unit_test(rows_at_a_time_and_backends_change_nothing),
        cmocka_unit_test(a_nested_list_gives_the_bits_of_the_flat_form),
        cmocka_unit_test(overwritten_gradients_are_those_added_to_zero),
        cmocka_unit_test(gradients_become_final_from_the_end_of_the_range_down),
        cmocka_unit_test(the_first_maps_of_both_branches_have_no_input_tangent_and_adjoint),
        cmocka_unit_test(counted_operations_are_those_that_are_made),
        cmocka_unit_test(lines_are_counted_through_the_lists_in_reading_order),
        cmocka_unit_test(lists_that_cannot_be_added_are_refused_at_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
