/* layer: the types of layers and regularizers by name. What a layer type leaves out is filled in here, once. */
#include "layer_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

static dstn_status plan_nothing(dstn_layer *layer, dstn_node node, dstn_error *err) {
    (void)layer, (void)node, (void)err;
    return DSTN_OK;
}

static bool bind_nothing(dstn_layer *layer, dstn_arena *arena) {
    (void)layer, (void)arena;
    return true;
}

static void initialize_nothing(dstn_layer *layer, dstn_rng rng) {
    (void)layer, (void)rng;
}

static bool no_factor(const dstn_layer *layer, const dstn_pass *pass, int64_t row, double *out) {
    (void)layer, (void)pass, (void)row, (void)out;
    return false;
}

static void leave_value(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x, void *y) {
    (void)layer, (void)pass, (void)rows, (void)x, (void)y;
}

static void leave_tangent(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *x,
                          const void *x_tangent, void *y_tangent) {
    (void)layer, (void)pass, (void)rows, (void)x, (void)x_tangent, (void)y_tangent;
}

static void leave_adjoint(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, void *dy) {
    (void)layer, (void)pass, (void)rows, (void)dy;
}

static int64_t no_parts(const dstn_layer *layer) {
    (void)layer;
    return 0;
}

static void copy(dstn_layer *layer, const dstn_pass *pass, dstn_rows rows, const void *in, void *out) {
    (void)pass;
    layer->kernel->copy(layer->kernel, rows.count * dstn_shape_count(layer->in), in, out);
}

#define DEFAULT(slot, value) slot = (slot) ? (slot) : (value)

static void fill_gaps(dstn_layer_type *type) {
    DEFAULT(type->options, layer_no_options);
    DEFAULT(type->plan, plan_nothing);
    DEFAULT(type->bind, bind_nothing);
    DEFAULT(type->initialize, initialize_nothing);
    DEFAULT(type->factor, no_factor);
    DEFAULT(type->batch.forward_rows, leave_value);
    DEFAULT(type->batch.tangent_rows, leave_tangent);
    DEFAULT(type->batch.adjoint_rows, leave_adjoint);
    DEFAULT(type->batch.part_values, no_parts);
    DEFAULT(type->rows.forward, copy);
    DEFAULT(type->rows.tangent, copy);
    DEFAULT(type->rows.adjoint, copy);
    if (type->example_in.rank == 0) {
        type->example_in = (dstn_shape){.rank = 1, .dims = {4}};
    }
}

/* ---- the table of layers ----------------------------------------------------------------------------------------- */

enum { MOST_TYPES = 64 };

static dstn_layer_type layers[MOST_TYPES];
static size_t layer_count;

static void add_layer(const dstn_layer_type *type) {
    size_t at = 0;
    while (at < layer_count && strcmp(layers[at].name, type->name) != 0) {
        at++;
    }
    if (at == MOST_TYPES) {
        abort();
    }
    layers[at] = *type;
    fill_gaps(&layers[at]);
    layer_count = at == layer_count ? at + 1 : layer_count;
}

#define ENTRY_LAYER(name) &layer_##name,

static void add_own_layers(void) {
    static const dstn_layer_type *const own[] = {LAYERS(ENTRY_LAYER)};
    if (layer_count > 0) {
        return;
    }
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        add_layer(own[i]);
    }
}

void dstn_layer_type_register(const dstn_layer_type *type) {
    add_own_layers();
    add_layer(type);
}

const dstn_layer_type *dstn_layer_type_at(size_t i) {
    add_own_layers();
    return i < layer_count ? &layers[i] : NULL;
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

/* ---- the table of regularizers ----------------------------------------------------------------------------------- */

#define ENTRY_REGULARIZER(name) &layer_regularizer_##name,

const dstn_regularizer_type *dstn_regularizer_type_at(size_t i) {
    static const dstn_regularizer_type *const regularizers[] = {REGULARIZERS(ENTRY_REGULARIZER)};
    return i < sizeof regularizers / sizeof regularizers[0] ? regularizers[i] : NULL;
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
