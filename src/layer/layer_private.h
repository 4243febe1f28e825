/* The tables of layers and regularizers, and what their files share. */
#ifndef DSTN_LAYER_PRIVATE_H
#define DSTN_LAYER_PRIVATE_H

#include "dstn/layer.h"

/* A new layer or regularizer is one file, which defines layer_NAME or layer_regularizer_NAME, and one entry here. */
/* clang-format off */
#define LAYERS(X) \
    X(linear) X(conv) X(relu) X(dropout) X(maxpool) X(avgpool) X(flatten) X(batchnorm) \
    X(embedding) X(lstm) X(decoder) \
    X(residual) X(residual_begin) X(residual_end)
/* clang-format on */
#define REGULARIZERS(X) X(l2) X(jacobian) X(ar) X(tar)

#define DECLARE_LAYER(name) extern const dstn_layer_type layer_##name;
#define DECLARE_REGULARIZER(name) extern const dstn_regularizer_type layer_regularizer_##name;
LAYERS(DECLARE_LAYER)
REGULARIZERS(DECLARE_REGULARIZER)

/* Element i of an array in the kernel's scalar type. */
static inline void *layer_element(const dstn_kernel *kernel, const void *array, int64_t i) {
    return (char *)array + (size_t)i * kernel->size;
}

/* Where element i of a parameter's canonical array is stored. */
int64_t layer_stored_at(const dstn_parameter *parameter, int64_t i);

/* Declares a parameter, stored plainly unless the caller says otherwise. Its name is `prefix` (may be NULL) and `name`.
 */
dstn_parameter *layer_declare(dstn_layer *layer, const char *prefix, const char *name, dstn_range range, int rank,
                              const int64_t *shape);
void layer_declare_buffer(dstn_layer *layer, const char *name, int64_t count);

/* For types without options. */
extern const dstn_option layer_no_options[];

/* DSTN_ERROR_USAGE where the layer's input is no image [channels, height, width]. */
dstn_status layer_require_image(const dstn_layer *layer, dstn_node node, dstn_error *err);

#endif
