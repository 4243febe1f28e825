/* model: messages about nets that can't be, running statistics, and parameters in the canonical shapes that fixtures
 * have: what they mean after a flattened image above all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

static const dstn_shape image = {.rank = 3, .dims = {2, 5, 4}};

static world_plan plan_of(const char *model) {
    return (world_plan){.model = model, .input = image, .rows = 4, .scalar = DSTN_F64};
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void assert_refused_plan(world_plan plan, const char *place, const char *what) {
    world w;
    assert_int_equal(world_try(&w, plan), DSTN_ERROR_USAGE);
    assert_null(w.model);
    if (strncmp(w.err.message, place, strlen(place)) != 0 || !strstr(w.err.message, what)) {
        fail_msg("\"%s\" doesn't begin with \"%s\" or doesn't say \"%s\"", w.err.message, place, what);
    }
    world_destroy(&w);
}

/* The last of `layers`, one a line from line 3 on, is wrong. */
static void assert_refused(const char *layers, const char *place, const char *what) {
    char *model = dstn_format("model:\n  layers:\n%s", layers);
    assert_refused_plan(plan_of(model), place, what);
    free(model);
}

static void nets_that_cannot_be_are_refused_at_the_line(void **state) {
    (void)state;
    assert_refused("    - relu\n    - residual_end\n", "model.yaml:4:", "no residual_begin below that is still open");
    assert_refused("    - residual_begin\n    - residual_end\n    - residual_end\n", "model.yaml:5:", "still open");
    assert_refused("    - residual_begin\n    - relu\n", "model.yaml:3:", "no residual_end");
    assert_refused("    - residual_begin\n    - conv: {out: 3, kernel: 1}\n    - residual_end\n",
                   "model.yaml:5:", "residual_begin (layer 0)");
    assert_refused("    - residual_begin\n    - flatten\n    - residual_end\n", "model.yaml:5:", "shape");
    assert_refused("    - flatten\n    - conv: {out: 3, kernel: 1}\n", "model.yaml:4:", "needs an image");
    assert_refused("    - linear: {out: 9}\n    - maxpool\n", "model.yaml:4:", "needs an image");
    assert_refused("    - linear: {out: 9}\n    - avgpool\n", "model.yaml:4:", "needs an image");
    assert_refused("    - flatten\n    - dropout: {rate: a, per: channel}\n", "model.yaml:4:", "needs an image");
    assert_refused("    - relu\n    - conv: {out: 3, kernel: 7, padding: 1}\n", "model.yaml:4:", "7 x 6");
    assert_refused("    - relu\n    - maxpool: {size: 5}\n", "model.yaml:4:", "5 x 4");
    assert_refused("    - conv: {out: 0, kernel: 1}\n", "model.yaml:3:", "out");
    assert_refused("    - conv: {out: 3}\n", "model.yaml:3:", "kernel");
    assert_refused("    - conv: {out: 3, kernel: 1, stride: 0}\n", "model.yaml:3:", "stride");
    assert_refused("    - conv: {out: 3, kernel: 1, padding: -1}\n", "model.yaml:3:", "padding");
    assert_refused("    - maxpool: {size: 16}\n", "model.yaml:3:", "15");
    assert_refused("    - batchnorm: {momentum: 2}\n", "model.yaml:3:", "momentum");
    assert_refused("    - relu: {}\n    - batchnrom\n", "model.yaml:4:", "batchnorm");
}

static void models_that_cannot_be_are_refused_at_the_line(void **state) {
    (void)state;
    assert_refused_plan(plan_of("model:\n  response: full\n  layers:\n    - relu\n    - conv: {out: 3, kernel: 1}\n"),
                        "model.yaml:5:", "structured");
    assert_refused_plan(plan_of("model:\n  layers: []\n"), "model.yaml:2:", "at least one layer");
    assert_refused_plan(plan_of("model:\n  layers: 3\n"), "model.yaml:2:", "list");
    assert_refused_plan(plan_of("model:\n  input: [3, 5, 4]\n  layers: [relu]\n"), "model.yaml:2:", "60 values");
    assert_refused_plan(plan_of("model:\n  input: [1, 2, 5, 4]\n  layers: [relu]\n"), "model.yaml:2:", "4 axes");
    assert_refused_plan(plan_of("model:\n  batchnorm: global\n  layers: [relu]\n"), "model.yaml:2:", "synchronized");
    world_plan outputs = plan_of("model:\n  layers:\n    - flatten\n    - linear: {out: 3}\n");
    outputs.outputs = 10;
    assert_refused_plan(outputs, "model.yaml:4:", "3 outputs");
    world_plan unpenalized = plan_of("model:\n  layers: [batchnorm, flatten]");
    unpenalized.regularizers = "{l2: {strength: 1}}";
    assert_refused_plan(unpenalized, "model.yaml:3:", "no layer");
}

static void outputs_that_cannot_be_penalized_are_refused_at_the_line(void **state) {
    (void)state;
    world_plan plan = plan_of("model:\n  layers: [relu: {name: low}, flatten, linear: {out: 3, name: top}]");
    plan.regularizers = "{ar: {strength: c, tap: tip}}";
    assert_refused_plan(plan, "model.yaml:3:", "did you mean \"top\"? accepted: low, top");
    plan.regularizers = "{tar: {strength: c, tap: low}}";
    assert_refused_plan(plan, "model.yaml:3:", "layer 0 (relu) depends on no parameters");
    plan.regularizers = "{tar: {strength: c}}";
    assert_refused_plan(plan, "model.yaml:3:", "accepted: tap: the name of");
    plan.model = "model:\n  layers: [flatten, linear: {out: 3}]";
    plan.regularizers = "{ar: {strength: c, tap: top}}";
    assert_refused_plan(plan, "model.yaml:3:", "none has a name");
}

/* Features named as an image of one channel by the model: the data's shape need not say so. With more channels their
 * order would be a guess. */
static void a_model_may_name_the_shape_of_its_input(void **state) {
    (void)state;
    world w;
    world_plan plan = plan_of("model:\n  input: [1, 5, 8]\n  layers: [conv: {out: 3, kernel: 3}]\n");
    plan.input = (dstn_shape){.rank = 1, .dims = {40}};
    world_new(&w, plan);
    assert_int_equal(w.model->out.dims[0], 3);
    assert_int_equal(w.model->out.dims[1], 3);
    assert_int_equal(w.model->out.dims[2], 6);
    world_destroy(&w);
    plan = plan_of("model:\n  input: [2, 5, 4]\n  layers: [conv: {out: 3, kernel: 3}]\n");
    plan.input = (dstn_shape){.rank = 1, .dims = {40}};
    assert_refused_plan(plan, "model.yaml:2:", "plain features");
}

/* ---- width ------------------------------------------------------------------------------------------------------- */

/* Every layer's channels or features, in reading order. */
static void assert_outs(const char *model, const int64_t *wanted, int count) {
    world w;
    world_new(&w, plan_of(model));
    assert_int_equal(w.model->layer_count, count);
    for (int l = 0; l < count; l++) {
        assert_int_equal(w.model->layers[l]->out.dims[0], wanted[l]);
    }
    world_destroy(&w);
}

/* Residual connections of all kinds stay consistent; the output, and what has as many outputs as inputs, stays. */
static void a_width_multiplies_the_outputs_of_all_layers_but_the_last(void **state) {
    (void)state;
    assert_outs("model:\n  width: 0.3\n  layers:\n    - conv: {out: 10, kernel: 3, padding: 1}\n    - residual:\n"
                "        layers: [conv: {out: 20, kernel: 3, padding: 1}, batchnorm, conv: {out: 20, kernel: 1}]\n"
                "        shortcut: [conv: {out: 20, kernel: 1}]\n"
                "    - residual_begin\n    - conv: {out: 20, kernel: 1}\n    - residual_end\n    - flatten\n"
                "    - linear: {out: 2}\n    - linear\n    - linear: {out: 1}\n    - relu\n",
                (const int64_t[]){3, 6, 6, 6, 6, 6, 6, 6, 6, 120, 1, 1, 1, 1}, 14);
    assert_outs("model:\n  width: 2.5\n  layers: [flatten, linear: {out: 3}, linear: {out: 3}, batchnorm]\n",
                (const int64_t[]){40, 8, 3, 3}, 4);
}

static void a_width_that_leaves_no_network_is_refused_with_the_reason(void **state) {
    (void)state;
    const char *const makes_output = "model:\n  width: 0.5\n  layers:\n    - flatten\n    - linear: {out: 8}\n"
                                     "    - residual: {layers: [linear: {out: 8}]}\n    - relu\n";
    assert_refused_plan(plan_of(makes_output), "model.yaml:6:", "makes the network's output");
    assert_refused_plan(
        plan_of("model:\n  width: 0.5\n  layers:\n    - residual: {layers: [conv: {out: 2, kernel: 1}]}\n"
                "    - conv: {out: 3, kernel: 1}\n"),
        "model.yaml:4:", "width: 0.5");
    assert_refused_plan(plan_of("model:\n  width: 0.5\n  layers: [flatten, residual_begin,\n    linear: {out: 40},\n"
                                "    residual_end, linear: {out: 3}]\n"),
                        "model.yaml:5:", "width: 0.5");
    world_plan outputs = plan_of("model:\n  width: 0.5\n  layers: [flatten, linear: {out: 10}, linear]\n");
    outputs.outputs = 10;
    assert_refused_plan(outputs, "model.yaml:3:", "5 outputs, but the data need 10 (width: 0.5");
    assert_refused_plan(plan_of("model:\n  width: 0\n  layers: [flatten, linear: {out: 10}]\n"),
                        "model.yaml:2:", "above 0");
    assert_refused_plan(plan_of("model:\n  width: 1e6\n  layers:\n    - conv: {out: 2, kernel: 1}\n    - flatten\n"
                                "    - linear: {out: 10}\n"),
                        "model.yaml:4:", "up to 1000000");
}

/* ---- running statistics ------------------------------------------------------------------------------------------ */

static const char *const normalized =
    "model:\n  layers: [conv: {out: 3, kernel: 2}, batchnorm, relu, flatten, linear: {out: 4}, batchnorm]\n";

static bool statistics_move(world *w, bool training, bool tracks) {
    double *before = dstn_alloc((size_t)w->model->buffer_count, sizeof *before);
    memcpy(before, w->model->buffers, (size_t)w->model->buffer_count * sizeof *before);
    w->pass.training = training;
    w->pass.track_statistics = tracks;
    world_gradients(w);
    int64_t moved = 0;
    for (int64_t i = 0; i < w->model->buffer_count; i++) {
        moved += w->model->buffers[i] != before[i];
    }
    free(before);
    assert_true(moved == 0 || moved == w->model->buffer_count);
    return moved > 0;
}

static void running_statistics_move_only_in_training_passes_that_track_them(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of(normalized));
    assert_int_equal(w.model->buffer_count, 2 * (3 + 4));
    for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_LINEARIZED; kind++) {
        world_set_kind(&w, (dstn_pass_kind)kind);
        assert_false(statistics_move(&w, true, false));
        assert_false(statistics_move(&w, false, true));
        assert_true(statistics_move(&w, true, true));
    }
    world_destroy(&w);
}

/* Training on one batch until the running statistics are those of the batch: evaluation then gives what training does,
 * but that the running variance is the unbiased one. */
static void evaluation_uses_the_running_statistics(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of("model:\n  layers: [batchnorm, flatten]\n"));
    world_set_kind(&w, DSTN_PASS_GENERAL);
    w.pass.track_statistics = true;
    double training[160];
    for (int i = 0; i < 400; i++) {
        memcpy(training, dstn_model_forward(w.model, &w.pass, w.x), sizeof training);
    }
    w.pass.training = false;
    const double *evaluated = dstn_model_forward(w.model, &w.pass, w.x);
    const double *beta = dstn_layer_parameter(w.model->layers[0], "beta")->value;
    double n = 4 * 20, shrink = sqrt((n - 1) / n); /* but for epsilon */
    for (int i = 0; i < 160; i++) {
        double want = beta[i % 2] + shrink * (training[i] - beta[i % 2]);
        assert_true(fabs(evaluated[i] - want) < 1e-6);
        assert_true(fabs(evaluated[i] - training[i]) > 1e-9);
    }
    world_destroy(&w);
}

static void running_statistics_are_part_of_the_state(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of(normalized));
    dstn_state list = {0};
    dstn_model_add_state(w.model, &list);
    const dstn_state_entry *entry = dstn_state_find(&list, "model/buffers");
    assert_non_null(entry);
    assert_ptr_equal(entry->data, w.model->buffers);
    assert_int_equal(entry->shape[0], 14);
    assert_int_equal(entry->scalar, DSTN_F64);
    dstn_state_clear(&list);
    dstn_model_initialize(w.model, 3);
    for (int l = 0; l < w.model->layer_count; l++) {
        for (int i = 0; i < w.model->layers[l]->buffer_count; i++) {
            for (int64_t e = 0; e < w.model->layers[l]->buffers[i].count; e++) {
                assert_true(w.model->layers[l]->buffers[i].value[e] == i);
            }
        }
    }
    world_destroy(&w);
}

/* ---- canonical parameters ---------------------------------------------------------------------------------------- */

/* Parameter of a layer, in a new array in its canonical shape. */
static double *canonical(const world *w, int l, const char *name) {
    const dstn_parameter *parameter = dstn_layer_parameter(w->model->layers[l], name);
    assert_non_null(parameter);
    double *values = dstn_alloc((size_t)parameter->count, sizeof *values);
    dstn_parameter_export(parameter, w->kernel, parameter->value, values);
    return values;
}

/* Example r of the input, [C, H, W]. */
static void read_example(const world *w, int64_t r, double *x) {
    for (int64_t i = 0; i < w->inputs; i++) {
        x[i] = ((const double *)w->x)[r * w->inputs + dstn_shape_stored_at(w->model->in, i)];
    }
}

/* y[out, i, j] of a valid convolution with a kernel of 2 x 2 on [2, 5, 4], from w [out, 2, 2, 2]. */
static void convolve(const double *w, int64_t out, const double *x, double *y) {
    for (int64_t at = 0; at < out * 4 * 3; at++) {
        int64_t o = at / 12, i = at / 3 % 4, j = at % 3;
        y[at] = 0;
        for (int64_t tap = 0; tap < 8; tap++) {
            int64_t in = tap / 4, k = tap / 2 % 2, l = tap % 2;
            y[at] += w[o * 8 + tap] * x[in * 20 + (i + k) * 4 + j + l];
        }
    }
}

/* y += W x for W [out, in]. */
static void multiply(const double *w, int64_t out, int64_t in, const double *x, double *y) {
    for (int64_t o = 0; o < out; o++) {
        for (int64_t i = 0; i < in; i++) {
            y[o] += w[o * in + i] * x[i];
        }
    }
}

/* A convolution without bias, a flattened image, and a linear layer without bias as fixtures describe them, channels
 * first: the general pass of example r. */
static void assert_means_what_fixtures_say(const char *layers, int linear, bool has_relu) {
    world w;
    char *text = dstn_format("model:\n  layers: [%s]\n", layers);
    world_new(&w, plan_of(text));
    world_set_kind(&w, DSTN_PASS_GENERAL);
    w.pass.training = false;
    const double *got = dstn_model_forward(w.model, &w.pass, w.x);
    double *kernel = canonical(&w, 0, "general_weight"), *weight = canonical(&w, linear, "general_weight");
    for (int64_t r = 0; r < w.rows; r++) {
        double x[40], y[36], want[4] = {0};
        read_example(&w, r, x);
        convolve(kernel, 3, x, y);
        for (int i = 0; i < 36; i++) {
            y[i] = has_relu && y[i] < 0 ? 0 : y[i];
        }
        multiply(weight, 4, 36, y, want);
        for (int o = 0; o < 4; o++) {
            assert_true(fabs(got[r * 4 + o] - want[o]) < 1e-12);
        }
    }
    free(kernel);
    free(weight);
    free(text);
    world_destroy(&w);
}

#define CONV "conv: {out: 3, kernel: 2, bias: false}"
#define LINEAR "linear: {out: 4, bias: false}"

static void columns_after_a_flattened_image_are_channels_first(void **state) {
    (void)state;
    assert_means_what_fixtures_say(CONV ", flatten, " LINEAR, 2, false);
    assert_means_what_fixtures_say(CONV ", flatten, relu, dropout: {rate: a}, " LINEAR, 4, true);
    assert_means_what_fixtures_say(CONV ", flatten, flatten, " LINEAR, 3, false);
    assert_means_what_fixtures_say(CONV ", " LINEAR, 1, false);
}

/* Θ [h, out, in] of a full response at z: y = W_g x + Σ_j z_j Θ_j x. */
static void a_full_response_after_a_flattened_image_is_channels_first(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of("model:\n  response: full\n  layers: [flatten, " LINEAR "]\n"));
    world_set_kind(&w, DSTN_PASS_RESPONSE);
    const double *got = dstn_model_forward(w.model, &w.pass, w.x);
    double *weight = canonical(&w, 1, "general_weight"), *theta = canonical(&w, 1, "response_weight");
    for (int64_t r = 0; r < w.rows; r++) {
        double x[40], want[4] = {0};
        read_example(&w, r, x);
        multiply(weight, 4, 40, x, want);
        for (int64_t j = 0; j < WORLD_HYPERS; j++) {
            double term[4] = {0};
            multiply(theta + j * 160, 4, 40, x, term);
            for (int o = 0; o < 4; o++) {
                want[o] += ((const double *)w.z)[r * WORLD_HYPERS + j] * term[o];
            }
        }
        for (int o = 0; o < 4; o++) {
            assert_true(fabs(got[r * 4 + o] - want[o]) < 1e-12);
        }
    }
    free(weight);
    free(theta);
    world_destroy(&w);
}

/* γ and β of a flattened image [C, H, W] are a value for each of its C·H·W values, in that order. */
static void normalization_of_a_flattened_image_is_channels_first(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of("model:\n  layers: [flatten, batchnorm, " LINEAR "]\n"));
    world_set_kind(&w, DSTN_PASS_GENERAL);
    const double *got = dstn_model_forward(w.model, &w.pass, w.x);
    double *gamma = canonical(&w, 1, "gamma"), *beta = canonical(&w, 1, "beta");
    double *weight = canonical(&w, 2, "general_weight"), x[4][40];
    for (int64_t r = 0; r < 4; r++) {
        read_example(&w, r, x[r]);
    }
    for (int i = 0; i < 40; i++) {
        double mean = 0, var = 0;
        for (int r = 0; r < 4; r++) {
            mean += x[r][i] / 4;
        }
        for (int r = 0; r < 4; r++) {
            var += (x[r][i] - mean) * (x[r][i] - mean) / 4;
        }
        for (int r = 0; r < 4; r++) {
            x[r][i] = gamma[i] * (x[r][i] - mean) / sqrt(var + 1e-5) + beta[i];
        }
    }
    for (int64_t r = 0; r < 4; r++) {
        double want[4] = {0};
        multiply(weight, 4, 40, x[r], want);
        for (int o = 0; o < 4; o++) {
            assert_true(fabs(got[r * 4 + o] - want[o]) < 1e-12);
        }
    }
    free(gamma);
    free(beta);
    free(weight);
    world_destroy(&w);
}

static void imported_parameters_are_exported_unchanged(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        world w;
        world_plan plan =
            plan_of(i < 2 ? "model:\n  layers: [conv: {out: 3, kernel: 2}, batchnorm, flatten, batchnorm,\n"
                            "    linear: {out: 4}, linear: {out: 2}]\n"
                          : "model:\n  response: full\n  layers: [flatten, linear: {out: 4}, linear: {out: 2}]\n");
        plan.scalar = i % 2 ? DSTN_F32 : DSTN_F64;
        world_new(&w, plan);
        for (int l = 0; l < w.model->layer_count; l++) {
            for (int p = 0; p < w.model->layers[l]->parameter_count; p++) {
                const dstn_parameter *parameter = &w.model->layers[l]->parameters[p];
                size_t count = (size_t)parameter->count;
                double *in = dstn_alloc(count, sizeof *in), *out = dstn_alloc(count, sizeof *out);
                for (size_t e = 0; e < count; e++) {
                    in[e] = (double)e + 0.5; /* no two alike, so that every place is hit once */
                }
                dstn_parameter_import(parameter, w.kernel, in, parameter->gradient);
                dstn_parameter_export(parameter, w.kernel, parameter->gradient, out);
                assert_memory_equal(in, out, count * sizeof *in);
                free(in);
                free(out);
            }
        }
        world_destroy(&w);
    }
}

static void shapes_know_where_a_canonical_value_is_stored(void **state) {
    (void)state;
    dstn_shape flat = {.rank = 1, .dims = {40}, .channels = 2}, plain = {.rank = 1, .dims = {40}};
    for (int64_t c = 0; c < 2; c++) {
        for (int64_t at = 0; at < 20; at++) {
            assert_int_equal(dstn_shape_stored_at(image, c * 20 + at), at * 2 + c);
            assert_int_equal(dstn_shape_stored_at(flat, c * 20 + at), at * 2 + c);
            assert_int_equal(dstn_shape_stored_at(plain, c * 20 + at), c * 20 + at);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nets_that_cannot_be_are_refused_at_the_line),
        cmocka_unit_test(outputs_that_cannot_be_penalized_are_refused_at_the_line),
        cmocka_unit_test(models_that_cannot_be_are_refused_at_the_line),
        cmocka_unit_test(a_model_may_name_the_shape_of_its_input),
        cmocka_unit_test(a_width_multiplies_the_outputs_of_all_layers_but_the_last),
        cmocka_unit_test(a_width_that_leaves_no_network_is_refused_with_the_reason),
        cmocka_unit_test(running_statistics_move_only_in_training_passes_that_track_them),
        cmocka_unit_test(evaluation_uses_the_running_statistics),
        cmocka_unit_test(running_statistics_are_part_of_the_state),
        cmocka_unit_test(columns_after_a_flattened_image_are_channels_first),
        cmocka_unit_test(a_full_response_after_a_flattened_image_is_channels_first),
        cmocka_unit_test(normalization_of_a_flattened_image_is_channels_first),
        cmocka_unit_test(imported_parameters_are_exported_unchanged),
        cmocka_unit_test(shapes_know_where_a_canonical_value_is_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
