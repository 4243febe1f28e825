/* layer: response layers and regularizers, one file each, registered by name.
 *
 * A response layer is a general layer plus terms that depend on the hypernetwork's input z of each example:
 *   y = W_g x + b_g + Σ_j [ s_j(z) ⊙ (W_j x) + t_j(z) ⊙ b_j ]
 * structured (App. E): one term, s = U z, t = V z. full (Θ of App. C and G): h terms with s_j = t_j = z_j.
 * That is a response map, an object of which a layer has as many as it needs. Layers without parameters (ReLU, dropout)
 * only pass on the pattern of the primal.
 *
 * A layer knows hyperparameters by index only, and neither MPI nor files, nor how a pass is cut into parts and which
 * layers are worked on together: whoever calls it says what to do. It is built in two stages: `plan` checks the
 * settings against the input's shape and declares parameters and workspace; then whoever owns the arena binds them to
 * memory. After that no pass allocates. */
#ifndef DSTN_LAYER_H
#define DSTN_LAYER_H

#include "dstn/config.h"
#include "dstn/core.h"
#include "dstn/kernel.h"

/* ---- shapes and passes ------------------------------------------------------------------------------------------ */

/* Of one data row: [features] or [channels, height, width]. Images are stored channels-last, [height, width, channels],
 * and a flattened image keeps that order: `channels` of [features] says how many neighbouring values belong to one
 * place of the image that they were, 0 where they were none. A row that is a word is [1] with `words`, the size of the
 * vocabulary that its number is of: it has no values, dstn_pass.tokens has the numbers. */
typedef struct dstn_shape {
    int rank;
    int64_t dims[3];
    int64_t channels;
    int64_t words; /* 0: values */
} dstn_shape;

int64_t dstn_shape_count(dstn_shape shape);
int64_t dstn_shape_channels(dstn_shape shape); /* of an image or a flattened one, else 1 */
/* Where value i of the canonical order (channels, height, width) is stored. */
int64_t dstn_shape_stored_at(dstn_shape shape, int64_t i);
/* Whether values stored in one shape are those of the other, place by place. */
bool dstn_shape_same(dstn_shape a, dstn_shape b);
/* "[3, 28, 28]", and for a flattened image "[784 of 3 channels]"; returns text. */
const char *dstn_shape_text(dstn_shape shape, char text[64]);

typedef enum dstn_response { DSTN_RESPONSE_STRUCTURED, DSTN_RESPONSE_FULL } dstn_response; /* "structured|full" */

/* The two ranges of the parameter arena. */
typedef enum dstn_range { DSTN_RANGE_GENERAL, DSTN_RANGE_RESPONSE, DSTN_RANGES } dstn_range;

typedef enum dstn_pass_kind {
    DSTN_PASS_GENERAL,   /* z = 0: the general layers alone (Eq. 3.9) */
    DSTN_PASS_RESPONSE,  /* weights W_g + response at z, not linearized */
    DSTN_PASS_LINEARIZED /* primal through W_g, tangent in the direction of the response at z = ε (Sec. 3.3) */
} dstn_pass_kind;

/* What one pass over a mini-batch carries. Its examples are this rank's share of the global batch. Activations have a
 * data row for every time step of every example: step t of example b is row bT + t. */
typedef struct dstn_pass {
    dstn_pass_kind kind;
    bool training;          /* dropout and batch statistics are active */
    bool grad[DSTN_RANGES]; /* which ranges the adjoint accumulates gradients for */
    bool overwrite;         /* gradients start anew with the forward pass; false: they are added to */
    bool track_statistics;  /* batch statistics enter the running ones, and the state of rows goes on */
    bool carried;           /* examples go on from the batch before: layers start from the state of their rows */
    int stream;             /* whose state that is, below DSTN_STREAMS */
    int64_t state_row; /* row of that state that the first example has: where a pass takes a part of a rank's rows */
    const int64_t *tokens; /* [BT] the words' numbers, where data rows are words; else NULL */
    int64_t rows;          /* B, examples of this rank */
    int64_t steps;         /* T, time steps of an example; 0 is 1 */
    int64_t first_row;     /* position of the first example in the global batch */
    int64_t batch_rows;    /* examples of the global batch: every mean divides by it */
    int64_t drawn_rows;    /* example b of the global batch has the masks of b mod drawn_rows; 0: its own */
    const void *z;         /* [B, h] in the model's scalar type; NULL in a general pass */
    const double *values;  /* [B, h] hyperparameters in natural units, of each example */
    void *dz;              /* [B, h] or NULL: the adjoint of a response pass adds ∂L/∂z here */
    dstn_rng masks;        /* key of the dropout masks */
    uint64_t step;         /* their counter */
    /* Called when the gradients of a layer, and of all above it, are final: positions in the range. May be NULL. */
    void (*on_gradient_ready)(void *user, dstn_range range, int64_t offset, int64_t count);
    /* Sums `count` doubles over the group (batch statistics); all ranks call it in the same order. NULL: one rank. */
    void (*reduce)(void *user, double *values, int64_t count);
    void *user;
} dstn_pass;

int64_t dstn_pass_steps(const dstn_pass *pass); /* T, at least 1 */
/* Whether the adjoint accumulates gradients of the range; a linearized pass has none for general parameters (Sec. 3.3),
 * a general pass none for the response. */
bool dstn_pass_wants(const dstn_pass *pass, dstn_range range);
/* A quantity option's value for an example of the pass. */
double dstn_pass_quantity(const dstn_pass *pass, int64_t hypers, const dstn_quantity *quantity, int64_t example);

/* Whether the state of rows goes on from what this pass leaves: in training, from that which tracks statistics. */
bool dstn_pass_moves_rows(const dstn_pass *pass);

/* Some data rows of a pass: a multiple of T of them from a multiple of T on, or within a map that recurs one time step
 * of all examples, with a stride of T. Row r belongs to example r / T, whose z it has. */
typedef struct dstn_rows {
    int64_t first, count;
    int64_t stride; /* from one to the next; 0 is 1 */
    int64_t at;     /* place of the first in arrays that hold one part of the rows */
    bool last;      /* none of the pass's rows are behind these: sums over all rows are now complete */
} dstn_rows;

dstn_rows dstn_pass_rows(const dstn_pass *pass); /* all of them */

/* ---- parameters ------------------------------------------------------------------------------------------------- */

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
    /* Whose memory this is: the parameter itself, or that of another layer which it shares. Files and sums over
     * parameters have it there alone. */
    struct dstn_parameter *owner;
    bool is_fresh; /* of the owner: the gradient has nothing of this pass in it yet, and must be written first */
} dstn_parameter;

enum { DSTN_MAX_PARAMETERS = 24 };

bool dstn_parameter_is_shared(const dstn_parameter *parameter); /* its memory is another layer's */

/* Copies between a parameter-shaped array in the layer's layout (parameter->value or ->gradient) and a double array
 * in the canonical shape. */
void dstn_parameter_export(const dstn_parameter *parameter, const dstn_kernel *kernel, const void *array, double *out);
void dstn_parameter_import(const dstn_parameter *parameter, const dstn_kernel *kernel, const double *in, void *array);

/* How a layer adds to its gradients, wherever in the pass that is and whoever shares them. `beta` is what a product
 * multiplies the gradient by before it adds: 0 the first time in a pass that starts gradients anew, else 1.
 * `open` returns the gradient to add to, filled with zeros that first time. */
double dstn_parameter_beta(dstn_parameter *parameter);
void *dstn_parameter_open(dstn_parameter *parameter, const dstn_kernel *kernel);

/* What a layer keeps from step to step beside parameters: not optimized, but checkpointed (running statistics). Always
 * double. */
typedef struct dstn_buffer {
    char name[32];
    int64_t count;
    double *value; /* [count], set when bound */
} dstn_buffer;

enum { DSTN_MAX_BUFFERS = 2 };

/* Groups of rows whose state goes on by itself: the parts of the data that passes of a run are made over, in their
 * order, and an evaluation of a whole part, whose rows' state begins and ends with it and is nobody else's. */
enum { DSTN_STREAM_EVALUATION = 3, DSTN_STREAMS };

/* What a layer keeps of each example from batch to batch (h and c of an LSTM), in the kernel's type. A pass that is
 * `carried` starts from `value` of its stream, any other from zero; one that moves rows leaves in `next` what the batch
 * after this one goes on from. So all passes over a batch start alike. Checkpoints hold rows by their global number. */
typedef struct dstn_row_state {
    char name[32];
    int64_t count;                                  /* values a row */
    void *value[DSTN_STREAMS], *next[DSTN_STREAMS]; /* [B of the stream, count], set when bound; NULL: no such stream */
} dstn_row_state;

enum { DSTN_MAX_STATES = 2 };

/* ---- layers ----------------------------------------------------------------------------------------------------- */

typedef struct dstn_layer_type dstn_layer_type;
typedef struct dstn_response_map dstn_response_map;

enum { DSTN_MAX_MAPS = 4 };

typedef struct dstn_layer_common { /* what an entry of the list may say whatever its layer is */
    const char *name;              /* owned by the document; NULL: none */
    dstn_node share; /* the name of an earlier layer, or a mapping of parameters to such; handle NULL: nothing */
} dstn_layer_common;

extern const dstn_option dstn_layer_options[]; /* name, share */

typedef struct dstn_layer {
    const dstn_layer_type *type;
    dstn_layer_common common;
    int index; /* line of the layer list, counted through nested lists in reading order, from 0 */
    const dstn_kernel *kernel;
    dstn_response response;
    int64_t hypers;       /* h */
    int64_t max_examples; /* B at most */
    int64_t max_steps;    /* T at most */
    int64_t max_rows;     /* BT at most, data rows */
    int64_t part;         /* data rows of one call of a batch layer at most; set before it is bound, 0: all */
    int64_t words;        /* of the vocabulary of a network for text; else 0 */
    dstn_convolution convolution;
    bool synchronized; /* batch statistics are those of the whole group, where the pass can reduce */
    dstn_shape in, out;
    const bool *per_batch; /* see dstn_layer_setting; for `plan` alone, NULL afterwards */
    void *settings;        /* the type's settings structure, owned by the layer */
    void *content;         /* the type's own structure, zeroed, there from `plan` on; its arrays come with `bind` */
    bool is_bound;
    dstn_parameter parameters[DSTN_MAX_PARAMETERS];
    int parameter_count;
    dstn_buffer buffers[DSTN_MAX_BUFFERS];
    int buffer_count;
    dstn_row_state states[DSTN_MAX_STATES];
    int state_count;
    dstn_response_map *maps[DSTN_MAX_MAPS]; /* in the order in which they were planned */
    int map_count;
} dstn_layer;

/* How layers of a type are run. */
typedef enum dstn_layer_kind {
    DSTN_LAYER_BATCH,          /* products or statistics over many rows, then what is left row by row */
    DSTN_LAYER_ROWS,           /* every row by itself, without parameters */
    DSTN_LAYER_SHAPE,          /* values stay where they are, the shape alone changes; no operations */
    DSTN_LAYER_RESIDUAL,       /* two lists of layers side by side; no operations: the owner of the list does it */
    DSTN_LAYER_RESIDUAL_BEGIN, /* the input is kept, likewise */
    DSTN_LAYER_RESIDUAL_END    /* and here added */
} dstn_layer_kind;

typedef struct dstn_residual_settings { /* of a layer of kind DSTN_LAYER_RESIDUAL */
    dstn_node layers, shortcut;         /* lists; the shortcut without a handle: the identity */
} dstn_residual_settings;

/* Operations of batch layers. First, for a part of the rows or all of them: matrix products, batch statistics. Then row
 * by row, whatever is left to do with what those gave: these calls are for a few rows at a time, so that the row layers
 * above can follow at once, while all is in the caches. On the way back the order is the other way round. Parts come in
 * order in every stage. Pointers are those of the first row; x [in] stays valid and unchanged until the adjoint is
 * done. Rows are worked on by several threads in the stages row by row. */
typedef struct dstn_batch_ops {
    void (*forward)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
    /* ẏ from ẋ (NULL: zero) at the last forward pass, in a linearized pass. */
    void (*tangent)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *x_tangent,
                    void *y_tangent);
    /* dx (NULL: not needed) from dy as `adjoint_rows` left it. Adds the gradients that the pass wants, and pass->dz. In
     * a linearized pass: the transposed tangent map. */
    void (*adjoint)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *dy, void *dx);
    /* y, its tangent, dy are what the others left, or take; changed in place. Default, all three: nothing. */
    void (*forward_rows)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
    void (*tangent_rows)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, const void *x_tangent,
                         void *y_tangent);
    void (*adjoint_rows)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy);
    /* Values that a row's products have, by which an owner can choose parts that a cache holds; 0: the layer is to be
     * called for all rows at once. Default: 0. */
    int64_t (*part_values)(const dstn_layer *layer);
} dstn_batch_ops;

/* Operations of row layers: each from `in` to `out`, which are different arrays. Default, all three: a copy. */
typedef struct dstn_row_ops {
    void (*forward)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out); /* x to y */
    void (*tangent)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out); /* ẋ to ẏ */
    void (*adjoint)(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out); /* δy to δx */
} dstn_row_ops;

/* One layer type. What a type leaves out has a default, filled in when it is registered: no caller asks whether an
 * operation is there. Response maps that a layer has planned are bound, initialized, counted and released with it. */
struct dstn_layer_type {
    const char *name;
    const char *help;
    const dstn_option *options; /* default: none */
    size_t settings_size, content_size;
    dstn_layer_kind kind;
    bool takes_words;      /* its data rows are words; all others have values */
    bool gives_words;      /* its outputs are the words of the vocabulary, whatever its options say */
    const char *example;   /* a list of layers in YAML that has one of this type, for tests that walk the table */
    dstn_shape example_in; /* an input for it; default: [4] */
    /* Checks settings and layer->in, sets layer->out (before: as the input), declares parameters, buffers and maps. */
    dstn_status (*plan)(dstn_layer *layer, dstn_node node, dstn_error *err);
    /* Takes working arrays from the arena. Returns false when memory is short. */
    bool (*bind)(dstn_layer *layer, dstn_arena *arena);
    /* Initial parameters and buffers but those of maps; draws are keyed by (rng, layer->index, element). */
    void (*initialize)(dstn_layer *layer, dstn_rng rng);
    /* What the last pass multiplied the values of a data row by at random (dropout: 0 or 1/(1 − p)), in the canonical
     * order of the input; out NULL: only asks. Default: false, nothing. */
    bool (*factor)(const dstn_layer *layer, const dstn_pass *pass, int64_t row, double *out);
    dstn_batch_ops batch;
    dstn_row_ops rows;
};

const dstn_layer_type *dstn_layer_type_find(const char *name);
const dstn_layer_type *dstn_layer_type_at(size_t i); /* table order, NULL past the end */
/* Adds a type to the table, behind those of the room; it must outlive all use. The type that has the name already is
 * replaced. */
void dstn_layer_type_register(const dstn_layer_type *type);

/* For `plan`: values that the layer keeps of each example. */
void dstn_layer_declare_state(dstn_layer *layer, const char *name, int64_t count);

typedef struct dstn_layer_setting { /* what a model knows when it makes a layer */
    const dstn_kernel *kernel;
    dstn_response response;
    int64_t hypers;
    int64_t max_rows;       /* B at most: examples of a pass */
    int64_t max_steps;      /* T at most; 0 is 1 */
    dstn_names hyper_names; /* of the h hyperparameters */
    const bool *per_batch;  /* [h] whether all examples of a batch have one value of it; NULL: of none is that known */
    int64_t words;          /* of the vocabulary that the network's input is of; 0: it is no text */
    bool synchronized;      /* see dstn_layer */
    dstn_convolution convolution;
    double width; /* what the option `out` of a layer, if it has one, is multiplied by; 0 is 1 */
} dstn_layer_setting;

/* Whether the vocabulary, or an option `out` that a width narrows, counts the outputs of the layer or of one within. */
bool dstn_layer_counts_outputs(dstn_node entry);

/* Makes and plans a layer from one entry of the list: a scalar `relu`, or a mapping of one key `linear: {out: 10}`.
 * Names in quantities are resolved; unknown layer names get the nearest one. Owned by the caller. */
dstn_status dstn_layer_read(dstn_node node, int index, dstn_shape in, const dstn_layer_setting *setting,
                            dstn_layer **out, dstn_error *err);
void dstn_layer_destroy(dstn_layer *layer);
bool dstn_layer_is_valid(const dstn_layer *layer);      /* shapes agree, everything is bound */
size_t dstn_layer_memory_used(const dstn_layer *layer); /* bytes that it took outside the arena */
/* The one of layers [count] that a config calls so, or NULL; and the error at `node`: no such "layer named". */
dstn_layer *dstn_layer_named(dstn_layer *const *layers, int count, const char *name);
dstn_status dstn_layer_fail_name(dstn_layer *const *layers, int count, const char *what, const char *name,
                                 dstn_node node, dstn_error *err);
/* Makes parameters of a planned layer those of an earlier one: the one given, or all (NULL). A matrix that shares an
 * embedding's weight is from now on stored [out, in]. DSTN_ERROR_USAGE at `node`: none to share, or of other shape. */
dstn_status dstn_layer_share(dstn_layer *layer, const char *parameter, dstn_layer *owner, dstn_node node,
                             dstn_error *err);
/* Gives parameter `p` its memory: value and gradient [count] at `offset` of its range; those that share it are bound
 * after it. */
void dstn_layer_bind_parameter(dstn_layer *layer, int p, int64_t offset, void *value, void *gradient);
/* Takes working arrays, of the layer and of its maps. False: memory is short. */
bool dstn_layer_bind(dstn_layer *layer, dstn_arena *arena);
void dstn_layer_initialize(dstn_layer *layer, dstn_rng rng);
/* Before a pass: its gradients are fresh where the pass overwrites them; weights that it drops are drawn. */
void dstn_layer_begin(dstn_layer *layer, const dstn_pass *pass);

const dstn_parameter *dstn_layer_parameter(const dstn_layer *layer, const char *name); /* NULL: none */
/* Map i of a layer in the order of planning, NULL past the end: what regularizers and the oracle look at. */
dstn_response_map *dstn_layer_map(const dstn_layer *layer, int i);
/* The map of a layer that is one matrix and nothing else: y = W x + b; else NULL. */
dstn_response_map *dstn_layer_matrix(const dstn_layer *layer);
/* See dstn_layer_type. out [in] doubles, or NULL and only the answer counts; false: the layer has no random factor. */
bool dstn_layer_factor(const dstn_layer *layer, const dstn_pass *pass, int64_t row, double *out);

/* ---- response maps ---------------------------------------------------------------------------------------------- */

/* W_g, b_g, the terms, their factors and gradients of one linear map: a matrix, a convolution, or a table of words,
 * which is a matrix without an x: pass->tokens says where its ones are. Rows of x are [in image], of y [plane, out]; T
 * time steps of an example share its z. Everything but the numbers is private to the functions below. */
struct dstn_response_map {
    dstn_layer *layer; /* whose parameters are the map's */
    int number;        /* among the layer's maps: keeps their initial draws apart */
    dstn_map_shape shape;
    int64_t in, out; /* columns of the weight: inputs of one output; channels of the output */
    int64_t plane;   /* places of the output image; 1 for a matrix */
    int64_t terms;   /* of the response: 0 without one, 1 structured, h full */
    int64_t width;   /* factors an example has: s and t (2 out), s alone (out, no bias), or none of its own (0) */
    int64_t in_count, out_count;   /* values of a row of x, and of y */
    int init;                      /* initial general weights */
    bool is_whole_layer, is_table; /* the layer is nothing but this map; it is a table of words */
    int64_t padding;               /* of a table: a word whose rows no lookup trains; -1: none */
    /* Of layer->parameters, or NULL. Stored: weights [in, out], the response's [terms, in, out], or [out, in] where the
     * shape says so; biases [out] and [terms, out]; hyper [h, width] with U beside V. */
    dstn_parameter *weight, *bias, *response_weight, *response_bias, *hyper;
    dstn_map *map;
    bool recurs;                         /* step by step: see dstn_map_request */
    struct map_steps *steps;             /* what that takes, else NULL */
    const dstn_quantity *weight_dropout; /* see dstn_map_request; NULL: none */
    struct map_mask *mask;               /* what that takes, else NULL */
    void *factors;                       /* [B, width]: s beside t, at the last pass's z */
    void *products;                      /* [terms, BT, plane, out]: a_j = W_j x of the last forward or tangent pass */
    void *scaled;                        /* [a part of BT, plane, out]: s ⊙ δ; scratch */
    void *adjoints;                      /* [B, max(width, out)]: ds beside dt; scratch */
    void *sums; /* [B, out]: Σ δ over places and steps; NULL where there is one of them: δ itself is meant */
};

/* The first fields of the settings of layers that let a user choose them, and their options. */
typedef struct dstn_map_settings {
    int64_t out;
    bool bias;
    int init;
    dstn_quantity weight_dropout;
} dstn_map_settings;

typedef struct dstn_map_request {        /* what a map is made for */
    const char *prefix;                  /* of its parameters' names ("i2h_"); NULL: none */
    dstn_map_shape shape;                /* a matrix: in and out, everything else 1 and no padding */
    bool is_image;                       /* weights are canonically [out, in, kernel, kernel], not [out, in] */
    int64_t channels;                    /* of a matrix's columns, see dstn_layout; images: those of the shape */
    bool bias, responds;                 /* whether it has biases, and a response to the hyperparameters */
    int init;                            /* as in dstn_map_settings */
    bool is_whole_layer;                 /* see dstn_response_map */
    bool recurs;                         /* the input of one time step depends on the output of the one before */
    bool is_table;                       /* of words: the weights are canonically [in, out] */
    int64_t padding;                     /* of a table, see dstn_response_map */
    const dstn_quantity *weight_dropout; /* rate of dropping weights, of a table whole words; NULL or a NaN: none */
} dstn_map_request;

dstn_map_shape dstn_map_shape_of_matrix(int64_t in, int64_t out);

/* Declares the map's parameters in the layer, in the order of dstn_parameter's names, and adds it to the layer's maps.
 * `map` is part of the layer's content. DSTN_ERROR_USAGE: weights that no machine holds, or dropped at examples' own
 * rates. */
dstn_status dstn_response_map_plan(dstn_response_map *map, dstn_layer *layer, const dstn_map_request *request,
                                   dstn_node node, dstn_error *err);

/* A pass in two stages, as a batch layer has them; products first: y = W_g x, a_j = W_j x (and ẏ = W_g ẋ, a_j = W_j x
 * at the tangent; x_tangent NULL: zero, and y_tangent is left for the second). A table has no x. */
void dstn_response_map_forward(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x, void *y);
void dstn_response_map_tangent(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                               const void *x_tangent, void *y_tangent);
/* Then y += b_g + Σ s ⊙ a + t ⊙ b_j; ẏ likewise without b_g (x_tangent NULL: ẏ = …). */
void dstn_response_map_forward_rows(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, void *y);
void dstn_response_map_tangent_rows(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows,
                                    const void *x_tangent, void *y_tangent);

/* The adjoint: first, row by row, what it needs of δ = dy: s ⊙ δ, ds and dt (structured), Σ δ. */
void dstn_response_map_adjoint_rows(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *dy);
/* Then products: dx = Wᵀ δ (NULL: not wanted), with the terms' share in a response pass. Adds the gradients that the
 * pass wants, Σ x ⊗ δ and so on, and with the last rows those of biases, U and V, and dz. */
void dstn_response_map_adjoint(dstn_response_map *map, const dstn_pass *pass, dstn_rows rows, const void *x,
                               const void *dy, void *dx);

/* What the last pass multiplied the weights by at random, as `example` of it has them: 0 or 1/(1 − p), in the canonical
 * order of the general weight; of a table [words]. out NULL: only asks. False: nothing is ever dropped. */
bool dstn_response_map_mask(const dstn_response_map *map, const dstn_pass *pass, int64_t example, double *out);
double dstn_response_map_product_flops(const dstn_response_map *map); /* 2MNK of a data row; a table has none */

/* ---- and a matrix as such, without its biases, at z of each example: what the Jacobian's norm and the oracle need.
 * pass->kind decides: general → W_g alone; response → with terms; linearized → W_g alone. These may run between a
 * forward pass and its adjoint. ---- */

/* v [B, out] → u [B, in], u = v W(z). */
void dstn_response_map_transpose(dstn_response_map *map, const dstn_pass *pass, const void *v, void *u);
/* The response part alone of the same product: u += v Σ_j z_j W_j (s, t as in the map's kind). */
void dstn_response_map_transpose_response(dstn_response_map *map, const dstn_pass *pass, const void *v, void *u);
/* w [B, in] → q [B, out], q = W(z) w, with the same rules. */
void dstn_response_map_apply(dstn_response_map *map, const dstn_pass *pass, const void *w, void *q);
/* Adds Σ_b v ⊗ u to the weight gradients that the pass wants: general += v uᵀ, response terms with their factors at z.
 * v [B, out], u [B, in]. */
void dstn_response_map_accumulate(dstn_response_map *map, const dstn_pass *pass, const void *v, const void *u);

/* W_g += Σ_j s_j(z) W_j and b_g += Σ_j t_j(z) b_j at one z [h]: the response's origin moves to z, since its factors are
 * linear in it. Not within a pass. */
void dstn_response_map_fold(dstn_response_map *map, const void *z);

/* ---- regularizers ----------------------------------------------------------------------------------------------- */

typedef struct dstn_regularizer_type dstn_regularizer_type;

/* The output of a layer that regularizers look at. Whoever runs the layers keeps it, and adds what regularizers leave
 * here to the adjoint of that output. */
typedef struct dstn_tap {
    const dstn_layer *layer;
    void *value;      /* [BT, out] of the last forward pass: o; of a linearized one o + ȯ */
    void *adjoint;    /* [BT, out]: ∂(penalties)/∂value */
    bool has_adjoint; /* of that pass; false: nothing has been put there yet */
} dstn_tap;

typedef struct dstn_regularizer {
    const dstn_regularizer_type *type;
    const dstn_kernel *kernel;
    int64_t hypers;
    int64_t max_rows, max_steps; /* examples of a pass, and their time steps */
    int64_t train_rows;          /* n */
    dstn_layer *const *layers;   /* borrowed, [layer_count] */
    int layer_count;
    const dstn_layer *tapped; /* whose output it looks at, set by `plan`; NULL: it looks at parameters */
    dstn_tap *tap;            /* of that layer, borrowed; set before it is bound */
    void *settings;
    void *content;
} dstn_regularizer;

typedef struct dstn_penalty_settings { /* what those of every regularizer start with */
    dstn_quantity strength;            /* e^λ: a number, or a hyperparameter's name */
    bool penalty_over_n; /* strength/2n · ‖·‖², n the training rows; false: strength/2 · ‖·‖² */
} dstn_penalty_settings;

struct dstn_regularizer_type {
    const char *name;
    const char *help;
    const dstn_option *options;
    size_t settings_size;
    const char *example;        /* its options in YAML, with a hyperparameter `a`, for tests that walk the table */
    const char *example_layers; /* a list of layers, and an input of [4], that it can be had for */
    dstn_status (*plan)(dstn_regularizer *regularizer, dstn_node node, dstn_error *err);
    bool (*bind)(dstn_regularizer *regularizer, dstn_arena *arena);
    /* Value, tangent and adjoint. This rank's share of the penalty: the sum over its examples of strength_b/2n · ‖v_b‖²
     * (of a layer's output strength_b times the mean square), divided by batch_rows, where v_b is the regularized
     * vector at the pass's weights (linearized: v + v̇). Adds the gradients that the pass wants, or to the tap's
     * adjoint. Called after the forward (and tangent) pass and before the layers' adjoints. */
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
