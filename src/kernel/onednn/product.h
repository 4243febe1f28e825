/* A oneDNN primitive with three operands, made once and executed with other arrays each time. An operand that the
 * primitive wants in an order of its own (weights in blocks) is reordered on the way in or out. */
#ifndef DSTN_KERNEL_ONEDNN_PRODUCT_H
#define DSTN_KERNEL_ONEDNN_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "api.h"

typedef struct kernel_product kernel_product;

/* One engine and stream for a map. */
typedef struct kernel_place {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} kernel_place;

/* An operand: its argument number and the order that the caller's array has. The last one is written. */
typedef struct kernel_operand {
    int argument;
    kernel_api_desc desc;
} kernel_operand;

enum { KERNEL_OPERANDS = 3 };

/* Takes over `primitive` whatever happens. NULL: memory is short, or there is only a reference implementation. */
kernel_product *kernel_product_new(const kernel_place *place, dnnl_primitive_desc_t primitive,
                                   const kernel_operand operands[KERNEL_OPERANDS]);
void kernel_product_destroy(kernel_product *p); /* NULL is allowed */
size_t kernel_product_memory(const kernel_product *p);
/* Arrays in the order of the operands; false where oneDNN reports an error. */
bool kernel_product_run(kernel_product *p, const kernel_place *place, const void *first, const void *second,
                        void *result);

#endif
