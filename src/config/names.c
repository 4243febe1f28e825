/* config: the known name that a misspelt one most likely meant, and what is said of a name that nothing has. */
#include "dstn/config.h"

#include <stdio.h>
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
    /* A word of which every letter would have to change is not meant. Of texts as long as this nobody has just misspelt
     * one, and there may be many. */
    enum { MAX_LENGTH = 100 };
    size_t length = strlen(word);
    size_t limit = length ? smaller(length / 3 + 1, length - 1) : 0;
    const char *nearest = NULL;
    for (size_t i = 0; i < count && length <= MAX_LENGTH; i++) {
        size_t other = strlen(names[i]), longer = other > length ? other - length : length - other;
        size_t distance = longer > limit ? longer : edit_distance(word, names[i]);
        if (distance > limit || (nearest && distance == limit)) {
            continue;
        }
        limit = distance;
        nearest = names[i];
    }
    return nearest;
}

/* "a, b, c" in a new string. */
static char *join(const char *const *names, size_t count) {
    size_t size = 1;
    for (size_t i = 0; i < count; i++) {
        size += strlen(names[i]) + 2;
    }
    char *joined = dstn_alloc(size, 1);
    for (size_t i = 0, used = 0; i < count; i++) {
        used += (size_t)snprintf(joined + used, size - used, "%s%s", i ? ", " : "", names[i]);
    }
    return joined;
}

char *dstn_suggestion(const char *name, const char *const *names, size_t count, const char *accepted) {
    const char *nearest = dstn_nearest_name(name, names, count);
    char *guess = nearest ? dstn_format("did you mean \"%s\"? ", nearest) : dstn_strdup("");
    char *known = count && !accepted ? join(names, count) : dstn_strdup(accepted ? accepted : "none");
    char *suggestion = dstn_format("%saccepted: %s", guess, known);
    free(guess);
    free(known);
    return suggestion;
}

char *dstn_unknown_name(const char *what, const char *name, const char *const *names, size_t count,
                        const char *accepted) {
    char *suggestion = dstn_suggestion(name, names, count, accepted);
    char *message = dstn_format("there is no %s \"%.60s\"; %s", what, name, suggestion);
    free(suggestion);
    return message;
}

dstn_status dstn_node_fail_name(dstn_node node, const char *what, const char *name, const char *const *names,
                                size_t count, dstn_error *err) {
    char *message = dstn_unknown_name(what, name, names, count, NULL);
    dstn_node_fail(node, err, "%s", message);
    free(message);
    return err->status;
}
