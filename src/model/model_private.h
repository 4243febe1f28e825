/* How a model runs its layers: a chain of steps, cut into segments, and what the files of this room share.
 *
 * The nested lists of layers become one chain. Where a residual connection begins, a fork keeps the input; a turn,
 * which only a shortcut with layers of its own has, puts the output of the list aside and goes on with what the fork
 * kept; and a join adds the two branches. Behind a layer that regularizers look at, a tap keeps what passes through it,
 * and on the way down adds what they have in it. So every step has one input and one output, and works row by row but
 * for batch layers, each of which begins a segment: what lies between the layers of a segment stays in the caches. */
#ifndef DSTN_MODEL_PRIVATE_H
#define DSTN_MODEL_PRIVATE_H

#include "dstn/model.h"

typedef enum model_step_kind {
    STEP_BATCH,
    STEP_ROWS,
    STEP_SHAPE,
    STEP_FORK,
    STEP_TURN,
    STEP_JOIN,
    STEP_TAP
} model_step_kind;

/* A residual connection. What the join adds is `value`, or where the shortcut has layers, `main`. A value *moves* if
 * it depends on parameters: where it doesn't, there is no tangent, and no adjoint is wanted. */
typedef struct model_branch {
    const dstn_layer *layer;                  /* where it begins */
    dstn_node entry;                          /* and its entry in the list, while that is read */
    struct model_branch *outer;               /* likewise: the one that is open around it in a flat list */
    bool has_shortcut;                        /* the shortcut has layers of its own */
    dstn_shape in, out;                       /* of its input; of its output */
    bool in_moves, main_moves;                /* its input; what the list of layers gives */
    void *value, *tangent;                    /* [BT, in] its input; NULL until bound */
    void *adjoint;                            /* [BT, in] of its input, by way of the shortcut */
    void *main, *main_tangent, *main_adjoint; /* [BT, out] what the list gives; NULL without a shortcut of layers */
} model_branch;

typedef struct model_step {
    model_step_kind kind;
    dstn_layer *layer;    /* NULL: a turn, or a join that has no line of its own */
    model_branch *branch; /* of forks, turns and joins */
    dstn_tap *tap;        /* of taps */
    dstn_shape in, out;
    bool in_moves, out_moves;
} model_step;

/* Steps of which the first alone may be a batch layer. What comes out last is kept. */
typedef struct model_segment {
    int first, last; /* steps */
    /* The step behind which values only pass through, and which writes the output (a turn writes nothing: it is copied
     * then), and likewise on the way down, above the batch layer; outside the segment: all pass through. */
    int writer, adjoint_writer;
    bool keeps_dy;     /* the output's adjoint passes through as it is, down to the batch layer */
    int64_t block;     /* data rows at a time, row by row */
    int64_t part;      /* data rows at a time in the batch layer; 0: all */
    void *out;         /* [BT, shape of the last step] */
    void *out_tangent; /* likewise */
} model_segment;

typedef struct model_chain {
    int step_count;
    model_step *steps;
    int branch_count;
    model_branch **branches;
    int tap_count;
    dstn_tap **taps;
    int segment_count;
    model_segment *segments;
    /* What a segment's batch layer leaves, of the value and of the tangent, and the adjoint that it gets; of one part:
     */
    void *product[3];
    void *prediction;      /* [BT, out]: y + ẏ of a linearized pass */
    void *delta[2];        /* adjoints, alternately written, each [BT, widest] */
    int64_t scratch_width; /* values of a block of rows between two steps, at most */
    void *scratch;         /* [threads, 4, scratch_width] */
    const void *x;         /* [BT, in] of the last forward pass; borrowed */
    bool is_linearized;    /* the last forward pass was */
} model_chain;

/* ---- list.c: reading ---- */

/* Reads the list of layers, which fills model->layers, model->out and the chain's steps and branches. */
dstn_status model_read_layers(dstn_model *model, const dstn_model_request *request, dstn_node list,
                              const dstn_layer_setting *setting, dstn_error *err);

/* ---- share.c ---- */

/* Of the layer that was read last, from its `entry`: that its name is new, and shares what it asks for of the layers
 * before it. DSTN_ERROR_USAGE. */
dstn_status model_share_parameters(dstn_model *model, dstn_layer *layer, dstn_node entry, dstn_error *err);

/* ---- rows.c ---- */
/* Takes memory for what layers keep of their rows. */
bool model_bind_rows(dstn_model *model);

/* ---- chain.c ---- */
model_chain *model_chain_new(void);
void model_chain_destroy(model_chain *chain); /* NULL is allowed */
/* Adds a step, whose shapes and branch the caller sets; valid until the next one is added. */
model_step *model_chain_add_step(model_chain *chain, model_step_kind kind);
model_branch *model_chain_add_branch(model_chain *chain);
/* The tap of a layer's output, which is put into the chain where there is none yet. NULL: the output depends on no
 * parameters. */
dstn_tap *model_chain_tap(model_chain *chain, const dstn_layer *layer);
/* Finds out what moves, once all steps are there. */
void model_chain_find_moves(model_chain *chain);

/* ---- segment.c ---- */
/* Cuts the chain into segments, and takes memory for passes, layers and regularizers. */
bool model_bind_segments(dstn_model *model, const dstn_model_request *request);

/* ---- work.c: what forward and adjoint passes share ---- */

/* Rows of one segment of one pass, as the work on them sees them. */
typedef struct model_work {
    const dstn_model *model;
    const dstn_pass *pass;
    const model_segment *segment;
    dstn_rows part; /* the rows that the arrays below begin with and are worked on now */
    const void *in, *in_tangent;
    void *product, *product_tangent; /* what the batch layer left */
    void *out, *out_tangent;
    void *dy, *below; /* adjoint of the output; and of the product, or of the input where there is no batch layer */
} model_work;

/* Row `row` of an array of this shape; NULL stays NULL. */
void *model_rows_of(const dstn_model *model, const void *array, int64_t row, dstn_shape shape);
/* Scratch array 0 … 3 of a thread, for a block of rows between two steps. */
void *model_scratch_of(const dstn_model *model, int thread, int which);
/* out ← value, which may be there already. */
void model_settle(const dstn_model *model, int64_t rows, dstn_shape shape, const void *value, void *out);
/* Part of the pass's data rows from `first` on, as the segment wants them. */
dstn_rows model_part_from(const dstn_pass *pass, const model_segment *segment, int64_t first);
/* Input of a segment at the last forward pass, and its tangent (NULL: zero). */
const void *model_segment_in(const dstn_model *model, int segment);
const void *model_segment_in_tangent(const dstn_model *model, int segment);
/* Calls the work for blocks of the part's rows on all threads. */
void model_for_blocks(model_work *work, dstn_rows_work *run);

#endif
