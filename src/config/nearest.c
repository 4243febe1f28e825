/* config: the known name that a misspelt one most likely meant. */
#include "dstn/config.h"

#include <stdlib.h>
#include <string.h>

static size_t smaller(size_t a, size_t b) {
    return a < b ? a : b;
}

/* Insertions, deletions, replacements, and exchanges of neighbours, each at 1 (optimal string alignment). */
static size_t edit_distance(const char *a, const char *b) {
    size_t m = strlen(a), n = strlen(b), width = n + 1;
    size_t *d = dstn_alloc((m + 1) * width, sizeof *d);
    for (size_t j = 0; j <= n; j++) {
        d[j] = j;
    }
    for (size_t i = 1; i <= m; i++) {
        d[i * width] = i;
        for (size_t j = 1; j <= n; j++) {
            size_t replaced = d[(i - 1) * width + j - 1] + (a[i - 1] != b[j - 1]);
            size_t best = smaller(replaced, 1 + smaller(d[(i - 1) * width + j], d[i * width + j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
                best = smaller(best, d[(i - 2) * width + j - 2] + 1);
            }
            d[i * width + j] = best;
        }
    }
    size_t distance = d[m * width + n];
    free(d);
    return distance;
}

const char *dstn_nearest_name(const char *word, const char *const *names, size_t count) {
    /* A word of which every letter would have to change is not meant. */
    size_t length = strlen(word);
    size_t limit = length ? smaller(length / 3 + 1, length - 1) : 0;
    const char *nearest = NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(word, names[i]);
        if (distance > limit || (nearest && distance == limit)) {
            continue;
        }
        limit = distance;
        nearest = names[i];
    }
    return nearest;
}
