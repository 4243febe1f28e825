/* layer: layers by the names that a config gives them. */
#include "dstn/layer.h"

#include <stdlib.h>
#include <string.h>

dstn_layer *dstn_layer_named(dstn_layer *const *layers, int count, const char *name) {
    for (int l = 0; l < count; l++) {
        const char *other = layers[l]->common.name;
        if (other && strcmp(other, name) == 0) {
            return layers[l];
        }
    }
    return NULL;
}

dstn_status dstn_layer_fail_name(dstn_layer *const *layers, int count, const char *what, const char *name,
                                 dstn_node node, dstn_error *err) {
    const char **names = dstn_alloc((size_t)count + 1, sizeof *names);
    size_t named = 0;
    for (int l = 0; l < count; l++) {
        if (layers[l]->common.name) {
            names[named++] = layers[l]->common.name;
        }
    }
    dstn_status status =
        named > 0 ? dstn_node_fail_name(node, what, name, names, named, err)
                  : dstn_node_fail(node, err, "there is no %s \"%s\": none has a name (linear: {name: %s, …})", what,
                                   name, name);
    free(names);
    return status;
}
