/* layer: convolutions, pooling and dropout of images, alone and in chains: gradients and tangents
 * by finite differences, transposes, overwritten gradients, blocks of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_checks.h"

/* Not square, so that height and width exchanged are seen. */
static const dstn_shape image = {.rank = 3, .dims = {2, 5, 4}};

static void check_layers(const char *layers) {
    chain_plan plan = {.layers = layers, .scalar = DSTN_F64, .hypers = 2, .image = image, .rows = 4};
    chain_check_plan(plan, true);
}

static void check_all(const char *const *layers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check_layers(layers[i]);
    }
}

#define CHECK_ALL(list) check_all(list, sizeof list / sizeof list[0])

static void convolutions_have_the_right_gradients_and_tangents(void **state) {
    (void)state;
    static const char *const layers[] = {
        "[conv: {out: 3, kernel: 3, padding: 1}]",
        "[conv: {out: 3, kernel: 3, stride: 2, padding: 1, bias: false}]",
        "[conv: {out: 3, kernel: 1}]",
        "[conv: {out: 1, kernel: 2, stride: 2}]",
        "[conv: {out: 2, kernel: 4, padding: 2, stride: 3}]",
        "[conv: {out: 5, kernel: 4, bias: false}]",
    };
    CHECK_ALL(layers);
}

static void chains_of_images_have_the_right_gradients_and_tangents(void **state) {
    (void)state;
    static const char *const layers[] = {
        "[conv: {out: 3, kernel: 3, padding: 1}, relu, maxpool, flatten, linear: {out: 3}]",
        "[dropout: {rate: a, per: channel}, conv: {out: 4, kernel: 3, padding: 1}, relu, "
        "dropout: {rate: b, per: channel}, conv: {out: 3, kernel: 2}, relu, avgpool, flatten, linear: {out: 2}]",
        "[conv: {out: 4, kernel: 3, padding: 1}, maxpool, flatten, relu, dropout: {rate: a}, linear: {out: 3}, relu, "
        "linear: {out: 2}]",
        "[conv: {out: 2, kernel: 2}, linear: {out: 3}]", /* an image is as good as a flattened one */
    };
    CHECK_ALL(layers);
}

static void a_full_response_follows_a_flattened_image(void **state) {
    (void)state;
    chain_plan plan = {.layers = "[maxpool, flatten, linear: {out: 3}, relu, linear: {out: 2, bias: false}]",
                       .scalar = DSTN_F64,
                       .response = DSTN_RESPONSE_FULL,
                       .hypers = 3,
                       .image = image,
                       .rows = 4};
    chain_check_plan(plan, true);
}

/* In evaluation dropout is the identity, also on the way back. */
static void evaluation_has_no_dropout(void **state) {
    (void)state;
    static chain c;
    dstn_error err = {0};
    chain_plan plan = {.layers = "[dropout: {rate: a, per: channel}, dropout: {rate: b}]",
                       .scalar = DSTN_F64,
                       .hypers = 2,
                       .image = image,
                       .rows = 4};
    chain_check_plan(plan, false);
    assert_int_equal(chain_new(&c, plan, &err), DSTN_OK);
    c.pass.training = false;
    chain_set_kind(&c, DSTN_PASS_GENERAL, true, false);
    chain_gradients(&c);
    assert_memory_equal(c.x[0], c.x[2], 4 * 40 * sizeof(double));
    assert_memory_equal(c.delta[0], c.delta[2], 4 * 40 * sizeof(double));
    chain_destroy(&c);
}

/* ---- values against their definitions ---------------------------------------------------------------------------- */

static void make(chain *c, const char *layers) {
    dstn_error err = {0};
    chain_plan plan = {.layers = layers, .scalar = DSTN_F64, .hypers = 2, .image = image, .rows = 4};
    if (chain_new(c, plan, &err)) {
        fail_msg("%s", err.message);
    }
}

/* Of example r: channel ch at (i, j) of an image stored channels-last; 0 outside. */
static double pixel(const double *x, dstn_shape shape, int64_t r, int64_t ch, int64_t i, int64_t j) {
    int64_t channels = shape.dims[0], height = shape.dims[1], width = shape.dims[2];
    bool is_inside = i >= 0 && i < height && j >= 0 && j < width;
    return is_inside ? x[((r * height + i) * width + j) * channels + ch] : 0;
}

static void export(const chain *c, const char *name, double *out) {
    const dstn_parameter *parameter = dstn_layer_parameter(c->layers[0], name);
    assert_non_null(parameter);
    dstn_parameter_export(parameter, c->kernel, parameter->value, out);
}

/* Σ W[out, in, k, k] over a patch, from the canonical weight. */
static double patch_product(const chain *c, const double *w, int64_t r, int64_t out, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t tap = 0; tap < 2 * 9; tap++) {
        int64_t in = tap / 9, k = tap / 3 % 3, l = tap % 3;
        sum += w[(out * 2 + in) * 9 + k * 3 + l] * pixel(c->x[0], image, r, in, 2 * i + k - 1, 2 * j + l - 1);
    }
    return sum;
}

/* y = W_g ∗ x + b_g + (U z) ⊙ (W_r ∗ x) + (V z) ⊙ b_r from the parameters in the shapes that fixtures have. */
static void a_convolution_is_what_its_canonical_parameters_say(void **state) {
    (void)state;
    static chain c;
    double w[54], b[3], rw[54], rb[3], hyper[12];
    make(&c, "[conv: {out: 3, kernel: 3, stride: 2, padding: 1}]");
    assert_int_equal(dstn_layer_parameter(c.layers[0], "general_weight")->rank, 4);
    export(&c, "general_weight", w);
    export(&c, "general_bias", b);
    export(&c, "response_weight", rw);
    export(&c, "response_bias", rb);
    export(&c, "hyper", hyper);
    chain_set_kind(&c, DSTN_PASS_RESPONSE, false, false);
    chain_forward(&c);
    dstn_shape out = c.layers[0]->out;
    assert_int_equal(out.dims[0], 3);
    assert_int_equal(out.dims[1], 3);
    assert_int_equal(out.dims[2], 2);
    for (int64_t at = 0; at < 4 * 3 * 3 * 2; at++) {
        int64_t o = at % 3, j = at / 3 % 2, i = at / 6 % 3, r = at / 18;
        const double *z = (const double *)c.z + 2 * r, *u = hyper + 2 * o, *v = hyper + 2 * (3 + o);
        double want = patch_product(&c, w, r, o, i, j) + b[o];
        want += (u[0] * z[0] + u[1] * z[1]) * patch_product(&c, rw, r, o, i, j);
        want += (v[0] * z[0] + v[1] * z[1]) * rb[o];
        assert_true(fabs(pixel(c.x[1], out, r, o, i, j) - want) < 1e-13);
    }
    assert_true(dstn_response_map_product_flops(dstn_layer_map(c.layers[0], 0)) == 2. * 2 * 9 * 3 * 6);
    chain_destroy(&c);
}

static void pools_are_taken_of_each_channel(void **state) {
    (void)state;
    static chain c;
    make(&c, "[maxpool]");
    chain_set_kind(&c, DSTN_PASS_GENERAL, false, false);
    chain_forward(&c);
    for (int64_t at = 0; at < 4 * 2 * 2 * 2; at++) { /* of five rows of pixels the last is left over */
        int64_t ch = at % 2, j = at / 2 % 2, i = at / 4 % 2, r = at / 8;
        double want = -INFINITY;
        for (int k = 0; k < 4; k++) {
            want = fmax(want, pixel(c.x[0], image, r, ch, 2 * i + k / 2, 2 * j + k % 2));
        }
        assert_true(((const double *)c.x[1])[at] == want);
    }
    chain_destroy(&c);
    make(&c, "[avgpool]");
    chain_set_kind(&c, DSTN_PASS_GENERAL, false, false);
    chain_forward(&c);
    for (int64_t at = 0; at < 4 * 2; at++) {
        double sum = 0;
        for (int k = 0; k < 20; k++) {
            sum += pixel(c.x[0], image, at / 2, at % 2, k / 4, k % 4);
        }
        assert_true(fabs(((const double *)c.x[1])[at] - sum / 20) < 1e-14);
    }
    chain_destroy(&c);
}

static void dropped_channels_are_dropped_everywhere(void **state) {
    (void)state;
    static chain c;
    make(&c, "[dropout: {rate: 0.5, per: channel}]");
    c.kernel->fill(c.kernel, 4 * 40, 1, c.x[0]);
    chain_set_kind(&c, DSTN_PASS_GENERAL, false, false);
    int kept = 0;
    for (c.pass.step = 0; c.pass.step < 50; c.pass.step++) {
        chain_forward(&c);
        for (int64_t at = 0; at < 4 * 40; at++) {
            double first = pixel(c.x[1], image, at / 40, at % 2, 0, 0);
            assert_true(first == 0 || first == 2);
            assert_true(((const double *)c.x[1])[at] == first);
            kept += at % 40 < 2 && first == 2;
        }
    }
    assert_true(abs(kept - 200) < 40); /* of 400 draws */
    chain_destroy(&c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_have_the_right_gradients_and_tangents),
        cmocka_unit_test(chains_of_images_have_the_right_gradients_and_tangents),
        cmocka_unit_test(a_full_response_follows_a_flattened_image),
        cmocka_unit_test(evaluation_has_no_dropout),
        cmocka_unit_test(a_convolution_is_what_its_canonical_parameters_say),
        cmocka_unit_test(pools_are_taken_of_each_channel),
        cmocka_unit_test(dropped_channels_are_dropped_everywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
