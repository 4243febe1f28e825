/* model: layers that share parameters of an earlier one by name: gradients of all users add up, and everything that is
 * said or done of parameters is of the owner alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

static world_plan plan_of(const char *layers, const char *response) {
    static char text[2048];
    snprintf(text, sizeof text, "model:\n  response: %s\n  layers:\n    %s\n", response, layers);
    return (world_plan){.model = text, .input = {1, {4}, 0}, .rows = 9, .scalar = DSTN_F64};
}

static world_plan image_plan_of(const char *layers) {
    world_plan plan = plan_of(layers, "structured");
    plan.input = (dstn_shape){.rank = 3, .dims = {2, 5, 4}};
    return plan;
}

static const char *const nets[] = {
    "[linear: {name: one}, relu, linear: {share: one}, linear: {out: 2}]",
    "[linear: {name: one}, relu, linear: {share: one, name: two}, relu, linear: {share: two}]",
    "[linear: {out: 3}, linear: {name: one, bias: false}, linear: {bias: false, share: one}, linear: {share: "
    "{general_weight: one}}]",
    "[linear: {name: one}, linear: {name: two}, linear: {share: {general_weight: one, hyper: two}}]",
    "[linear: {name: one}, residual: {layers: [linear: {share: one}, relu], shortcut: [linear: {share: one}]}]",
    "[residual: {layers: [linear: {name: one}], shortcut: [relu, linear: {share: one}]}, linear: {out: 2}]",
    "[batchnorm: {name: norm}, linear, batchnorm: {share: norm}, linear: {out: 2}]",
    "[batchnorm: {name: norm}, linear, batchnorm: {share: {gamma: norm}}, linear: {out: 2}]",
};
enum { NETS = sizeof nets / sizeof nets[0] };

static const char *const image_nets[] = {
    "[conv: {out: 2, kernel: 3, padding: 1, name: one}, relu, conv: {out: 2, kernel: 3, padding: 1, share: one}, "
    "avgpool]",
    "[conv: {out: 2, kernel: 1, name: one}, maxpool, conv: {out: 2, kernel: 1, share: one}, flatten, linear: {out: 2}]",
};
enum { IMAGE_NETS = sizeof image_nets / sizeof image_nets[0] };

static void for_kinds(world_plan plan, void (*test)(world *w)) {
    for (int i = 0; i < 6; i++) {
        world w;
        world_new(&w, plan);
        w.pass.training = i < 3;
        world_set_kind(&w, (dstn_pass_kind)(i % 3));
        test(&w);
        world_destroy(&w);
    }
}

static void for_all(const char *regularizers, void (*test)(world *w)) {
    for (int i = 0; i < 2 * NETS + IMAGE_NETS; i++) {
        bool is_full = i < NETS && !strstr(nets[i], "hyper");
        world_plan plan = i < NETS       ? plan_of(nets[i], is_full ? "full" : "structured")
                          : i < 2 * NETS ? plan_of(nets[i - NETS], "structured")
                                         : image_plan_of(image_nets[i - 2 * NETS]);
        plan.regularizers = regularizers;
        for_kinds(plan, test);
    }
}

static void gradients_of_all_users_add_up(void **state) {
    (void)state;
    for_all(NULL, world_check);
}

/* Of linear layers alone, for the norm of their Jacobian. */
static world_plan chain_plan(const char *response) {
    world_plan plan = plan_of("[linear: {name: one, bias: false}, linear: {bias: false, share: one},\n"
                              "     linear: {bias: false, share: {general_weight: one}}]",
                              response);
    plan.regularizers = "{jacobian: {strength: c}}";
    return plan;
}

static void so_do_those_of_penalties(void **state) {
    (void)state;
    for_all("{l2: {strength: c}}", world_check);
    for_kinds(chain_plan("structured"), world_check);
    for_kinds(chain_plan("full"), world_check);
}

/* ---- once -------------------------------------------------------------------------------------------------------- */

static void what_is_shared_is_there_once(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of("[linear: {name: one}, linear: {share: one}, linear: {share: {general_weight: one}}]",
                          "structured"));
    /* 4·4 weights and 4 biases; the third layer has biases of its own; W_r, b_r and U, V with h = 3. */
    assert_int_equal(w.model->count[DSTN_RANGE_GENERAL], 20 + 4);
    assert_int_equal(w.model->count[DSTN_RANGE_RESPONSE], 2 * (20 + 24));
    const dstn_parameter *owner = dstn_layer_parameter(w.model->layers[0], "general_weight");
    for (int l = 1; l < 3; l++) {
        const dstn_parameter *user = dstn_layer_parameter(w.model->layers[l], "general_weight");
        assert_true(dstn_parameter_is_shared(user));
        assert_ptr_equal(user->value, owner->value);
        assert_ptr_equal(user->gradient, owner->gradient);
        assert_int_equal(user->offset, owner->offset);
    }
    assert_false(dstn_parameter_is_shared(owner));
    assert_false(dstn_parameter_is_shared(dstn_layer_parameter(w.model->layers[2], "general_bias")));
    world_destroy(&w);
}

static void check_overwrite(world *w) {
    size_t counts[DSTN_RANGES] = {(size_t)w->model->count[0], (size_t)w->model->count[1]};
    double *want[DSTN_RANGES];
    world_gradients(w);
    for (int r = 0; r < DSTN_RANGES; r++) {
        want[r] = dstn_alloc(counts[r], sizeof(double));
        memcpy(want[r], w->model->gradient[r], counts[r] * sizeof(double));
        w->kernel->fill(w->kernel, w->model->count[r], w->pass.grad[r] ? NAN : 0, w->model->gradient[r]);
    }
    w->pass.overwrite = true;
    world_gradients(w);
    for (int r = 0; r < DSTN_RANGES; r++) {
        for (size_t i = 0; i < counts[r]; i++) {
            double got = ((const double *)w->model->gradient[r])[i];
            assert_true(fabs(got - want[r][i]) <= 1e-12 * (1 + fabs(want[r][i])));
        }
        free(want[r]);
    }
}

/* Penalties, then all users, add to what the first of them began. */
static void a_shared_gradient_starts_anew_once(void **state) {
    (void)state;
    for_all(NULL, check_overwrite);
    for_all("{l2: {strength: c}}", check_overwrite);
    for_kinds(chain_plan("structured"), check_overwrite);
    for_kinds(chain_plan("full"), check_overwrite);
}

typedef struct ready_notes {
    int64_t seen[DSTN_RANGES], first[DSTN_RANGES];
} ready_notes;

static void note_ready(void *user, dstn_range range, int64_t offset, int64_t count) {
    ready_notes *notes = user;
    assert_true(offset + count == notes->first[range]);
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

static void a_shared_gradient_is_final_with_its_owner(void **state) {
    (void)state;
    for_all(NULL, check_ready);
}

static void shared_parameters_start_as_their_owner_does(void **state) {
    (void)state;
    world alone, shared;
    world_new(&alone, plan_of("[linear: {out: 4}]", "structured"));
    world_new(&shared, plan_of("[linear: {out: 4, name: one}, linear: {init: zero, share: one}, linear: {share: one},\n"
                               "     linear: {init: orthogonal, share: one}]",
                               "structured"));
    dstn_model_initialize(alone.model, 5);
    dstn_model_initialize(shared.model, 5);
    for (int r = 0; r < DSTN_RANGES; r++) {
        assert_int_equal(alone.model->count[r], shared.model->count[r]);
        assert_memory_equal(alone.model->value[r], shared.model->value[r],
                            (size_t)alone.model->count[r] * sizeof(double));
    }
    world_destroy(&alone);
    world_destroy(&shared);
}

static void normalizations_that_share_start_at_one_and_zero(void **state) {
    (void)state;
    world w;
    world_new(&w, plan_of("[batchnorm: {name: one}, batchnorm: {share: one}]", "structured"));
    dstn_model_initialize(w.model, 5);
    for (int i = 0; i < 8; i++) {
        assert_true(((const double *)w.model->value[DSTN_RANGE_GENERAL])[i] == (i < 4));
    }
    assert_int_equal(w.model->buffer_count, 16); /* running statistics are each layer's own */
    world_destroy(&w);
}

static double penalty_of(const char *layers, int kind) {
    world w;
    world_plan plan = plan_of(layers, "structured");
    plan.regularizers = "{l2: {strength: c}}";
    world_new(&w, plan);
    world_set_kind(&w, (dstn_pass_kind)kind);
    dstn_model_forward(w.model, &w.pass, w.x);
    double penalty = dstn_model_penalty(w.model, &w.pass);
    world_destroy(&w);
    return penalty;
}

static void l2_counts_shared_weights_once(void **state) {
    (void)state;
    for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_LINEARIZED; kind++) {
        double once = penalty_of("[linear: {name: one}]", kind);
        assert_true(once > 0);
        assert_true(penalty_of("[linear: {name: one}, linear: {share: one}]", kind) == once);
    }
}

/* ---- messages ---------------------------------------------------------------------------------------------------- */

static void assert_refused(world_plan plan, const char *what, const char *more) {
    world w;
    assert_int_equal(world_try(&w, plan), DSTN_ERROR_USAGE);
    if (strncmp(w.err.message, "model.yaml:5:", 13) != 0 || !strstr(w.err.message, what) ||
        !strstr(w.err.message, more)) {
        fail_msg("\"%s\" is not of line 5 or doesn't say \"%s\" and \"%s\"", w.err.message, what, more);
    }
    world_destroy(&w);
}

static void what_cannot_be_shared_is_refused_at_the_line(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"- linear: {name: encoder}\n    - linear: {share: encodr}", "there is no earlier layer named \"encodr\"",
         "did you mean \"encoder\"? accepted: encoder"},
        {"- linear\n    - linear: {share: one}", "no earlier layer named \"one\"", "none has a name"},
        {"- linear: {name: two}\n    - linear: {name: one, share: one}", "no earlier layer named \"one\"",
         "accepted: two"},
        {"- linear: {name: one}\n    - linear: {name: one}", "layer 0 is called \"one\"", "one layer"},
        {"- linear: {name: one, out: 3}\n    - linear: {share: one}", "[3, 3] here, but [3, 4] in layer 0 (one)",
         "general_weight"},
        {"- linear: {name: one, bias: false}\n    - linear: {share: one}", "layer 0 (one) has no general_bias",
         "share"},
        {"- linear: {name: one}\n    - linear: {share: {general_wieght: one}}", "did you mean \"general_weight\"",
         "general_wieght"},
        {"- linear: {name: one}\n    - linear: {share: {general_weight: [one]}}", "is no name",
         "{general_weight: NAME}"},
        {"- linear: {name: one}\n    - linear: {share: [one]}", "is no name", "share: NAME"},
        {"- linear: {name: one}\n    - relu: {share: one}", "relu has no parameters", "share"},
        {"- relu: {name: one}\n    - linear: {share: one}", "layer 0 (one) has no general_weight", "share"},
        {"- batchnorm: {name: one}\n    - linear: {share: one}", "layer 0 (one) has no general_weight", "share"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_refused(plan_of(cases[i][0], "structured"), cases[i][1], cases[i][2]);
    }
    assert_refused(image_plan_of("- residual: {layers: [flatten, linear: {out: 40, name: one}], shortcut: [flatten, "
                                 "linear: {out: 40}]}\n    - linear: {share: one}"),
                   "of two inputs only one is a flattened image", "general_weight");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_of_all_users_add_up),
        cmocka_unit_test(so_do_those_of_penalties),
        cmocka_unit_test(what_is_shared_is_there_once),
        cmocka_unit_test(a_shared_gradient_starts_anew_once),
        cmocka_unit_test(a_shared_gradient_is_final_with_its_owner),
        cmocka_unit_test(shared_parameters_start_as_their_owner_does),
        cmocka_unit_test(normalizations_that_share_start_at_one_and_zero),
        cmocka_unit_test(l2_counts_shared_weights_once),
        cmocka_unit_test(what_cannot_be_shared_is_refused_at_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
