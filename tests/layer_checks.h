/* For tests of the layer room: what must hold for every chain of layers, whatever they are. */
#ifndef DSTN_TESTS_LAYER_CHECKS_H
#define DSTN_TESTS_LAYER_CHECKS_H

#include "layer_fixture.h"

/* ---- blocks of rows ---------------------------------------------------------------------------------------------- */

static inline int64_t chain_note(const chain *c, const void *array, int64_t count, double *out) {
    c->kernel->to_double(c->kernel, count, array, out);
    return count;
}

/* Everything that a pass writes, one after the other; returns the number of values. */
static inline int64_t chain_notes(const chain *c, double *out) {
    int64_t at = 0;
    for (int l = 0; l <= c->count; l++) {
        at += chain_note(c, c->x[l], c->pass.rows * c->width[l], out + at);
        at += chain_note(c, c->x_dot[l], c->pass.rows * c->width[l], out + at);
        at += chain_note(c, c->delta[l], c->pass.rows * c->width[l], out + at);
    }
    for (int l = 0; l < c->count; l++) {
        for (int p = 0; p < c->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &c->layers[l]->parameters[p];
            at += chain_note(c, parameter->gradient, parameter->count, out + at);
        }
    }
    return at + chain_note(c, c->dz, c->pass.rows * c->plan.hypers, out + at);
}

/* The pass as it is set, to the last bit whatever the rows of a block and their order. */
static inline void chain_check_blocks(chain *c) {
    static const int64_t blocks[] = {1, 2, 3, -1, -2, 64};
    static double want[16 * CHAIN_SPACE], got[16 * CHAIN_SPACE];
    c->block = 0;
    chain_gradients(c);
    int64_t count = chain_notes(c, want);
    for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++) {
        for (int l = 1; l <= c->count; l++) { /* what is not written again is seen */
            c->kernel->fill(c->kernel, c->pass.rows * c->width[l], NAN, c->x[l]);
        }
        c->block = blocks[b];
        chain_gradients(c);
        chain_notes(c, got);
        if (memcmp(got, want, (size_t)count * sizeof *got) != 0) {
            fail_msg("%s: blocks of %d rows give something else than one of all", c->plan.layers, (int)blocks[b]);
        }
    }
    c->block = 0;
}

/* And whatever the rows of a part, but for the order of sums over all of them. */
static inline void chain_check_parts(chain *c) {
    static double want[16 * CHAIN_SPACE], got[16 * CHAIN_SPACE];
    chain_gradients(c);
    int64_t count = chain_notes(c, want);
    for (c->part = 1; c->part <= 3; c->part++) {
        c->block = c->part - 1;
        chain_gradients(c);
        chain_notes(c, got);
        for (int64_t i = 0; i < count; i++) {
            if (!(fabs(got[i] - want[i]) <= 1e-12 * (1 + fabs(want[i])))) {
                fail_msg("%s: parts of %d rows give %.17g, not %.17g", c->plan.layers, (int)c->part, got[i], want[i]);
            }
        }
    }
    c->part = c->block = 0;
}

/* The three kinds of pass with the gradients that a training step wants of them. */
static inline void chain_for_kinds(chain *c, void (*check)(chain *c)) {
    chain_set_kind(c, DSTN_PASS_GENERAL, true, false);
    check(c);
    chain_set_kind(c, DSTN_PASS_RESPONSE, true, true);
    check(c);
    chain_set_kind(c, DSTN_PASS_LINEARIZED, false, true);
    check(c);
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static inline void chain_check_all_gradients(chain *c) {
    chain_set_kind(c, DSTN_PASS_GENERAL, true, false);
    chain_check_gradients(c);
    chain_check_array(c, "x", c->x[0], c->delta[0], c->plan.rows * c->width[0], true);
    for (int wanted = 0; wanted < 4; wanted++) {
        chain_set_kind(c, DSTN_PASS_RESPONSE, wanted & 1, wanted & 2);
        chain_check_gradients(c);
        chain_check_array(c, "x", c->x[0], c->delta[0], c->plan.rows * c->width[0], true);
        chain_check_array(c, "z", c->z, c->dz, c->plan.rows * c->plan.hypers, true);
    }
    chain_set_kind(c, DSTN_PASS_LINEARIZED, true, true); /* general gradients stay zero although asked for */
    chain_check_gradients(c);
}

/* pass.overwrite: gradients as if they had been zero; what the pass does not reach is left alone. */
static inline void chain_check_overwrite(chain *c) {
    static double want[16 * CHAIN_SPACE], got[16 * CHAIN_SPACE];
    chain_gradients(c);
    int64_t count = chain_notes(c, want);
    for (int l = 0; l < c->count; l++) {
        for (int p = 0; p < c->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &c->layers[l]->parameters[p];
            dstn_pass_kind other = parameter->range == DSTN_RANGE_GENERAL ? DSTN_PASS_LINEARIZED : DSTN_PASS_GENERAL;
            bool reached = c->pass.kind != other && c->pass.grad[parameter->range];
            c->kernel->fill(c->kernel, parameter->count, reached ? NAN : 0, parameter->gradient);
        }
    }
    c->kernel->fill(c->kernel, c->plan.rows * c->plan.hypers, 0, c->dz);
    c->pass.overwrite = true;
    chain_forward(c);
    chain_adjoint(c);
    c->pass.overwrite = false;
    chain_notes(c, got);
    for (int64_t i = 0; i < count; i++) {
        if (!(fabs(got[i] - want[i]) <= 1e-13 * (1 + fabs(want[i])))) {
            fail_msg("%s: overwritten gradients differ: %.17g, not %.17g", c->plan.layers, got[i], want[i]);
        }
    }
}

/* Two adjoints add up to twice one. */
static inline void chain_check_accumulation(chain *c) {
    for (int l = 0; l < c->count; l++) {
        for (int p = 0; p < c->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &c->layers[l]->parameters[p];
            double once[CHAIN_SPACE], twice[CHAIN_SPACE];
            chain_gradients(c);
            c->kernel->to_double(c->kernel, parameter->count, parameter->gradient, once);
            chain_adjoint(c);
            c->kernel->to_double(c->kernel, parameter->count, parameter->gradient, twice);
            for (int64_t i = 0; i < parameter->count; i++) {
                assert_true(fabs(twice[i] - 2 * once[i]) <= 1e-12 * (1 + fabs(once[i])));
            }
        }
    }
}

/* ---- tangents ---------------------------------------------------------------------------------------------------- */

/* The response pass at input x + t v and z = t ε, whose weights are linear in z. */
static inline void chain_moved(chain *c, double t, const void *v, double *y) {
    int64_t inputs = c->plan.rows * c->width[0], zs = c->plan.rows * c->plan.hypers;
    double kept_x[CHAIN_SPACE], kept_z[CHAIN_SPACE];
    c->kernel->to_double(c->kernel, inputs, c->x[0], kept_x);
    c->kernel->to_double(c->kernel, zs, c->z, kept_z);
    if (v) {
        c->kernel->axpy(c->kernel, inputs, t, v, c->x[0]);
    }
    c->kernel->scale(c->kernel, zs, t, c->z);
    chain_set_kind(c, DSTN_PASS_RESPONSE, false, false);
    chain_forward(c);
    chain_prediction(c, y);
    c->kernel->from_double(c->kernel, inputs, kept_x, c->x[0]);
    c->kernel->from_double(c->kernel, zs, kept_z, c->z);
}

/* The tangent is the derivative of the response pass at z = 0 in the direction of ε, and of v in the input; the primal
 * is the general pass. */
static inline void chain_check_tangent(chain *c, bool has_input_tangent) {
    const double t = 1e-6;
    double above[CHAIN_SPACE], below[CHAIN_SPACE], general[CHAIN_SPACE];
    int64_t count = c->plan.rows * c->out;
    chain_set(c, 50, c->plan.rows * c->width[0], c->x_dot[0]);
    const void *v = has_input_tangent ? c->x_dot[0] : NULL;
    chain_moved(c, t, v, above);
    chain_moved(c, -t, v, below);
    chain_set_kind(c, DSTN_PASS_GENERAL, false, false);
    chain_forward(c);
    chain_prediction(c, general);
    chain_set_kind(c, DSTN_PASS_LINEARIZED, false, false);
    c->has_input_tangent = has_input_tangent;
    chain_forward(c);
    c->has_input_tangent = false;
    const double *primal = c->x[c->count], *tangent = c->x_dot[c->count];
    for (int64_t i = 0; i < count; i++) {
        double quotient = (above[i] - below[i]) / (2 * t);
        if (!(fabs(tangent[i] - quotient) <= 2e-7 * (1 + fabs(quotient)))) {
            fail_msg("%s: tangent %d is %.10g, difference quotient %.10g", c->plan.layers, (int)i, tangent[i],
                     quotient);
        }
        assert_true(primal[i] == general[i]);
    }
}

static inline void assert_same_product(const chain *c, const char *what, double up, double down) {
    double scale = sqrt(c->kernel->dot(c->kernel, c->plan.rows * c->out, c->delta[c->count], c->delta[c->count]) *
                        c->kernel->dot(c->kernel, c->plan.rows * c->out, c->x_dot[c->count], c->x_dot[c->count]));
    if (!(fabs(up - down) <= 1e-12 * scale)) {
        fail_msg("%s: %s: %.15g above, %.15g below", c->plan.layers, what, up, down);
    }
}

/* ẏ = J Δw is linear in {W_j, b_j}, and in {U, V}: ⟨δ, JΔw⟩ = ⟨Jᵀδ, Δw⟩ for either. */
static inline void chain_check_transposed_response(chain *c) {
    chain_set_kind(c, DSTN_PASS_LINEARIZED, false, true);
    chain_gradients(c);
    double by_weights = 0, by_factors = 0;
    bool has_factors = false;
    for (int l = 0; l < c->count; l++) {
        for (int p = 0; p < c->layers[l]->parameter_count; p++) {
            const dstn_parameter *parameter = &c->layers[l]->parameters[p];
            bool is_factor = strcmp(parameter->name, "hyper") == 0;
            double sum = c->kernel->dot(c->kernel, parameter->count, parameter->value, parameter->gradient);
            by_factors += is_factor ? sum : 0;
            by_weights += is_factor ? 0 : sum;
            has_factors = has_factors || is_factor;
        }
    }
    double up = c->kernel->dot(c->kernel, c->plan.rows * c->out, c->delta[c->count], c->x_dot[c->count]);
    assert_same_product(c, "weights", up, by_weights);
    if (has_factors) {
        assert_same_product(c, "factors", up, by_factors);
    }
}

/* With the response at zero what is left is the map from ẋ to ẏ, and δ to dx is its transpose: ⟨δ, J v⟩ = ⟨Jᵀδ, v⟩. */
static inline void chain_check_transposed_input(chain *c) {
    double kept[CHAIN_SPACE];
    int64_t inputs = c->plan.rows * c->width[0], outputs = c->plan.rows * c->out, zs = c->plan.rows * c->plan.hypers;
    c->kernel->to_double(c->kernel, zs, c->z, kept);
    c->kernel->fill(c->kernel, zs, 0, c->z);
    chain_set_kind(c, DSTN_PASS_LINEARIZED, false, true);
    chain_set(c, 50, inputs, c->x_dot[0]);
    c->has_input_tangent = true;
    chain_gradients(c);
    c->has_input_tangent = false;
    double up = c->kernel->dot(c->kernel, outputs, c->delta[c->count], c->x_dot[c->count]);
    double down = c->kernel->dot(c->kernel, inputs, c->delta[0], c->x_dot[0]);
    assert_same_product(c, "input", up, down);
    assert_true(fabs(up) > 1e-6);
    c->kernel->from_double(c->kernel, zs, kept, c->z);
}

/* All of it. */
static inline void chain_check(chain *c) {
    for (int l = 0; l < c->count; l++) {
        assert_true(dstn_layer_is_valid(c->layers[l]));
    }
    chain_check_all_gradients(c);
    chain_for_kinds(c, chain_check_blocks);
    chain_for_kinds(c, chain_check_parts);
    chain_for_kinds(c, chain_check_overwrite);
    chain_for_kinds(c, chain_check_accumulation);
    chain_check_tangent(c, false);
    chain_check_tangent(c, true);
    chain_check_transposed_response(c);
    chain_check_transposed_input(c);
}

/* Of a chain made from the plan. */
static inline void chain_check_plan(chain_plan plan, bool training) {
    static chain c;
    dstn_error err = {0};
    if (chain_new(&c, plan, &err)) {
        fail_msg("%s: %s", plan.layers, err.message);
    }
    c.pass.training = training;
    chain_check(&c);
    chain_destroy(&c);
}

#endif
