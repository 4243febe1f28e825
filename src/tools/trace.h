/* A trace under way: what its files share. What is written goes through the leader's writer, in canonical shapes and
 * double; what examples have is gathered from the ranks by their global rows. */
#ifndef TOOLS_TRACE_H
#define TOOLS_TRACE_H

#include "dstn/run.h"
#include "dstn/store.h"

typedef struct tools_trace {
    dstn_job *job;
    dstn_writer *writer;                              /* the leader's, NULL elsewhere */
    dstn_state state;                                 /* the trainer's */
    int64_t steps;                                    /* recorded so far, of both kinds */
    char group[32];                                   /* of the step under way: "steps/0003" */
    const dstn_objective *passes[DSTN_METHOD_PASSES]; /* [pass_count], of the step under way */
    int pass_count;
    bool has_valid; /* the validation part is written */
} tools_trace;

/* ---- trace_write.c: arrays. Names are below the step's group; `tools_trace_put` takes whole ones. ---- */

/* Into the file as it stands: [rank] of shape. Only the leader does anything. */
void tools_trace_put(tools_trace *trace, const char *name, int rank, const int64_t *shape, const double *values);
/* The same of the step under way; `name` is a printf format. */
void tools_trace_put_step(tools_trace *trace, int rank, const int64_t *shape, const double *values, const char *name,
                          ...) DSTN_PRINTF(5, 6);
/* Which of `total` rows this rank has. */
typedef struct tools_span {
    int64_t first, rows, total;
} tools_span;

/* Rows of every rank, [rows, shape], as one array [total, shape]: each is one rank's, and 0 elsewhere. Collective. */
void tools_trace_gather(tools_trace *trace, tools_span span, dstn_shape shape, const double *rows, const char *path);
/* Of an example whose time steps have this shape: of a text [T, shape], else the shape itself. */
dstn_shape tools_trace_steps(const tools_trace *trace, const dstn_batch *batch, dstn_shape shape);
/* Rows of this rank's share of a batch, [batch->rows, shape], as one array [batch->global_rows, shape] of the step.
 * Collective. */
void tools_trace_put_rows(tools_trace *trace, const dstn_batch *batch, dstn_shape shape, const double *rows,
                          const char *name, ...) DSTN_PRINTF(5, 6);
/* From `rows` data rows in the kernel's type, as they are stored, to [rows, shape] in canonical order. */
void tools_trace_canonical(const tools_trace *trace, dstn_shape shape, int64_t rows, const void *stored, double *out);
/* The same into the step, of all time steps of this rank's share of a batch. Collective. */
void tools_trace_put_stored(tools_trace *trace, const dstn_batch *batch, dstn_shape shape, const void *stored,
                            const char *name, ...) DSTN_PRINTF(5, 6);
/* PREFIX/LAYER/NAME of the parameters in a range, from an array over the whole range, such as its gradient. */
void tools_trace_put_range(tools_trace *trace, dstn_range range, const void *array, const char *prefix);

/* ---- trace_text.c: of networks that read words; nothing of others ---- */

/* The text itself: text/train and text/valid, [rows + 1] words by number, of which row i is word i. */
void tools_trace_put_text(tools_trace *trace);
/* Words and labels [B, T] of a batch, T as `steps`, and whether its streams go on, as `carried`. Collective. */
void tools_trace_put_words(tools_trace *trace, const dstn_batch *batch);
/* What layers have kept of the rows of a batch, from which its passes start: state/LAYER/NAME [B, values]. Collective.
 */
void tools_trace_put_kept(tools_trace *trace, const dstn_batch *batch);
/* What the next batches of each part would go on from: GROUP/state/PART/LAYER/NAME. Collective. */
void tools_trace_put_streams(tools_trace *trace, const char *group);

/* ---- trace_state.c, trace_step.c ---- */

/* Everything that the next step depends on, into a group: "start" or "end". */
void tools_trace_put_state(tools_trace *trace, const char *group);
/* What became of the epoch that ended last; with the first one, the validation part too. */
void tools_trace_put_epoch(tools_trace *trace);

/* Writes each step as it is taken. */
dstn_listener tools_trace_listener(tools_trace *trace);

/* Shape of an example of the data. */
dstn_shape tools_trace_input(const tools_trace *trace);

#endif
