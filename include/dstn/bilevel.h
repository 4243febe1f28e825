/* bilevel: the algorithms. STN (Alg. 2), Δ-STN (Alg. 1) and what lies between them, the hyperparameter step, and the
 * loop that alternates training and hyperparameter steps. Only mathematics in terms of the rooms below: what is
 * recorded, shown or saved along the way hangs on observers. */
#ifndef DSTN_BILEVEL_H
#define DSTN_BILEVEL_H

#include "dstn/config.h"
#include "dstn/data.h"
#include "dstn/hyper.h"
#include "dstn/model.h"
#include "dstn/optim.h"
#include "dstn/ranks.h"

/* ---- methods -------------------------------------------------------------------------------------------------------
 */

/* What tells the methods apart. `fixed` has tunes = false: the general layers alone, at constant λ. */
typedef struct dstn_method {
    const char *name;
    bool tunes;
    bool centered;        /* z is the difference to the current λ (Sec. 3.1) */
    bool split_objective; /* general weights on the unperturbed loss, response weights on the perturbed (Sec. 3.2) */
    bool linearize;       /* predictions replaced by y + J_yw Δw in the response's objective (Sec. 3.3) */
} dstn_method;

/* Keys at the top level of a config: method, and the three switches to spell one out. */
typedef struct dstn_method_settings {
    int method;
    int switches[3]; /* 0 as the method has it, 1 true, 2 false: centered, split_objective, linearize */
} dstn_method_settings;
extern const dstn_option dstn_method_options[];

/* split_objective needs centered, linearize needs both: anything else is DSTN_ERROR_USAGE. The result is static. */
dstn_status dstn_method_choose(const dstn_method_settings *settings, const dstn_method **out, dstn_error *err);

/* ---- trainer
 * --------------------------------------------------------------------------------------------------------- */

/* The section `train:`. */
typedef struct dstn_train_settings {
    int64_t iterations; /* training steps; 0: epochs decides */
    int64_t epochs;
    int64_t batch;         /* examples of a global training batch */
    int64_t valid_batch;   /* of a global validation batch; 0: as batch */
    int64_t train_steps;   /* T_train */
    int64_t valid_steps;   /* T_valid */
    int64_t warmup;        /* iterations before the first hyperparameter step */
    int64_t warmup_epochs; /* likewise in epochs; the larger of the two counts */
    double entropy_weight; /* τ */
    int evaluate;          /* whole parts at the end of every epoch: 0 auto, 1 true, 2 false */
} dstn_train_settings;
extern const dstn_option dstn_train_options[];

typedef struct dstn_trainer dstn_trainer;

/* What a trainer is made of; everything is borrowed and must outlive it. */
typedef struct dstn_trainer_request {
    const dstn_method *method;
    dstn_train_settings train;
    uint32_t seed;
    dstn_node optimizer;         /* for general and response weights, with their schedule */
    dstn_node hyper_optimizer;   /* for λ and raw_scale, likewise */
    bool wants_evaluation;       /* somebody looks at every epoch's evaluation */
    const dstn_augment *augment; /* of the training examples; NULL: none */
    dstn_model *model;
    dstn_space *space;
    const dstn_dataset *dataset;
    const dstn_group *group;
} dstn_trainer_request;

/* What changes along a run; read by observers. */
typedef struct dstn_progress {
    int64_t step;         /* training steps done */
    int64_t steps;        /* training steps of the whole run */
    int64_t hyper_step;   /* hyperparameter steps done */
    int64_t epoch;        /* epochs completed */
    double train_loss;    /* of the last training step: loss + penalty of its (first) pass, on the global batch */
    double response_loss; /* of its response pass (Δ-STN), else NAN */
    double hyper_loss;    /* L_V of the last hyperparameter step, without the entropy; NAN before the first */
} dstn_progress;

/* What an epoch came to: evaluated after its last step, before the schedules set the rates of the next one. */
typedef struct dstn_epoch {
    int64_t epoch;               /* completed ones, with this */
    double train_loss;           /* mean of the steps' train_loss */
    double rate;                 /* learning rate of the weights */
    double loss[DSTN_PARTS];     /* of validation and test part; NAN for the training part and where there is none */
    double accuracy[DSTN_PARTS]; /* likewise, NAN for regression */
} dstn_epoch;

/* Examples this rank's passes have at most, for dstn_model_request.max_rows. */
int64_t dstn_train_max_rows(const dstn_train_settings *settings, const dstn_group *group);

/* Checks the settings against the data (batch sizes, ranks ≤ examples of a batch) and takes all memory.
 * DSTN_ERROR_USAGE. The caller initializes model and space before or after. */
dstn_status dstn_trainer_new(const dstn_trainer_request *request, dstn_trainer **out, dstn_error *err);
void dstn_trainer_destroy(dstn_trainer *trainer);

/* Something that looks on: records, progress, oracle metrics, checkpoints, stop signals. Called on every rank of the
 * group, in list order; anything but DSTN_OK ends the run with that status, and all ranks must agree on it.
 * on_step is called after every training step; on_hyper_step once after each block of T_valid hyperparameter steps, not
 * after each of them; on_epoch after the last step of an epoch. Where several are due: on_hyper_step, on_epoch,
 * on_step. */
typedef struct dstn_observer {
    void *self;
    dstn_status (*on_step)(void *self, dstn_trainer *trainer, dstn_error *err);
    dstn_status (*on_hyper_step)(void *self, dstn_trainer *trainer, dstn_error *err);
    dstn_status (*on_epoch)(void *self, dstn_trainer *trainer, dstn_error *err);
} dstn_observer;

/* For moments that an observer has no interest in. */
dstn_status dstn_observer_ignore(void *self, dstn_trainer *trainer, dstn_error *err);

/* Trains from where the trainer stands to the end. DSTN_OK, DSTN_DIVERGED (a loss or λ is no longer finite), or what
 * an observer returned. */
dstn_status dstn_trainer_run(dstn_trainer *trainer, const dstn_observer *observers, int count, dstn_error *err);

/* Whether every epoch ends with an evaluation: as `train.evaluate` says; auto: for classification, and where a schedule
 * or the request needs it. */
bool dstn_trainer_evaluates_epochs(const dstn_trainer *trainer);
/* The epoch that ended last, from on_epoch on. Only where epochs are evaluated. */
const dstn_epoch *dstn_trainer_last_epoch(const dstn_trainer *trainer);

/* The two kinds of steps, as the loop takes them (bench and tests call them singly). */
void dstn_trainer_train_step(dstn_trainer *trainer);
void dstn_trainer_hyper_step(dstn_trainer *trainer);

/* Loss (and accuracy, NAN for regression) of the learned best response at the current λ over a whole part, without
 * dropout: weights at z = λ for stn, z = 0 for the others. Collective over the group. */
void dstn_trainer_evaluate(dstn_trainer *trainer, dstn_part part, double *loss, double *accuracy);

const dstn_progress *dstn_trainer_progress(const dstn_trainer *trainer);

/* FLOPs of the matrix products of one training step, over the group. */
double dstn_trainer_step_flops(const dstn_trainer *trainer);

/* Bytes that the trainer took beside its model: optimizer moments and a mini-batch's arrays. */
size_t dstn_trainer_memory_used(const dstn_trainer *trainer);

/* Everything that the next step depends on: parameters, moments, λ, raw_scale, schedules, counters, data positions. */
void dstn_trainer_add_state(dstn_trainer *trainer, dstn_state *state);
/* After a state was read: puts the samplers where the counters say. */
void dstn_trainer_restored(dstn_trainer *trainer);

#endif
