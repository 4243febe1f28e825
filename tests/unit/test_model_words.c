/* model: networks that read words: an embedding, a decoder of its own or tied to it, and what is taken of their common
 * weight. That their passes are right in all kinds is in the suites that walk the table of layers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model_fixture.h"

enum { WORDS = 7, ROWS = 5 };

/* Word 1 comes twice, words 0, 4 and 5 not at all. */
static const int64_t tokens[ROWS] = {3, 1, 6, 1, 2};

static world_plan plan_of(const char *model, const char *regularizers) {
    return (world_plan){.model = model,
                        .regularizers = regularizers,
                        .input = {.rank = 1, .dims = {1}, .words = WORDS},
                        .rows = ROWS,
                        .scalar = DSTN_F64};
}

static void make(world *w, const char *model, const char *regularizers) {
    world_new(w, plan_of(model, regularizers));
    w->pass.tokens = tokens;
}

static dstn_parameter *parameter_of(const world *w, int layer, const char *name) {
    dstn_layer *l = w->model->layers[layer];
    for (int p = 0; p < l->parameter_count; p++) {
        if (strcmp(l->parameters[p].name, name) == 0) {
            return &l->parameters[p];
        }
    }
    fail_msg("layer %d has no %s", layer, name);
    return NULL;
}

/* ---- the penalty of weights that are stored with their outputs first, and shared or not -------------------------- */

static void check_kinds(const char *model) {
    for (int kind = DSTN_PASS_GENERAL; kind <= DSTN_PASS_LINEARIZED; kind++) {
        world w;
        make(&w, model, "{l2: {strength: c}}");
        world_set_kind(&w, (dstn_pass_kind)kind);
        w.pass.grad[DSTN_RANGE_GENERAL] = kind != DSTN_PASS_LINEARIZED;
        world_check(&w);
        world_destroy(&w);
    }
}

static void l2_has_the_gradients_of_embeddings_and_tied_decoders(void **state) {
    (void)state;
    static const char *const layers[] = {
        "[embedding: {name: words, out: 3}, decoder: {share: {general_weight: words}}]",
        "[embedding: {name: words, out: 3}, decoder: {response: true, share: {general_weight: words}}]",
        "[embedding: {name: words, out: 3}, linear, decoder: {response: true, share: {response_weight: words}}]",
        "[embedding: {out: 3}, decoder: {response: true}]",
    };
    for (size_t i = 0; i < 2 * sizeof layers / sizeof layers[0]; i++) {
        char *model = dstn_format("model:\n  loss: cross_entropy\n  response: %s\n  layers: %s",
                                  i % 2 ? "full" : "structured", layers[i / 2]);
        check_kinds(model);
        free(model);
    }
}

/* A tied weight is penalized once. */
static void l2_counts_a_tied_weight_once(void **state) {
    (void)state;
    world w;
    make(&w,
         "model: {loss: cross_entropy, layers: [embedding: {name: words, out: 3}, "
         "decoder: {share: {general_weight: words}}]}",
         "{l2: {strength: 17}}");
    world_set_kind(&w, DSTN_PASS_GENERAL);
    dstn_model_forward(w.model, &w.pass, NULL);
    const dstn_parameter *weight = parameter_of(&w, 0, "general_weight");
    const double *values = weight->value;
    double want = 0.5 * dstn_vector_dot(weight->count, values, values) * ROWS / (ROWS + 1);
    assert_float_equal(dstn_model_penalty(w.model, &w.pass), want, 1e-12);
    world_destroy(&w);
}

/* ---- one weight in two places ------------------------------------------------------------------------------------ */

/* Row w of the file's array is word w's vector, for the embedding and for the decoder. */
static void a_tied_weight_has_a_row_for_each_word(void **state) {
    (void)state;
    world w;
    make(&w,
         "model: {loss: cross_entropy, layers: [embedding: {name: words, out: 3}, "
         "decoder: {bias: false, share: {general_weight: words}}]}",
         NULL);
    world_set_kind(&w, DSTN_PASS_GENERAL);
    dstn_parameter *weight = parameter_of(&w, 0, "general_weight");
    assert_true(dstn_parameter_is_shared(parameter_of(&w, 1, "general_weight")));
    assert_int_equal(w.model->count[DSTN_RANGE_GENERAL], WORDS * 3);
    double canonical[WORDS * 3], back[WORDS * 3];
    for (int i = 0; i < WORDS * 3; i++) {
        canonical[i] = sin(i + 1);
    }
    dstn_parameter_import(weight, w.kernel, canonical, weight->value);
    dstn_parameter_export(parameter_of(&w, 1, "general_weight"), w.kernel, weight->value, back);
    assert_memory_equal(back, canonical, sizeof back);
    const double *y = dstn_model_forward(w.model, &w.pass, NULL);
    for (int r = 0; r < ROWS; r++) {
        for (int o = 0; o < WORDS; o++) {
            assert_float_equal(y[r * WORDS + o], dstn_vector_dot(3, canonical + 3 * o, canonical + 3 * tokens[r]),
                               1e-14);
        }
    }
    world_destroy(&w);
}

/* What a tied decoder asks of the general weights is not the embedding at λ. */
static void a_response_is_not_folded_into_a_tied_weight(void **state) {
    (void)state;
    const double z[WORLD_HYPERS] = {0.1, 0.2, 0.3};
    world w;
    make(&w,
         "model: {loss: cross_entropy, layers: [embedding: {name: words, out: 3}, "
         "decoder: {share: {general_weight: words}}]}",
         NULL);
    assert_int_equal(dstn_model_fold_response(w.model, z, &w.err), DSTN_ERROR_USAGE);
    assert_non_null(strstr(w.err.message, "layer 1 shares its general weights"));
    world_destroy(&w);
}

/* Elsewhere it is: the general pass is then what the response pass at z was. */
static void a_folded_embedding_is_that_at_z(void **state) {
    (void)state;
    double z[WORLD_HYPERS] = {0.1, 0.2, 0.3}, want[ROWS * WORDS];
    world w;
    make(&w, "model: {loss: cross_entropy, layers: [embedding: {out: 3}, decoder: {response: true}]}", NULL);
    world_set_kind(&w, DSTN_PASS_RESPONSE);
    for (int i = 0; i < ROWS * WORLD_HYPERS; i++) {
        ((double *)w.z)[i] = z[i % WORLD_HYPERS];
    }
    memcpy(want, dstn_model_forward(w.model, &w.pass, NULL), sizeof want);
    assert_int_equal(dstn_model_fold_response(w.model, z, &w.err), DSTN_OK);
    world_set_kind(&w, DSTN_PASS_GENERAL);
    const double *got = dstn_model_forward(w.model, &w.pass, NULL);
    for (int i = 0; i < ROWS * WORDS; i++) {
        assert_float_equal(got[i], want[i], 1e-13);
    }
    world_destroy(&w);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* Gradients of word 1's rows are nothing, those of the others as without a padding. */
static void a_padding_is_not_trained_by_being_looked_up(void **state) {
    (void)state;
    world w, plain;
    make(&w, "model: {loss: cross_entropy, layers: [embedding: {out: 3, padding: 1}, linear: {out: 4}]}", NULL);
    make(&plain, "model: {loss: cross_entropy, layers: [embedding: {out: 3}, linear: {out: 4}]}", NULL);
    world *const worlds[] = {&w, &plain};
    static const char *const names[] = {"general_weight", "response_weight", "hyper"};
    for (int i = 0; i < 2; i++) {
        world_set_kind(worlds[i], DSTN_PASS_RESPONSE);
        world_gradients(worlds[i]);
    }
    for (int n = 0; n < 3; n++) {
        const double *got = parameter_of(&w, 0, names[n])->gradient,
                     *want = parameter_of(&plain, 0, names[n])->gradient;
        for (int i = 0; i < (n < 2 ? WORDS * 3 : 3 * WORLD_HYPERS); i++) {
            bool is_padding = n < 2 && i / 3 == 1;
            assert_true(got[i] == (is_padding ? 0 : want[i]));
            assert_true(!is_padding || want[i] != 0);
        }
    }
    world_destroy(&w);
    world_destroy(&plain);
}

/* Word by word: of each example the embedding's values are those without dropout times 0 or 1/(1 − its rate), the same
 * wherever the word stands; at one rate for all, what was drawn for word w depends on w alone. */
static void words_are_dropped_wherever_they_stand(void **state) {
    (void)state;
    static const char *const layers = "model: {loss: cross_entropy, layers: [embedding: {out: 3, dropout: a}]}";
    bool some_dropped = false, some_kept = false, some_differ = false;
    for (uint64_t step = 0; step < 12; step++) {
        world w, plain;
        make(&w, layers, NULL);
        make(&plain, layers, NULL);
        plain.pass.training = false;
        world_set_kind(&w, DSTN_PASS_LINEARIZED);
        world_set_kind(&plain, DSTN_PASS_LINEARIZED);
        w.pass.step = step;
        for (int b = 0; b < ROWS; b++) {
            w.values[b * WORLD_HYPERS] = 0.4 + 0.1 * b; /* the second time word 1 comes its rate is higher */
        }
        const double *got = dstn_model_forward(w.model, &w.pass, NULL),
                     *want = dstn_model_forward(plain.model, &plain.pass, NULL);
        double factor[ROWS], word_factor[WORDS];
        for (int b = 0; b < ROWS; b++) {
            factor[b] = got[3 * b] / want[3 * b];
            double high = 1 / (1 - w.values[b * WORLD_HYPERS]);
            assert_true(factor[b] == 0 || fabs(factor[b] - high) < 1e-12);
            assert_float_equal(got[3 * b + 2], factor[b] * want[3 * b + 2], 1e-12);
            assert_true(dstn_response_map_mask(dstn_layer_map(w.model->layers[0], 0), &w.pass, b, word_factor));
            assert_float_equal(word_factor[tokens[b]], factor[b], 1e-12);
            some_dropped = some_dropped || factor[b] == 0;
            some_kept = some_kept || factor[b] != 0;
        }
        assert_true(factor[3] == 0 || factor[1] != 0);
        some_differ = some_differ || (factor[3] == 0 && factor[1] != 0);
        world_destroy(&w);
        world_destroy(&plain);
    }
    assert_true(some_dropped && some_kept && some_differ);
}

/* The tied decoder has all words. */
static void dropped_words_are_still_answers(void **state) {
    (void)state;
    world w, plain;
    make(&w,
         "model: {loss: cross_entropy, layers: [embedding: {name: words, out: 3, dropout: 0.9}, "
         "linear: {out: 3, init: zero}, decoder: {share: {general_weight: words}}]}",
         NULL);
    make(&plain,
         "model: {loss: cross_entropy, layers: [embedding: {name: words, out: 3}, "
         "linear: {out: 3, init: zero}, decoder: {share: {general_weight: words}}]}",
         NULL);
    world *const worlds[] = {&w, &plain};
    for (int i = 0; i < 2; i++) {
        dstn_parameter *weight = parameter_of(worlds[i], 1, "general_weight");
        w.kernel->fill(w.kernel, weight->count, 0, weight->value);
        world_set_kind(worlds[i], DSTN_PASS_GENERAL);
    }
    assert_memory_equal(dstn_model_forward(w.model, &w.pass, NULL), dstn_model_forward(plain.model, &plain.pass, NULL),
                        ROWS * WORDS * sizeof(double));
    world_destroy(&w);
    world_destroy(&plain);
}

/* As many outputs as there are words, and the layer below is narrowed as any other. */
static void a_width_leaves_the_decoder_its_words(void **state) {
    (void)state;
    world w;
    make(&w, "model: {loss: cross_entropy, width: 0.5, layers: [embedding: {out: 6}, linear: {out: 8}, decoder]}",
         NULL);
    assert_int_equal(dstn_shape_count(w.model->layers[0]->out), 3);
    assert_int_equal(dstn_shape_count(w.model->layers[1]->out), 4);
    assert_int_equal(dstn_shape_count(w.model->out), WORDS);
    world_destroy(&w);
}

static void assert_refused(world_plan plan, const char *message) {
    world w;
    assert_int_equal(world_try(&w, plan), DSTN_ERROR_USAGE);
    if (!strstr(w.err.message, message)) {
        fail_msg("\"%s\" does not say \"%s\"", w.err.message, message);
    }
    world_destroy(&w);
}

static void messages_say_where_words_are_missing(void **state) {
    (void)state;
    world_plan values = plan_of("model: {layers: [linear: {out: 3}, decoder]}", NULL);
    values.input = (dstn_shape){.rank = 1, .dims = {4}};
    assert_refused(values, "the network's input is no text");
    assert_refused(plan_of("model: {layers: [embedding: {name: words, out: 3}, linear: {out: 4}, "
                           "decoder: {share: {general_weight: words}}]}",
                           NULL),
                   "[7, 4] here, but [7, 3] in layer 0 (words)");
    assert_refused(plan_of("model: {layers: [embedding: {out: 3, padding: 7}, decoder]}", NULL), "accepted: -1 to 6");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(l2_has_the_gradients_of_embeddings_and_tied_decoders),
        cmocka_unit_test(l2_counts_a_tied_weight_once),
        cmocka_unit_test(a_tied_weight_has_a_row_for_each_word),
        cmocka_unit_test(a_response_is_not_folded_into_a_tied_weight),
        cmocka_unit_test(a_folded_embedding_is_that_at_z),
        cmocka_unit_test(a_padding_is_not_trained_by_being_looked_up),
        cmocka_unit_test(words_are_dropped_wherever_they_stand),
        cmocka_unit_test(dropped_words_are_still_answers),
        cmocka_unit_test(a_width_leaves_the_decoder_its_words),
        cmocka_unit_test(messages_say_where_words_are_missing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
