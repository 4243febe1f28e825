/* data: the digest of a data set as its source has it, wherever that lies. */
#include "prepare.h"
#include "text.h"

#include <stdlib.h>
#include <string.h>

static void add_part(dstn_state *state, const dstn_dataset *dataset, int part) {
    static const char *const examples[DSTN_PARTS] = {"train/x", "valid/x", "test/x"};
    static const char *const answers[DSTN_PARTS] = {"train/y", "valid/y", "test/y"};
    int64_t rows = dataset->rows[part], values = rows * dataset->features;
    if (dataset->bytes[part]) {
        dstn_state_add_values(state, examples[part], DSTN_U8, values, dataset->bytes[part]);
    } else {
        dstn_state_add_values(state, examples[part], DSTN_F64, values, dataset->x[part]);
    }
    if (dataset->targets[part]) {
        dstn_state_add_values(state, answers[part], DSTN_F64, rows * dataset->outputs, dataset->targets[part]);
    } else {
        dstn_state_add_values(state, answers[part], DSTN_I64, rows, dataset->labels[part]);
    }
}

/* The words one after the other, each with its zero. */
static char *join_vocabulary(const dstn_dataset *dataset, int64_t *size) {
    *size = 0;
    for (int64_t w = 0; dataset->vocabulary && w < dataset->words; w++) {
        *size += (int64_t)strlen(dataset->vocabulary[w]) + 1;
    }
    char *joined = dstn_alloc((size_t)*size + 1, 1), *end = joined;
    for (int64_t w = 0; dataset->vocabulary && w < dataset->words; w++) {
        size_t length = strlen(dataset->vocabulary[w]) + 1;
        memcpy(end, dataset->vocabulary[w], length);
        end += length;
    }
    return joined;
}

static void digest_text(dstn_dataset *dataset) {
    static const char *const texts[DSTN_PARTS] = {"train/words", "valid/words", "test/words"};
    dstn_state state = {0};
    int64_t size;
    char *vocabulary = join_vocabulary(dataset, &size);
    dstn_state_add_values(&state, "words", DSTN_I64, 1, &dataset->words);
    dstn_state_add_values(&state, "vocabulary", DSTN_U8, size, vocabulary);
    for (int part = 0; part < DSTN_PARTS; part++) {
        int64_t bytes = data_text_length(dataset, part) * (int64_t)sizeof(int32_t);
        dstn_state_add_values(&state, texts[part], DSTN_U8, bytes, dataset->tokens[part]);
    }
    dstn_state_digest(&state, NULL, dataset->digest);
    dstn_state_clear(&state);
    free(vocabulary);
}

void data_digest(dstn_dataset *dataset) {
    if (dataset->words > 0) {
        digest_text(dataset);
        return;
    }
    dstn_state state = {0};
    for (int part = 0; part < DSTN_PARTS; part++) {
        if (dataset->rows[part] > 0) {
            add_part(&state, dataset, part);
        }
    }
    dstn_state_digest(&state, NULL, dataset->digest);
    dstn_state_clear(&state);
}

bool dstn_data_key_is_read(const char *key) {
    static const char *const prepares[] = {"features",   "standardize", "split", "valid_fraction",
                                           "split_seed", "mean",        "std",   "classes"};
    size_t count = sizeof prepares / sizeof prepares[0], i = 0;
    while (i < count && strcmp(key, prepares[i]) != 0) {
        i++;
    }
    return i == count;
}
