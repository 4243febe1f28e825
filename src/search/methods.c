/* search: methods by name. */
#include "methods.h"

#include <string.h>

#define ENTRY(name) &search_##name,
static const dstn_search_method *const methods[] = {SEARCH_METHODS(ENTRY)};
#define NAME(name) #name,
static const char *const names[] = {SEARCH_METHODS(NAME)};

enum { METHODS = sizeof methods / sizeof methods[0] };

const dstn_search_method *dstn_search_method_at(size_t i) {
    return i < METHODS ? methods[i] : NULL;
}

dstn_status search_method_find(const char *name, dstn_node place, const dstn_search_method **out, dstn_error *err) {
    for (size_t i = 0; i < METHODS; i++) {
        if (strcmp(names[i], name) == 0) {
            *out = methods[i];
            return DSTN_OK;
        }
    }
    return dstn_node_fail_name(place, "search method", name, names, METHODS, err);
}

void search_tell_nothing(void *self, const dstn_history *history) {
    (void)self;
    (void)history;
}

bool search_need_none(const void *self, const dstn_history *history, int64_t index) {
    (void)self;
    (void)history;
    (void)index;
    return false;
}
