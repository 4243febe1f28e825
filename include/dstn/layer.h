/* layer: response layers and regularizers, one file each, registered by name.
 *
 * A response layer is a general layer plus terms that depend on the hypernetwork's input z of each example:
 *   y = W_g x + b_g + Σ_j [ s_j(z) ⊙ (W_j x) + t_j(z) ⊙ b_j ]
 * structured (App. E): one term, s = U z, t = V z. full (Θ of App. C and G): h terms with s_j = t_j = z_j.
 * Layers without parameters (ReLU, dropout) only pass on the pattern of the primal.
 *
 * A layer knows hyperparameters by index only, and neither MPI nor files. It is built in two stages: `plan` checks
 * the settings against the input's shape and declares parameters and workspace; then whoever owns the arena binds
 * them to memory. After that no pass allocates. */
#ifndef DSTN_LAYER_H
#define DSTN_LAYER_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/kernel.h"

/* ---- shapes and passes --------------------------------------------------------------------------------------------
 */

/* Of one example: [features] or [channels, height, width]. Images are stored channels-last, [height, width, channels],
 * and a flattened image keeps that order: `channels` of [features] says how many neighbouring values belong to one
 * place of the image that they were, 0 where they were none. */
typedef struct dstn_shape {
    int rank;
    int64_t dims[3];
    int64_t channels;
} dstn_shape;

int64_t dstn_shape_count(dstn_shape shape);
int64_t dstn_shape_channels(dstn_shape shape); /* of an image or a flattened one, else 1 */
/* Where value i of the canonical order (channels, height, width) is stored. */
int64_t dstn_shape_stored_at(dstn_shape shape, int64_t i);

typedef enum dstn_response { DSTN_RESPONSE_STRUCTURED, DSTN_RESPONSE_FULL } dstn_response; /* "structured|full" */

/* The two ranges of the parameter arena. */
typedef enum dstn_range { DSTN_RANGE_GENERAL, DSTN_RANGE_RESPONSE, DSTN_RANGES } dstn_range;

typedef enum dstn_pass_kind {
    DSTN_PASS_GENERAL,   /* z = 0: the general layers alone (Eq. 3.9) */
    DSTN_PASS_RESPONSE,  /* weights W_g + response at z, not linearized */
    DSTN_PASS_LINEARIZED /* primal through W_g, tangent in the direction of the response at z = ε (Sec. 3.3) */
} dstn_pass_kind;

/* What one pass over a mini-batch carries. Rows are this rank's share of the global batch. */
typedef struct dstn_pass {
    dstn_pass_kind kind;
    bool training;          /* dropout and batch statistics are active */
    bool grad[DSTN_RANGES]; /* which ranges the adjoint accumulates gradients for */
    bool overwrite;         /* gradients start anew: the first product writes them instead of adding to them */
    bool track_statistics;  /* batch statistics enter the running ones */
    int64_t rows;           /* B, examples of this rank */
    int64_t first_row;      /* their position in the global batch */
    int64_t batch_rows;     /* examples of the global batch: every mean divides by it */
    const void *z;          /* [B, h] in the model's scalar type; NULL in a general pass */
    const double *values;   /* [B, h] hyperparameters in natural units, of each example */
    void *dz;               /* [B, h] or NULL: the adjoint of a response pass adds ∂L/∂z here */
    dstn_rng masks;         /* key of the dropout masks */
    uint64_t step;          /* their counter */
    /* Called after a layer's adjoint, when its gradients are final: positions in the range. May be NULL. */
    void (*on_gradient_ready)(void *user, dstn_range range, int64_t offset, int64_t count);
    /* Sums `count` doubles over the group (batch statistics); all ranks call it in the same order. NULL: one rank. */
    void (*reduce)(void *user, double *values, int64_t count);
    void *user;
} dstn_pass;

/* ---- parameters
 * ------------------------------------------------------------------------------------------------------ */

/* How a parameter's memory relates to its canonical shape, which is what fixtures and records show. */
typedef enum dstn_layout {
    DSTN_LAYOUT_PLAIN, /* row-major in the canonical shape */
    /* Rows and columns are swapped: [out, in] is stored [in, out]. With `channels` C the columns are an image or a
     * kernel, canonically [C, places], and stored [places, C]. */
    DSTN_LAYOUT_TRANSPOSED
} dstn_layout;

typedef struct dstn_parameter {
    char name[32]; /* "general_weight", "general_bias", "response_weight", "response_bias", "hyper" (U over V) */
    dstn_range range;
    dstn_layout layout;
    int rank;
    int64_t shape[DSTN_MAX_RANK]; /* canonical: weight [out, in] or [out, in, k, k], full [h, out, in], hyper [2C, h] */
    int64_t columns;              /* of a matrix: in, in·k·k, h */
    int64_t channels;             /* of the columns, see dstn_layout; 1 where the columns are plain */
    int64_t count;
    int64_t offset; /* in its range, set when bound */
    void *value;    /* [count], in the layer's layout; set when bound */
    void *gradient; /* [count] */
} dstn_parameter;

enum { DSTN_MAX_PARAMETERS = 8 };

/* What a layer keeps from step to step beside parameters: not optimized, but checkpointed (running statistics). Always
 * double. */
typedef struct dstn_buffer {
    char name[32];
    int64_t count;
    double *value; /* [count], set when bound */
} dstn_buffer;

enum { DSTN_MAX_BUFFERS = 2 };

/* Some rows of a pass. */
typedef struct dstn_rows {
    int64_t first, count;
} dstn_rows;

typedef struct dstn_layer_type dstn_layer_type;

typedef struct dstn_layer {
    const dstn_layer_type *type;
    int index;                /* line of the layer list, from 0 */
    struct dstn_layer *below; /* the one before it in the list, NULL for the first */
    const dstn_kernel *kernel;
    dstn_response response;
    int64_t hypers;    /* h */
    int64_t max_rows;  /* B at most */
    bool synchronized; /* batch statistics are those of the whole group, where the pass can reduce */
    dstn_shape in, out;
    void *settings; /* the type's settings structure, owned by the layer */
    dstn_parameter parameters[DSTN_MAX_PARAMETERS];
    int parameter_count;
    dstn_buffer buffers[DSTN_MAX_BUFFERS];
    int buffer_count;
    int64_t part;  /* rows that the first stage (see dstn_layer_type) is best called for at a time; 0: all of them */
    void *content; /* the type's working arrays, made by `bind` from the arena */
    const void *x; /* input of the last forward pass, [B, in]; borrowed; of layers with a `forward` */
} dstn_layer;

/* One layer type. A pass works in two stages. First, for many rows together: matrix products, batch statistics. Then
 * row by row: everything else. A model calls the second stage of a layer, and of all layers above it that have no
 * first, for a few rows at a time, so that what lies between them never leaves the caches. On the way back the order is
 * the other way round: row by row down to and with the layer that has a first stage, then its first stage. Where a
 * layer names a `part`, both stages are done for that many rows before the next; parts begin at its multiples and come
 * in order. */
struct dstn_layer_type {
    const char *name;
    const char *help;
    const dstn_option *options;
    size_t settings_size;
    /* Checks settings and layer->in, sets layer->out, declares parameters and buffers. */
    dstn_status (*plan)(dstn_layer *layer, dstn_node node, dstn_error *err);
    /* Takes working arrays from the arena. Returns false when memory is short. */
    bool (*bind)(dstn_layer *layer, dstn_arena *arena);
    /* Frees what `bind` took elsewhere. NULL: nothing. */
    void (*release)(dstn_layer *layer);
    /* Bytes that `bind` took elsewhere. NULL: none. */
    size_t (*memory)(const dstn_layer *layer);
    /* Initial parameters and buffers; draws are keyed by (rng, layer->index, element). NULL: there are none. */
    void (*initialize)(dstn_layer *layer, dstn_rng rng);

    /* A part, or all rows; pointers are those of its first row. NULL, all three: the layer acts on every example by
     * itself. x [in] stays valid until the pass's adjoint is done; `forward` may leave y for `forward_rows` to write.
     */
    void (*forward)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
    /* ẏ from ẋ (NULL: zero) at the last forward pass, in a linearized pass. */
    void (*tangent)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent, void *y_tangent);
    /* dx (NULL: not needed) from dy as `adjoint_rows` left it. Adds the gradients that pass->grad asks for (or writes
     * them, pass->overwrite) and pass->dz. In a linearized pass: the transposed tangent map. */
    void (*adjoint)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx);

    /* A few rows; pointers are those of the first of them. Where there is a `forward`, y is what it left, and dx is not
     * used: dy is changed in place. NULL, all three: nothing is left to be done (with no `forward`: the layer only
     * changes the shape). */
    void (*forward_rows)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
    void (*tangent_rows)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x_tangent,
                         void *y_tangent);
    void (*adjoint_rows)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy, void *dx);

    /* Matrix-product FLOPs of one forward product per example (2·in·out), padded taps counted. NULL: none. */
    double (*product_flops)(const dstn_layer *layer);
};

const dstn_layer_type *dstn_layer_type_find(const char *name);
const dstn_layer_type *dstn_layer_type_at(size_t i); /* table order, NULL past the end */

/* What a model knows when it makes a layer. */
typedef struct dstn_layer_setting {
    const dstn_kernel *kernel;
    dstn_response response;
    int64_t hypers;
    int64_t max_rows;
    int (*hyper_index)(void *user, const char *name); /* -1: no such hyperparameter */
    void *user;
    bool synchronized; /* see dstn_layer */
    dstn_layer *below; /* the layer before, NULL for the first */
} dstn_layer_setting;

/* Makes and plans a layer from one entry of the list: a scalar `relu`, or a mapping of one key `linear: {out: 10}`.
 * Names in quantities are resolved; unknown layer names get the nearest one. Owned by the caller. */
dstn_status dstn_layer_read(dstn_node node, int index, dstn_shape in, const dstn_layer_setting *setting,
                            dstn_layer **out, dstn_error *err);
void dstn_layer_destroy(dstn_layer *layer);
/* The layer at or below `last` that waits for another which never came (residual_begin without its end), or NULL. */
const dstn_layer *dstn_layer_left_open(const dstn_layer *last);
bool dstn_layer_is_valid(const dstn_layer *layer); /* shapes agree, everything is bound */

/* Whether adjoints are wanted at this layer: it has parameters, or hands its input on to a layer above. */
bool dstn_layer_is_source(const dstn_layer *layer);

/* Gives parameter `p` its memory: value and gradient [count] at `offset` of its range. */
void dstn_layer_bind_parameter(dstn_layer *layer, int p, int64_t offset, void *value, void *gradient);
const dstn_parameter *dstn_layer_parameter(const dstn_layer *layer, const char *name); /* NULL: none */

/* Copies between a parameter-shaped array in the layer's layout (parameter->value or ->gradient) and a double array
 * in the canonical shape. */
void dstn_parameter_export(const dstn_parameter *parameter, const dstn_kernel *kernel, const void *array, double *out);
void dstn_parameter_import(const dstn_parameter *parameter, const dstn_kernel *kernel, const double *in, void *array);

/* The effect of a quantity option: its value for row r of a pass. */
double dstn_pass_quantity(const dstn_pass *pass, int64_t hypers, const dstn_quantity *quantity, int64_t row);

/* ---- linear maps as such: what the Jacobian norm and the oracle need of a linear layer
 * ------------------------------------ */

/* Whether the layer is `linear`; the functions below may be called on such layers only. */
bool dstn_layer_is_linear(const dstn_layer *layer);
/* The map without its biases, at z of each row (pass->kind decides: general → W_g alone; response → with terms;
 * linearized → W_g alone). v [rows, out] → u [rows, in], u = v W(z). */
void dstn_linear_transpose(dstn_layer *layer, const dstn_pass *pass, const void *v, void *u);
/* The response part alone of the same product: u += v Σ_j z_j W_j (s, t as in the layer's kind). */
void dstn_linear_transpose_response(dstn_layer *layer, const dstn_pass *pass, const void *v, void *u);
/* w [rows, in] → q [rows, out], q = W(z) w, with the same rules. */
void dstn_linear_apply(dstn_layer *layer, const dstn_pass *pass, const void *w, void *q);
/* Adds Σ_rows v ⊗ u to the weight gradients that pass->grad asks for: general += v uᵀ, response terms with their
 * factors at z. v [rows, out], u [rows, in]. */
void dstn_linear_accumulate(dstn_layer *layer, const dstn_pass *pass, const void *v, const void *u);

/* ---- regularizers
 * ------------------------------------------------------------------------------------------------------- */

typedef struct dstn_regularizer_type dstn_regularizer_type;

typedef struct dstn_regularizer {
    const dstn_regularizer_type *type;
    const dstn_kernel *kernel;
    int64_t hypers;
    int64_t max_rows;
    int64_t train_rows;        /* n */
    dstn_layer *const *layers; /* borrowed, [layer_count] */
    int layer_count;
    void *settings;
    void *content;
} dstn_regularizer;

/* The settings that every regularizer starts with. */
typedef struct dstn_penalty_settings {
    dstn_quantity strength; /* e^λ: a number, or a hyperparameter's name */
    bool penalty_over_n;    /* strength/2n · ‖·‖², n the training rows; false: strength/2 · ‖·‖² */
} dstn_penalty_settings;

struct dstn_regularizer_type {
    const char *name;
    const char *help;
    const dstn_option *options;
    size_t settings_size;
    dstn_status (*plan)(dstn_regularizer *regularizer, dstn_node node, dstn_error *err);
    bool (*bind)(dstn_regularizer *regularizer, dstn_arena *arena);
    /* This rank's share of the penalty: the sum over its rows of strength_b/2n · ‖v_b‖², divided by batch_rows, where
     * v_b is the regularized vector at the pass's weights (linearized: v + v̇). Adds the gradients pass->grad asks
     * for. Called after the forward (and tangent) pass and before the layers' adjoints. */
    double (*penalize)(dstn_regularizer *regularizer, const dstn_pass *pass);
};

const dstn_regularizer_type *dstn_regularizer_type_find(const char *name);
const dstn_regularizer_type *dstn_regularizer_type_at(size_t i);

/* Makes a regularizer for planned layers; `train_rows` is n. Owned by the caller. */
dstn_status dstn_regularizer_read(const char *name, dstn_node node, dstn_layer *const *layers, int layer_count,
                                  int64_t train_rows, const dstn_layer_setting *setting, dstn_regularizer **out,
                                  dstn_error *err);
void dstn_regularizer_destroy(dstn_regularizer *regularizer);

#endif
