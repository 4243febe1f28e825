/* A fixture: a network with parameters, a mini-batch with its noise, and the numbers that an independent implementation
 * got for every pass. */
#ifndef TOOLS_FIXTURE_H
#define TOOLS_FIXTURE_H

#include "dstn/hyper.h"
#include "dstn/model.h"
#include "dstn/store.h"

typedef struct tools_fixture tools_fixture;

/* How a file describes a network and its mini-batch: by a list of layers, or as one that is known (`kind`). */
typedef struct tools_fixture_form {
    const char *kind; /* attribute of the file */
    /* A document of `model` and, where there are any, `regularizers`; may be set on failure too, free with free(). */
    dstn_status (*describe)(const tools_fixture *fixture, char **yaml, dstn_error *err);
    /* What the mini-batch is like: rows, steps, and the shape of a data row. */
    dstn_status (*measure)(tools_fixture *fixture, dstn_shape *input, dstn_error *err);
    /* The mini-batch itself, for a model that has its parameters. */
    dstn_status (*read_batch)(tools_fixture *fixture, dstn_error *err);
    /* A parameter's name under params/ and grad/; free with free(). */
    char *(*name)(const tools_fixture *fixture, const dstn_layer *layer, const dstn_parameter *parameter);
} tools_fixture_form;

extern const tools_fixture_form tools_fixture_lstm; /* "lstm_lm" */

struct tools_fixture {
    const char *path;
    const tools_fixture_form *form;
    dstn_reader *reader;
    dstn_doc *doc; /* model and regularizers as YAML */
    const dstn_kernel *kernel;
    dstn_space *space;
    dstn_model *model;
    int64_t rows, steps;     /* B, T */
    int64_t hypers, outputs; /* h */
    double entropy_weight;   /* τ */
    double *noise, *epsilon; /* [B, h] */
    void *x;                 /* [B, in] in the kernel's scalar type; NULL: words */
    int64_t *tokens;         /* [B, T] words, else NULL */
    void *targets;           /* [B, out] (mse) */
    int64_t *labels;         /* [B, T] (cross entropy) */
};

/* Reads a file and builds the network that it describes, with its parameters. DSTN_ERROR_DATA names what is missing. */
dstn_status tools_fixture_open(const char *path, const dstn_kernel *kernel, tools_fixture *out, dstn_error *err);
void tools_fixture_close(tools_fixture *fixture);

/* An array of doubles that must have `count` elements; memory is taken for what is there. Free with free(). */
dstn_status tools_fixture_doubles(const tools_fixture *fixture, const char *name, double count, double **values,
                                  dstn_error *err);
/* Whole numbers from 0 to limit − 1, [count]. */
dstn_status tools_fixture_numbers(const tools_fixture *fixture, const char *name, int64_t count, int64_t limit,
                                  int64_t **values, dstn_error *err);

/* The list of layers, which is taken apart, as a model document; parametric layers must have their parameters in the
 * file. *out may be set on failure too; free with free(). */
dstn_status tools_fixture_translate(const dstn_reader *reader, char *layers, const char *loss, const char *response,
                                    char **out, dstn_error *err);

#endif
