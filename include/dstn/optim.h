/* optim: gradient steps and learning-rate schedules. An optimizer updates one contiguous range of parameters in the
 * model's scalar type; λ and raw_scale are f64 ranges of their own. */
#ifndef DSTN_OPTIM_H
#define DSTN_OPTIM_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/kernel.h"

typedef struct dstn_optimizer dstn_optimizer;

/* One optimizer, one file: "sgd" (momentum, as PyTorch's: m ← μm + g, w ← w − αm), "rmsprop" (s ← βs + (1−β)g²,
 * w ← w − αg/(√s + eps)), "adam" (bias-corrected). */
typedef struct dstn_optimizer_type {
    const char *name;
    const char *help;
    const dstn_option *options; /* without `name`, `rate`, `clip`, which all have */
    size_t settings_size;
    int moments;         /* arrays of the parameters' length that it keeps */
    const char *example; /* options in YAML, for tests that walk the table */
    /* One update with learning rate `rate` from factor × gradient; `time` counts updates from 1. */
    void (*update)(const void *settings, const dstn_kernel *kernel, int64_t time, double rate, double factor,
                   int64_t count, const void *gradient, void *const *moments, void *parameters);
} dstn_optimizer_type;

const dstn_optimizer_type *dstn_optimizer_type_find(const char *name);
/* Types in table order, NULL past the end (to compose the schema). */
const dstn_optimizer_type *dstn_optimizer_type_at(size_t i);

/* What every optimizer section has beside its type's options. */
extern const dstn_option dstn_optimizer_options[]; /* name, rate, clip, schedule, average_after */

/* Reads an optimizer section ({name: sgd, rate: .01, momentum: .9, clip: 1}) and makes the optimizer for a range of
 * `count` parameters; moments come from `arena`, zeroed (NULL: dstn_optimizer_set_moment will give them).
 * `default_name` is used where the section has no name. Owned by the caller. */
dstn_status dstn_optimizer_read(dstn_node node, const char *path, const char *default_name, const dstn_kernel *kernel,
                                int64_t count, dstn_arena *arena, dstn_optimizer **out, dstn_error *err);
void dstn_optimizer_destroy(dstn_optimizer *optimizer);

double dstn_optimizer_rate(const dstn_optimizer *optimizer);
void dstn_optimizer_set_rate(dstn_optimizer *optimizer, double rate);
double dstn_optimizer_clip(const dstn_optimizer *optimizer); /* largest gradient norm, INFINITY: no clipping */

/* Arrays of the parameters' length that it keeps, the average among them, and gives: zeros [count], borrowed. */
int dstn_optimizer_moments(const dstn_optimizer *optimizer);
void *dstn_optimizer_moment(const dstn_optimizer *optimizer, int moment);
void dstn_optimizer_set_moment(dstn_optimizer *optimizer, int moment, void *array);

/* One update of parameters [count] from gradient [count]. `factor` multiplies the gradient first (clipping: the
 * caller knows the norm over all ranges that are clipped together). */
void dstn_optimizer_step(dstn_optimizer *optimizer, double factor, const void *gradient, void *parameters);

/* The same in pieces: an update begins, and then comes to elements first … first+count−1 of the two arrays, each of
 * them once, or on one of the ranks that share them. */
void dstn_optimizer_begin(dstn_optimizer *optimizer);
void dstn_optimizer_update(dstn_optimizer *optimizer, double factor, int64_t first, int64_t count, const void *gradient,
                           void *parameters);

/* The mean of the parameters over all updates since averaging began (Polyak); NULL before the first of them, and where
 * `average_after` is 0. begin_average: once more changes nothing. */
int64_t dstn_optimizer_average_after(const dstn_optimizer *optimizer);
void dstn_optimizer_begin_average(dstn_optimizer *optimizer);
void *dstn_optimizer_average(const dstn_optimizer *optimizer);

/* min(1, clip/norm): the factor that clips a gradient of this norm; 1 for a norm of 0. */
double dstn_clip_factor(double norm, double clip);

/* Adds "PREFIX/time", "PREFIX/rate" and "PREFIX/moment-K"; where weights are averaged also "PREFIX/averaged", over how
 * many updates (−1: not yet), and "PREFIX/average". */
void dstn_optimizer_add_state(dstn_optimizer *optimizer, const char *prefix, dstn_state *state);

/* When averaging begins: `after` is n ≥ 1. */
typedef struct dstn_averaging dstn_averaging;
dstn_averaging *dstn_averaging_new(int64_t after);
void dstn_averaging_destroy(dstn_averaging *averaging); /* NULL is allowed */
/* Called once at the end of each epoch: whether its validation loss is above the least of those more than n before. */
bool dstn_averaging_is_due(dstn_averaging *averaging, double valid_loss);
/* Adds "PREFIX/memory". */
void dstn_averaging_add_state(dstn_averaging *averaging, const char *prefix, dstn_state *state);

/* ---- schedules: how the learning rate goes on from epoch to epoch ------------------------------------------------ */

enum { DSTN_SCHEDULE_MEMORY = 4 };

/* What a schedule knows at the end of an epoch. */
typedef struct dstn_epoch_end {
    int64_t epochs;    /* completed ones, from 1 */
    double first_rate; /* of the config */
    double rate;       /* of the epoch that ends */
    double valid_loss; /* NAN where it is not known */
} dstn_epoch_end;

/* One schedule, one file: "constant", "step" (times a factor after each of some epochs), "plateau" (times a factor
 * after some epochs without a lower validation loss). Its keys stand in the optimizer's section. */
typedef struct dstn_schedule_type {
    const char *name;
    const char *help;
    const dstn_option *options;
    size_t settings_size;
    const char *example;   /* options in YAML, for tests that walk the table */
    bool needs_validation; /* looks at valid_loss */
    int memory;            /* numbers that it keeps from epoch to epoch, at most DSTN_SCHEDULE_MEMORY */
    /* Checks what the option table can't say; DSTN_ERROR_USAGE. NULL: nothing. */
    dstn_status (*check)(const void *settings, dstn_node node, dstn_error *err);
    void (*start)(double *memory); /* NULL where there is no memory */
    /* The rate of the next epoch. */
    double (*next)(const void *settings, double *memory, const dstn_epoch_end *end);
} dstn_schedule_type;

const dstn_schedule_type *dstn_schedule_type_at(size_t i); /* table order, NULL past the end */

typedef struct dstn_schedule dstn_schedule;

/* The schedule of an optimizer's section, read as dstn_optimizer_read does; one serves several optimizers of the same
 * section. Owned by the caller. */
dstn_status dstn_schedule_read(dstn_node node, const char *path, const char *default_name, dstn_schedule **out,
                               dstn_error *err);
void dstn_schedule_destroy(dstn_schedule *schedule); /* NULL is allowed */
const char *dstn_schedule_name(const dstn_schedule *schedule);
bool dstn_schedule_needs_validation(const dstn_schedule *schedule);
double dstn_schedule_first_rate(const dstn_schedule *schedule); /* the section's */
/* Called once at the end of each epoch, of which there have been `epochs`: the rate to go on with from `rate`. */
double dstn_schedule_next(dstn_schedule *schedule, int64_t epochs, double rate, double valid_loss);
/* Adds "PREFIX/memory", where the schedule has any. */
void dstn_schedule_add_state(dstn_schedule *schedule, const char *prefix, dstn_state *state);

#endif
