/* core: memory of control structures, strings, and the arena of a job's arrays. */
#include "dstn/core.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ALIGNMENT = 64, LARGE = 1 << 20, ROOM_FOR_OTHERS = 64 << 20 };

/* Neither MPI nor the libraries' exit handlers are asked: they need memory, too. A launcher ends the other ranks. */
static void *refuse_to_go_on(void) {
    fputs("dstn: out of memory\n", stderr);
    _exit(DSTN_ERROR_RUN);
}

void *dstn_alloc(size_t count, size_t size) {
    void *memory = count && size ? calloc(count, size) : calloc(1, 1);
    return memory ? memory : refuse_to_go_on();
}

char *dstn_strdup(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(dstn_alloc(size, 1), text, size);
}

char *dstn_format(const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(NULL, 0, format, args);
    va_end(args);
    size_t size = length < 0 ? 1 : (size_t)length + 1;
    char *text = dstn_alloc(size, 1);
    if (length > 0) {
        vsnprintf(text, size, format, again);
    }
    va_end(again);
    return text;
}

/* Every array is an allocation of its own: they are few, large, and made once, and a memory checker then sees an
 * access beyond the end of one. */
struct dstn_arena {
    void **blocks; /* [count] */
    size_t count, capacity;
    size_t bytes; /* handed out */
    size_t limit; /* 0: none */
};

dstn_arena *dstn_arena_new(void) {
    return dstn_alloc(1, sizeof(dstn_arena));
}

void dstn_arena_destroy(dstn_arena *arena) {
    if (!arena) {
        return;
    }
    for (size_t i = 0; i < arena->count; i++) {
        free(arena->blocks[i]);
    }
    free(arena->blocks);
    free(arena);
}

static bool make_room(dstn_arena *arena) {
    if (arena->count < arena->capacity) {
        return true;
    }
    size_t capacity = arena->capacity ? 2 * arena->capacity : 64;
    void **blocks = realloc(arena->blocks, capacity * sizeof *blocks);
    if (!blocks) {
        return false;
    }
    arena->blocks = blocks;
    arena->capacity = capacity;
    return true;
}

void dstn_arena_limit(dstn_arena *arena, size_t bytes) {
    arena->limit = bytes;
}

/* The libraries that work on the arrays must find some, too: oneDNN takes for granted that it does. Nothing is touched.
 */
static bool leaves_room(size_t bytes) {
    if (bytes < LARGE) {
        return true;
    }
    void *volatile rest = malloc(ROOM_FOR_OTHERS);
    free(rest);
    return rest != NULL;
}

void *dstn_arena_take(dstn_arena *arena, size_t bytes) {
    bool is_beyond = arena->limit > 0 && (arena->bytes > arena->limit || bytes > arena->limit - arena->bytes);
    if (is_beyond || bytes > PTRDIFF_MAX - ALIGNMENT || !make_room(arena)) {
        return NULL;
    }
    void *block = NULL;
    if (posix_memalign(&block, ALIGNMENT, bytes ? bytes : 1)) {
        return NULL;
    }
    if (!leaves_room(bytes)) {
        free(block);
        return NULL;
    }
    memset(block, 0, bytes ? bytes : 1);
    arena->blocks[arena->count++] = block;
    arena->bytes += bytes;
    return block;
}

void dstn_arena_return(dstn_arena *arena, void *block, size_t bytes) {
    for (size_t i = 0; block && i < arena->count; i++) {
        if (arena->blocks[i] == block) {
            free(block);
            arena->blocks[i] = arena->blocks[--arena->count];
            arena->bytes -= bytes;
            return;
        }
    }
}

size_t dstn_arena_memory_used(const dstn_arena *arena) {
    return arena->bytes;
}
