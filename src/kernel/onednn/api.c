/* kernel: oneDNN's C API as versions 2 and 3 have it. */
#include "api.h"

#include <stdlib.h>

kernel_api_desc kernel_api_desc_new(int count, const dnnl_dims_t dims, dnnl_format_tag_t tag) {
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

void kernel_api_desc_free(kernel_api_desc desc) {
#if DNNL_VERSION_MAJOR >= 3
    if (desc) {
        dnnl_memory_desc_destroy((dnnl_memory_desc_t)desc);
    }
#else
    free((void *)desc);
#endif
}

dnnl_status_t kernel_api_append_sum(dnnl_post_ops_t operations) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_post_ops_append_sum(operations, 1, 0, dnnl_data_type_undef);
#else
    return dnnl_post_ops_append_sum(operations, 1);
#endif
}

dnnl_status_t kernel_api_matmul(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc a, kernel_api_desc b,
                                kernel_api_desc c, const_dnnl_primitive_attr_t attributes) {
#if DNNL_VERSION_MAJOR >= 3
    return dnnl_matmul_primitive_desc_create(out, engine, a, b, NULL, c, attributes);
#else
    dnnl_matmul_desc_t operation;
    dnnl_status_t status = dnnl_matmul_desc_init(&operation, a, b, NULL, c);
    return status == dnnl_success ? dnnl_primitive_desc_create(out, &operation, attributes, engine, NULL) : status;
#endif
}

dnnl_status_t kernel_api_forward(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc x,
                                 kernel_api_desc weight, kernel_api_desc y, const kernel_api_window *window,
                                 const_dnnl_primitive_attr_t attributes) {
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

dnnl_status_t kernel_api_adjoint(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc dx,
                                 kernel_api_desc weight, kernel_api_desc dy, const kernel_api_window *window,
                                 const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes) {
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

dnnl_status_t kernel_api_gradient(dnnl_primitive_desc_t *out, dnnl_engine_t engine, kernel_api_desc x,
                                  kernel_api_desc dweight, kernel_api_desc dy, const kernel_api_window *window,
                                  const_dnnl_primitive_desc_t forward, const_dnnl_primitive_attr_t attributes) {
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
