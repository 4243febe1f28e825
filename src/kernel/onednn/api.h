/* What of oneDNN's C API differs between versions 2 and 3: how descriptors of memory and of operations are made. */
#ifndef DSTN_KERNEL_ONEDNN_API_H
#define DSTN_KERNEL_ONEDNN_API_H

#include <dnnl.h>
#include <stdlib.h>

#if DNNL_VERSION_MAJOR >= 3
typedef const_dnnl_memory_desc_t api_desc;
#else
typedef const dnnl_memory_desc_t *api_desc;
#endif

/* A convolution's geometry beside its operands. */
typedef struct api_window {
    dnnl_dims_t strides, padding;
} api_window;

enum { API_MAX_DIMS = 4 };

/* Of floats in a named order; NULL where it can't be made. Free with api_desc_free(). */
static inline api_desc api_desc_new(int count, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
#if DNNL_VERSION_MAJOR >= 3
    dnnl_memory_desc_t desc = NULL;
    return dnnl_memory_desc_create_with_tag(&desc, count, dims, dnnl_f32, tag) == dnnl_success ? desc : NULL;
#else
    dnnl_memory_desc_t *desc = malloc(sizeof *desc);
    if (desc && dnnl_memory_desc_init_by_tag(desc, count, dims, dnnl_f32, tag) != dnnl_success) {
        free(desc);
        return NULL;
    }
    return desc;
#endif
}

static inline void api_desc_free(api_desc desc) {
#if DNNL_VERSION_MAJOR >= 3
    if (desc) {
        dnnl_memory_desc_destroy((dnnl_memory_desc_t)desc);
    }
#else
    free((void *)desc);
#endif
}

/* c = c + a b rather than a b. */
static inline dnnl_status_t api_append_sum(dnnl_post_ops_t operations) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(operations, 1);
#endif
}

static inline dnnl_status_t api_matmul(dnnl_primitive_desc_t *out, dnnl_engine_t engine, api_desc a, api_desc b,
                                       api_desc c, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_matmul_primitive_desc_create(out, engine, a, b, NULL, c, attributes);
#else
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, a, b, NULL, c);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL) : status;
#endif
}

static inline dnnl_status_t api_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine, api_desc x, api_desc weight,
                                        api_desc y, const api_window *window, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dims_t dilation = {0};
    return dnnl_convolution_forward_primitive_desc_create(out, engine, dnnl_forward_training, dnnl_convolution_direct,
                                                          x, weight, NULL, y, window->strides, dilation,
                                                          window->padding, window->padding, attributes);
#else
    dnnl_convolution_desc_t operation;
    dnnl_status_t status =
        dnnl_convolution_forward_desc_init(&operation, dnnl_forward_training, dnnl_convolution_direct, x, weight, NULL,
                                           y, window->strides, window->padding, window->padding);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL) : status;
#endif
}

static inline dnnl_status_t api_adjoint(dnnl_primitive_desc_t *out, dnnl_engine_t engine, api_desc dx, api_desc weight,
                                        api_desc dy, const api_window *window, const_dnnl_primitive_desc_t forward,
                                        const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dims_t dilation = {0};
    return dnnl_convolution_backward_data_primitive_desc_create(out, engine, dnnl_convolution_direct, dx, weight, dy,
                                                                window->strides, dilation, window->padding,
                                                                window->padding, forward, attributes);
#else
    dnnl_convolution_desc_t operation;
    dnnl_status_t status = dnnl_convolution_backward_data_desc_init(&operation, dnnl_convolution_direct, dx, weight, dy,
                                                                    window->strides, window->padding, window->padding);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, attributes, engine, forward) : status;
#endif
}

static inline dnnl_status_t api_gradient(dnnl_primitive_desc_t *out, dnnl_engine_t engine, api_desc x, api_desc dweight,
                                         api_desc dy, const api_window *window, const_dnnl_primitive_desc_t forward,
                                         const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
    const dnnl_dims_t dilation = {0};
    return dnnl_convolution_backward_weights_primitive_desc_create(out, engine, dnnl_convolution_direct, x, dweight,
                                                                   NULL, dy, window->strides, dilation, window->padding,
                                                                   window->padding, forward, attributes);
#else
    dnnl_convolution_desc_t operation;
    dnnl_status_t status = dnnl_convolution_backward_weights_desc_init(
        &operation, dnnl_convolution_direct, x, dweight, NULL, dy, window->strides, window->padding, window->padding);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, attributes, engine, forward) : status;
#endif
}

#endif
