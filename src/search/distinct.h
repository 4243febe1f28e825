/* Which settings do the same: one run under two names would look like two results. */
#ifndef SEARCH_DISTINCT_H
#define SEARCH_DISTINCT_H

#include "axis.h"

/* Zeroed, it is empty. */
typedef struct search_distinct {
    dstn_section *sections; /* [section_count] of a run's config */
    size_t section_count;
    dstn_texts seen;
    char **texts; /* [count] that `seen` borrows */
    size_t count, capacity;
} search_distinct;

/* The position at which settings that do the same to any config were put before, or `at`, where these are now. Numbers
 * are compared as numbers, however they are written; later settings override earlier ones. */
int64_t search_distinct_put(search_distinct *distinct, const search_settings *settings, int64_t at);
void search_distinct_clear(search_distinct *distinct);

#endif
