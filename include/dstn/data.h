/* data: readers of data sets, their preparation (split, standardization, features), and the order of examples.
 *
 * A data set is read whole by every rank, and a mini-batch is named by row numbers, so that no draw and no batch
 * depends on the number of ranks. */
#ifndef DSTN_DATA_H
#define DSTN_DATA_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/kernel.h"

typedef enum dstn_part { DSTN_PART_TRAIN, DSTN_PART_VALID, DSTN_PART_TEST, DSTN_PARTS } dstn_part;
typedef enum dstn_task { DSTN_TASK_REGRESSION, DSTN_TASK_CLASSIFICATION } dstn_task; /* "regression|classification" */

/* A data set, prepared. Values are double for tables. */
typedef struct dstn_dataset {
    dstn_task task;
    int64_t rows[DSTN_PARTS]; /* n, v, and rows of the test part (0 where there is none) */
    int rank;                 /* shape of one example */
    int64_t shape[3];
    int64_t features;                 /* product of shape */
    int64_t outputs;                  /* target columns (regression) or classes */
    double *x[DSTN_PARTS];            /* [rows, features] */
    double *targets[DSTN_PARTS];      /* regression: [rows, outputs], else NULL */
    int64_t *labels[DSTN_PARTS];      /* classification: [rows], else NULL */
    int64_t *source_rows[DSTN_PARTS]; /* [rows] line of the source (data rows from 0) each example came from */
    char **feature_names;             /* [features] or NULL */
    char *source;                     /* the file, or "synthetic" */
    char *target_name;                /* of the table's target column, or NULL */
    char *summary;                    /* one line for people: "boston.csv: 405 training and 101 validation rows, …" */
} dstn_dataset;

void dstn_dataset_destroy(dstn_dataset *dataset);
bool dstn_dataset_is_valid(const dstn_dataset *dataset);
size_t dstn_dataset_memory_used(const dstn_dataset *dataset);

/* The keys of `data:` that every source has: source, task, features, standardize, valid_fraction, split_seed, … */
extern const dstn_option dstn_data_options[];

/* One source of data, one file, registered by name. */
typedef struct dstn_data_source {
    const char *name;
    const char *help;
    const dstn_option *options;
    size_t settings_size;
    /* Reads everything the source has into a dataset whose training part holds all rows (a source with its own split
     * fills the parts itself). DSTN_ERROR_DATA: one line naming file, line and column. */
    dstn_status (*read)(const void *settings, dstn_node node, dstn_task task, dstn_dataset **out, dstn_error *err);
} dstn_data_source;

const dstn_data_source *dstn_data_source_find(const char *name);
const dstn_data_source *dstn_data_source_at(size_t i); /* table order, NULL past the end */

/* Reads and prepares the data set that the section `data:` describes: split by split_seed (−1: by `seed`),
 * `features: quadratic`, standardization by the training part's mean and deviation (targets too in regression), columns
 * that are constant in the training part dropped with a warning to `log`. Owned by the caller.
 * DSTN_ERROR_USAGE for the config, DSTN_ERROR_DATA for the file. */
dstn_status dstn_dataset_read(dstn_node node, uint32_t seed, const dstn_log *log, dstn_dataset **out, dstn_error *err);

/* A data set made of noise, for benchmarks: x ~ N(0, 1), targets N(0, 1) or uniform labels; 1/4 is validation. */
dstn_dataset *dstn_dataset_synthetic(dstn_task task, int rank, const int64_t *shape, int64_t outputs, int64_t rows,
                                     uint32_t seed);

/* Gathers `count` examples of a part: x [count, features] in the kernel's scalar type; targets [count, outputs]
 * likewise, or labels [count]. The pointer that the task does not use may be NULL. */
void dstn_dataset_gather(const dstn_dataset *dataset, dstn_part part, const int64_t *indices, int64_t count,
                         const dstn_kernel *kernel, void *x, void *targets, int64_t *labels);

/* The order in which a part's examples come: a new permutation every epoch, keyed by (rng, epoch). */
typedef struct dstn_sampler dstn_sampler;

/* rows ≥ batch ≥ 1. An epoch has ⌊rows/batch⌋ batches: the incomplete last one is dropped. */
dstn_sampler *dstn_sampler_new(dstn_rng rng, int64_t rows, int64_t batch);
void dstn_sampler_destroy(dstn_sampler *sampler);
int64_t dstn_sampler_batches(const dstn_sampler *sampler);  /* batches of an epoch */
int64_t dstn_sampler_epoch(const dstn_sampler *sampler);    /* epochs completed before the next batch */
int64_t dstn_sampler_position(const dstn_sampler *sampler); /* batches given since the start */
/* Row numbers [batch] of the next global batch; owned by the sampler, valid until the next call. */
const int64_t *dstn_sampler_next(dstn_sampler *sampler);
/* Puts the sampler where it is after `position` batches (resume). */
void dstn_sampler_seek(dstn_sampler *sampler, int64_t position);

#endif
