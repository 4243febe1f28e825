/* optim: the list of all optimizers. A new one is a file with its dstn_optimizer_type, and one line here. */
#ifndef DSTN_OPTIM_OPTIMIZERS_H
#define DSTN_OPTIM_OPTIMIZERS_H

#include "dstn/optim.h"

#define OPTIM_TYPES(X)                                                                                                 \
    X(sgd)                                                                                                             \
    X(rmsprop)                                                                                                         \
    X(adam)

#define OPTIM_DECLARE_TYPE(name) extern const dstn_optimizer_type optim_##name;
OPTIM_TYPES(OPTIM_DECLARE_TYPE)
#undef OPTIM_DECLARE_TYPE

/* The most arrays that any optimizer keeps, but for the average of its parameters. */
enum { OPTIM_MAX_MOMENTS = 2 };

#endif
