/* What a core takes for a byte of gradients: to sum the gradients of several ranks, as src/ranks/reducer.c adds a
 * slice, and to update weights by SGD with momentum. Arrays are as large as those of the MLP, and come from memory. */
#include "dstn/optim.h"

#include <math.h>
#include <stdlib.h>

enum { COUNT = 3852010, TERMS = 4, TIMES = 40, PIECE = 1 << 15 };

static double time_sum(const dstn_kernel *kernel, float *const terms[TERMS]) {
    double start = dstn_seconds();
    for (int64_t at = 0; at < COUNT; at += PIECE) {
        int64_t length = COUNT - at < PIECE ? COUNT - at : PIECE;
        for (int t = 1; t < TERMS; t++) {
            kernel->axpy(kernel, length, 1, terms[t] + at, terms[0] + at);
        }
    }
    return dstn_seconds() - start;
}

static double time_update(dstn_optimizer *optimizer, const float *gradient, float *weights) {
    double start = dstn_seconds();
    dstn_optimizer_step(optimizer, 1, gradient, weights);
    return dstn_seconds() - start;
}

int main(void) {
    dstn_error err;
    dstn_doc *doc;
    const dstn_kernel *kernel;
    dstn_optimizer *optimizer;
    float *terms[TERMS], *moment = dstn_alloc(COUNT, sizeof(float));
    if (dstn_doc_parse("{name: sgd, rate: 0.01, momentum: 0.9}", "measure", &doc, &err) != DSTN_OK ||
        dstn_kernel_find("auto", DSTN_F32, &kernel, &err) != DSTN_OK ||
        dstn_optimizer_read(dstn_doc_root(doc), "", "sgd", kernel, COUNT, NULL, &optimizer, &err) != DSTN_OK) {
        fprintf(stderr, "scaling_measure: %s\n", err.message);
        return 1;
    }
    dstn_optimizer_set_moment(optimizer, 0, moment);
    for (int t = 0; t < TERMS; t++) {
        terms[t] = dstn_alloc(COUNT, sizeof(float));
    }
    double sum = INFINITY, update = INFINITY;
    for (int i = 0; i < TIMES; i++) {
        sum = fmin(sum, time_sum(kernel, terms));
        update = fmin(update, time_update(optimizer, terms[1], terms[2]));
    }
    const double bytes = COUNT * sizeof(float);
    printf("# sum SECONDS: for a byte read or written; update SECONDS: for a byte of weights\n");
    printf("sum %.4g\nupdate %.4g\n", sum / (bytes * (TERMS + 1)), update / bytes);
    for (int t = 0; t < TERMS; t++) {
        free(terms[t]);
    }
    free(moment);
    dstn_optimizer_destroy(optimizer);
    dstn_doc_destroy(doc);
    return 0;
}
