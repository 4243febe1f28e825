/* search: the list of all search methods. A new one is a file with its dstn_search_method, and one line here. */
#ifndef SEARCH_METHODS_H
#define SEARCH_METHODS_H

#include "dstn/search.h"

#define SEARCH_METHODS(X) X(list) X(grid) X(random) X(bayesian) X(halving) X(population)

#define SEARCH_DECLARE_METHOD(name) extern const dstn_search_method search_##name;
SEARCH_METHODS(SEARCH_DECLARE_METHOD)
#undef SEARCH_DECLARE_METHOD

/* The method of this name. DSTN_ERROR_USAGE, at `place`, names those that there are. */
dstn_status search_method_find(const char *name, dstn_node place, const dstn_search_method **out, dstn_error *err);

/* Of methods that look at the whole history when they are asked, and of those without parents. */
void search_tell_nothing(void *self, const dstn_history *history);
bool search_need_none(const void *self, const dstn_history *history, int64_t index);

#endif
