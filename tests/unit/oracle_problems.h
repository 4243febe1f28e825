/* Least-squares problems with a penalty, and what the closed forms of oracle say of them by dense elimination on the
 * matrices themselves. */
#ifndef DSTN_TEST_ORACLE_PROBLEMS_H
#define DSTN_TEST_ORACLE_PROBLEMS_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../../src/oracle/family.h"

/* ---- transforms and penalties of the test ---- */

static inline double exp_value(double u, double low, double high) {
    (void)low;
    (void)high;
    return exp(u);
}

static inline double rate_value(double u, double low, double high) {
    return low + (high - low) / (1 + exp(-u));
}

static inline double rate_derivative(double u, double low, double high) {
    double s = 1 / (1 + exp(-u));
    return (high - low) * s * (1 - s);
}

static const dstn_transform exponential = {.name = "exp", .value = exp_value, .derivative = exp_value};
static const dstn_transform stretched = {.name = "rate", .value = rate_value, .derivative = rate_derivative};
static const dstn_hyper penalty = {.name = "penalty", .transform = &exponential, .low = 0, .high = INFINITY};
static const dstn_hyper rate = {.name = "rate", .transform = &stretched, .low = 0, .high = 0.95};

/* ---- problems ---- */

typedef struct problem {
    oracle_family_data data;
    double *x, *t, *x_valid, *t_valid; /* of data, to write to */
} problem;

static inline void fill_normal(double *values, int64_t count, uint32_t seed) {
    for (int64_t i = 0; i < count; i++) {
        double pair[2];
        dstn_rng_normals((dstn_rng){seed, DSTN_PURPOSE_TEST}, 0, (uint64_t)i, 0, pair);
        values[i] = pair[0];
    }
}

/* t = Xw + noise, columns of different sizes; kind 0: ridge, 1: input dropout, 2: ridge with n e^λ. */
static inline problem problem_new(int kind, int64_t n, int64_t v, int64_t d, double noise) {
    static const oracle_strength strengths[] = {{&oracle_strength_exponential, &penalty, 1},
                                                {&oracle_strength_odds, &rate, 1},
                                                {&oracle_strength_exponential, &penalty, 0}};
    problem p = {.x = dstn_alloc((size_t)(n * d), sizeof(double)),
                 .t = dstn_alloc((size_t)n, sizeof(double)),
                 .x_valid = dstn_alloc((size_t)(v * d), sizeof(double)),
                 .t_valid = dstn_alloc((size_t)v, sizeof(double))};
    double *w = dstn_alloc((size_t)d, sizeof(double));
    fill_normal(w, d, 1);
    fill_normal(p.x, n * d, 2);
    fill_normal(p.x_valid, v * d, 3);
    fill_normal(p.t, n, 4);
    fill_normal(p.t_valid, v, 5);
    for (int64_t r = 0; r < n + v; r++) {
        double *x = r < n ? p.x + r * d : p.x_valid + (r - n) * d;
        double *t = r < n ? p.t + r : p.t_valid + (r - n);
        *t *= noise;
        for (int64_t j = 0; j < d; j++) {
            x[j] *= 0.5 + (double)j / (double)d;
            *t += x[j] * w[j];
        }
    }
    free(w);
    p.data = (oracle_family_data){.n = n,
                                  .v = v,
                                  .d = d,
                                  .x = p.x,
                                  .t = p.t,
                                  .x_valid = p.x_valid,
                                  .t_valid = p.t_valid,
                                  .weighting = kind == 1 ? DSTN_WEIGHTING_FEATURES : DSTN_WEIGHTING_IDENTITY,
                                  .strength = strengths[kind]};
    if (kind == 2) {
        p.data.strength.factor = (double)n;
    }
    return p;
}

static inline void problem_free(problem *p) {
    free(p->x);
    free(p->t);
    free(p->x_valid);
    free(p->t_valid);
}

static inline oracle_family *family_of(const problem *p) {
    dstn_group *self = dstn_group_self();
    oracle_family *family = NULL;
    dstn_error err;
    assert_int_equal(oracle_family_new(&p->data, self, &family, &err), DSTN_OK);
    dstn_group_destroy(self);
    return family;
}

/* ---- the same by brute force ---- */

static inline double c_of(const problem *p, double lambda) {
    if (p->data.weighting == DSTN_WEIGHTING_IDENTITY) {
        return p->data.strength.factor * exp(lambda);
    }
    double q = 0.95 / (1 + exp(-lambda));
    return q / (1 - q);
}

static inline double c_slope(const problem *p, double lambda) {
    const double h = 1e-3; /* fourth order */
    return (8 * (c_of(p, lambda + h) - c_of(p, lambda - h)) - (c_of(p, lambda + 2 * h) - c_of(p, lambda - 2 * h))) /
           (12 * h);
}

static inline double gram(const problem *p, int64_t i, int64_t j) {
    double sum = 0;
    for (int64_t r = 0; r < p->data.n; r++) {
        sum += p->x[r * p->data.d + i] * p->x[r * p->data.d + j];
    }
    return sum;
}

static inline double weighting(const problem *p, int64_t i) {
    return p->data.weighting == DSTN_WEIGHTING_IDENTITY ? 1 : gram(p, i, i);
}

/* b [d] ← (a XᵀX + c D)⁻¹ b by elimination with pivots. */
static inline void solve(const problem *p, double a, double c, double *b) {
    int64_t d = p->data.d;
    double *m = dstn_alloc((size_t)(d * d), sizeof(double));
    for (int64_t i = 0; i < d; i++) {
        for (int64_t j = 0; j < d; j++) {
            m[i * d + j] = a * gram(p, i, j) + (i == j ? c * weighting(p, i) : 0);
        }
    }
    for (int64_t k = 0; k < d; k++) {
        int64_t pivot = k;
        for (int64_t i = k + 1; i < d; i++) {
            pivot = fabs(m[i * d + k]) > fabs(m[pivot * d + k]) ? i : pivot;
        }
        for (int64_t j = 0; j <= d; j++) {
            double *one = j < d ? &m[k * d + j] : &b[k], *other = j < d ? &m[pivot * d + j] : &b[pivot];
            double kept = *one;
            *one = *other;
            *other = kept;
        }
        for (int64_t i = k + 1; i < d; i++) {
            double factor = m[i * d + k] / m[k * d + k];
            for (int64_t j = k; j < d; j++) {
                m[i * d + j] -= factor * m[k * d + j];
            }
            b[i] -= factor * b[k];
        }
    }
    for (int64_t k = d - 1; k >= 0; k--) {
        for (int64_t j = k + 1; j < d; j++) {
            b[k] -= m[k * d + j] * b[j];
        }
        b[k] /= m[k * d + k];
    }
    free(m);
}

static inline void response_by_elimination(const problem *p, double lambda, double *w) {
    int64_t d = p->data.d;
    for (int64_t i = 0; i < d; i++) {
        w[i] = 0;
        for (int64_t r = 0; r < p->data.n; r++) {
            w[i] += p->x[r * d + i] * p->t[r];
        }
    }
    solve(p, 1, c_of(p, lambda), w);
}

static inline double loss_by_elimination(const problem *p, double lambda) {
    double w[64], sum = 0;
    response_by_elimination(p, lambda, w);
    for (int64_t r = 0; r < p->data.v; r++) {
        double e = -p->t_valid[r];
        for (int64_t j = 0; j < p->data.d; j++) {
            e += p->x_valid[r * p->data.d + j] * w[j];
        }
        sum += e * e;
    }
    return sum / (2 * (double)p->data.v);
}

/* E[ε^power c(λ + ε)] by the trapezoid rule, which converges faster than any power for such integrands. */
static inline double moment(const problem *p, double lambda, double sigma, int power) {
    const int points = 4000;
    const double reach = 14, step = 2 * reach / points;
    double sum = 0;
    for (int i = 0; i <= points; i++) {
        double xi = -reach + step * i;
        sum += exp(-xi * xi / 2) * pow(sigma * xi, power) * c_of(p, lambda + sigma * xi);
    }
    return sum * step / sqrt(2 * 3.14159265358979323846);
}

static inline void assert_close(const double *got, const double *want, int64_t count, double tolerance) {
    double error = 0, size = 0;
    for (int64_t i = 0; i < count; i++) {
        error += (got[i] - want[i]) * (got[i] - want[i]);
        size += want[i] * want[i];
    }
    if (!(sqrt(error) <= tolerance * sqrt(size))) {
        fail_msg("differs by %g of %g", sqrt(error), sqrt(size));
    }
}

/* Wide and tall, more and fewer validation rows than modes, and all kinds of penalty. */
static const int64_t shapes[][3] = {{40, 30, 7}, {40, 5, 7}, {12, 30, 20}, {12, 9, 20}, {25, 4, 1}};
enum { SHAPES = sizeof shapes / sizeof shapes[0], KINDS = 3 };

static inline void for_each_problem(void (*check)(const problem *, const oracle_family *)) {
    for (int kind = 0; kind < KINDS; kind++) {
        for (int s = 0; s < SHAPES; s++) {
            problem p = problem_new(kind, shapes[s][0], shapes[s][1], shapes[s][2], 2);
            oracle_family *family = family_of(&p);
            check(&p, family);
            oracle_family_destroy(family);
            problem_free(&p);
        }
    }
}

#endif
