/* The trainer as the files of this room share it. */
#ifndef DSTN_BILEVEL_TRAINER_H
#define DSTN_BILEVEL_TRAINER_H

#include "dstn/bilevel.h"

/* This rank's share of one kind of global batch. */
typedef struct dstn_share {
    dstn_part part;
    dstn_sampler *sampler;
    int64_t batch;     /* examples of the global batch */
    int64_t first_row; /* this rank's first one */
    int64_t rows;      /* and how many it has */
} dstn_share;

struct dstn_trainer {
    const dstn_method *method;
    dstn_train_settings settings;
    uint32_t seed;
    dstn_model *model;
    dstn_space *space;
    const dstn_dataset *dataset;
    const dstn_group *group;
    const dstn_kernel *kernel;
    dstn_progress progress;
    int64_t warmup; /* iterations without hyperparameter steps */

    dstn_share train, valid;
    dstn_optimizer *weights[DSTN_RANGES]; /* of general and response weights */
    dstn_optimizer *lambda, *scale;
    dstn_schedule *schedule, *hyper_schedule; /* of the weights' optimizers, and of the other two */
    dstn_reducer *reducers[DSTN_RANGES];

    const dstn_augment *augment; /* NULL: none */

    bool evaluates;    /* at the end of every epoch */
    dstn_epoch epoch;  /* the last one that ended */
    double epoch_loss; /* sum of the train_loss of the present one */

    /* One mini-batch on this rank; B = max_rows of the model. */
    void *x;             /* [B, in] */
    void *targets;       /* [B, out], regression */
    int64_t *labels;     /* [B], classification */
    const int64_t *rows; /* [B], those of the part that x holds; owned by the sampler */
    int64_t *indices;    /* [B], rows of a part, in an evaluation */
    double *noise;       /* [B, h] */
    double *epsilon;     /* [B, h], σ ⊙ noise */
    double *values;      /* [B, h], hyperparameters in natural units */
    double *inputs;      /* [B, h], the hypernetwork's input z in double */
    void *z;             /* [B, h], the same in the model's scalar type */
    void *dz;            /* [B, h] */
    double *sums;        /* [2h + 1]: gradients of λ and raw_scale, and the loss */
    dstn_arena *arena;
};

/* Fetches the next mini-batch of a share. */
void dstn_trainer_next_batch(dstn_trainer *trainer, dstn_share *share);

/* Augments the training mini-batch with the values of the last pass that was made: λ_0's, or those of each example's
 * own λ + ε. `again`: it is augmented already, and is fetched once more. Without augmentation nothing is done. */
void dstn_trainer_augment(dstn_trainer *trainer, bool again);

/* A pass over the share's rows at perturbation `epsilon` [rows, h] (NULL: none), which sets the values s(λ + ε) that
 * layers and regularizers see, and the hypernetwork's input z: ε if centred (3.1), else λ + ε. */
dstn_pass dstn_trainer_pass(dstn_trainer *trainer, const dstn_share *share, dstn_pass_kind kind, const double *epsilon);

/* Forward pass, loss and penalties, adjoint; returns this rank's share of the objective. Gradients of the pass's ranges
 * start at zero, and are sent to be summed over the group as they become final. */
double dstn_trainer_objective(dstn_trainer *trainer, dstn_pass *pass);

/* ∇_{w_0} L_T(λ_0, w_0) on the mini-batch x: unperturbed regularizers, no response. All that method fixed does, and the
 * first objective of Algorithm 1. Returns this rank's share of the objective. */
double dstn_general_gradient(dstn_trainer *trainer);

/* Gradients of a training step on the mini-batch x at the perturbation epsilon: Algorithm 1 (delta_stn.c), Algorithm 2
 * (stn.c). They are left in the model, not yet summed over the group; losses [2]: of the first pass and of the response
 * pass. */
void dstn_stn_gradients(dstn_trainer *trainer, double losses[2]);
void dstn_delta_stn_gradients(dstn_trainer *trainer, double losses[2]);

/* Whether epochs are evaluated. DSTN_ERROR_USAGE: they must be and may not. */
dstn_status dstn_trainer_plan_epochs(dstn_trainer *trainer, bool wanted, dstn_error *err);
/* After the last step of an epoch: its evaluation, and the rates of the next one. Collective over the group. */
void dstn_trainer_end_epoch(dstn_trainer *trainer);

#endif
