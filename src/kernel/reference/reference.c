/* kernel: the table of references. It is complete, and so a backend too, which is not made to be fast. */
#include "reference.h"

void KERNEL_TYPED(kernel_reference)(dstn_kernel *table) {
    *table = (dstn_kernel){.backend = "reference", .scalar = KERNEL_SCALAR, .size = sizeof(real)};
    KERNEL_TYPED(kernel_put_products)(table);
    KERNEL_TYPED(kernel_put_packed)(table);
    KERNEL_TYPED(kernel_put_patches)(table);
    KERNEL_TYPED(kernel_put_vectors)(table);
    KERNEL_TYPED(kernel_put_rows)(table);
    KERNEL_TYPED(kernel_put_columns)(table);
    KERNEL_TYPED(kernel_put_words)(table);
    KERNEL_TYPED(kernel_put_lstm)(table);
    KERNEL_TYPED(kernel_put_response)(table);
    KERNEL_TYPED(kernel_put_relu)(table);
    KERNEL_TYPED(kernel_put_dropout)(table);
    KERNEL_TYPED(kernel_put_pooling)(table);
    KERNEL_TYPED(kernel_put_losses)(table);
    KERNEL_TYPED(kernel_put_updates)(table);
}
