/* A oneDNN primitive with three operands, made once and executed with other arrays each time. An operand that the
 * primitive wants in an order of its own (weights in blocks) is reordered on the way in or out. */
#ifndef DSTN_KERNEL_ONEDNN_PRODUCT_H
#define DSTN_KERNEL_ONEDNN_PRODUCT_H

#include <stdbool.h>
#include <stddef.h>

#include "api.h"

typedef struct product product;

/* One engine and stream for a map. */
typedef struct product_place {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} product_place;

/* An operand: its argument number and the order that the caller's array has. The last one is written. */
typedef struct product_operand {
    int argument;
    api_desc desc;
} product_operand;

enum { PRODUCT_OPERANDS = 3 };

/* Takes over `primitive` whatever happens. NULL: memory is short, or there is only a reference implementation. */
product *product_new(const product_place *place, dnnl_primitive_desc_t primitive,
                     const product_operand operands[PRODUCT_OPERANDS]);
void product_destroy(product *p); /* NULL is allowed */
size_t product_memory(const product *p);
/* Arrays in the order of the operands; false where oneDNN reports an error. */
bool product_run(product *p, const product_place *place, const void *first, const void *second, void *result);

#endif
