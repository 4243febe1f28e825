/* What several tools let their user choose. */
#ifndef TOOLS_CHOOSE_H
#define TOOLS_CHOOSE_H

#include "dstn/kernel.h"
#include "dstn/tools.h"

/* DSTN_ERROR_USAGE names the option that asks for what there isn't. */
dstn_status tools_choose_kernel(dstn_kernel_request request, const dstn_kernel **out, dstn_error *err);

#endif
