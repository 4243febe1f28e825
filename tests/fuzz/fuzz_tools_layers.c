/* Fuzzes the language in which fixtures list their layers, and what a model makes of it. */
#include "dstn/tools.h"

#include "fixture.h"
#include "fuzz.h"

static dstn_reader *reader; /* a fixture, whose parameters the layers may have */

static void start(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    dstn_error err;
    if (dstn_reader_open_foreign(DSTN_SOURCE_DIR "/tests/fixtures/cnn_6h.h5", NULL, DSTN_ERROR_DATA, &reader, &err) !=
        DSTN_OK) {
        fprintf(stderr, "%s\n", err.message);
        exit(1);
    }
}

static void fuzz_one(const uint8_t *bytes, size_t size) {
    char *layers = fuzz_text(bytes, size), *text = NULL;
    dstn_doc *doc;
    dstn_model *model;
    dstn_error err = {DSTN_OK, ""};
    const dstn_kernel *kernel;
    if (tools_fixture_translate(reader, layers, "cross_entropy", "full", &text, &err) == DSTN_OK &&
        dstn_doc_parse(text, "fuzz.yaml", &doc, &err) == DSTN_OK) {
        if (dstn_kernel_find("reference", DSTN_F64, &kernel, &err) == DSTN_OK) {
            dstn_model_request request = {.node = dstn_node_child(dstn_doc_root(doc), "model"),
                                          .kernel = kernel,
                                          .input = {.rank = 3, .dims = {1, 12, 12}},
                                          .max_rows = 3,
                                          .train_rows = 3,
                                          .most_memory = 64 << 20};
            if (dstn_model_new(&request, &model, &err) == DSTN_OK) {
                dstn_model_destroy(model);
            }
        }
        dstn_doc_destroy(doc);
    }
    fuzz_check_message(&err);
    free(text);
    free(layers);
}

FUZZ_TARGET(start)
