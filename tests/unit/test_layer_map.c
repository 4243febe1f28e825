/* layer: the response map as an object that a layer owns several of: names, initial draws, and examples of several time
 * steps, which share their z. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "layer_fixture.h"

enum { B = 4, T = 3, IN = 5, OUT = 4, H = 2, MOST = B * T * (IN + OUT) };

/* ---- a layer of two maps ----------------------------------------------------------------------------------------- */

typedef struct pair {
    dstn_response_map first, second;
} pair;

static dstn_status plan_pair(dstn_layer *layer, dstn_node node, dstn_error *err) {
    pair *maps = layer->content;
    dstn_map_request request = {
        .prefix = "i2h_", .shape = dstn_map_shape_of_matrix(IN, OUT), .channels = 1, .bias = true, .responds = true};
    dstn_status status = dstn_response_map_plan(&maps->first, layer, &request, node, err);
    request.prefix = "h2h_";
    return status ? status : dstn_response_map_plan(&maps->second, layer, &request, node, err);
}

static const dstn_layer_type pair_type = {
    .name = "pair",
    .help = "two maps",
    .content_size = sizeof(pair),
    .kind = DSTN_LAYER_BATCH,
    .example = "[pair]",
    .plan = plan_pair,
};

/* The layer with everything that one of its maps needs, for passes of `steps` time steps. */
typedef struct setup {
    dstn_doc *doc;
    dstn_arena *arena;
    dstn_layer *layer;
    const dstn_kernel *kernel;
    dstn_response_map *map; /* the second */
    int64_t examples, steps;
    double *z, *dz;
    double x[MOST], x_tangent[MOST], y[MOST], y_tangent[MOST], dy[MOST], dx[MOST];
    dstn_pass pass;
} setup;

static void fill(uint64_t step, int64_t count, double *values) {
    chain_normals(step, count, values);
}

static void make(setup *s, dstn_response response, int64_t examples, int64_t steps) {
    dstn_error err = {0};
    *s = (setup){.arena = dstn_arena_new(), .examples = examples, .steps = steps};
    dstn_layer_type_register(&pair_type);
    static int64_t hypers = H;
    assert_int_equal(dstn_kernel_find("openblas", DSTN_F64, &s->kernel, &err), DSTN_OK);
    assert_int_equal(dstn_doc_parse("layer: pair\n", "pair.yaml", &s->doc, &err), DSTN_OK);
    dstn_layer_setting setting = {.kernel = s->kernel,
                                  .response = response,
                                  .hypers = H,
                                  .max_rows = examples,
                                  .max_steps = steps,
                                  .hyper_names = {.at = chain_hyper_name, .user = &hypers}};
    dstn_node node = dstn_node_child(dstn_doc_root(s->doc), "layer");
    assert_int_equal(dstn_layer_read(node, 3, (dstn_shape){.rank = 1, .dims = {IN}}, &setting, &s->layer, &err),
                     DSTN_OK);
    for (int p = 0; p < s->layer->parameter_count; p++) {
        size_t bytes = (size_t)s->layer->parameters[p].count * sizeof(double);
        dstn_layer_bind_parameter(s->layer, p, 0, dstn_arena_take(s->arena, bytes), dstn_arena_take(s->arena, bytes));
        fill(100 + (uint64_t)p, s->layer->parameters[p].count, s->layer->parameters[p].value);
    }
    assert_true(dstn_layer_bind(s->layer, s->arena));
    s->map = dstn_layer_map(s->layer, 1);
    s->z = dstn_arena_take(s->arena, (size_t)(examples * H) * sizeof(double));
    s->dz = dstn_arena_take(s->arena, (size_t)(examples * H) * sizeof(double));
    fill(1, B * H, s->x); /* z of B examples: each once, or T times */
    for (int64_t i = 0; i < examples * H; i++) {
        s->z[i] = s->x[i / H * steps / T * H + i % H];
    }
    fill(2, B * T * IN, s->x);
    fill(3, B * T * IN, s->x_tangent);
    fill(4, B * T * OUT, s->dy);
    for (int i = 0; i < MOST; i++) { /* what is not written is seen */
        s->y[i] = s->y_tangent[i] = s->dx[i] = NAN;
    }
    s->pass = (dstn_pass){.rows = examples, .steps = steps, .batch_rows = examples, .grad = {true, true}};
}

static void clear(setup *s) {
    dstn_layer_destroy(s->layer);
    dstn_arena_destroy(s->arena);
    dstn_doc_destroy(s->doc);
}

/* A whole pass of the kind; everything is left in the setup. */
static void run(setup *s, dstn_pass_kind kind, bool has_tangent) {
    dstn_response_map *map = s->map;
    s->pass.kind = kind;
    s->pass.overwrite = true;
    s->pass.z = s->z;
    s->pass.dz = s->dz;
    memset(s->dz, 0, (size_t)(s->examples * H) * sizeof(double));
    dstn_layer_begin(s->layer, &s->pass);
    dstn_rows all = dstn_pass_rows(&s->pass);
    const double *x_tangent = has_tangent ? s->x_tangent : NULL;
    dstn_response_map_forward(map, &s->pass, all, s->x, s->y);
    dstn_response_map_forward_rows(map, &s->pass, all, s->y);
    if (kind == DSTN_PASS_LINEARIZED) {
        dstn_response_map_tangent(map, &s->pass, all, s->x, x_tangent, s->y_tangent);
        dstn_response_map_tangent_rows(map, &s->pass, all, x_tangent, s->y_tangent);
    }
    dstn_response_map_adjoint_rows(map, &s->pass, all, s->dy);
    dstn_response_map_adjoint(map, &s->pass, all, s->x, s->dy, s->dx);
}

static void assert_close(const char *what, const double *got, const double *want, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - want[i]) <= 1e-12 * (1 + fabs(want[i])))) {
            fail_msg("%s[%d] is %.15g, not %.15g", what, (int)i, got[i], want[i]);
        }
    }
}

static void compare(const setup *got, const setup *want) {
    bool is_linearized = want->pass.kind == DSTN_PASS_LINEARIZED;
    assert_close("y", got->y, want->y, B * T * OUT);
    assert_close("y_tangent", got->y_tangent, want->y_tangent, is_linearized ? B * T * OUT : 0);
    assert_close("dx", got->dx, want->dx, B * T * IN);
    for (int p = 0; p < want->layer->parameter_count; p++) {
        const dstn_parameter *a = &got->layer->parameters[p], *b = &want->layer->parameters[p];
        if (strncmp(b->name, "h2h_", 4) == 0 && dstn_pass_wants(&want->pass, b->range)) {
            assert_close(b->name, a->gradient, b->gradient, b->count);
        }
    }
    for (int64_t b = 0; b < B; b++) { /* dz of an example is that of all its steps together */
        double sum[H] = {0};
        for (int64_t i = 0; i < T * H; i++) {
            sum[i % H] += want->dz[b * T * H + i];
        }
        assert_close("dz", got->dz + b * H, sum, H);
    }
}

/* B examples of T steps are BT examples that have their z by T. */
static void steps_of_an_example_share_its_z(void **state) {
    (void)state;
    static setup steps, apart;
    for (int i = 0; i < 12; i++) {
        dstn_response response = i & 1 ? DSTN_RESPONSE_FULL : DSTN_RESPONSE_STRUCTURED;
        dstn_pass_kind kind = (dstn_pass_kind)(i / 2 % 3);
        bool has_tangent = i / 6;
        make(&steps, response, B, T);
        make(&apart, response, B * T, 1);
        run(&steps, kind, has_tangent);
        run(&apart, kind, has_tangent);
        compare(&steps, &apart);
        clear(&steps);
        clear(&apart);
    }
}

/* ---- two maps ---------------------------------------------------------------------------------------------------- */

static void maps_of_a_layer_have_names_and_draws_of_their_own(void **state) {
    (void)state;
    static setup s;
    make(&s, DSTN_RESPONSE_STRUCTURED, B, T);
    static const char *const names[] = {"i2h_general_weight", "i2h_general_bias",   "i2h_response_weight",
                                        "i2h_response_bias",  "i2h_hyper",          "h2h_general_weight",
                                        "h2h_general_bias",   "h2h_response_weight"};
    assert_int_equal(s.layer->parameter_count, 10);
    for (int p = 0; p < 8; p++) {
        assert_string_equal(s.layer->parameters[p].name, names[p]);
    }
    assert_ptr_equal(dstn_layer_map(s.layer, 0)->weight, &s.layer->parameters[0]);
    assert_null(dstn_layer_map(s.layer, 2));
    assert_null(dstn_layer_matrix(s.layer)); /* it is more than one map */
    assert_true(dstn_response_map_product_flops(dstn_layer_map(s.layer, 1)) == 2. * IN * OUT);
    dstn_layer_initialize(s.layer, (dstn_rng){4, DSTN_PURPOSE_INIT});
    const double *first = s.layer->parameters[0].value, *second = s.layer->parameters[5].value;
    const double *bias = s.layer->parameters[6].value, *response = s.layer->parameters[7].value;
    for (int i = 0; i < IN * OUT; i++) {
        assert_true(first[i] != second[i] && second[i] != response[i] && second[i] != bias[i % OUT]);
    }
    clear(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_of_an_example_share_its_z),
        cmocka_unit_test(maps_of_a_layer_have_names_and_draws_of_their_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
