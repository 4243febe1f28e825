/* oracle, private: which closed form, if any, a model has. */
#ifndef ORACLE_MATCH_H
#define ORACLE_MATCH_H

#include "dstn/data.h"
#include "dstn/model.h"

#include "family.h"

/* One row of the table. */
typedef struct oracle_closed_form {
    const char *name;
    oracle_weighting weighting;
    /* What keeps the model from having this form, to `reason` [out, size], and false; or true. */
    bool (*fits)(const dstn_model *model, char *reason, size_t size);
    /* c(λ) of a model that fits, tuned by the one hyperparameter. */
    oracle_strength (*strength)(const dstn_model *model, const dstn_hyper *hyper, int64_t train_rows);
} oracle_closed_form;

/* The form of this model on these data, and its c(λ). DSTN_ERROR_USAGE: there is none; the message says what keeps the
 * model from each. */
dstn_status oracle_closed_form_find(const dstn_model *model, const dstn_space *space, const dstn_dataset *dataset,
                                    const oracle_closed_form **out, oracle_strength *strength, dstn_error *err);

#endif
