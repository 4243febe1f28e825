/* core: the digest of a state, which does not depend on machine, ranks, or the order in which entries were added. */
#include "dstn/core.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

static int compare_names(const void *a, const void *b) {
    const dstn_state_entry *const *left = a, *const *right = b;
    return strcmp((*left)->name, (*right)->name);
}

/* Little-endian on every machine. */
static void take_integer(XXH3_state_t *hash, uint64_t value) {
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(value >> 8 * i);
    }
    XXH3_128bits_update(hash, bytes, sizeof bytes);
}

/* Every part goes in with its length, so that no two lists run together to the same bytes. */
static void take_text(XXH3_state_t *hash, const char *text) {
    size_t length = strlen(text);
    take_integer(hash, length);
    XXH3_128bits_update(hash, text, length);
}

static void take_entry(XXH3_state_t *hash, const dstn_state_entry *entry) {
    take_text(hash, entry->name);
    take_text(hash, dstn_scalar_name(entry->scalar));
    take_integer(hash, (uint64_t)entry->rank);
    for (int d = 0; d < entry->rank; d++) {
        take_integer(hash, (uint64_t)entry->shape[d]);
    }
    size_t bytes = dstn_state_bytes(entry);
    if (bytes > 0) {
        XXH3_128bits_update(hash, entry->data, bytes);
    }
}

void dstn_state_digest(const dstn_state *state, const char *before, char digest[33]) {
    XXH3_state_t *hash = XXH3_createState();
    if (!hash) {
        fputs("dstn: out of memory\n", stderr);
        abort();
    }
    XXH3_128bits_reset(hash);
    take_text(hash, before ? before : "");
    const dstn_state_entry **sorted = dstn_alloc(state->count, sizeof *sorted);
    for (size_t i = 0; i < state->count; i++) {
        sorted[i] = &state->entries[i];
    }
    qsort(sorted, state->count, sizeof *sorted, compare_names);
    for (size_t i = 0; i < state->count; i++) {
        take_entry(hash, sorted[i]);
    }
    XXH128_canonical_t result;
    XXH128_canonicalFromHash(&result, XXH3_128bits_digest(hash));
    for (size_t i = 0; i < sizeof result.digest; i++) {
        snprintf(digest + 2 * i, 3, "%02x", result.digest[i]);
    }
    free(sorted);
    XXH3_freeState(hash);
}
