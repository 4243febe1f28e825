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

/* Layers of which the first alone may have a stage of all rows (see dstn_layer_type): the others work on its output row
 * by row, so that what lies between them stays in the caches. What comes out last is kept. */
typedef struct dstn_segment {
    int first, last;   /* layers */
    int64_t block;     /* rows at a time */
    void *out;         /* [B, shape of the last layer]: activations */
    void *out_tangent; /* likewise */
} dstn_segment;

typedef struct dstn_model {
    const dstn_kernel *kernel;
    dstn_response response;
    dstn_loss loss;
    int64_t hypers;   /* h */
    int64_t max_rows; /* B at most */
    dstn_shape in, out;
    int layer_count;
    dstn_layer **layers;
    int regularizer_count;
    dstn_regularizer **regularizers;
    int64_t count[DSTN_RANGES];  /* parameters of each range */
    void *value[DSTN_RANGES];    /* [count] */
    void *gradient[DSTN_RANGES]; /* [count] */
    int64_t buffer_count;        /* values that layers keep beside parameters */
    double *buffers;             /* [buffer_count] */
    int segment_count;
    dstn_segment *segments;
    /* What a segment's first layer leaves, of the value and of the tangent, and the adjoint that it gets; of one part:
     */
    void *product[3];
    void *prediction;      /* [B, out]: y, or y + ẏ in a linearized pass */
    void *delta[2];        /* adjoints, alternately written, each [B, widest] */
    int64_t scratch_width; /* values of a block of rows between two layers of a segment, at most */
    void *scratch;         /* [threads, 4, scratch_width] */
    dstn_arena *arena;
} dstn_model;

extern const dstn_option dstn_model_options[]; /* input, response, loss, batchnorm, layers */

/* What a model is made for. */
typedef struct dstn_model_request {
    dstn_node node;         /* the model's mapping */
    dstn_node regularizers; /* mapping name → options; handle NULL: none */
    const dstn_kernel *kernel;
    const dstn_space *space; /* hyperparameters that layers may name */
    dstn_shape input;        /* shape of the data's examples; rank 0: take the model's own `input:` */
    int64_t outputs;         /* that the data need; 0: any */
    int64_t max_rows;        /* examples a pass has at most on this rank */
    int64_t train_rows;      /* n */
} dstn_model_request;

/* Builds layers and regularizers and takes all memory. Parameters are zero until dstn_model_initialize.
 * DSTN_ERROR_USAGE with file, line and key. Owned by the caller. */
dstn_status dstn_model_new(const dstn_model_request *request, dstn_model **out, dstn_error *err);
void dstn_model_destroy(dstn_model *model);
bool dstn_model_is_valid(const dstn_model *model);
size_t dstn_model_memory_used(const dstn_model *model);

/* Initial parameters, drawn with key (seed, DSTN_PURPOSE_INIT): the same for all methods of a comparison. */
void dstn_model_initialize(dstn_model *model, uint32_t seed);

/* Forward pass of x [B, in], images channels-last (and the tangent pass, if linearized); returns the prediction [B,
 * out], owned by the model: y, or y + ẏ in a linearized pass (Sec. 3.3). */
const void *dstn_model_forward(dstn_model *model, const dstn_pass *pass, const void *x);

/* Of the last forward pass, [B, out] and owned by the model: y, and ẏ of a linearized one. */
const void *dstn_model_output(const dstn_model *model);
const void *dstn_model_tangent(const dstn_model *model);

/* Loss of the last forward pass: the sum over this rank's rows divided by pass->batch_rows, with ∂L/∂prediction kept
 * for the adjoint. Regression takes targets [B, out], classification labels [B]. correct [out, may be NULL]: rows
 * classified rightly, added to. */
double dstn_model_loss(dstn_model *model, const dstn_pass *pass, const void *targets, const int64_t *labels,
                       int64_t *correct);

/* Sum of all regularizers for the last forward pass, this rank's share; adds their gradients. */
double dstn_model_penalty(dstn_model *model, const dstn_pass *pass);

/* Adjoint of the last forward pass, from the loss's gradient down: gradients are added to those ranges that pass->grad
 * names, and pass->dz if it is set. */
void dstn_model_adjoint(dstn_model *model, const dstn_pass *pass);

void dstn_model_zero_gradient(dstn_model *model, dstn_range range);

/* 2MNK over the matrix products that the mathematics needs for pass->rows examples: forward (and tangent) pass, and
 * the adjoint with the gradients that pass->grad names. */
double dstn_model_flops(const dstn_model *model, const dstn_pass *pass);

/* Adds "model/general", "model/response", and "model/buffers" where there are any. */
void dstn_model_add_state(dstn_model *model, dstn_state *state);

#endif
