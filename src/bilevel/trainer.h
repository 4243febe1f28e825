/* The trainer as the files of this room share it. */
#ifndef DSTN_BILEVEL_TRAINER_H
#define DSTN_BILEVEL_TRAINER_H

#include "dstn/bilevel.h"

/* Rows of a global batch, and which of them are this rank's. */
typedef struct bilevel_span {
    dstn_sampling sampling;
    int64_t total;     /* rows of the global batch: every mean divides by it */
    int64_t first_row; /* this rank's first one */
    int64_t rows;      /* and how many it has */
} bilevel_span;

/* One kind of global batch. */
typedef struct bilevel_share {
    dstn_part part;
    dstn_purpose noise; /* key of ε */
    dstn_sampler *sampler;
    int64_t batch;        /* examples of the global batch */
    bilevel_span plain;   /* the examples: what objectives take that are not perturbed */
    bilevel_span sampled; /* all samples of them: what the others take */
} bilevel_share;

/* Arrays for the sums of gradients: [DSTN_RANGES] of what dstn_reducer_new takes. */
typedef struct bilevel_sums {
    int shards;
    void **arrays[DSTN_RANGES];
} bilevel_sums;

struct dstn_trainer {
    const dstn_method *method;
    dstn_train_settings settings;
    uint32_t seed;
    dstn_model *model;
    dstn_space *space;
    const dstn_dataset *dataset;
    const dstn_augment *augment; /* NULL: none */
    const dstn_group *group;
    const dstn_kernel *kernel;
    dstn_problem *problem;
    dstn_shared *shared;           /* that holds the model's parameters; NULL: one rank */
    bilevel_sums sums;             /* arrays NULL where there are no shards */
    dstn_shared *own_shared;       /* that this trainer made, with its moments; NULL likewise */
    const dstn_listener *listener; /* NULL: nobody */
    dstn_progress progress;
    const dstn_course *course; /* of λ; NULL: none */
    int64_t warmup;            /* iterations without hyperparameter steps */

    bilevel_share train, valid;
    dstn_optimizer *weights[DSTN_RANGES]; /* of general and response weights */
    dstn_optimizer *lambda, *scale;
    dstn_averaging *averaging;                /* of the weights; NULL: they aren't averaged */
    bool shows_average;                       /* it stands in their place now */
    dstn_schedule *schedule, *hyper_schedule; /* of the weights' optimizers, and of the other two */

    bool evaluates;        /* at the end of every epoch */
    dstn_epoch epoch;      /* the last one that ended */
    double epoch_loss;     /* sum of the train_loss of the present one */
    double epoch_words[2]; /* of a text: sum of steps' T times their losses without penalties, and of T */

    double *tables[DSTN_METHOD_PASSES]; /* [shards, …], of the evaluations of a step in turn */
    int table_turn;
    double *buffers; /* [shards + 1, buffers of the model] */

    /* One mini-batch on this rank; B = max_rows of the model. */
    dstn_batch batch;
    int64_t *indices;           /* [B], rows of a part that are in the batch */
    const bilevel_span *filled; /* the rows of the step's examples that the batch holds as they are; NULL: none */
    double *noise;              /* [rows of a span, h] */
    double *epsilon;            /* [rows of a span, h], σ ⊙ noise */
    const double *shift;        /* [h], λ' − λ where an evaluation is to predict another λ'; else NULL */
    dstn_arena *arena;
};

/* The memory that a model's parameters and gradients have been moved to; NULL: they are its own. */
dstn_shared *bilevel_shared_of(const dstn_model *model);

/* Gives the optimizers their moments, and moves the model into shared memory if it isn't there yet; most_ranks as in
 * the request. */
dstn_status bilevel_share_memory(dstn_trainer *trainer, int most_ranks, dstn_error *err);

/* dstn_problem_new, with sums of shards; sums NULL: none. */
dstn_status bilevel_problem_new(dstn_model *model, dstn_space *space, const dstn_group *group, uint32_t seed,
                                const bilevel_sums *sums, dstn_problem **out, dstn_error *err);

/* Whether weights are averaged. DSTN_ERROR_USAGE: λ would be. */
dstn_status bilevel_plan_average(dstn_trainer *trainer, dstn_error *err);
/* Of an epoch's end: whether averaging begins. */
void bilevel_end_epoch_of_average(dstn_trainer *trainer, double valid_loss);

/* Whether epochs are evaluated. DSTN_ERROR_USAGE: they must be and may not. */
dstn_status bilevel_plan_epochs(dstn_trainer *trainer, bool wanted, dstn_error *err);
/* After the last step of an epoch: its evaluation, and the rates of the next one. Collective over the group. */
void bilevel_end_epoch(dstn_trainer *trainer);

#endif
