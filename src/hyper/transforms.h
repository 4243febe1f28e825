/* hyper: the list of all transforms. A new one is a file with its dstn_transform, and one line here. */
#ifndef DSTN_HYPER_TRANSFORMS_H
#define DSTN_HYPER_TRANSFORMS_H

#include "dstn/hyper.h"

#define HYPER_TRANSFORMS(X)                                                                                            \
    X(sigmoid, "sigmoid")                                                                                              \
    X(softplus, "softplus")                                                                                            \
    X(softplus_below, "softplus-below")                                                                                \
    X(identity, "identity")                                                                                            \
    X(exp, "exp")

#define HYPER_DECLARE_TRANSFORM(id, name) extern const dstn_transform hyper_transform_##id;
HYPER_TRANSFORMS(HYPER_DECLARE_TRANSFORM)
#undef HYPER_DECLARE_TRANSFORM

/* The values of the option `transform`: "auto" and every name; choice i > 0 is entry i − 1 of the list. */
#define HYPER_TRANSFORM_CHOICE(id, name) "|" name
#define HYPER_TRANSFORM_CHOICES "auto" HYPER_TRANSFORMS(HYPER_TRANSFORM_CHOICE)

#endif
