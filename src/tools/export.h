/* What leaves the program: the arrays of a network, and what is said beside them. */
#ifndef TOOLS_EXPORT_H
#define TOOLS_EXPORT_H

#include "dstn/run.h"
#include "dstn/store.h"

/* A growing list of arrays; names and values are its own. */
typedef struct tools_tensors {
    int64_t count, room;
    dstn_tensor *items; /* [room] */
} tools_tensors;

void tools_tensors_clear(tools_tensors *list);

/* The parameters and buffers of a job's network at the best response to the current λ, in canonical shapes and the
 * model's precision: general weights, those of an STN with the response at z = λ in them. `response`: the response
 * too, of which z is λ' − λ whatever the method. What a layer shares with another is there once. */
void tools_export_network(const dstn_job *job, bool response, tools_tensors *out);

/* All that a network needs beside its arrays, as one JSON object on one line; NULL: out of memory. Free with free(). */
char *tools_export_metadata(const dstn_job *job, int64_t step, bool response);

/* The schedule of the hyperparameters in a run's record. */
dstn_status tools_export_schedule(const dstn_console *console, const char *path, bool json, const char *out,
                                  dstn_error *err);

#endif
