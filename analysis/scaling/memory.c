/* Memory of the simulated ranks, in place of src/core/memory.c: they are one process, and what a thousand of them would
 * keep doesn't fit. Arrays of gradients are folded by SMPI, all onto the same pages, since nobody looks at their
 * elements; messages between them are simulated, but not copied. */
#include "dstn/core.h"

#include <mpi.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { FOLDED = 1 << 14 }; /* bytes, from which on an array is one of elements */

struct dstn_arena {
    void *blocks[16];
    bool is_folded[16];
    int count;
    size_t bytes;
};

void *dstn_alloc(size_t count, size_t size) {
    void *memory = calloc(count && size ? count : 1, size ? size : 1);
    if (!memory) {
        abort();
    }
    return memory;
}

char *dstn_strdup(const char *text) {
    return strcpy(dstn_alloc(strlen(text) + 1, 1), text);
}

char *dstn_format(const char *format, ...) {
    enum { LONGEST = 1000 };
    char *text = dstn_alloc(LONGEST, 1);
    va_list args;
    va_start(args, format);
    vsnprintf(text, LONGEST, format, args);
    va_end(args);
    return text;
}

dstn_arena *dstn_arena_new(void) {
    return dstn_alloc(1, sizeof(dstn_arena));
}

/* Requests, of which each rank needs its own, come first in a reducer's arena, and then its only large array. */
void *dstn_arena_take(dstn_arena *arena, size_t bytes) {
    bool is_folded = bytes >= FOLDED && arena->count == 1;
    void *block = is_folded ? SMPI_SHARED_MALLOC(bytes) : dstn_alloc(bytes, 1);
    arena->blocks[arena->count] = block;
    arena->is_folded[arena->count++] = is_folded;
    arena->bytes += bytes;
    return block;
}

void dstn_arena_destroy(dstn_arena *arena) {
    for (int i = 0; arena && i < arena->count; i++) {
        if (arena->is_folded[i]) {
            SMPI_SHARED_FREE(arena->blocks[i]);
        } else {
            free(arena->blocks[i]);
        }
    }
    free(arena);
}

size_t dstn_arena_memory_used(const dstn_arena *arena) {
    return arena->bytes;
}
