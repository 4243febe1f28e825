/* model: a network from a YAML list of layers, its parameters in one arena, its loss, and passes over all of it.
 *
 * All general parameters are one contiguous range, all response parameters another; gradients likewise. */
#ifndef DSTN_MODEL_H
#define DSTN_MODEL_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/data.h"
#include "dstn/hyper.h"
#include "dstn/kernel.h"
#include "dstn/layer.h"

typedef enum dstn_loss { DSTN_LOSS_MSE, DSTN_LOSS_CROSS_ENTROPY } dstn_loss; /* "mse|cross_entropy" */

typedef struct dstn_model {
    const dstn_kernel *kernel;
    dstn_response response;
    dstn_loss loss;
    int64_t hypers;    /* h */
    int64_t max_rows;  /* B at most: examples of a pass on this rank */
    int64_t max_steps; /* T at most: time steps of an example */
    dstn_shape in, out;
    int layer_count;
    dstn_layer **layers; /* nested lists in reading order: layer i is line i */
    int regularizer_count;
    dstn_regularizer **regularizers;
    int64_t count[DSTN_RANGES];  /* parameters of each range */
    void *value[DSTN_RANGES];    /* [count] */
    void *gradient[DSTN_RANGES]; /* [count] */
    int64_t buffer_count;        /* values that layers keep beside parameters */
    double *buffers;             /* [buffer_count] */
    int64_t stream_rows[DSTN_STREAMS];
    struct model_chain *chain; /* how the layers are run: private to the model */
    dstn_arena *arena;
} dstn_model;

extern const dstn_option dstn_model_options[]; /* input, response, loss, batchnorm, convolution, width, layers */

/* What a model is made for. */
typedef struct dstn_model_request {
    dstn_node node;         /* the model's mapping */
    dstn_node regularizers; /* mapping name → options; handle NULL: none */
    const dstn_kernel *kernel;
    const dstn_space *space;           /* hyperparameters that layers may name */
    dstn_shape input;                  /* shape of the data's examples; rank 0: take the model's own `input:` */
    int64_t outputs;                   /* that the data need; 0: any */
    int64_t max_rows;                  /* examples a pass has at most on this rank */
    int64_t max_steps;                 /* time steps that they have at most; 0 is 1 */
    int64_t train_rows;                /* n */
    size_t most_memory;                /* bytes that it may take from its arena; 0: all there are */
    int64_t stream_rows[DSTN_STREAMS]; /* examples of this rank whose rows' state goes on, of each stream; 0: none */
    int64_t block, part; /* data rows at a time, row by row and in parts of images; 0: what the caches hold */
} dstn_model_request;

/* Builds layers and regularizers and takes all memory. Parameters are zero until dstn_model_initialize.
 * DSTN_ERROR_USAGE with file, line and key. Owned by the caller. */
dstn_status dstn_model_new(const dstn_model_request *request, dstn_model **out, dstn_error *err);
void dstn_model_destroy(dstn_model *model);
bool dstn_model_is_valid(const dstn_model *model);
size_t dstn_model_memory_used(const dstn_model *model);
/* How many of its maps go by Winograd's algorithm. */
int dstn_model_winograd_maps(const dstn_model *model);
/* The name of a hyperparameter at whose value weights are dropped, which all rows of a pass must have in common; NULL:
 * there is none. */
const char *dstn_model_weight_hyper(const dstn_model *model);

/* Initial parameters, drawn with key (seed, DSTN_PURPOSE_INIT): the same for all methods of a comparison. */
void dstn_model_initialize(dstn_model *model, uint32_t seed);

/* From now on parameters and gradients are in these arrays [count], which must outlive all use of the model, and its
 * own are given back. Where `copies`, the values go along; elsewhere they are there, or will be, without. */
void dstn_model_move_parameters(dstn_model *model, void *const value[DSTN_RANGES], void *const gradient[DSTN_RANGES],
                                bool copies);

/* Forward pass of x [BT, in], images channels-last (and the tangent pass, if linearized); returns the prediction [BT,
 * out], owned by the model: y, or y + ẏ in a linearized pass (Sec. 3.3). x must stay as it is until the adjoint is
 * done.
 */
const void *dstn_model_forward(dstn_model *model, const dstn_pass *pass, const void *x);
/* Of the last forward pass, [BT, out], images channels-last: y; ẏ, after a linearized one; and what the loss is taken
 * at. */
const void *dstn_model_output(const dstn_model *model);
const void *dstn_model_tangent(const dstn_model *model);
const void *dstn_model_prediction(const dstn_model *model);

/* Loss of the last forward pass: the sum over this rank's data rows divided by those of the global batch, with
 * ∂L/∂prediction kept for the adjoint. Regression takes targets [BT, out], classification labels [BT]. correct [out,
 * may be NULL]: rows classified rightly, added to. */
double dstn_model_loss(dstn_model *model, const dstn_pass *pass, const void *targets, const int64_t *labels,
                       int64_t *correct);

/* Sum of all regularizers for the last forward pass, this rank's share; adds their gradients, and keeps for the adjoint
 * what they have in layers' outputs. */
double dstn_model_penalty(dstn_model *model, const dstn_pass *pass);
/* Whether it adds to the gradients of parameters before the layers do; regularizers of layers' outputs don't. */
bool dstn_model_penalizes_parameters(const dstn_model *model);

/* Adjoint of the last forward pass, from the loss's gradient down: gradients are added to those ranges that pass->grad
 * names, and pass->dz if it is set. */
void dstn_model_adjoint(dstn_model *model, const dstn_pass *pass);

void dstn_model_zero_gradient(dstn_model *model, dstn_range range);

/* 2MNK over the matrix products that the mathematics needs for pass->rows examples: forward (and tangent) pass, and
 * the adjoint with the gradients that pass->grad names. */
double dstn_model_flops(const dstn_model *model, const dstn_pass *pass);

/* Moves the origin of the response to z [h]: a network that was general + response at z is general alone afterwards,
 * and −z moves it back. DSTN_ERROR_USAGE, and nothing is changed: layers share general weights but not the response. */
dstn_status dstn_model_fold_response(dstn_model *model, const double *z, dstn_error *err);

/* Adds "model/general", "model/response", and "model/buffers" where there are any. */
void dstn_model_add_state(dstn_model *model, dstn_state *state);
/* Adds "model/rows/STREAM/LAYER/NAME" [stream_rows, count], split over the group, of every state that layers keep of
 * their rows: what a run goes on from, and no other one. */
void dstn_model_add_row_state(dstn_model *model, dstn_state *state);

/* The next batch of the stream goes on from what the passes over this one left. */
void dstn_model_advance(dstn_model *model, int stream);

#endif
