/* hyper: the hyperparameter space: names, ranges, the fixed maps s of Appendix F, and the perturbation ε.
 *
 * λ lives on all of R; what a layer sees is the natural value s(λ). σ = softplus(raw_scale). Everything is double,
 * whatever the model's precision. */
#ifndef DSTN_HYPER_H
#define DSTN_HYPER_H

#include "dstn/config.h"
#include "dstn/core.h"

/* The fixed map s from R to the range, one file each, registered by name (Appendix F). */
typedef struct dstn_transform {
    const char *name;                                   /* "sigmoid", "softplus", "softplus-below", "identity", "exp" */
    double (*value)(double u, double low, double high); /* s(u) */
    double (*derivative)(double u, double low, double high); /* s'(u) */
    double (*inverse)(double value, double low, double high);
    /* Whether a range has this map by default (bounded on both sides, below, above, not at all). */
    bool (*is_default)(double low, double high);
    /* Whether a range can have this map by choice, and the ranges that can, in words. */
    bool (*accepts)(double low, double high);
    const char *accepted;
    double lowest;    /* what a range without lower end begins at: exp's 0, otherwise −INFINITY */
    bool keeps_range; /* values lie between the range's ends; false: anywhere above `lowest` */
} dstn_transform;

const dstn_transform *dstn_transform_find(const char *name); /* NULL: unknown */
const dstn_transform *dstn_transform_at(size_t i);           /* table order, NULL past the end */
const dstn_transform *dstn_transform_default(double low, double high);
const char *dstn_transform_names(void); /* "a|b|c" */

typedef struct dstn_hyper {
    const char *name; /* owned by the space */
    const dstn_transform *transform;
    double low, high; /* range in natural units, ±INFINITY where open */
    double start;     /* natural units, strictly inside the range */
    double scale;     /* starting σ */
    bool tune_scale;  /* raw_scale is trained */
    bool discrete;    /* value is floor(s + 1e-6) */
    bool per_batch;   /* one ε a mini-batch rather than one an example */
} dstn_hyper;

typedef struct dstn_space {
    int count;         /* h */
    dstn_hyper *items; /* [h] */
    double *lambda;    /* [h], unconstrained */
    double *raw_scale; /* [h], σ = softplus(raw_scale) */
    dstn_texts names;  /* of items, by index */
    bool *used;        /* [h] a quantity that was resolved by dstn_space_names has its value */
} dstn_space;

/* From the mapping `hyperparameters:` (name → options). Checks that start lies inside the range, scale > 0, names are
 * unique. An absent node gives a space with h = 0. Owned by the caller. */
dstn_status dstn_space_read(dstn_node node, dstn_space **out, dstn_error *err);
/* A space of h identity hyperparameters named `names` (fixtures, tests, bench). */
dstn_space *dstn_space_new(int count, const char *const *names);
void dstn_space_destroy(dstn_space *space);
bool dstn_space_is_valid(const dstn_space *space);

extern const dstn_option dstn_hyper_options[]; /* one entry of `hyperparameters:` */

int dstn_space_find(const dstn_space *space, const char *name); /* index, or -1 */
/* In the order of their indices; borrows the space, and notes in it which of them are used. */
dstn_names dstn_space_names(const dstn_space *space);
/* Sets λ from the natural starting values and raw_scale from the starting scales. */
void dstn_space_reset(dstn_space *space);

double dstn_softplus(double x);
double dstn_softplus_inverse(double y); /* y > 0 */
double dstn_logistic(double x);         /* softplus' */

double dstn_space_sigma(const dstn_space *space, int i);                /* softplus(raw_scale_i) */
double dstn_space_value(const dstn_space *space, int i, double u);      /* s_i(u), discrete ones floored */
double dstn_space_derivative(const dstn_space *space, int i, double u); /* s_i'(u), of the map before flooring */
double dstn_space_unrounded(const dstn_space *space, int i, double u);  /* s_i(u) before discrete ones are floored */
bool dstn_space_rounds(const dstn_space *space);                        /* one of them is discrete */
/* H = Σ_i log(σ_i √(2πe)). */
double dstn_space_entropy(const dstn_space *space);
/* ∂H/∂raw_scale_i = softplus'(raw_scale_i)/σ_i. */
double dstn_space_entropy_slope(const dstn_space *space, int i);

/* How the rows of a global batch are made of its examples: row r is sample ⌊r / examples⌋ of example r mod examples, so
 * that the first sample's rows, and their draws, are those of a batch without samples. */
typedef struct dstn_sampling {
    int64_t examples;
    int64_t samples; /* 0 is 1 */
    bool antithetic; /* samples is even; the second half of the samples has −ε of the first, and all its other draws */
} dstn_sampling;

int64_t dstn_sampling_rows(dstn_sampling sampling); /* examples · samples, of the global batch */
/* Rows with draws of their own, of those: row r has the draws of row r mod this. */
int64_t dstn_sampling_drawn(dstn_sampling sampling);

/* Standard normal noise for rows first_row … first_row+rows-1 of a global batch, each an example: noise [rows, h]
 * (ε = σ ⊙ noise). A per_batch hyperparameter has the same noise in every row. Depends on (rng, step, global row,
 * index) only. */
void dstn_space_noise(const dstn_space *space, dstn_rng rng, uint64_t step, int64_t first_row, int64_t rows,
                      double *noise);
/* The same for rows that are samples; a per_batch hyperparameter has the same noise in every row of a sample, and
 * another one in another sample. Examples · samples and samples together are below 2^32. */
void dstn_space_sample_noise(const dstn_space *space, dstn_rng rng, uint64_t step, dstn_sampling sampling,
                             int64_t first_row, int64_t rows, double *noise);
/* ε = σ ⊙ noise [rows, h]. */
void dstn_space_perturbation(const dstn_space *space, const double *noise, int64_t rows, double *epsilon);
/* The values at λ as lines of results: `NAME value`, and for a discrete one also `unrounded.NAME value`. */
void dstn_space_print(const dstn_space *space, FILE *out);
/* Natural values s(λ + ε) [rows, h]; with epsilon NULL, s(λ) in every row. */
void dstn_space_values(const dstn_space *space, const double *epsilon, int64_t rows, double *values);

/* Adds "hyper/lambda" and "hyper/raw_scale". */
void dstn_space_add_state(dstn_space *space, dstn_state *state);

#endif
