/* layer: the types of layers and regularizers by name. */
#include "layer_private.h"

#include <string.h>

#define ENTRY_LAYER(name) &layer_##name,
#define ENTRY_REGULARIZER(name) &regularizer_##name,

static const dstn_layer_type *const layers[] = {LAYERS(ENTRY_LAYER)};
static const dstn_regularizer_type *const regularizers[] = {REGULARIZERS(ENTRY_REGULARIZER)};

const dstn_layer_type *dstn_layer_type_at(size_t i) {
    return i < sizeof layers / sizeof layers[0] ? layers[i] : NULL;
}

const dstn_regularizer_type *dstn_regularizer_type_at(size_t i) {
    return i < sizeof regularizers / sizeof regularizers[0] ? regularizers[i] : NULL;
}

const dstn_layer_type *dstn_layer_type_find(const char *name) {
    const dstn_layer_type *type;
    for (size_t i = 0; (type = dstn_layer_type_at(i)) != NULL; i++) {
        if (strcmp(type->name, name) == 0) {
            return type;
        }
    }
    return NULL;
}

const dstn_regularizer_type *dstn_regularizer_type_find(const char *name) {
    const dstn_regularizer_type *type;
    for (size_t i = 0; (type = dstn_regularizer_type_at(i)) != NULL; i++) {
        if (strcmp(type->name, name) == 0) {
            return type;
        }
    }
    return NULL;
}
