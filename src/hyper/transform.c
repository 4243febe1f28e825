/* hyper: the registry of transforms. */
#include "transforms.h"

#include <string.h>

#define TRANSFORM_ENTRY(id, name) &hyper_transform_##id,
static const dstn_transform *const transforms[] = {HYPER_TRANSFORMS(TRANSFORM_ENTRY)};

enum { TRANSFORMS = sizeof transforms / sizeof transforms[0] };

const dstn_transform *dstn_transform_at(size_t i) {
    return i < TRANSFORMS ? transforms[i] : NULL;
}

const dstn_transform *dstn_transform_find(const char *name) {
    for (int i = 0; i < TRANSFORMS; i++) {
        if (strcmp(transforms[i]->name, name) == 0) {
            return transforms[i];
        }
    }
    return NULL;
}

const dstn_transform *dstn_transform_default(double low, double high) {
    for (int i = 0; i < TRANSFORMS; i++) {
        if (transforms[i]->is_default(low, high)) {
            return transforms[i];
        }
    }
    return NULL;
}

const char *dstn_transform_names(void) {
    return &HYPER_TRANSFORM_CHOICES[sizeof "auto"];
}
