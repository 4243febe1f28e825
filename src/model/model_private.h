/* What the files of this room share. */
#ifndef DSTN_MODEL_PRIVATE_H
#define DSTN_MODEL_PRIVATE_H

#include "dstn/model.h"

/* Cuts the list of layers into segments and takes the memory of their passes. */
bool model_bind_segments(dstn_model *model);

/* The first layer with parameters, or that hands its input on: below it every tangent is zero and no adjoint is wanted.
 */
int model_first_source(const dstn_model *model);

#endif
