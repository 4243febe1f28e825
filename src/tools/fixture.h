/* A fixture: a network with parameters, a mini-batch with its noise, and the numbers that an independent implementation
 * got for every pass. */
#ifndef TOOLS_FIXTURE_H
#define TOOLS_FIXTURE_H

#include "dstn/hyper.h"
#include "dstn/model.h"
#include "dstn/store.h"

typedef struct tools_fixture {
    const char *path;
    dstn_reader *reader;
    dstn_doc *doc; /* the model as YAML */
    const dstn_kernel *kernel;
    dstn_space *space;
    dstn_model *model;
    int64_t rows, hypers, outputs; /* B, h */
    double entropy_weight;         /* τ */
    double *noise, *epsilon;       /* [B, h] */
    void *x;                       /* [B, in] in the kernel's scalar type */
    void *targets;                 /* [B, out] (mse) */
    int64_t *labels;               /* [B] (cross entropy) */
} tools_fixture;

/* Reads a file and builds the network that it describes, with its parameters. DSTN_ERROR_DATA names what is missing. */
dstn_status tools_fixture_open(const char *path, const dstn_kernel *kernel, tools_fixture *out, dstn_error *err);
void tools_fixture_close(tools_fixture *fixture);

/* The list of layers, which is taken apart, as a model document; parametric layers must have their parameters in the
 * file. *out may be set on failure too; free with free(). */
dstn_status tools_fixture_translate(const dstn_reader *reader, char *layers, const char *loss, const char *response,
                                    char **out, dstn_error *err);

#endif
