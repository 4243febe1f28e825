/* A response curve: validation loss against one hyperparameter, from one checkpoint. */
#ifndef TOOLS_CURVE_H
#define TOOLS_CURVE_H

#include "dstn/run.h"
#include "dstn/tools.h"

/* NAN: not there. */
typedef struct tools_curve_point {
    double value, lambda;       /* natural (discrete ones before they are rounded), and unconstrained */
    double predicted, accuracy; /* as the response predicts them; the accuracy of classes only */
    double retrained, retrained_accuracy;
    double exact; /* L_V(λ, r(λ)) of a toy */
} tools_curve_point;

typedef struct tools_curve {
    const dstn_curve_request *request;
    int index; /* of the hyperparameter */
    const char *method;
    char *config;              /* as resolved; the curve's */
    int64_t step;              /* of the checkpoint */
    double sigma, band[2];     /* σ, and between which values λ0 ± σ lies */
    tools_curve_point now;     /* at λ0; `retrained`: the same steps there, which the others are compared with */
    int64_t count;             /* points */
    tools_curve_point *points; /* [count], values rise */
} tools_curve;

/* What is printed, and the file: HDF5 (curve/NAME [count]) or CSV, as its name ends. */
void tools_curve_print(const tools_curve *curve, FILE *out);
dstn_status tools_curve_write(const tools_curve *curve, const char *path, dstn_error *err);

#endif
