/* What of oneDNN's C API differs between versions 2 and 3: how descriptors of memory and of operations are made. */
#ifndef DSTN_KERNEL_ONEDNN_API_H
#define DSTN_KERNEL_ONEDNN_API_H

#include <dnnl.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t kernel_api_desc;
#else
typedef const dnnl_memory_desc_t *kernel_api_desc;
#endif

/* A convolution's geometry beside its operands. */
typedef struct kernel_api_window {
    dnnl_dims_t strides, padding;
} kernel_api_window;

/* Of floats in a named order; NULL where it can't be made. Free with kernel_api_desc_free(). */
kernel_api_desc kernel_api_desc_new(int count, const dnnl_dims_t dims, dnnl_format_tag_t tag);
void kernel_api_desc_free(kernel_api_desc desc); /* NULL is allowed */

/* The result of the primitive is added to what is there. */
dnnl_status_t kernel_api_append_sum(dnnl_post_ops_t operations);

/* Descriptions of primitives, c = a b and the three passes of a convolution; `forward` is a hint for the others. */
dnnl_status_t kernel_api_matmul(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc a, kernel_api_desc b,
                                kernel_api_desc c, const_dnnl_primitive_attr_t attributes);
dnnl_status_t kernel_api_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc x,
                                 kernel_api_desc weight, kernel_api_desc y, const kernel_api_window *window,
                                 const_dnnl_primitive_attr_t attributes);
dnnl_status_t kernel_api_adjoint(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc dx,
                                 kernel_api_desc weight, kernel_api_desc dy, const kernel_api_window *window,
                                 const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes);
dnnl_status_t kernel_api_gradient(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc x,
                                  kernel_api_desc dweight, kernel_api_desc dy, const kernel_api_window *window,
                                  const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes);

#endif
