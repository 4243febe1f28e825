/* Each file of references puts its operations into a table. */
#ifndef DSTN_KERNEL_REFERENCE_H
#define DSTN_KERNEL_REFERENCE_H

#include "../kernel_private.h"

#include "real.h"

void KERNEL_TYPED(kernel_put_products)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_packed)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_patches)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_vectors)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_rows)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_columns)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_words)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_lstm)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_response)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_relu)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_dropout)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_pooling)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_losses)(dstn_kernel *table);
void KERNEL_TYPED(kernel_put_updates)(dstn_kernel *table);

#endif
