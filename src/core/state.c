/* core: scalar types, and the list of arrays that make up a job's state. */
#include "dstn/core.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

size_t dstn_scalar_size(dstn_scalar scalar) {
    static const size_t sizes[] = {
        [DSTN_F32] = sizeof(float), [DSTN_F64] = sizeof(double), [DSTN_I64] = sizeof(int64_t), [DSTN_U8] = 1};
    return sizes[scalar];
}

const char *dstn_scalar_name(dstn_scalar scalar) {
    static const char *const names[] = {[DSTN_F32] = "f32", [DSTN_F64] = "f64", [DSTN_I64] = "i64", [DSTN_U8] = "u8"};
    return names[scalar];
}

/* Names come from users' layer names and may be of any length: one that is too long keeps its beginning, and stays
 * unique by a hash (FNV-1a) of the whole. */
static void fit_name(const char *name, char out[DSTN_NAME_SIZE]) {
    size_t length = strlen(name);
    if (length < DSTN_NAME_SIZE) {
        memcpy(out, name, length + 1);
        return;
    }
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (const char *c = name; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
    }
    size_t kept = DSTN_NAME_SIZE - sizeof "~0123456789abcdef";
    memcpy(out, name, kept);
    snprintf(out + kept, DSTN_NAME_SIZE - kept, "~%016" PRIx64, hash);
}

void dstn_state_add(dstn_state *state, const char *name, dstn_scalar scalar, int rank, const int64_t *shape, void *data,
                    bool split) {
    assert(rank >= 0 && rank <= DSTN_MAX_RANK);
    assert(!dstn_state_find(state, name));
    if (state->count == state->capacity) {
        size_t capacity = state->capacity ? 2 * state->capacity : 32;
        dstn_state_entry *entries = dstn_alloc(capacity, sizeof *entries);
        if (state->count) {
            memcpy(entries, state->entries, state->count * sizeof *entries);
        }
        free(state->entries);
        state->entries = entries;
        state->capacity = capacity;
    }
    dstn_state_entry *entry = &state->entries[state->count++];
    *entry = (dstn_state_entry){.scalar = scalar, .rank = rank, .data = data, .split = split};
    fit_name(name, entry->name);
    for (int d = 0; d < rank; d++) {
        entry->shape[d] = shape[d];
    }
}

void dstn_state_add_values(dstn_state *state, const char *name, dstn_scalar scalar, int64_t count, void *data) {
    dstn_state_add(state, name, scalar, 1, &count, data, false);
}

const dstn_state_entry *dstn_state_find(const dstn_state *state, const char *name) {
    char fitted[DSTN_NAME_SIZE];
    fit_name(name, fitted);
    for (size_t i = 0; i < state->count; i++) {
        if (strcmp(state->entries[i].name, fitted) == 0) {
            return &state->entries[i];
        }
    }
    return NULL;
}

size_t dstn_state_bytes(const dstn_state_entry *entry) {
    size_t bytes = dstn_scalar_size(entry->scalar);
    for (int d = 0; d < entry->rank; d++) {
        bytes *= (size_t)entry->shape[d];
    }
    return bytes;
}

void dstn_state_clear(dstn_state *state) {
    free(state->entries);
    *state = (dstn_state){0};
}
