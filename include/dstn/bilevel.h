/* bilevel: the algorithms. STN (Alg. 2), Δ-STN (Alg. 1) and what lies between them, and the loop that repeats their
 * iterations. Objectives are data, a method is a short list of them, and an algorithm is a page (stn.c, delta_stn.c) in
 * terms of services that take and return values. Only mathematics in terms of the rooms below: what is recorded, shown
 * or saved along the way hangs on observers. */
#ifndef DSTN_BILEVEL_H
#define DSTN_BILEVEL_H

#include "dstn/config.h"
#include "dstn/data.h"
#include "dstn/hyper.h"
#include "dstn/model.h"
#include "dstn/optim.h"
#include "dstn/ranks.h"

/* ---- objectives: what a pass over a mini-batch is for ---------------------------------------------------------- */

/* The hypernetwork's input z of an example. */
typedef enum dstn_input {
    DSTN_INPUT_NONE,    /* none: the general weights alone */
    DSTN_INPUT_EPSILON, /* z = (λ + ε) − λ_0 = ε (Sec. 3.1) */
    DSTN_INPUT_LAMBDA   /* z = λ + ε */
} dstn_input;

/* One objective. The table of them is all that trainer, evaluation, count of operations, trace and check know of what a
 * method does. A pass on the training part is in training mode (dropout, batch statistics, penalties, augmentation),
 * one on the validation part in evaluation mode. */
typedef struct dstn_objective {
    const char *name;
    dstn_part part;
    dstn_pass_kind kind;
    dstn_input input;
    bool perturbed;         /* regularizers and augmentation act at λ + ε of each example; otherwise at λ */
    bool grad[DSTN_RANGES]; /* gradients of the general and of the response weights are wanted */
    bool hyper;             /* ∂L/∂z, and with it the hypergradient, is */
    bool tracks_statistics; /* batch statistics enter the running ones */
} dstn_objective;

const dstn_objective *dstn_objective_find(const char *name); /* NULL: unknown */
const dstn_objective *dstn_objective_at(size_t i);           /* table order, NULL past the end */

/* FLOPs of the matrix products that an objective needs on `rows` examples of `steps` time steps. */
double dstn_objective_flops(const dstn_objective *objective, const dstn_model *model, int64_t rows, int64_t steps);

/* ---- methods --------------------------------------------------------------------------------------------------- */

enum { DSTN_METHOD_PASSES = 2 };

/* What tells the methods apart: three switches, and the objectives that they come to. `fixed` and `fixed-perturbed`
 * have tunes = false: the general layers alone, at constant λ, or around it. */
typedef struct dstn_method {
    const char *name;
    bool tunes;
    bool centered;        /* z is the difference to the current λ (Sec. 3.1) */
    bool split_objective; /* general weights on the unperturbed loss, response weights on the perturbed (Sec. 3.2) */
    bool linearize;       /* predictions replaced by y + J_yw Δw in the response's objective (Sec. 3.3) */
    const dstn_objective *train[DSTN_METHOD_PASSES + 1]; /* of a training step, in order; NULL ends them */
    const dstn_objective *valid;                         /* of a hyperparameter step; NULL: there is none */
    const dstn_objective *evaluation;                    /* of whole parts, at the best response to the current λ */
    const struct dstn_algorithm *algorithm;
} dstn_method;

/* Keys at the top level of a config: method, and the three switches to spell one out. */
typedef struct dstn_method_settings {
    int method;
    dstn_switch switches[3]; /* centered, split_objective, linearize; auto: as the method has it */
} dstn_method_settings;
extern const dstn_option dstn_method_options[];

/* split_objective needs centered, linearize needs both: anything else is DSTN_ERROR_USAGE. The result is static. */
dstn_status dstn_method_choose(const dstn_method_settings *settings, const dstn_method **out, dstn_error *err);

/* ---- the problem: a model, its hyperparameters, and objectives on them ----------------------------------------- */

/* ε ~ N(0, diag(σ²)) of each example of this rank, ε = σ ⊙ noise; both NULL: none. */
typedef struct dstn_perturbation {
    const double *noise;   /* [B, h], standard normal */
    const double *epsilon; /* [B, h] */
} dstn_perturbation;

/* What an objective came to on a mini-batch. Losses are this rank's share: their sum over the group is the mean over
 * the global batch. Arrays are the problem's, and valid until its next evaluation, as are the model's activations;
 * gradients of weights are left in the model. */
typedef struct dstn_evaluation {
    const dstn_objective *objective;
    const dstn_batch *batch;
    dstn_perturbation perturbation;
    const double *values; /* [B, h] hyperparameters in natural units */
    const double *dz;     /* [B, h] ∂L/∂z; NULL unless objective->hyper */
    double loss, penalty;
    int64_t correct; /* rows classified rightly */
    double *shards;  /* where a trainer evaluates in shards: what each came to; else NULL */
} dstn_evaluation;

/* ∂(L_V − τH)/∂λ and ∂(L_V − τH)/∂raw_scale, over the group; arrays as in dstn_evaluation. */
typedef struct dstn_hypergradient {
    double loss;             /* L_V, without the entropy */
    double entropy;          /* H */
    const double *lambda;    /* [h] */
    const double *raw_scale; /* [h], 0 where the scale is not tuned */
} dstn_hypergradient;

typedef struct dstn_problem dstn_problem;

/* Everything is borrowed and must outlive it; `seed` keys the dropout masks. DSTN_ERROR_RUN: no memory. Made, and
 * destroyed, by all ranks of the group together. */
dstn_status dstn_problem_new(dstn_model *model, dstn_space *space, const dstn_group *group, uint32_t seed,
                             dstn_problem **out, dstn_error *err);
void dstn_problem_destroy(dstn_problem *problem); /* NULL is allowed */
size_t dstn_problem_memory_used(const dstn_problem *problem);

/* The values [rows, h] in natural units at which an objective's regularizers and augmentation act: s(λ), or s(λ + ε) of
 * each example. Valid until the next call, or the next evaluation. */
const double *dstn_problem_values(dstn_problem *problem, const dstn_objective *objective,
                                  dstn_perturbation perturbation, int64_t rows);

/* One objective on a mini-batch: forward pass, loss and penalties, and the adjoint where gradients are wanted. They
 * start at zero, and those of the weights are sent to be summed over the group as they become final. `step` is the
 * counter of the masks. */
dstn_evaluation dstn_problem_evaluate(dstn_problem *problem, const dstn_objective *objective, const dstn_batch *batch,
                                      dstn_perturbation perturbation, int64_t step);

/* Waits until this rank's slices of the gradients that an objective left in the model are sums over the group; they are
 * in dstn_reducer_sum, on one rank the model's gradients. */
void dstn_problem_sum_gradients(dstn_problem *problem, const dstn_objective *objective);
/* After it: brings all slices to the leader of every node, whose model then has the whole sum in its gradients, and
 * meets the ranks of the node. Collective over the group. */
void dstn_problem_gather_gradients(dstn_problem *problem, const dstn_objective *objective);
/* Where a rank has several shards, between their passes. */
void dstn_problem_next_shard(dstn_problem *problem, const dstn_objective *objective);
dstn_reducer *dstn_problem_reducer(const dstn_problem *problem, dstn_range range);

/* The hypergradient from an objective's ∂L/∂z, for entropy weight τ. Collective over the group. */
dstn_hypergradient dstn_problem_hypergradient(dstn_problem *problem, const dstn_evaluation *evaluation,
                                              double entropy_weight);

/* ---- trainer ----------------------------------------------------------------------------------------------------- */

/* The section `train:`.
 *
 * With k samples the rows of a perturbed objective are B·k: sample s of example e is row sB + e of the global batch,
 * and every loss and gradient is the mean over all rows (E_ε of Eq. 3.10 by k draws an example rather than one). A
 * row's draws are those of its number: ε, or for a per_batch hyperparameter one ε a sample, masks, and augmentation at
 * its own λ + ε; so sample 0 is the draw of k = 1. Of antithetic samples the second half has −ε of the first half and
 * the same masks and augmentation draws, at its own rates and strengths: what is odd in ε cancels. Batch statistics are
 * over all rows of a pass (over a shard's, where there are shards). Ranks, and shards, divide the rows. An objective
 * that is not perturbed (Eq. 3.9, `fixed`) takes its B examples, and so does a hyperparameter step in which no scale is
 * tuned: ε is 0 there.
 *
 * A text is read in as many streams as a batch has rows. A batch has the next `length` places of each, and its layers
 * start from the state that the batch before left (from zero at the beginning of an epoch): back-propagation is
 * truncated there. Hyperparameter steps read the validation part in the same way, with a state of their own. */
typedef struct dstn_train_settings {
    int64_t iterations; /* training steps; 0: epochs decides */
    int64_t epochs;
    int64_t batch;          /* examples of a global training batch */
    int64_t valid_batch;    /* of a global validation batch; 0: as batch */
    int64_t length;         /* of a text: places of each stream in a batch (T) */
    bool vary_length;       /* that of a training batch is drawn (dstn_sampler_request.varies), and the rate of its step
                               is multiplied by T/length */
    int64_t train_steps;    /* T_train */
    int64_t valid_steps;    /* T_valid */
    double stop_below_rate; /* the epoch is the last that brings the weights' learning rate below this; 0: off */
    int64_t warmup;         /* iterations before the first hyperparameter step */
    int64_t warmup_epochs;  /* likewise in epochs; the larger of the two counts */
    double entropy_weight;  /* τ */
    int64_t samples;        /* k perturbations of each example, of an objective that is perturbed; 0 is 1 */
    bool antithetic;        /* in pairs ε, −ε; k is even */
    int64_t shards;         /* of a batch, for results that don't depend on the number of ranks; 0: none. No key of this
                               section */
    dstn_switch evaluate;   /* whole parts at the end of every epoch */
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
    int most_ranks; /* of a host that share memory; 0: all; 1: each has weights of its own, which it may change */
} dstn_trainer_request;

/* Whose updates clipping has shortened; general and response weights of one objective count as general. */
enum { DSTN_CLIPPED_GENERAL, DSTN_CLIPPED_RESPONSE, DSTN_CLIPPED_LAMBDA, DSTN_CLIPPED_SCALE, DSTN_CLIPPED };

/* What changes along a run; read by observers. */
typedef struct dstn_progress {
    int64_t step;                  /* training steps done */
    int64_t steps;                 /* training steps of the whole run, if the learning rate doesn't end it before */
    int64_t hyper_step;            /* hyperparameter steps done */
    int64_t epoch;                 /* epochs completed */
    int64_t clipped[DSTN_CLIPPED]; /* updates that were clipped; of λ and raw_scale on the leader alone */
    double train_loss;    /* of the last training step: loss + penalty of its (first) pass, on the global batch */
    double fit;           /* of a text: the same without the penalty; NAN before the first step of this process */
    double response_loss; /* of its response pass (Δ-STN), else NAN */
    double hyper_loss;    /* L_V of the last hyperparameter step, without the entropy; NAN before the first */
} dstn_progress;

/* What an epoch came to: evaluated after its last step, before the schedules set the rates of the next one. */
typedef struct dstn_epoch {
    int64_t epoch;                 /* completed ones, with this */
    double train_loss;             /* mean of the steps' train_loss */
    double rate;                   /* learning rate of the weights */
    double loss[DSTN_PARTS];       /* of validation and test part; NAN for the training part and where there is none */
    double accuracy[DSTN_PARTS];   /* likewise, NAN for regression */
    double perplexity[DSTN_PARTS]; /* of a text: e^loss, and of the training part e^(mean of the steps' losses without
                                      penalties, a word counting as much as any other); else NAN */
} dstn_epoch;

/* Examples that a pass on this rank has at most, for dstn_model_request.max_rows; where there are shards, those of a
 * shard, or 64 (at most a batch) for evaluations, on any number of ranks. */
int64_t dstn_train_max_rows(const dstn_train_settings *settings, const dstn_group *group);

/* What such training needs of a model: max_rows, as above, max_steps, and this rank's stream_rows. Of the data set only
 * `words` and `rows` are looked at. */
void dstn_train_size_model(const dstn_train_settings *settings, const dstn_dataset *dataset, const dstn_group *group,
                           dstn_model_request *request);

/* Where the group has several ranks, the model's parameters and gradients, and the moments, move into memory that ranks
 * of one node share (dstn_shared): weights are there once a node, each rank updates its slices of them, and the model
 * is of no more use when the trainer is gone or could not be made. Further trainers of the same model are destroyed
 * before the first; with shards it has one alone (DSTN_ERROR_RUN). Made, and destroyed, by all ranks of the group
 * together.
 *
 * Checks the settings against the data (batch sizes, ranks ≤ examples of a batch; one sample where layers keep state of
 * rows) and takes all memory.
 * DSTN_ERROR_USAGE. The caller has initialized the model before: later, all ranks of a node would write the same
 * weights, while others read them already. The space may be reset at any time before training. */
dstn_status dstn_trainer_new(const dstn_trainer_request *request, dstn_trainer **out, dstn_error *err);
/* Of these checks the one of ranks, shards and rows of a batch, for a group of so many ranks. DSTN_ERROR_USAGE. */
dstn_status dstn_trainer_check_ranks(const dstn_trainer_request *request, int64_t ranks, dstn_error *err);
void dstn_trainer_destroy(dstn_trainer *trainer);

/* λ as a function of the step, for a method that doesn't tune it: with t training steps done it is that of the last row
 * whose step is at most t. */
typedef struct dstn_course {
    int64_t rows;   /* at least 1, of rising steps, the first of which is 0 */
    int64_t *steps; /* [rows] */
    double *lambda; /* [rows, h] */
} dstn_course;

/* Borrowed; λ is put where it says, now and after every training step. */
void dstn_trainer_set_course(dstn_trainer *trainer, const dstn_course *course);
/* After λ came from elsewhere: puts it there again, where there is a course. */
void dstn_trainer_follow(dstn_trainer *trainer);

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

/* Something that looks into the steps themselves (trace, tests). Called on every rank of the group. */
typedef struct dstn_listener {
    void *self;
    /* After each objective of a step, while the model still holds its activations. */
    void (*on_pass)(void *self, dstn_trainer *trainer, const dstn_evaluation *evaluation);
    /* Before an update, when its gradients are summed over the group: the model's, of the objectives that came since
     * the last update, or the hypergradient (NULL: a training step). */
    void (*on_gradient)(void *self, dstn_trainer *trainer, const dstn_hypergradient *gradient);
    /* After the update, and before the schedules' next rates. */
    void (*on_update)(void *self, dstn_trainer *trainer);
} dstn_listener;

/* Borrowed; NULL: nobody listens. */
void dstn_trainer_set_listener(dstn_trainer *trainer, const dstn_listener *listener);

/* For moments that an observer has no interest in. */
dstn_status dstn_observer_ignore(void *self, dstn_trainer *trainer, dstn_error *err);

/* Whether there is nothing more to train: all steps are made, or the learning rate of the weights is below
 * `stop_below_rate`. */
bool dstn_trainer_is_over(const dstn_trainer *trainer);

/* Trains from where the trainer stands to the end. DSTN_OK, DSTN_DIVERGED (a loss or λ is no longer finite), or what
 * an observer returned. */
dstn_status dstn_trainer_run(dstn_trainer *trainer, const dstn_observer *observers, int count, dstn_error *err);

/* Whether losses are of words, whose e^loss is a perplexity. */
bool dstn_trainer_reads_text(const dstn_trainer *trainer);

/* Whether every epoch ends with an evaluation: as `train.evaluate` says; auto: for classification, and where a schedule
 * or the request needs it. */
bool dstn_trainer_evaluates_epochs(const dstn_trainer *trainer);
/* The epoch that ended last, from on_epoch on. Only where epochs are evaluated. */
const dstn_epoch *dstn_trainer_last_epoch(const dstn_trainer *trainer);

/* The two kinds of steps, as the loop takes them (bench and tests call them singly). */
void dstn_trainer_train_step(dstn_trainer *trainer);
void dstn_trainer_hyper_step(dstn_trainer *trainer);

/* Loss (and accuracy, NAN for regression) of the learned best response at the current λ over a whole part, without
 * dropout: weights at z = λ for stn, z = 0 for the others. A text is read in as many streams as a validation batch has
 * rows (of a short one no more than it has pieces of the usual length), each from a state of zero to its end. Where
 * weights are averaged, of the average. Collective over the group. */
void dstn_trainer_evaluate(dstn_trainer *trainer, dstn_part part, double *loss, double *accuracy);

/* The same at another λ' as the learned response predicts it from here, shift [h] = λ' − λ: weights at z = λ' − λ, for
 * stn at z = λ', not linearized. Of a method that tunes. Collective over the group. */
void dstn_trainer_predict(dstn_trainer *trainer, dstn_part part, const double *shift, double *loss, double *accuracy);

const dstn_progress *dstn_trainer_progress(const dstn_trainer *trainer);

/* Training steps of the first `epochs` epochs, and how many epochs so many steps are. */
int64_t dstn_trainer_steps(const dstn_trainer *trainer, int64_t epochs);
double dstn_trainer_epochs(const dstn_trainer *trainer, int64_t step);

/* FLOPs of the matrix products of one training step (of a text, of one of the usual length), over the group. */
double dstn_trainer_step_flops(const dstn_trainer *trainer);

/* Bytes that the trainer took beside its model: optimizer moments and a mini-batch's arrays; where the group has
 * several ranks also what it has moved of the model, this rank's share of it. */
size_t dstn_trainer_memory_used(const dstn_trainer *trainer);

/* Brings what ranks keep in slices to every node: before the state below is read, on the leader or anywhere. Collective
 * over the group. */
void dstn_trainer_gather_state(dstn_trainer *trainer);
/* Why ranks of one host share no memory, and what that costs, all that a rank then keeps and receives counted; NULL:
 * they do, or are alone. Free with free(). */
char *dstn_trainer_lack(const dstn_trainer *trainer);

/* Whether weights are averaged (optimizer.average_after), which training and hyperparameter steps know nothing of; and
 * puts the average, once there is one, in the place of the model's weights, or back. No step comes in between.
 * Collective over the group. */
bool dstn_trainer_averages(const dstn_trainer *trainer);
void dstn_trainer_show_average(dstn_trainer *trainer, bool shown);

/* Everything that the next step depends on: parameters, moments, λ, raw_scale, schedules, counters, data positions. */
void dstn_trainer_add_state(dstn_trainer *trainer, dstn_state *state);
/* After a state was read: puts the samplers where the counters say. */
void dstn_trainer_restored(dstn_trainer *trainer);
/* After a state was read that began with other learning rates than the request's: whatever schedules have made of those
 * becomes the same part of the request's. weights, hyper: the rates that it began with, of the weights and of λ and
 * raw_scale (not looked at where nothing is tuned). */
void dstn_trainer_take_rates(dstn_trainer *trainer, double weights, double hyper);

#endif
