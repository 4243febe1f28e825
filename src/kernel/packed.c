/* kernel: what every backend knows of a packed matrix. */
#include "kernel_private.h"

dstn_packed *kernel_packed_new(bool transpose, int64_t k, int64_t n) {
    dstn_packed *packed = dstn_alloc(1, sizeof *packed);
    packed->transpose = transpose;
    packed->k = k;
    packed->n = n;
    return packed;
}
