/* Kernels by the names that the command line gives them. */
#include "choose.h"

#include <string.h>

dstn_status tools_choose_kernel(dstn_kernel_request request, const dstn_kernel **out, dstn_error *err) {
    const char *precision = request.precision ? request.precision : "f32";
    const char *backend = request.backend ? request.backend : "auto";
    bool is_double = strcmp(precision, "f64") == 0;
    if (!is_double && strcmp(precision, "f32") != 0) {
        return dstn_fail(err, DSTN_ERROR_USAGE, "--precision %s: accepted: f32, f64", precision);
    }
    dstn_status status = dstn_kernel_find(backend, is_double ? DSTN_F64 : DSTN_F32, out, err);
    return status == DSTN_OK ? status : dstn_fail_in(err, "--backend %s", backend);
}
