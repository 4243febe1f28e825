/* A fixture: a network with parameters, a mini-batch with its noise, and the numbers that an independent implementation
 * got for every pass. */
#ifndef DSTN_CLI_FIXTURE_H
#define DSTN_CLI_FIXTURE_H

#include "dstn/hyper.h"
#include "dstn/model.h"
#include "dstn/store.h"

typedef struct dstn_fixture {
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
} dstn_fixture;

/* Reads a file and builds the network that it describes, with its parameters. DSTN_ERROR_DATA names what is missing. */
dstn_status dstn_fixture_open(const char *path, const dstn_kernel *kernel, dstn_fixture *out, dstn_error *err);
void dstn_fixture_close(dstn_fixture *fixture);

#endif
