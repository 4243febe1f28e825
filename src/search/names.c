/* search: a hash table of texts, with open addressing. */
#include "names.h"

#include <stdlib.h>
#include <string.h>

#include "dstn/core.h"

struct search_name {
    const char *text; /* NULL: a free slot */
    int64_t at;
};

/* FNV-1a, 64 bits. */
static uint64_t hash_of(const char *text) {
    uint64_t hash = 14695981039346656037u;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        hash = (hash ^ *c) * 1099511628211u;
    }
    return hash;
}

/* The slot of the text, or the free one that it goes into. */
static struct search_name *slot_of(const search_names *names, const char *text) {
    size_t i = (size_t)hash_of(text) & (names->capacity - 1);
    while (names->slots[i].text && strcmp(names->slots[i].text, text) != 0) {
        i = (i + 1) & (names->capacity - 1);
    }
    return &names->slots[i];
}

static void make_room(search_names *names) {
    if (2 * (names->count + 1) <= names->capacity) {
        return;
    }
    search_names larger = {.count = names->count, .capacity = names->capacity ? 2 * names->capacity : 64};
    larger.slots = dstn_alloc(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < names->capacity; i++) {
        if (names->slots[i].text) {
            *slot_of(&larger, names->slots[i].text) = names->slots[i];
        }
    }
    free(names->slots);
    *names = larger;
}

int64_t search_names_put(search_names *names, const char *text, int64_t at) {
    make_room(names);
    struct search_name *slot = slot_of(names, text);
    if (!slot->text) {
        *slot = (struct search_name){text, at};
        names->count++;
    }
    return slot->at;
}

int64_t search_names_find(const search_names *names, const char *text) {
    const struct search_name *slot = names->capacity ? slot_of(names, text) : NULL;
    return slot && slot->text ? slot->at : -1;
}

void search_names_clear(search_names *names) {
    free(names->slots);
    *names = (search_names){0};
}
