/* What a method is made of: objectives by name, and the algorithm that takes them in turn. */
#ifndef DSTN_BILEVEL_METHODS_H
#define DSTN_BILEVEL_METHODS_H

#include "dstn/bilevel.h"

enum {
    BILEVEL_STN_TRAIN,
    BILEVEL_CENTERED_TRAIN,
    BILEVEL_DELTA_GENERAL,
    BILEVEL_PERTURBED_GENERAL,
    BILEVEL_DELTA_RESPONSE_LINEARIZED,
    BILEVEL_DELTA_RESPONSE_NONLINEAR,
    BILEVEL_STN_VALID,
    BILEVEL_DELTA_VALID,
    BILEVEL_STN_EVALUATION,
    BILEVEL_GENERAL_EVALUATION
};
extern const dstn_objective bilevel_objectives[];

/* An algorithm is a page that holds both kinds of steps, in terms of steps.h. */
typedef struct dstn_algorithm {
    void (*train_step)(dstn_trainer *trainer);
    void (*hyper_step)(dstn_trainer *trainer);
} dstn_algorithm;

extern const dstn_algorithm bilevel_stn;       /* stn.c */
extern const dstn_algorithm bilevel_delta_stn; /* delta_stn.c */
extern const dstn_algorithm bilevel_ordinary;  /* ordinary.c */

#endif
