/* Texts with the positions that they were first seen at: what is asked of every member in turn is asked here. */
#ifndef SEARCH_NAMES_H
#define SEARCH_NAMES_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed, it is empty. The texts are borrowed. */
typedef struct search_names {
    struct search_name *slots; /* [capacity], a power of two; at most half of them are taken */
    size_t count, capacity;
} search_names;

/* The position that the text was put at before, or `at`, where it is now. */
int64_t search_names_put(search_names *names, const char *text, int64_t at);
int64_t search_names_find(const search_names *names, const char *text); /* −1: not there */
void search_names_clear(search_names *names);

#endif
