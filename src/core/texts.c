/* core: a hash table of texts, with open addressing, and their order. */
#include "dstn/core.h"

#include <stdlib.h>
#include <string.h>

struct dstn_text {
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
static struct dstn_text *slot_of(const dstn_texts *texts, const char *text) {
    size_t i = (size_t)hash_of(text) & (texts->capacity - 1);
    while (texts->slots[i].text && strcmp(texts->slots[i].text, text) != 0) {
        i = (i + 1) & (texts->capacity - 1);
    }
    return &texts->slots[i];
}

static void make_room(dstn_texts *texts) {
    if (2 * (texts->count + 1) <= texts->capacity) {
        return;
    }
    dstn_texts larger = {.count = texts->count, .capacity = texts->capacity ? 2 * texts->capacity : 64};
    larger.slots = dstn_alloc(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < texts->capacity; i++) {
        if (texts->slots[i].text) {
            *slot_of(&larger, texts->slots[i].text) = texts->slots[i];
        }
    }
    free(texts->slots);
    *texts = larger;
}

int64_t dstn_texts_put(dstn_texts *texts, const char *text, int64_t at) {
    make_room(texts);
    struct dstn_text *slot = slot_of(texts, text);
    if (!slot->text) {
        *slot = (struct dstn_text){text, at};
        texts->count++;
    }
    return slot->at;
}

int64_t dstn_texts_find(const dstn_texts *texts, const char *text) {
    const struct dstn_text *slot = texts->capacity ? slot_of(texts, text) : NULL;
    return slot && slot->text ? slot->at : -1;
}

void dstn_texts_clear(dstn_texts *texts) {
    free(texts->slots);
    *texts = (dstn_texts){0};
}

int dstn_compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}
