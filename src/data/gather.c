/* data: the examples of a mini-batch, by their row numbers, in the kernel's scalar type. */
#include "dstn/data.h"

/* to[i, :] = from[indices[i], :], of `cols` columns. */
static void gather_rows(const double *from, const int64_t *indices, int64_t count, int64_t cols,
                        const dstn_kernel *kernel, void *to) {
    for (int64_t i = 0; i < count; i++) {
        kernel->from_double(kernel, cols, from + indices[i] * cols, (char *)to + (size_t)(i * cols) * kernel->size);
    }
}

/* The same from bytes, decoded. */
static void gather_bytes(const dstn_dataset *dataset, dstn_part part, const int64_t *indices, int64_t count,
                         const dstn_kernel *kernel, void *to) {
    const uint8_t *from = dataset->bytes[part];
    int64_t cols = dataset->features;
    for (int64_t i = 0; i < count; i++) {
        kernel->from_bytes(kernel, cols, dataset->byte_scale, dataset->byte_shift, from + indices[i] * cols,
                           (char *)to + (size_t)(i * cols) * kernel->size);
    }
}

void dstn_dataset_gather(const dstn_dataset *dataset, dstn_part part, const int64_t *indices, int64_t count,
                         const dstn_kernel *kernel, void *x, void *targets, int64_t *labels) {
    if (dataset->bytes[part]) {
        gather_bytes(dataset, part, indices, count, kernel, x);
    } else {
        gather_rows(dataset->x[part], indices, count, dataset->features, kernel, x);
    }
    if (dataset->task == DSTN_TASK_REGRESSION) {
        gather_rows(dataset->targets[part], indices, count, dataset->outputs, kernel, targets);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        labels[i] = dataset->labels[part][indices[i]];
    }
}
